(** Exponentiated gradient descent and its hypergradients (kexue.fm/archives/8968; Amid et al. 2022, arXiv:2202.00145),
    over the real numbers. Vectors are functions from coordinates; the updates of a sequence act on each coordinate by
    itself, so that a statement about one is a statement about all. *)

From Coq Require Import Reals Lra Lia Psatz.
From Coquelicot Require Import Coquelicot.
From Scaleproof Require Import Common.
Open Scope R_scope.

(** * Definitions, as in the source *)

(** eq. 2: theta <- theta exp(-eta g), for any sequence g of gradients. *)
Fixpoint eg (eta : R) (g : nat -> R) (theta0 : R) (t : nat) : R :=
  match t with
  | O => theta0
  | S k => eg eta g theta0 k * exp (- eta * g k)
  end.

(** eq. 10-11: nu_{t+1} = nu_t exp(gamma g_{t-1} g_t) from nu_1 = 1; [nu gamma g t] is nu_{t+1}. *)
Fixpoint nu (gamma : R) (g : nat -> R) (t : nat) : R :=
  match t with
  | O => 1
  | S k => nu gamma g k * exp (gamma * (g k * g (S k)))
  end.

(** One coordinate of the mirror objective: linear loss plus unnormalised relative entropy over the step size; and its
    sum over d + 1 coordinates. *)
Definition mirror1 (eta g theta u : R) : R := g * u + (u * ln (u / theta) - u + theta) / eta.
Definition mirror (d : nat) (eta : R) (g theta u : nat -> R) : R :=
  sum_f_R0 (fun i => mirror1 eta (g i) (theta i) (u i)) d.

(** Amid et al.: a gain p or the scale s, from 1 by exponentiated gradients [h] of any sign. *)
Fixpoint gain (eta : R) (h : nat -> R) (t : nat) : R :=
  match t with
  | O => 1
  | S k => gain eta h k * exp (eta * h k)
  end.

(** * Proofs *)

(** eg.non-negative, clause reals: for ever, by induction. *)
Theorem non_negative : forall eta g theta0 t,
  (0 <= theta0 -> 0 <= eg eta g theta0 t) /\ (0 < theta0 -> 0 < eg eta g theta0 t) /\
  (theta0 = 0 -> eg eta g theta0 t = 0).
Proof.
  intros eta g theta0 t; induction t as [|t (IH1 & IH2 & IH3)]; simpl; [tauto|].
  pose proof (exp_pos (- eta * g t)) as He.
  repeat split; intros H.
  - apply Rmult_le_pos; [apply IH1, H | lra].
  - apply Rmult_lt_0_compat; [apply IH2, H | exact He].
  - rewrite (IH3 H); ring.
Qed.

(** eg.derivation, clause source, first half: the gradient of L(exp phi) by phi is exp phi times that of L, coordinate by
    coordinate, *)
Theorem gradient_of_the_logarithm : forall (L : (nat -> R) -> R) phi i l,
  is_partial L (fun j => exp (phi j)) i l -> is_partial (fun p => L (fun j => exp (p j))) phi i (exp (phi i) * l).
Proof.
  intros L phi i l H; unfold is_partial in *.
  apply (is_derive_ext (fun x => L (upd (fun j => exp (phi j)) i (exp x)))).
  - intros t; f_equal; symmetry; apply (upd_map (fun _ => exp)).
  - apply (is_derive_comp (fun y => L (upd (fun j => exp (phi j)) i y)) exp (phi i) l (exp (phi i)));
      [exact H | apply is_derive_exp].
Qed.

(** and a step of phi without that factor is EG's step of theta. *)
Theorem step_of_the_logarithm : forall eta g theta,
  0 < theta -> exp (ln theta - eta * g) = theta * exp (- eta * g).
Proof.
  intros eta g theta H; unfold Rminus; rewrite exp_plus, exp_ln by exact H.
  f_equal; f_equal; ring.
Qed.

Lemma mirror_step1 : forall eta g theta, 0 < eta -> 0 < theta ->
  forall u, 0 < u -> u <> theta * exp (- eta * g) ->
  mirror1 eta g theta (theta * exp (- eta * g)) < mirror1 eta g theta u.
Proof.
  intros eta g theta He Ht u Hu Hne.
  set (v := theta * exp (- eta * g)) in *.
  assert (0 < v) as Hv by (apply Rmult_lt_0_compat; [lra | apply exp_pos]).
  assert (ln (v / theta) = - eta * g) as Hlv.
  { replace (v / theta) with (exp (- eta * g)) by (unfold v; field; lra). apply ln_exp. }
  assert (ln (u / theta) = ln (u / v) - eta * g) as Hlu.
  { replace (u / theta) with (u / v * (v / theta)) by (field; lra).
    rewrite ln_mult by (apply Rdiv_lt_0_compat; lra). rewrite Hlv; ring. }
  unfold mirror1; rewrite Hlv, Hlu.
  assert (mirror1 eta g theta u - mirror1 eta g theta v = (u * ln (u / v) - u + v) / eta) as Hd.
  { unfold mirror1; rewrite Hlv, Hlu; field; lra. }
  assert (0 < u * ln (u / v) - u + v) as Hpos.
  { (* ln y < y - 1 at y = v / u *)
    assert (ln (v / u) <> 0) as Hln.
    { intros H0. apply Hne. assert (v / u = 1) as H1.
      { rewrite <- (exp_ln (v / u)) by (apply Rdiv_lt_0_compat; lra). rewrite H0; apply exp_0. }
      apply (f_equal (fun z => z * u)) in H1. unfold Rdiv in H1; rewrite Rmult_assoc, Rinv_l in H1 by lra. lra. }
    pose proof (exp_above_line _ Hln) as Hx.
    rewrite exp_ln in Hx by (apply Rdiv_lt_0_compat; lra).
    assert (ln (u / v) = - ln (v / u)) as -> .
    { rewrite <- ln_Rinv by (apply Rdiv_lt_0_compat; lra). f_equal; field; lra. }
    assert (u * (v / u) = v) by (field; lra).
    nra. }
  unfold mirror1 in Hd; rewrite Hlv, Hlu in Hd.
  assert (0 < (u * ln (u / v) - u + v) / eta) by (apply Rdiv_lt_0_compat; lra).
  lra.
Qed.

(** Second half: over all positive vectors the mirror objective has exactly one minimiser, and it is EG's step. *)
Theorem mirror_step : forall d eta g theta u, 0 < eta ->
  (forall i, 0 < theta i) -> (forall i, 0 < u i) ->
  (exists i, (i <= d)%nat /\ u i <> theta i * exp (- eta * g i)) ->
  mirror d eta g theta (fun i => theta i * exp (- eta * g i)) < mirror d eta g theta u.
Proof.
  intros d eta g theta u He Ht Hu (i & Hi & Hne); unfold mirror.
  set (v := fun j => theta j * exp (- eta * g j)).
  assert (forall j, mirror1 eta (g j) (theta j) (v j) <= mirror1 eta (g j) (theta j) (u j)) as Hle.
  { intros j; destruct (Req_dec (u j) (v j)) as [-> | Hj]; [lra|].
    apply Rlt_le, mirror_step1; auto. }
  assert (mirror1 eta (g i) (theta i) (v i) < mirror1 eta (g i) (theta i) (u i)) as Hlt
    by (apply mirror_step1; auto).
  induction d as [|d IH]; simpl.
  - replace i with O in Hlt by lia. exact Hlt.
  - destruct (Nat.eq_dec i (S d)) as [-> |].
    + apply Rplus_le_lt_compat; [apply sum_Rle; intros; apply Hle | exact Hlt].
    + apply Rplus_lt_le_compat; [apply IH; lia | apply Hle].
Qed.

(** eg.hypergradient, clause source (eq. 9): with theta_t = theta - eta nu g, coordinate by coordinate, the gradient of the
    loss by nu is -eta g times the loss's own gradient at theta_t. *)
Theorem hypergradient : forall (L : (nat -> R) -> R) theta eta g nu0 i l,
  is_partial L (fun j => theta j - eta * nu0 j * g j) i l ->
  is_partial (fun n => L (fun j => theta j - eta * n j * g j)) nu0 i (- eta * g i * l).
Proof.
  intros L theta eta g nu0 i l H; unfold is_partial in *.
  set (w := fun j => theta j - eta * nu0 j * g j) in *.
  apply (is_derive_ext (fun x => L (upd w i (theta i - eta * x * g i)))).
  - intros t; f_equal; symmetry; apply (upd_map (fun j y => theta j - eta * y * g j)).
  - apply (is_derive_comp (fun y => L (upd w i y)) (fun x => theta i - eta * x * g i) (nu0 i) l (- eta * g i));
      [exact H | auto_derive; [exact I | ring]].
Qed.

(** eg.closed-form, clause reals (eq. 12): for all t, by induction. *)
Theorem closed_form : forall gamma g t,
  nu gamma g t = exp (gamma * sum_f_R0 (fun k => match k with O => 0 | S j => g j * g k end) t).
Proof.
  intros gamma g t; induction t as [|t IH].
  - simpl; rewrite Rmult_0_r, exp_0; reflexivity.
  - simpl nu; rewrite IH, <- exp_plus; f_equal; simpl; ring.
Qed.

(** eg.sign-rule, clause nu: the step size grows exactly when successive gradients agree in sign, by that factor. *)
Theorem sign_rule : forall gamma g t, 0 < gamma ->
  nu gamma g (S t) = nu gamma g t * exp (gamma * (g t * g (S t))) /\
  (nu gamma g t < nu gamma g (S t) <-> 0 < g t * g (S t)).
Proof.
  intros gamma g t Hg; split; [reflexivity|].
  assert (forall k, 0 < nu gamma g k) as Hpos.
  { induction k as [|k IH]; simpl; [lra | apply Rmult_lt_0_compat; [exact IH | apply exp_pos]]. }
  pose proof (Hpos t) as Hn; simpl nu.
  set (p := g t * g (S t)); split; intros H.
  - destruct (Rlt_le_dec 0 p) as [|Hp]; [assumption|exfalso].
    assert (exp (gamma * p) <= 1); [|nra].
    rewrite <- exp_0; destruct Hp as [Hp | ->].
    + apply Rlt_le, exp_increasing; nra.
    + rewrite Rmult_0_r; lra.
  - assert (1 < exp (gamma * p)); [|nra].
    rewrite <- exp_0; apply exp_increasing; nra.
Qed.

(** eg.paper-variant, clause source: a gain p and the scale s, each with exponents of its own, stay positive for ever. *)
Theorem gains_stay_positive : forall eta h eta' h' t, 0 < gain eta h t /\ 0 < gain eta' h' t.
Proof.
  assert (forall eta h t, 0 < gain eta h t) as Hpos.
  { intros eta h t; induction t as [|t IH]; simpl; [lra | apply Rmult_lt_0_compat; [exact IH | apply exp_pos]]. }
  intros; split; apply Hpos.
Qed.
