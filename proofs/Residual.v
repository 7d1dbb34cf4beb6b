(** Residual networks y = x + eps f(x) (kexue.fm/archives/8994, sections 4 and 5). *)

From Coq Require Import Reals List Lra Lia Psatz.
From Coquelicot Require Import Coquelicot.
From Scaleproof Require Import Common.
Import ListNotations.
Open Scope R_scope.

(** * Definitions *)

(** What N layers whose branches have these slopes do to a small change, in one dimension. *)
Fixpoint expansion (eps : R) (slopes : list R) : R :=
  match slopes with
  | [] => 1
  | s :: rest => (1 + eps * s) * expansion eps rest
  end.

(** The mean of F over all lists of n independent signs, each +1 or -1 with probability one half. *)
Fixpoint mean_over_signs (n : nat) (F : list R -> R) : R :=
  match n with
  | O => F []
  | S k => (mean_over_signs k (fun l => F (1 :: l)) + mean_over_signs k (fun l => F (-1 :: l))) / 2
  end.

(** Vectors of d + 1 coordinates, and their inner product. *)
Definition dot (d : nat) (u v : nat -> R) : R := sum_f_R0 (fun i => u i * v i) d.

(** * Proofs *)

Lemma expansion_abs : forall eps slopes, 0 < eps -> List.Forall (fun s => Rabs s <= 1) slopes ->
  Rabs (expansion eps slopes) <= (1 + eps) ^ length slopes /\
  (expansion eps slopes = (1 + eps) ^ length slopes <-> List.Forall (fun s => s = 1) slopes).
Proof.
  intros eps slopes He H; induction H as [|s rest Hs Hrest (IHle & IHeq)]; simpl.
  - rewrite Rabs_R1; split; [lra | split; [constructor | reflexivity]].
  - set (P := (1 + eps) ^ length rest) in *.
    assert (1 <= P) as HP by (apply pow_R1_Rle; lra).
    assert (Rabs (1 + eps * s) <= 1 + eps) as H1.
    { apply Rabs_le; apply Rabs_le_between in Hs; nra. }
    split.
    + rewrite Rabs_mult. apply Rmult_le_compat; auto using Rabs_pos.
    + split.
      * intros Heq.
        pose proof (Rabs_pos (expansion eps rest)) as Hq.
        assert (Rabs (1 + eps * s) * Rabs (expansion eps rest) = (1 + eps) * P) as Habs.
        { rewrite <- Rabs_mult, Heq. apply Rabs_pos_eq; nra. }
        assert (Rabs (expansion eps rest) = P) as HeqP by nra.
        assert (Rabs (1 + eps * s) = 1 + eps) as Heq1 by (rewrite HeqP in Habs; apply Rmult_eq_reg_r with P; lra).
        assert (s = 1) as Hs1.
        { apply Rabs_le_between in Hs. unfold Rabs in Heq1; destruct (Rcase_abs (1 + eps * s)); nra. }
        constructor; [exact Hs1|]. apply IHeq. rewrite Hs1, Rmult_1_r in Heq. apply Rmult_eq_reg_l with (1 + eps); lra.
      * intros Hall; inversion Hall as [|? ? Hs1 Hr]; subst. apply IHeq in Hr. rewrite Hr; unfold P; ring.
Qed.

(** residual.one-dim and residual.high-dim: (1 + 1/N)^N < e. *)
Theorem below_e : forall N, (0 < N)%nat -> (1 + / INR N) ^ N < exp 1.
Proof.
  intros N HN. assert (0 < INR N) as Hp by (apply lt_0_INR; lia).
  replace (exp 1) with (exp (/ INR N) ^ N) by (rewrite <- exp_INR_mult; f_equal; field; lra).
  assert (0 < / INR N) as Hi by (apply Rinv_0_lt_compat; lra).
  assert (1 + / INR N < exp (/ INR N)) as Hlt by (apply exp_above_line; lra).
  apply pow_lt_compat_l; [split; lra | lia].
Qed.

(** residual.one-dim: (1 + N^(-1/2))^N exceeds every bound. *)
Theorem root_diverges : forall M, exists N0, forall N, (N0 <= N)%nat -> M < (1 + / sqrt (INR N)) ^ N.
Proof.
  intros M. assert (0 <= Rmax M 1 * Rmax M 1) as Hsq by apply Rle_0_sqr.
  destruct (nfloor_ex _ Hsq) as (n & _ & HN0).
  exists (S n); intros N HN. apply le_INR in HN. rewrite S_INR in HN.
  assert (1 <= Rmax M 1) as H1 by apply Rmax_r.
  assert (0 < INR N) as Hp by nra.
  assert (0 < sqrt (INR N)) as Hs by (apply sqrt_lt_R0; lra).
  assert (sqrt (INR N) * sqrt (INR N) = INR N) as Hss by (apply sqrt_sqrt; lra).
  assert (0 < / sqrt (INR N)) as Hi by (apply Rinv_0_lt_compat; lra).
  assert (forall k y, 0 < y -> 1 + INR k * y <= (1 + y) ^ k) as Bernoulli.
  { intros k y Hy; induction k as [|k IH]; [simpl; lra|].
    rewrite S_INR; simpl. pose proof (pos_INR k). nra. }
  apply Rlt_le_trans with (1 + INR N * / sqrt (INR N)); [|apply Bernoulli, Hi].
  replace (INR N * / sqrt (INR N)) with (sqrt (INR N)) by (rewrite <- Hss at 2; field; lra).
  pose proof (Rmax_l M 1).
  assert (Rmax M 1 < sqrt (INR N)); [|lra].
  destruct (Rlt_le_dec (Rmax M 1) (sqrt (INR N))) as [|Hle]; [assumption | nra].
Qed.

(** residual.one-dim, clause worst-case, whole: N layers of slope at most 1. *)
Theorem worst_case : forall eps slopes, 0 < eps -> List.Forall (fun s => Rabs s <= 1) slopes ->
  Rabs (expansion eps slopes) <= (1 + eps) ^ length slopes /\
  (expansion eps slopes = (1 + eps) ^ length slopes <-> List.Forall (fun s => s = 1) slopes).
Proof. exact expansion_abs. Qed.

Lemma mean_ext : forall k F G, (forall l, F l = G l) -> mean_over_signs k F = mean_over_signs k G.
Proof.
  intros k; induction k as [|k IH]; intros F G H; simpl; [apply H|].
  f_equal; f_equal; apply IH; intros l; apply H.
Qed.

(** residual.one-dim, clause random-sign, whole: the mean square of the expansion over N layers. *)
Theorem random_sign : forall eps N, mean_over_signs N (fun l => expansion eps l ^ 2) = (1 + eps ^ 2) ^ N.
Proof.
  intros eps N.
  assert (forall n a, mean_over_signs n (fun l => (a * expansion eps l) ^ 2) = a ^ 2 * (1 + eps ^ 2) ^ n) as H.
  { intros n; induction n as [|n IH]; intros a; cbn [mean_over_signs expansion]; [ring|].
    assert (forall s, mean_over_signs n (fun l => (a * ((1 + eps * s) * expansion eps l)) ^ 2)
            = (a * (1 + eps * s)) ^ 2 * (1 + eps ^ 2) ^ n) as Hs.
    { intros s. rewrite <- IH. apply mean_ext; intros l; ring. }
    rewrite (Hs 1), (Hs (-1)). rewrite <- (tech_pow_Rmult (1 + eps ^ 2) n). field. }
  specialize (H N 1). rewrite pow1, Rmult_1_l in H. rewrite <- H.
  apply mean_ext; intros l; ring.
Qed.

(** residual.high-dim, clause mean-zero, whole. [E] is any expectation: linear, and the same for equal random variables.
    [v k] is the stream (or, read backwards, the cotangent) before layer k, [w k] what its branch makes of it. *)
Theorem mean_zero : forall (Omega : Type) (E : (Omega -> R) -> R),
  (forall X Y, (forall o, X o = Y o) -> E X = E Y) ->
  (forall X Y a b, E (fun o => a * X o + b * Y o) = a * E X + b * E Y) ->
  forall (d : nat) (eps : R) (v w : nat -> Omega -> nat -> R),
  (forall k o i, v (S k) o i = v k o i + eps * w k o i) ->
  (forall k, E (fun o => dot d (v k o) (w k o)) = 0) ->
  (forall k, E (fun o => dot d (w k o) (w k o)) = E (fun o => dot d (v k o) (v k o))) ->
  forall N, E (fun o => dot d (v N o) (v N o)) = (1 + eps ^ 2) ^ N * E (fun o => dot d (v O o) (v O o)).
Proof.
  intros Omega E ext lin d eps v w step cross kept N.
  induction N as [|N IH]; [simpl; ring|].
  assert (forall o, dot d (v (S N) o) (v (S N) o) =
    1 * (1 * dot d (v N o) (v N o) + (2 * eps) * dot d (v N o) (w N o)) + eps ^ 2 * dot d (w N o) (w N o)) as Hd.
  { intros o; unfold dot. induction d as [|d IHd]; simpl; [rewrite step; ring|].
    assert (sum_f_R0 (fun i => v (S N) o i * v (S N) o i) d =
      1 * (1 * sum_f_R0 (fun i => v N o i * v N o i) d + 2 * eps * sum_f_R0 (fun i => v N o i * w N o i) d)
      + eps * (eps * 1) * sum_f_R0 (fun i => w N o i * w N o i) d) as ->.
    { clear - step. induction d as [|d IHd]; simpl; [rewrite step; ring | rewrite IHd, step; ring]. }
    rewrite step; ring. }
  rewrite (ext _ _ Hd).
  rewrite (lin (fun o => 1 * dot d (v N o) (v N o) + 2 * eps * dot d (v N o) (w N o)) (fun o => dot d (w N o) (w N o)) 1 (eps ^ 2)).
  rewrite (lin (fun o => dot d (v N o) (v N o)) (fun o => dot d (v N o) (w N o)) 1 (2 * eps)).
  rewrite cross, kept, IH. simpl; ring.
Qed.

(** The same at eps = 1/sqrt N: below e times the start. *)
Theorem mean_zero_below_e : forall N, (0 < N)%nat -> (1 + (/ sqrt (INR N)) ^ 2) ^ N < exp 1.
Proof.
  intros N HN. assert (0 < INR N) as Hp by (apply lt_0_INR; lia).
  replace ((/ sqrt (INR N)) ^ 2) with (/ INR N); [apply below_e, HN|].
  assert (0 < sqrt (INR N)) by (apply sqrt_lt_R0; lra).
  rewrite <- (sqrt_sqrt (INR N)) at 1 by lra. field; lra.
Qed.

(** residual.epsilon, clause source: a branch with |f(x)| <= k |x|, in any norm, changes the stream by a factor between
    1 - eps k and 1 + eps k; [x] may be the stream and [fx] what the branch makes of it, or, read backwards, a cotangent
    and what the branch's Jacobian makes of that. *)
Theorem stable : forall (V : NormedModule R_AbsRing) (x fx : V) eps k, 0 <= eps -> norm fx <= k * norm x ->
  (1 - eps * k) * norm x <= norm (plus x (scal eps fx)) <= (1 + eps * k) * norm x.
Proof.
  intros V x fx eps k He Hk.
  assert (norm (scal eps fx) <= eps * k * norm x) as Hs.
  { apply Rle_trans with (Rabs eps * norm fx); [apply (norm_scal eps fx)|]. rewrite Rabs_pos_eq by exact He.
    rewrite Rmult_assoc. apply Rmult_le_compat_l; assumption. }
  split.
  - assert (norm x <= norm (plus x (scal eps fx)) + norm (scal eps fx)) as Ht.
    { apply Rle_trans with (norm (plus (plus x (scal eps fx)) (opp (scal eps fx)))).
      - right; f_equal. rewrite <- plus_assoc, plus_opp_r, plus_zero_r. reflexivity.
      - rewrite <- (norm_opp (scal eps fx)). apply (norm_triangle (plus x (scal eps fx)) (opp (scal eps fx))). }
    lra.
  - apply Rle_trans with (norm x + norm (scal eps fx)); [apply (norm_triangle x) | lra].
Qed.

(** The same clause: the derivative of the loss by the branch's parameters has the factor eps; spaces are any, derivatives
    Frechet's. *)
Theorem gradient_scales : forall (U V : NormedModule R_AbsRing) (f : U -> V) (L : V -> R) theta x eps df l,
  filterdiff f (locally theta) df ->
  filterdiff L (locally (plus x (scal eps (f theta)))) l ->
  filterdiff (fun t => L (plus x (scal eps (f t)))) (locally theta) (fun h => eps * l (df h)).
Proof.
  intros U V f L theta x eps df l Hf HL.
  assert (filterdiff (fun t => plus x (scal eps (f t))) (locally theta) (fun h => scal eps (df h))) as Hg.
  { apply (filterdiff_ext_lin _ (fun h => plus zero (scal eps (df h)))).
    - apply (filterdiff_plus_fct (fun _ => x) (fun t => scal eps (f t))).
      + apply filterdiff_const.
      + apply (filterdiff_scal_r_fct eps f df); [intros a b; apply Rmult_comm | exact Hf].
    - intros h; apply plus_zero_l. }
  apply (filterdiff_ext_lin _ (fun h => l (scal eps (df h)))).
  - apply (filterdiff_comp' (fun t => plus x (scal eps (f t))) L theta _ l Hg HL).
  - intros h. destruct HL as [Hlin _]. apply (linear_scal l Hlin).
Qed.
