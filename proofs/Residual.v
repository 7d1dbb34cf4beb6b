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

(** A plain network, over an expectation E (linear, and the same for equal random variables): layer k has d k + 1 units;
    [x k] is what enters it, [W k i j] its weight from j to i, [b k] its biases, [y k] what it gives before the activation.
    Backwards, [g k] is the cotangent of [x k], and [h k] that of [y k]. *)
Definition linear {Omega : Type} (E : (Omega -> R) -> R) : Prop :=
  (forall X Y, (forall o, X o = Y o) -> E X = E Y) /\
  (forall X Y a b, E (fun o => a * X o + b * Y o) = a * E X + b * E Y).
Definition layers {Omega : Type} (d : nat -> nat) (W : nat -> Omega -> nat -> nat -> R) (b x y g h : nat -> Omega -> nat -> R)
  : Prop := forall k o,
  (forall i, y k o i = sum_f_R0 (fun j => W k o i j * x k o j) (d k) + b k o i) /\
  (forall j, g k o j = sum_f_R0 (fun i => W k o i j * h k o i) (d (S k))).
(** The weights of layer k have mean 0 and variance v k, and are independent of each other, of its input, its biases and the
    cotangent behind it, as far as second moments see that. *)
Definition independent {Omega : Type} (E : (Omega -> R) -> R) (v : nat -> R) (W : nat -> Omega -> nat -> nat -> R)
  (b x h : nat -> Omega -> nat -> R) : Prop := forall k,
  (forall i j l, E (fun o => W k o i j * x k o j * (W k o i l * x k o l)) =
    if Nat.eq_dec j l then v k * E (fun o => x k o j ^ 2) else 0) /\
  (forall i j, E (fun o => W k o i j * x k o j * b k o i) = 0) /\
  (forall j i l, E (fun o => W k o i j * h k o i * (W k o l j * h k o l)) =
    if Nat.eq_dec i l then v k * E (fun o => h k o i ^ 2) else 0).
(** The mean square of a layer's units. *)
Definition moment {Omega : Type} (E : (Omega -> R) -> R) (d : nat) (u : Omega -> nat -> R) : R :=
  E (fun o => dot d (u o) (u o)) / INR (S d).
(** The activation lets the share p of second moments pass, forward and back: 1 if it is none, 1/2 for relu. *)
Definition passes {Omega : Type} (E : (Omega -> R) -> R) (d : nat -> nat) (p : R) (x y g h : nat -> Omega -> nat -> R) : Prop :=
  forall k, moment E (d (S k)) (x (S k)) = p * moment E (d (S k)) (y k) /\
    moment E (d (S k)) (h k) = p * moment E (d (S k)) (g (S k)).
Definition relu (y : R) : R := Rmax y 0.

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

Section Plain.
Context {Omega : Type} (E : (Omega -> R) -> R).
Variable HE : linear E.

Lemma E_zero : E (fun _ => 0) = 0.
Proof.
  destruct HE as [ext lin]. rewrite (ext _ (fun _ => 0 * 0 + 0 * 0)) by (intros; ring).
  rewrite (lin (fun _ => 0) (fun _ => 0)). ring.
Qed.

Lemma E_plus : forall X Y, E (fun o => X o + Y o) = E X + E Y.
Proof.
  intros X Y. destruct HE as [ext lin]. rewrite (ext _ (fun o => 1 * X o + 1 * Y o)) by (intros; ring). rewrite lin. ring.
Qed.

Lemma E_scale : forall a X, E (fun o => a * X o) = a * E X.
Proof.
  intros a X. destruct HE as [ext lin]. rewrite (ext _ (fun o => a * X o + 0 * X o)) by (intros; ring). rewrite lin. ring.
Qed.

Lemma E_sum : forall (X : nat -> Omega -> R) d, E (fun o => sum_f_R0 (fun j => X j o) d) = sum_f_R0 (fun j => E (X j)) d.
Proof.
  intros X d; induction d as [|d IH]; simpl; [apply (proj1 HE); reflexivity|].
  rewrite E_plus, IH. reflexivity.
Qed.

Lemma pick : forall (c : nat -> R) j d, (j <= d)%nat -> sum_f_R0 (fun l => if Nat.eq_dec j l then c j else 0) d = c j.
Proof.
  assert (forall (c : nat -> R) j d, (d < j)%nat -> sum_f_R0 (fun l => if Nat.eq_dec j l then c j else 0) d = 0) as none.
  { intros c j d; induction d as [|d IH]; intros H; simpl.
    - destruct (Nat.eq_dec j 0); [lia | reflexivity].
    - rewrite IH by lia. destruct (Nat.eq_dec j (S d)); [lia | ring]. }
  intros c j d; induction d as [|d IH]; intros H; simpl.
  - replace j with O by lia. destruct (Nat.eq_dec 0 0); [reflexivity | lia].
  - destruct (Nat.eq_dec j (S d)) as [-> |].
    + rewrite none by lia. ring.
    + rewrite IH by lia. ring.
Qed.

(** A sum of uncorrelated terms has the sum of their mean squares. *)
Lemma square_of_sum : forall (a : nat -> Omega -> R) (c : nat -> R) d,
  (forall j l, E (fun o => a j o * a l o) = if Nat.eq_dec j l then c j else 0) ->
  E (fun o => sum_f_R0 (fun j => a j o) d ^ 2) = sum_f_R0 c d.
Proof.
  intros a c d H.
  rewrite (proj1 HE _ (fun o => sum_f_R0 (fun j => sum_f_R0 (fun l => a j o * a l o) d) d)).
  - rewrite (E_sum (fun j o => sum_f_R0 (fun l => a j o * a l o) d)). apply sum_eq; intros j Hj.
    rewrite (E_sum (fun l o => a j o * a l o)). rewrite <- (pick c j d Hj). apply sum_eq; intros l _. apply H.
  - intros o. transitivity (sum_f_R0 (fun j => a j o) d * sum_f_R0 (fun j => a j o) d); [simpl; ring|].
    rewrite scal_sum. apply sum_eq; intros j _. rewrite scal_sum. apply sum_eq; intros l _. ring.
Qed.

Lemma sum_const : forall c d, sum_f_R0 (fun _ => c) d = INR (S d) * c.
Proof. intros c d. rewrite sum_cte. ring. Qed.

Lemma moment_sum : forall d (u : Omega -> nat -> R), INR (S d) * moment E d u = sum_f_R0 (fun i => E (fun o => u o i ^ 2)) d.
Proof.
  intros d u. unfold moment, dot. rewrite (E_sum (fun i o => u o i * u o i)).
  assert (INR (S d) <> 0) by (apply not_0_INR; lia). field_simplify; [|assumption].
  apply sum_eq; intros i _. apply (proj1 HE); intros; ring.
Qed.

Context (d : nat -> nat) (v : nat -> R) (W : nat -> Omega -> nat -> nat -> R) (b x y g h : nat -> Omega -> nat -> R).
Variable HL : layers d W b x y g h.
Variable HI : independent E v W b x h.

Lemma forward_moment : forall k,
  moment E (d (S k)) (y k) = INR (S (d k)) * v k * moment E (d k) (x k) + moment E (d (S k)) (b k).
Proof.
  intros k. assert (INR (S (d (S k))) <> 0) as Hn by (apply not_0_INR; lia).
  apply (Rmult_eq_reg_l (INR (S (d (S k))))); [|exact Hn].
  rewrite Rmult_plus_distr_l, !moment_sum.
  replace (INR (S (d (S k))) * (INR (S (d k)) * v k * moment E (d k) (x k)))
    with (sum_f_R0 (fun _ => v k * (INR (S (d k)) * moment E (d k) (x k))) (d (S k))) by (rewrite sum_const; ring).
  rewrite <- sum_plus. apply sum_eq; intros i _. rewrite moment_sum.
  destruct (HI k) as (Hx & Hb & _).
  rewrite (proj1 HE _ (fun o => (sum_f_R0 (fun j => W k o i j * x k o j) (d k) ^ 2 +
    2 * sum_f_R0 (fun j => W k o i j * x k o j * b k o i) (d k)) + b k o i ^ 2)).
  - rewrite E_plus, E_plus, E_scale, (E_sum (fun j o => W k o i j * x k o j * b k o i)).
    rewrite (square_of_sum (fun j o => W k o i j * x k o j) (fun j => v k * E (fun o => x k o j ^ 2))) by apply Hx.
    rewrite (sum_eq (fun j => E (fun o => W k o i j * x k o j * b k o i)) (fun _ => 0)) by (intros; apply Hb).
    rewrite sum_const, scal_sum. rewrite (sum_eq _ (fun j => E (fun o => x k o j ^ 2) * v k)) by (intros; ring). ring.
  - intros o. rewrite (proj1 (HL k o) i).
    replace (sum_f_R0 (fun j => W k o i j * x k o j * b k o i) (d k))
      with (b k o i * sum_f_R0 (fun j => W k o i j * x k o j) (d k)); [ring|].
    rewrite scal_sum. apply sum_eq; intros; ring.
Qed.

Lemma backward_moment : forall k, moment E (d k) (g k) = INR (S (d (S k))) * v k * moment E (d (S k)) (h k).
Proof.
  intros k. assert (INR (S (d k)) <> 0) as Hn by (apply not_0_INR; lia).
  apply (Rmult_eq_reg_l (INR (S (d k)))); [|exact Hn].
  rewrite moment_sum.
  replace (INR (S (d k)) * (INR (S (d (S k))) * v k * moment E (d (S k)) (h k)))
    with (sum_f_R0 (fun _ => v k * (INR (S (d (S k))) * moment E (d (S k)) (h k))) (d k)) by (rewrite sum_const; ring).
  apply sum_eq; intros j _. rewrite moment_sum. destruct (HI k) as (_ & _ & Hh).
  rewrite (proj1 HE _ (fun o => sum_f_R0 (fun i => W k o i j * h k o i) (d (S k)) ^ 2))
    by (intros o; rewrite (proj2 (HL k o) j); reflexivity).
  rewrite (square_of_sum (fun i o => W k o i j * h k o i) (fun i => v k * E (fun o => h k o i ^ 2))) by apply Hh.
  rewrite scal_sum. apply sum_eq; intros; ring.
Qed.

(** Squared cotangents over N layers whose factors are r m/n: the widths telescope. *)
Lemma telescope : forall r, (forall k, moment E (d k) (g k) = r * INR (S (d (S k))) / INR (S (d k)) * moment E (d (S k)) (g (S k))) ->
  forall N, moment E (d 0) (g 0) = r ^ N * INR (S (d N)) / INR (S (d 0)) * moment E (d N) (g N).
Proof.
  intros r H N. assert (forall k, INR (S (d k)) <> 0) as Hn by (intros; apply not_0_INR; lia).
  induction N as [|N IH]; [simpl pow; field; apply Hn|].
  rewrite IH, (H N). simpl pow. field. split; apply Hn.
Qed.
End Plain.

(** residual.plain-conflict, clause no-biases: where the stream neither grows nor shrinks, Var W = 1/n (2/n for relu, which
    passes half), and then N layers multiply squared cotangents by the ratio of the last and first widths, whatever N. *)
Theorem plain_conflict : forall (Omega : Type) (E : (Omega -> R) -> R) d v W b x y g h p, linear E ->
  layers d W b x y g h -> independent E v W b x h -> passes E d p x y g h -> 0 < p ->
  (forall k o i, b k o i = 0) -> (forall k, 0 < moment E (d k) (x k)) ->
  (forall k, moment E (d (S k)) (x (S k)) = moment E (d k) (x k) <-> v k = / (p * INR (S (d k)))) /\
  ((forall k, moment E (d (S k)) (x (S k)) = moment E (d k) (x k)) -> forall N,
    moment E (d O) (g O) = INR (S (d N)) / INR (S (d O)) * moment E (d N) (g N)).
Proof.
  intros Omega E d v W b x y g h p HE HL HI HP Hp Hb Hpos.
  assert (forall k, INR (S (d k)) <> 0) as Hn by (intros; apply not_0_INR; lia).
  assert (forall k, moment E (d (S k)) (b k) = 0) as Hb0.
  { intros k. unfold moment, dot. rewrite (proj1 HE _ (fun _ => 0)); [rewrite (E_zero E HE); field; apply Hn|].
    intros o. rewrite (sum_eq _ (fun _ => 0)) by (intros; rewrite Hb; ring). rewrite sum_const. ring. }
  assert (forall k, moment E (d (S k)) (x (S k)) = moment E (d k) (x k) <-> v k = / (p * INR (S (d k)))) as Hiff.
  { intros k. rewrite (proj1 (HP k)), (forward_moment E HE d v W b x y g h HL HI k), Hb0, Rplus_0_r.
    pose proof (Hpos k) as Hk. split; intros H.
    - assert (p * INR (S (d k)) * v k = 1) as H1.
      { apply (Rmult_eq_reg_r (moment E (d k) (x k))); [|lra]. rewrite Rmult_1_l, <- H at 1. rewrite H. rewrite <- H at 2. ring. }
      apply (Rmult_eq_reg_l (p * INR (S (d k)))).
      + rewrite H1. field. split; [apply Hn | lra].
      + apply Rmult_integral_contrapositive; split; [lra | apply Hn].
    - rewrite H. field. split; [apply Hn | lra]. }
  split; [exact Hiff|].
  intros stable N. rewrite (telescope E d g 1) with (N := N).
  - rewrite pow1. field. apply Hn.
  - intros k. rewrite (backward_moment E HE d v W b x y g h HL HI k), (proj2 (HP k)).
    rewrite (proj1 (Hiff k) (stable k)). field. split; [apply Hn | lra].
Qed.

(** The same clause: relu passes half of a symmetric second moment, and of what is behind it. *)
Theorem relu_passes_half : forall (Omega : Type) (E : (Omega -> R) -> R) Y G, linear E ->
  (E (fun o => relu (Y o) ^ 2) = E (fun o => relu (- Y o) ^ 2) -> E (fun o => relu (Y o) ^ 2) = / 2 * E (fun o => Y o ^ 2)) /\
  (E (fun o => if Rlt_dec 0 (Y o) then G o ^ 2 else 0) = E (fun o => if Rlt_dec 0 (- Y o) then G o ^ 2 else 0) ->
   E (fun o => if Req_EM_T (Y o) 0 then G o ^ 2 else 0) = 0 ->
   E (fun o => (if Rlt_dec 0 (Y o) then G o else 0) ^ 2) = / 2 * E (fun o => G o ^ 2)).
Proof.
  intros Omega E Y G HE; split.
  - intros H. rewrite (proj1 HE (fun o => Y o ^ 2) (fun o => relu (Y o) ^ 2 + relu (- Y o) ^ 2)).
    + rewrite (E_plus E HE), <- H. field.
    + intros o. unfold relu, Rmax. destruct (Rle_dec (Y o) 0), (Rle_dec (- Y o) 0); try ring.
      * replace (Y o) with 0 by lra. ring.
      * lra.
  - intros H H0.
    rewrite (proj1 HE (fun o => G o ^ 2) (fun o => (if Rlt_dec 0 (Y o) then G o ^ 2 else 0) +
      ((if Rlt_dec 0 (- Y o) then G o ^ 2 else 0) + (if Req_EM_T (Y o) 0 then G o ^ 2 else 0)))).
    + rewrite !(E_plus E HE), <- H, H0.
      rewrite (proj1 HE _ (fun o => if Rlt_dec 0 (Y o) then G o ^ 2 else 0));
        [field | intros o; destruct (Rlt_dec 0 (Y o)); ring].
    + intros o. destruct (Rlt_dec 0 (Y o)), (Rlt_dec 0 (- Y o)), (Req_EM_T (Y o) 0); lra.
Qed.

(** residual.plain-conflict, clause biases: of variance s times the stream's, 0 < s < 1. *)
Theorem plain_with_biases : forall (Omega : Type) (E : (Omega -> R) -> R) d v W b x y g h s, linear E ->
  layers d W b x y g h -> independent E v W b x h -> passes E d 1 x y g h -> 0 < s < 1 ->
  (forall k, moment E (d (S k)) (b k) = s * moment E (d k) (x k)) -> (forall k, 0 < moment E (d k) (x k)) ->
  (forall k, moment E (d (S k)) (x (S k)) = moment E (d k) (x k) <-> v k = (1 - s) / INR (S (d k))) /\
  ((forall k, moment E (d (S k)) (x (S k)) = moment E (d k) (x k)) -> forall N,
    moment E (d O) (g O) = (1 - s) ^ N * INR (S (d N)) / INR (S (d O)) * moment E (d N) (g N)).
Proof.
  intros Omega E d v W b x y g h s HE HL HI HP Hs Hb Hpos.
  assert (forall k, INR (S (d k)) <> 0) as Hn by (intros; apply not_0_INR; lia).
  assert (forall k, moment E (d (S k)) (x (S k)) = moment E (d k) (x k) <-> v k = (1 - s) / INR (S (d k))) as Hiff.
  { intros k. rewrite (proj1 (HP k)), (forward_moment E HE d v W b x y g h HL HI k), Hb.
    pose proof (Hpos k) as Hk. split; intros H.
    - assert (INR (S (d k)) * v k = 1 - s) as H1 by (apply (Rmult_eq_reg_r (moment E (d k) (x k))); lra).
      rewrite <- H1. field. apply Hn.
    - rewrite H. field. apply Hn. }
  split; [exact Hiff|].
  intros stable N. apply telescope. intros k.
  rewrite (backward_moment E HE d v W b x y g h HL HI k), (proj2 (HP k)), (proj1 (Hiff k) (stable k)). field. apply Hn.
Qed.
