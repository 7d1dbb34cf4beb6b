(** The gated attention unit: the mean and the mean square of swish over the standard normal distribution.

    Su Jianlin (2022), "Does the gated attention unit (GAU) still need warmup?", the section on basic integrals. *)

From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Interval Require Import Tactic.
Open Scope R_scope.

Definition swish (x : R) : R := x / (1 + exp (- x)).
Definition density (x : R) : R := exp (- x ^ 2 / 2) / sqrt (2 * PI).

(** E f(g), g ~ N(0, 1), exists and is m: the improper integral over the whole line converges to m. *)
Definition normal_mean (f : R -> R) (m : R) : Prop :=
  is_RInt_gen (fun x => f x * density x) (Rbar_locally m_infty) (Rbar_locally p_infty) m.

(** * Tails *)

Definition bound (x : R) : R := x / 2 * exp (- x ^ 2 / 4).

Lemma bound_integral : forall u v, is_RInt bound u v (exp (- u ^ 2 / 4) - exp (- v ^ 2 / 4)).
Proof.
  intros u v.
  replace (exp (- u ^ 2 / 4) - exp (- v ^ 2 / 4)) with (minus (- exp (- v ^ 2 / 4)) (- exp (- u ^ 2 / 4)))
    by (unfold minus, plus, opp; simpl; ring).
  apply (is_RInt_derive (fun x => - exp (- x ^ 2 / 4)) bound).
  - intros x _. unfold bound. auto_derive; [exact I |].
    replace (- (x * (x * 1)) * / 4) with (- x ^ 2 / 4) by (simpl; field). field.
  - intros x _. unfold bound. apply (ex_derive_continuous (fun x => x / 2 * exp (- x ^ 2 / 4))). auto_derive. exact I.
Qed.

Lemma density_small : forall x, 1 <= x -> x ^ 2 * density x <= bound x.
Proof.
  intros x Hx. unfold density, bound.
  assert (x <= exp (x ^ 2 / 4)) as H1.
  { apply Rle_trans with (1 + x ^ 2 / 4); [generalize (pow2_ge_0 (1 - x / 2)); simpl; lra |].
    apply Rlt_le, exp_ineq1. nra. }
  assert (2 <= sqrt (2 * PI)) as H2 by interval.
  assert (exp (- x ^ 2 / 2) = exp (- x ^ 2 / 4) * exp (- x ^ 2 / 4)) as H3 by (rewrite <- exp_plus; f_equal; field).
  assert (exp (x ^ 2 / 4) * exp (- x ^ 2 / 4) = 1) as H4
    by (rewrite <- exp_plus; replace (x ^ 2 / 4 + - x ^ 2 / 4) with 0 by field; apply exp_0).
  assert (0 < exp (- x ^ 2 / 4)) as H5 by apply exp_pos.
  rewrite H3. set (e := exp (- x ^ 2 / 4)) in *. set (g := exp (x ^ 2 / 4)) in *.
  assert (0 <= x * e) as H0 by (apply Rmult_le_pos; lra).
  assert (x * e <= 1) as H6 by (rewrite <- H4; apply Rmult_le_compat_r; lra).
  apply Rle_trans with (x * e / 2); [| unfold Rdiv; apply Req_le; ring].
  unfold Rdiv.
  replace (x ^ 2 * (e * e * / sqrt (2 * PI))) with ((x * e) * (x * e) * / sqrt (2 * PI)) by (simpl; ring).
  apply Rmult_le_compat.
  - apply Rmult_le_pos; assumption.
  - apply Rlt_le, Rinv_0_lt_compat; lra.
  - rewrite <- (Rmult_1_r (x * e)) at 3. apply Rmult_le_compat_l; assumption.
  - apply Rinv_le_contravar; lra.
Qed.

Section Half.
  Variable f : R -> R.
  Variable continuous_f : forall x, continuous f x.
  Variable small : forall x, 1 <= x -> Rabs (f x) <= bound x.

  Lemma integrable : forall u v, ex_RInt f u v.
  Proof. intros u v. apply (ex_RInt_continuous (V := R_CompleteNormedModule)). intros x _. apply continuous_f. Qed.

  Lemma piece : forall u v, 1 <= u <= v -> Rabs (RInt f u v) <= exp (- u ^ 2 / 4).
  Proof.
    intros u v [Hu Huv].
    apply Rle_trans with (exp (- u ^ 2 / 4) - exp (- v ^ 2 / 4)).
    - apply (norm_RInt_le f bound u v (RInt f u v)); [exact Huv | | |].
      + intros x Hx. apply small. lra.
      + apply (RInt_correct (V := R_CompleteNormedModule)), integrable.
      + apply bound_integral.
    - generalize (exp_pos (- v ^ 2 / 4)). lra.
  Qed.

  Lemma pieces : forall a u v, 1 <= a -> a <= u -> a <= v -> Rabs (RInt f 0 v - RInt f 0 u) <= exp (- a ^ 2 / 4).
  Proof.
    assert (forall a u v, 1 <= a -> a <= u <= v -> Rabs (RInt f 0 v - RInt f 0 u) <= exp (- a ^ 2 / 4)) as H.
    { intros a u v Ha [Hu Huv].
      assert (E := RInt_Chasles f 0 u v (integrable _ _) (integrable _ _)).
      change (RInt f 0 u + RInt f u v = RInt f 0 v) in E.
      replace (RInt f 0 v - RInt f 0 u) with (RInt f u v) by lra.
      apply Rle_trans with (exp (- u ^ 2 / 4)); [apply piece; split; lra |].
      destruct (Req_dec a u) as [-> | Ne]; [lra |]. apply Rlt_le, exp_increasing. nra. }
    intros a u v Ha Hu Hv. destruct (Rle_dec u v).
    - apply H; [| split]; lra.
    - rewrite <- Rabs_Ropp. replace (- (RInt f 0 v - RInt f 0 u)) with (RInt f 0 u - RInt f 0 v) by ring.
      apply H; [| split]; lra.
  Qed.

  Lemma half : exists l, filterlim (fun b => RInt f 0 b) (Rbar_locally p_infty) (locally l) /\
    forall a, 1 <= a -> Rabs (l - RInt f 0 a) <= exp (- a ^ 2 / 4).
  Proof.
    assert (exists l, filterlim (fun b => RInt f 0 b) (Rbar_locally p_infty) (locally l)) as [l Hl].
    { apply filterlim_locally_cauchy. intros eps.
      assert (exists a, 1 <= a /\ exp (- a ^ 2 / 4) < eps) as [a [Ha He]].
      { assert (exists e, 0 < e /\ eps = / e :> R) as [e [P E]].
        { exists (/ eps). split; [apply Rinv_0_lt_compat, cond_pos | rewrite Rinv_inv; reflexivity]. }
        exists (2 + e). split; [lra |]. rewrite E.
        replace (/ e) with (exp (- ln e)) by (rewrite exp_Ropp, exp_ln by exact P; reflexivity).
        apply exp_increasing.
        assert (ln e < 1 + e); [| nra].
        apply exp_lt_inv. rewrite exp_ln by exact P.
        apply Rlt_trans with (1 + (1 + e)); [lra | apply exp_ineq1; lra]. }
      exists (fun u => a < u). split; [exists a; intros x Hx; exact Hx |].
      intros u v Hu Hv. unfold ball; simpl; unfold AbsRing_ball, abs, minus, plus, opp; simpl.
      apply Rle_lt_trans with (2 := He). apply pieces; lra. }
    exists l. split; [exact Hl |].
    intros a Ha. set (i := RInt f 0 a). set (e := exp (- a ^ 2 / 4)).
    assert (Rbar_locally p_infty (fun b => i - e <= RInt f 0 b <= i + e)) as Near.
    { exists a. intros b Hb.
      assert (Rabs (RInt f 0 b - i) <= e) as P by (apply pieces; lra).
      apply Rabs_le_between in P. revert P. clearbody i e. generalize (RInt f 0 b). intros y P. cbn in y. split; lra. }
    assert (Rbar_le (i - e) l) as Low.
    { apply (filterlim_le (F := Rbar_locally p_infty) (fun _ => i - e) (fun b => RInt f 0 b) (i - e) l);
        [| apply filterlim_const | exact Hl].
      apply filter_imp with (2 := Near). intros b Hb. apply Hb. }
    assert (Rbar_le l (i + e)) as High.
    { apply (filterlim_le (F := Rbar_locally p_infty) (fun b => RInt f 0 b) (fun _ => i + e) l (i + e));
        [| exact Hl | apply filterlim_const].
      apply filter_imp with (2 := Near). intros b Hb. apply Hb. }
    change (i - e <= l) in Low. change (l <= i + e) in High. clearbody i e. clear - Low High.
    apply Rabs_le. split; lra.
  Qed.
End Half.

(** * Both halves *)

Lemma generalised : forall (f : R -> R) l, (forall u v, ex_RInt f u v) ->
  filterlim (fun b => RInt f 0 b) (Rbar_locally p_infty) (locally l) ->
  is_RInt_gen f (at_point 0) (Rbar_locally p_infty) l.
Proof.
  intros f l I H P HP.
  apply (Filter_prod _ _ _ (fun a => a = 0) (fun b => P (RInt f 0 b))).
  - unfold at_point. reflexivity.
  - apply H, HP.
  - intros a b -> Hb. exists (RInt f 0 b). split; [apply (RInt_correct (V := R_CompleteNormedModule)), I | exact Hb].
Qed.

Lemma line : forall (f : R -> R), (forall x, continuous f x) -> (forall x, 1 <= Rabs x -> Rabs (f x) <= bound (Rabs x)) ->
  exists l, is_RInt_gen f (Rbar_locally m_infty) (Rbar_locally p_infty) l /\
    Rabs (l - RInt f (- 12) 12) <= 2 * exp (- 12 ^ 2 / 4).
Proof.
  intros f C S.
  set (r := fun x => f (- x)).
  assert (forall x, continuous r x) as Cr.
  { intros x. apply (continuous_comp Ropp f); [apply (continuous_opp (V := R_NormedModule)), continuous_id | apply C]. }
  assert (forall u v, ex_RInt f u v) as I by (intros; apply integrable, C).
  assert (forall u v, ex_RInt r u v) as Ir by (intros; apply integrable, Cr).
  destruct (half f C) as [p [Hp Np]].
  { intros x Hx. generalize (S x). rewrite Rabs_pos_eq by lra. intros H; apply H, Hx. }
  destruct (half r Cr) as [m [Hm Nm]].
  { intros x Hx. generalize (S (- x)). rewrite Rabs_Ropp, Rabs_pos_eq by lra. intros H; apply H, Hx. }
  assert (forall b, is_RInt f (- b) 0 (RInt r 0 b)) as Turned.
  { intros b.
    assert (is_RInt r (- - b) (- 0) (- RInt r 0 b)) as H.
    { rewrite Ropp_involutive, Ropp_0. apply (is_RInt_swap (V := R_NormedModule) r b 0 (RInt r 0 b)).
      apply (RInt_correct (V := R_CompleteNormedModule)), Ir. }
    apply (is_RInt_comp_opp (V := R_NormedModule)) in H.
    apply (is_RInt_opp (V := R_NormedModule)) in H.
    change (opp (- RInt r 0 b)) with (- - RInt r 0 b) in H. rewrite Ropp_involutive in H.
    apply (is_RInt_ext (V := R_NormedModule)) with (2 := H).
    intros x _. unfold r. change (- - f (- - x) = f x). rewrite !Ropp_involutive. reflexivity. }
  exists (m + p). split.
  - apply (is_RInt_gen_Chasles (V := R_NormedModule) f 0 m p).
    + intros P HP. destruct (Hm P HP) as [M HM].
      apply (Filter_prod _ _ _ (fun a => a < - M) (fun b => b = 0)).
      * exists (- M). intros x Hx. exact Hx.
      * reflexivity.
      * intros a b Ha ->. exists (RInt r 0 (- a)). split.
        -- generalize (Turned (- a)). rewrite Ropp_involutive. intros H; exact H.
        -- apply HM. lra.
    + apply generalised; assumption.
  - assert (RInt f (- 12) 12 = RInt r 0 12 + RInt f 0 12) as E.
    { assert (E := RInt_Chasles f (- 12) 0 12 (I _ _) (I _ _)).
      change (RInt f (- 12) 0 + RInt f 0 12 = RInt f (- 12) 12) in E.
      rewrite <- E. f_equal. apply (is_RInt_unique (V := R_CompleteNormedModule)), Turned. }
    assert (Rabs (m - RInt r 0 12) <= exp (- 12 ^ 2 / 4)) as A by (apply Nm; lra).
    assert (Rabs (p - RInt f 0 12) <= exp (- 12 ^ 2 / 4)) as B by (apply Np; lra).
    rewrite E. revert A B. generalize (RInt r 0 12) (RInt f 0 12) (exp (- 12 ^ 2 / 4)). intros x y e A B.
    apply Rabs_le_between in A. apply Rabs_le_between in B. apply Rabs_le. split; lra.
Qed.

(** * The two integrals *)

Lemma continuous_density : forall x, continuous density x.
Proof.
  intros x. unfold density. apply (ex_derive_continuous (fun x => exp (- x ^ 2 / 2) / sqrt (2 * PI))).
  auto_derive. exact I.
Qed.

Lemma continuous_swish : forall x, continuous swish x.
Proof.
  intros x. unfold swish. apply (ex_derive_continuous (fun x => x / (1 + exp (- x)))).
  auto_derive. generalize (exp_pos (- x)). lra.
Qed.

Lemma density_pos : forall x, 0 < density x.
Proof. intros x. unfold density. apply Rdiv_lt_0_compat; [apply exp_pos | apply sqrt_lt_R0; generalize PI_RGT_0; lra]. Qed.

Lemma density_even : forall x, density (Rabs x) = density x.
Proof. intros x. unfold density. rewrite <- (pow2_abs x). reflexivity. Qed.

Lemma swish_small : forall x, Rabs (swish x) <= Rabs x.
Proof.
  intros x. unfold swish, Rdiv. rewrite Rabs_mult. generalize (exp_pos (- x)). intros E.
  rewrite <- (Rmult_1_r (Rabs x)) at 2. apply Rmult_le_compat_l; [apply Rabs_pos |].
  rewrite Rabs_pos_eq by (apply Rlt_le, Rinv_0_lt_compat; lra).
  rewrite <- Rinv_1. apply Rinv_le_contravar; lra.
Qed.

Lemma moment : forall f c, (forall x, continuous f x) -> (forall x, 1 <= Rabs x -> Rabs (f x) <= Rabs x ^ 2) ->
  Rabs (RInt (fun x => f x * density x) (- 12) 12 - c) <= 2 * / 10 ^ 12 ->
  exists m, normal_mean f m /\ Rabs (m - c) <= 3 * / 10 ^ 12.
Proof.
  intros f c C S N.
  destruct (line (fun x => f x * density x)) as [m [Hm Em]].
  - intros x. apply (continuous_mult (K := R_AbsRing)); [apply C | apply continuous_density].
  - intros x Hx. rewrite Rabs_mult, (Rabs_pos_eq (density x)) by apply Rlt_le, density_pos.
    rewrite <- density_even. apply Rle_trans with (Rabs x ^ 2 * density (Rabs x)).
    + apply Rmult_le_compat_r; [apply Rlt_le, density_pos | apply S, Hx].
    + apply density_small, Hx.
  - exists m. split; [exact Hm |].
    assert (2 * exp (- 12 ^ 2 / 4) <= / 10 ^ 12) as T by interval.
    revert Em N T. generalize (RInt (fun x => f x * density x) (- 12) 12) (2 * exp (- 12 ^ 2 / 4)).
    intros y e Em N T. apply Rabs_le_between in Em. apply Rabs_le_between in N. apply Rabs_le. split; lra.
Qed.

(** gau.moments, source: E swish(g) = 0.2066... *)
Theorem mu : exists m, normal_mean swish m /\ Rabs (m - 0.206620964142) <= 3 * / 10 ^ 12.
Proof.
  apply moment.
  - exact continuous_swish.
  - intros x Hx. apply Rle_trans with (Rabs x); [apply swish_small |]. simpl. nra.
  - unfold swish, density. integral with (i_fuel 60, i_prec 60, i_degree 10).
Qed.

(** gau.moments, source: E swish(g)^2 = 0.3557... *)
Theorem nu_squared :
  exists m, normal_mean (fun x => swish x ^ 2) m /\ Rabs (m - 0.355775519817) <= 3 * / 10 ^ 12.
Proof.
  apply (moment (fun x => swish x ^ 2)).
  - intros x. apply (ex_derive_continuous (fun x => (x / (1 + exp (- x))) ^ 2)).
    auto_derive. generalize (exp_pos (- x)). lra.
  - intros x _. rewrite <- RPow_abs. apply pow_incr. split; [apply Rabs_pos | apply swish_small].
  - unfold swish, density. integral with (i_fuel 150, i_prec 60, i_degree 10).
Qed.
