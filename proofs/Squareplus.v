(** SquarePlus (Barron 2021, arXiv:2112.11687; kexue.fm/archives/8833), over the real numbers. *)

From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Interval Require Import Tactic.
From Scaleproof Require Import Common.
Open Scope R_scope.

(** * Definitions, as in the source *)

Definition relu (x : R) : R := Rmax x 0.
Definition squareplus (b x : R) : R := (x + sqrt (x ^ 2 + b)) / 2.
Definition softplus (x : R) : R := ln (1 + exp x).
Definition error (b x : R) : R := Rabs (squareplus b x - softplus x).

(** * Proofs *)

Lemma sq_pos : forall b x, 0 < b -> 0 < x ^ 2 + b.
Proof. intros; nra. Qed.

Lemma root_pos : forall b x, 0 < b -> 0 < sqrt (x ^ 2 + b).
Proof. intros b x H; apply sqrt_lt_R0, sq_pos, H. Qed.

Lemma root_square : forall b x, 0 <= b -> sqrt (x ^ 2 + b) * sqrt (x ^ 2 + b) = x ^ 2 + b.
Proof. intros b x H; apply sqrt_sqrt; nra. Qed.

Lemma root_above : forall b x, 0 < b -> Rabs x < sqrt (x ^ 2 + b).
Proof. intros b x H; replace (x ^ 2) with (x * x) by ring; apply sqrt_above, H. Qed.

Lemma relu_abs : forall x, relu x = (x + Rabs x) / 2.
Proof. intros x; unfold relu, Rmax, Rabs; destruct (Rle_dec x 0), (Rcase_abs x); lra. Qed.

(** squareplus.relu-limit, clause source (eq. 1-2). *)
Theorem relu_limit : (forall x, squareplus 0 x = relu x) /\ (forall b x, 0 < b -> relu x < squareplus b x).
Proof.
  split.
  - intros x; unfold squareplus; rewrite Rplus_0_r, relu_abs.
    replace (x ^ 2) with (Rsqr x) by (unfold Rsqr; ring). now rewrite sqrt_Rsqr_abs.
  - intros b x H; unfold squareplus; rewrite relu_abs. pose proof (root_above b x H); lra.
Qed.

Lemma gap_as_quotient : forall b x, 0 < b ->
  squareplus b x - relu x = b / (2 * (sqrt (x ^ 2 + b) + Rabs x)).
Proof.
  intros b x H; unfold squareplus; rewrite relu_abs.
  pose proof (root_above b x H) as Ha; pose proof (Rabs_pos x) as Hp.
  pose proof (root_square b x (Rlt_le _ _ H)) as Hs.
  assert (Rabs x * Rabs x = x ^ 2) as Hx by (rewrite <- Rabs_mult, Rabs_pos_eq; nra).
  field_simplify_eq; [nra | lra].
Qed.

(** squareplus.gap, clause source (eq. 1-2): the bound, equality exactly at 0, and both sides of the decay. *)
Theorem gap : forall b, 0 < b ->
  (forall x, 0 < squareplus b x - relu x <= sqrt b / 2) /\
  (forall x, squareplus b x - relu x = sqrt b / 2 <-> x = 0) /\
  (forall x, x <> 0 ->
     b / (4 * Rabs x) * (1 - b / (4 * x ^ 2)) < squareplus b x - relu x < b / (4 * Rabs x)).
Proof.
  intros b H.
  assert (0 < sqrt b) as Hb by (apply sqrt_lt_R0; exact H).
  assert (sqrt b * sqrt b = b) as Hbb by (apply sqrt_sqrt; lra).
  assert (forall x, sqrt b <= sqrt (x ^ 2 + b)) as Hr by (intros x; apply sqrt_le_1_alt; nra).
  assert (forall x, x <> 0 -> sqrt b < sqrt (x ^ 2 + b)) as Hrs
    by (intros x Hx; apply sqrt_lt_1_alt; split; [lra | nra]).
  assert (forall x, b / (2 * (sqrt (x ^ 2 + b) + Rabs x)) <= sqrt b / 2) as Hle.
  { intros x; pose proof (Hr x); pose proof (Rabs_pos x).
    apply Rmult_le_reg_r with (2 * (sqrt (x ^ 2 + b) + Rabs x)); [lra|].
    unfold Rdiv at 1; rewrite Rmult_assoc, Rinv_l by lra. nra. }
  repeat split.
  - rewrite gap_as_quotient by exact H. pose proof (root_pos b x H); pose proof (Rabs_pos x).
    apply Rdiv_lt_0_compat; lra.
  - rewrite gap_as_quotient by exact H. apply Hle.
  - intros Heq; destruct (Req_dec x 0) as [|Hx]; [assumption|exfalso].
    rewrite gap_as_quotient in Heq by exact H.
    pose proof (Hrs x Hx); pose proof (Rabs_pos_lt x Hx).
    assert (b / (2 * (sqrt (x ^ 2 + b) + Rabs x)) < sqrt b / 2); [|lra].
    apply Rmult_lt_reg_r with (2 * (sqrt (x ^ 2 + b) + Rabs x)); [lra|].
    unfold Rdiv at 1; rewrite Rmult_assoc, Rinv_l by lra. nra.
  - intros ->; unfold squareplus; rewrite relu_abs, Rabs_R0.
    replace (0 ^ 2 + b) with b by ring; lra.
  - rewrite gap_as_quotient by exact H.
    pose proof (Rabs_pos_lt x H0) as Ha; pose proof (root_above b x H) as Hab.
    pose proof (root_square b x (Rlt_le _ _ H)) as Hs.
    assert (Rabs x * Rabs x = x ^ 2) as Hx by (rewrite <- Rabs_mult, Rabs_pos_eq; nra).
    set (a := Rabs x) in *; set (r := sqrt (x ^ 2 + b)) in *.
    rewrite <- Hx in *.
    assert (r - a < b / (2 * a)) as Hd.
    { apply Rmult_lt_reg_r with (2 * a); [lra|]. unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra. nra. }
    assert (b / (4 * a) * (1 - b / (4 * (a * a))) = b / (4 * a) - b * b / (16 * (a * a * a))) as -> by (field; repeat split; lra).
    assert (b / (2 * (r + a)) = b / (4 * a) - b * (r - a) / (4 * a * (r + a))) as -> by (field; repeat split; lra).
    assert (b * (r - a) / (4 * a * (r + a)) < b * b / (16 * (a * a * a))); [|lra].
    assert (0 < a * a) as Ha2 by nra. assert (0 < a * a * a) as Ha3 by nra.
    apply Rmult_lt_reg_r with (16 * (a * a * a) * (r + a)); [apply Rmult_lt_0_compat; lra|].
    replace (b * (r - a) / (4 * a * (r + a)) * (16 * (a * a * a) * (r + a))) with (b * (r - a) * (4 * (a * a)))
      by (field; repeat split; lra).
    replace (b * b / (16 * (a * a * a)) * (16 * (a * a * a) * (r + a))) with (b * b * (r + a)) by (field; repeat split; lra).
    assert ((r - a) * (2 * a) < b) by
      (apply (Rmult_lt_compat_r (2 * a)) in Hd; [|lra]; unfold Rdiv in Hd; rewrite Rmult_assoc, Rinv_l in Hd; lra).
    assert ((r - a) * (r + a) = b) as Hra by nra.
    assert (4 * (a * a) * (r - a) < b * (r + a)) as Hlast.
    { assert (4 * (a * a) < (r + a) * (r + a)) by nra.
      rewrite <- Hra. assert (0 < r - a) by lra. nra. }
    nra.
  - rewrite gap_as_quotient by exact H.
    pose proof (Rabs_pos_lt x H0) as Ha; pose proof (root_above b x H) as Hab.
    apply Rmult_lt_reg_r with (4 * Rabs x * (sqrt (x ^ 2 + b) + Rabs x)); [nra|].
    replace (b / (2 * (sqrt (x ^ 2 + b) + Rabs x)) * (4 * Rabs x * (sqrt (x ^ 2 + b) + Rabs x)))
      with (b * (2 * Rabs x)) by (field; repeat split; lra).
    replace (b / (4 * Rabs x) * (4 * Rabs x * (sqrt (x ^ 2 + b) + Rabs x)))
      with (b * (sqrt (x ^ 2 + b) + Rabs x)) by (field; repeat split; lra).
    nra.
Qed.

(** squareplus.monotone, clause source (eq. 3). *)
Theorem monotone : forall b, 0 < b ->
  (forall x, is_derive (squareplus b) x ((1 + x / sqrt (x ^ 2 + b)) / 2)) /\
  (forall x, 0 < (1 + x / sqrt (x ^ 2 + b)) / 2 < 1) /\
  (forall x y, x < y -> 0 < squareplus b y - squareplus b x < y - x).
Proof.
  intros b H; split; [|split].
  - intros x; unfold squareplus; auto_derive; [pose proof (sq_pos b x H); simpl in *; lra|].
    pose proof (root_pos b x H). simpl in *. field; lra.
  - intros x; pose proof (root_above b x H) as Ha; pose proof (root_pos b x H) as Hp.
    apply Rabs_def2 in Ha as [Ha1 Ha2].
    assert (-1 < x / sqrt (x ^ 2 + b) < 1); [|lra].
    split; apply Rmult_lt_reg_r with (sqrt (x ^ 2 + b)); try exact Hp;
      unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; lra.
  - intros x y Hxy; split; unfold squareplus.
    + assert (x - y < sqrt (y ^ 2 + b) - sqrt (x ^ 2 + b)); [|lra].
    pose proof (root_square b x (Rlt_le _ _ H)); pose proof (root_square b y (Rlt_le _ _ H)).
    pose proof (root_above b x H) as Hx; pose proof (root_above b y H) as Hy.
    apply Rabs_def2 in Hx as [Hx1 Hx2]; apply Rabs_def2 in Hy as [Hy1 Hy2].
    set (r := sqrt (x ^ 2 + b)) in *; set (s := sqrt (y ^ 2 + b)) in *.
    destruct (Rlt_le_dec (x - y) (s - r)) as [|Hle]; [assumption|exfalso].
    assert ((s - r) * (s + r) = (y - x) * (y + x)) by nra. nra.
    + assert (sqrt (y ^ 2 + b) - sqrt (x ^ 2 + b) < y - x); [|lra].
    pose proof (root_square b x (Rlt_le _ _ H)); pose proof (root_square b y (Rlt_le _ _ H)).
    pose proof (root_above b x H) as Hx; pose proof (root_above b y H) as Hy.
    apply Rabs_def2 in Hx as [Hx1 Hx2]; apply Rabs_def2 in Hy as [Hy1 Hy2].
    set (r := sqrt (x ^ 2 + b)) in *; set (s := sqrt (y ^ 2 + b)) in *.
    destruct (Rlt_le_dec (s - r) (y - x)) as [|Hle]; [assumption|exfalso].
    assert ((s - r) * (s + r) = (y - x) * (y + x)) by nra. nra.
Qed.

Definition slope (b x : R) : R := (1 + x / sqrt (x ^ 2 + b)) / 2.
Definition curvature (b x : R) : R := b / (2 * sqrt (x ^ 2 + b) ^ 3).
Definition jerk (b x : R) : R := - 3 * b * x / (2 * sqrt (x ^ 2 + b) ^ 5).

(** squareplus.convex, clause source (eq. 4): derivatives, both suprema, and where they are attained. *)
Theorem convex : forall b, 0 < b ->
  (forall x, is_derive (squareplus b) x (slope b x)) /\
  (forall x, is_derive (slope b) x (curvature b x)) /\
  (forall x, is_derive (curvature b) x (jerk b x)) /\
  (forall x, 0 < curvature b x <= 1 / (2 * sqrt b)) /\ curvature b 0 = 1 / (2 * sqrt b) /\
  (forall x, Rabs (jerk b x) <= 24 * sqrt 5 / (125 * b)) /\ jerk b (- sqrt b / 2) = 24 * sqrt 5 / (125 * b).
Proof.
  intros b H.
  assert (0 < sqrt b) as Hb by (apply sqrt_lt_R0; exact H).
  assert (sqrt b * sqrt b = b) as Hbb by (apply sqrt_sqrt; lra).
  assert (forall x, 0 < x ^ 2 + b) as Hq by (intros; apply sq_pos, H).
  assert (forall x, 0 < sqrt (x ^ 2 + b)) as Hr by (intros; apply root_pos, H).
  assert (forall x, sqrt (x ^ 2 + b) * sqrt (x ^ 2 + b) = x ^ 2 + b) as Hrr by (intros; apply root_square; lra).
  split; [|split; [|split; [|split; [|split; [|split]]]]].
  - intros x; apply (proj1 (monotone b H)).
  - intros x; unfold slope, curvature; auto_derive.
    + pose proof (Hq x); pose proof (Hr x); simpl in *; repeat split; lra.
    + pose proof (Hr x) as Hp; pose proof (Hrr x) as Hs.
      change (x * (x * 1)) with (x ^ 2). set (r := sqrt (x ^ 2 + b)) in *.
      replace b with (r * r - x ^ 2) at 1 by lra. field; lra.
  - intros x; unfold curvature, jerk; auto_derive.
    + pose proof (Hq x); pose proof (Hr x) as Hp; simpl in *; repeat split; try lra.
      apply Rgt_not_eq; repeat apply Rmult_lt_0_compat; lra.
    + pose proof (Hr x) as Hp. simpl in *. field; lra.
  - intros x; unfold curvature; pose proof (Hr x) as Hp; pose proof (Hrr x) as Hs.
    split; [apply Rdiv_lt_0_compat; [lra|]; assert (0 < sqrt (x ^ 2 + b) ^ 3) by (apply pow_lt; lra); lra|].
    assert (sqrt b <= sqrt (x ^ 2 + b)) as Hle by (apply sqrt_le_1_alt; nra).
    set (r := sqrt (x ^ 2 + b)) in *.
    assert (0 < r ^ 3) as Hr3 by (apply pow_lt; lra).
    apply Rmult_le_reg_r with (2 * r ^ 3 * sqrt b); [apply Rmult_lt_0_compat; lra|].
    replace (b / (2 * r ^ 3) * (2 * r ^ 3 * sqrt b)) with (b * sqrt b) by (field; repeat split; lra).
    replace (1 / (2 * sqrt b) * (2 * r ^ 3 * sqrt b)) with (r ^ 3) by (field; repeat split; lra).
    replace (b * sqrt b) with (sqrt b ^ 3) by (rewrite <- Hbb at 2; ring).
    apply pow_incr; lra.
  - unfold curvature; replace (0 ^ 2 + b) with b by ring.
    replace (sqrt b ^ 3) with (b * sqrt b) by (rewrite <- Hbb at 1; ring). field; lra.
  - intros x; unfold jerk; pose proof (Hr x) as Hp; pose proof (Hrr x) as Hs.
    set (r := sqrt (x ^ 2 + b)) in *.
    assert (0 < sqrt 5) as H5 by (apply sqrt_lt_R0; lra).
    assert (sqrt 5 * sqrt 5 = 5) as H55 by (apply sqrt_sqrt; lra).
    assert (0 < r ^ 5) as Hr5 by (apply pow_lt; lra).
    apply Rsqr_incr_0_var; [|apply Rlt_le, Rdiv_lt_0_compat; lra].
    rewrite <- Rsqr_abs. unfold Rsqr.
    assert (r ^ 10 = (x ^ 2 + b) ^ 5) as H10 by (rewrite <- Hs; ring).
    pose proof (Hq x) as Hqx.
    assert (0 < (x ^ 2 + b) ^ 5) as Hq5 by (apply pow_lt, Hq).
    replace (- 3 * b * x / (2 * r ^ 5) * (- 3 * b * x / (2 * r ^ 5))) with (9 * b ^ 2 * x ^ 2 / (4 * r ^ 10))
      by (field; repeat split; lra).
    replace (24 * sqrt 5 / (125 * b) * (24 * sqrt 5 / (125 * b))) with (576 * (sqrt 5 * sqrt 5) / (15625 * b ^ 2))
      by (field; repeat split; lra).
    rewrite H55, H10.
    assert (0 < b ^ 2) as Hb2 by (apply pow_lt; lra).
    set (Q := (x ^ 2 + b) ^ 5) in *.
    apply Rmult_le_reg_r with (4 * Q * (15625 * b ^ 2)); [apply Rmult_lt_0_compat; lra|].
    replace (9 * b ^ 2 * x ^ 2 / (4 * Q) * (4 * Q * (15625 * b ^ 2)))
      with (140625 * b ^ 4 * x ^ 2) by (field; repeat split; lra).
    replace (576 * 5 / (15625 * b ^ 2) * (4 * Q * (15625 * b ^ 2)))
      with (11520 * Q) by (field; repeat split; lra).
    unfold Q.
    set (y := x ^ 2) in *. assert (0 <= y) as Hy by (unfold y; nra).
    assert (256 * (y + b) ^ 5 - 3125 * y * b ^ 4 =
            (4 * y - b) ^ 2 * (16 * y ^ 3 + 88 * y ^ 2 * b + 203 * y * b ^ 2 + 256 * b ^ 3)) as Hf by ring.
    assert (0 <= (4 * y - b) ^ 2) by apply pow2_ge_0.
    assert (0 <= 16 * y ^ 3 + 88 * y ^ 2 * b + 203 * y * b ^ 2 + 256 * b ^ 3).
    { assert (0 <= y ^ 3) by (apply pow_le; lra). assert (0 <= y ^ 2 * b) by (apply Rmult_le_pos; [apply pow_le|]; lra).
      assert (0 <= y * b ^ 2) by (apply Rmult_le_pos; [|apply pow_le]; lra). assert (0 <= b ^ 3) by (apply pow_le; lra).
      lra. }
    assert (0 <= 256 * (y + b) ^ 5 - 3125 * y * b ^ 4) by (rewrite Hf; apply Rmult_le_pos; assumption).
    nra.
  - unfold jerk.
    assert (0 < sqrt 5) as H5 by (apply sqrt_lt_R0; lra).
    assert (sqrt 5 * sqrt 5 = 5) as H55 by (apply sqrt_sqrt; lra).
    assert (sqrt ((- sqrt b / 2) ^ 2 + b) = sqrt b * sqrt 5 / 2) as ->.
    { replace ((- sqrt b / 2) ^ 2 + b) with (Rsqr (sqrt b * sqrt 5 / 2)).
      - apply sqrt_Rsqr. apply Rlt_le, Rdiv_lt_0_compat; [apply Rmult_lt_0_compat; lra | lra].
      - unfold Rsqr. replace (sqrt b * sqrt 5 / 2 * (sqrt b * sqrt 5 / 2))
          with (sqrt b * sqrt b * (sqrt 5 * sqrt 5) / 4) by field.
        replace ((- sqrt b / 2) ^ 2) with (sqrt b * sqrt b / 4) by field. rewrite H55, Hbb; field. }
    replace ((sqrt b * sqrt 5 / 2) ^ 5) with (sqrt b * (sqrt b * sqrt b) ^ 2 * (sqrt 5 * sqrt 5) ^ 2 * sqrt 5 / 32) by field.
    rewrite H55, Hbb.
    replace (24 * sqrt 5 / (125 * b)) with (24 * (sqrt 5 * sqrt 5) / (125 * b * sqrt 5)) by (field; repeat split; lra).
    rewrite H55. field; lra.
Qed.

(** ** Against softplus *)

Lemma ln_below_line : forall u, 0 < u -> ln (1 + u) < u.
Proof.
  intros u Hu. rewrite <- (ln_exp u) at 2. apply ln_increasing; [lra|].
  apply exp_above_line; lra.
Qed.

(** Twice softplus minus x, which is even. *)
Definition even_part (x : R) : R := 2 * softplus x - x.

Lemma even_part_even : forall x, even_part (- x) = even_part x.
Proof.
  intros x; unfold even_part, softplus.
  pose proof (exp_pos x); pose proof (exp_pos (- x)).
  assert (ln (1 + exp x) = x + ln (1 + exp (- x))) as ->; [|lra].
  rewrite <- (ln_exp x) at 2. rewrite <- ln_mult by lra. f_equal.
  rewrite Rmult_plus_distr_l, Rmult_1_r, <- exp_plus, Rplus_opp_r, exp_0. ring.
Qed.

Lemma even_part_pos : forall x, 0 < even_part x.
Proof.
  assert (forall x, 0 <= x -> 0 < even_part x) as Hp.
  { intros x Hx; unfold even_part, softplus. pose proof (exp_pos x).
    assert (x < ln (1 + exp x)); [|lra]. rewrite <- (ln_exp x) at 1. apply ln_increasing; lra. }
  intros x; destruct (Rle_lt_dec 0 x); [apply Hp; lra|].
  rewrite <- even_part_even; apply Hp; lra.
Qed.

Lemma even_part_derive : forall x, is_derive even_part x ((exp x - 1) / (exp x + 1)).
Proof.
  intros x; unfold even_part, softplus; pose proof (exp_pos x).
  auto_derive; [lra | field; lra].
Qed.

(** x^2 + 4 ln(2)^2 - even_part(x)^2 grows for x > 0. *)
Lemma square_bounds_even_part : forall x, 0 <= x -> even_part x ^ 2 <= x ^ 2 + 4 * ln 2 ^ 2.
Proof.
  intros x Hx.
  set (F := fun t => t ^ 2 + 4 * ln 2 ^ 2 - even_part t ^ 2).
  assert (F 0 = 0) as HF0.
  { unfold F, even_part, softplus; rewrite exp_0; replace (1 + 1) with 2 by ring; ring. }
  assert (forall t, is_derive F t (2 * t - 2 * even_part t * ((exp t - 1) / (exp t + 1)))) as HD.
  { intros t; unfold F.
    evar_last.
    - apply @is_derive_minus.
      + apply @is_derive_plus; [apply is_derive_pow, is_derive_id | apply is_derive_const].
      + apply is_derive_pow, even_part_derive.
    - simpl; unfold minus, plus, opp, zero, one; simpl. ring. }
  destruct Hx as [Hx | <-]; [|fold (F 0) in *; unfold F in HF0; lra].
  destruct (MVT_gen F 0 x (fun t => 2 * t - 2 * even_part t * ((exp t - 1) / (exp t + 1)))) as (t & (Ht1 & Ht2) & Heq).
  - intros t _; apply HD.
  - intros t _; apply continuity_pt_filterlim, (ex_derive_continuous F). eexists; apply HD.
  - rewrite Rmin_left in Ht1 by lra; rewrite Rmax_right in Ht2 by lra.
    assert (0 <= 2 * t - 2 * even_part t * ((exp t - 1) / (exp t + 1))) as Hpos.
    { pose proof (exp_pos t) as He; pose proof (exp_pos (- t)) as Hu.
      assert (exp t * exp (- t) = 1) as H1 by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
      assert (even_part t = t + 2 * ln (1 + exp (- t))) as ->.
      { rewrite <- even_part_even; unfold even_part, softplus; ring. }
      set (u := exp (- t)) in *.
      assert (u <= 1) as Hu1 by (unfold u; rewrite <- exp_0; destruct Ht1 as [Ht1 | <-];
        [apply Rlt_le, exp_increasing; lra | rewrite Ropp_0; lra]).
      assert (1 - u <= t) as Ht.
      { destruct (Req_dec t 0) as [-> | Hne]; [unfold u; rewrite Ropp_0, exp_0; lra|].
        pose proof (exp_above_line (- t)) as Hl; fold u in Hl; lra. }
      pose proof (ln_below_line u Hu) as Hl.
      assert (0 <= ln (1 + u)) as Hl0 by (rewrite <- ln_1; apply Rlt_le, ln_increasing; lra).
      assert ((exp t - 1) / (exp t + 1) = (1 - u) / (1 + u)) as ->.
      { apply Rmult_eq_reg_r with ((exp t + 1) * (1 + u)); [|apply Rgt_not_eq; apply Rmult_lt_0_compat; lra].
        field_simplify; [|lra|lra]. nra. }
      assert (2 * t - 2 * (t + 2 * ln (1 + u)) * ((1 - u) / (1 + u))
              = 4 * (t * u - (1 - u) * ln (1 + u)) / (1 + u)) as -> by (field; repeat split; lra).
      apply Rmult_le_pos; [|apply Rlt_le, Rinv_0_lt_compat; lra].
      assert ((1 - u) * ln (1 + u) <= t * u); [|lra].
      apply Rle_trans with ((1 - u) * u); [apply Rmult_le_compat_l; lra | apply Rmult_le_compat_r; lra]. }
    assert (0 <= F x) as HF by (rewrite HF0, Rminus_0_r in Heq; rewrite Heq; apply Rmult_le_pos; lra).
    unfold F in HF; lra.
Qed.

(** squareplus.dominates-softplus, clause source (eq. 5). *)
Theorem dominates_softplus : forall b, 0 <= b ->
  ((forall x, softplus x <= squareplus b x) <-> 4 * ln 2 ^ 2 <= b).
Proof.
  intros b Hb0.
  assert (0 < ln 2) as Hln by (rewrite <- ln_1; apply ln_increasing; lra).
  split.
  - intros H; specialize (H 0). unfold softplus, squareplus in H.
    rewrite exp_0 in H. replace (0 ^ 2 + b) with b in H by ring. replace (1 + 1) with 2 in H by ring.
    assert (2 * ln 2 <= sqrt b) as Hs by lra.
    pose proof (sqrt_sqrt b Hb0). nra.
  - intros H x.
    assert (even_part x <= sqrt (x ^ 2 + b)) as Hle.
    { assert (even_part x ^ 2 <= x ^ 2 + 4 * ln 2 ^ 2) as Hsq.
      { destruct (Rle_lt_dec 0 x); [apply square_bounds_even_part; lra|].
        rewrite <- even_part_even. replace (x ^ 2) with ((- x) ^ 2) by ring. apply square_bounds_even_part; lra. }
      pose proof (even_part_pos x).
      rewrite <- (sqrt_pow2 (even_part x)) by lra. apply sqrt_le_1_alt; lra. }
    unfold even_part in Hle; unfold squareplus; lra.
Qed.

(** ** The best b: with x = 2 t the difference is even, grows up to one peak and shrinks after it *)

Lemma sinh_pos : forall t, 0 < t -> 0 < sinh t.
Proof. intros t H; unfold sinh. pose proof (exp_increasing (- t) t ltac:(lra)); lra. Qed.

Lemma cosh_one : forall t, 1 <= cosh t.
Proof.
  intros t; unfold cosh. assert (exp t * exp (- t) = 1) as E by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
  pose proof (exp_pos t); pose proof (exp_pos (- t)); pose proof (Rle_0_sqr (exp t - exp (- t))) as S; unfold Rsqr in S.
  assert (2 <= exp t + exp (- t)) by (apply Rnot_lt_le; intros L; nra). lra.
Qed.

Lemma cosh_sinh : forall t, cosh t * cosh t = 1 + sinh t * sinh t.
Proof.
  intros t; unfold cosh, sinh. assert (exp t * exp (- t) = 1) as E by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0). nra.
Qed.

(** t cosh t - sinh t is 0 at 0 and grows. *)
Lemma tanh_below : forall t, 0 < t -> sinh t < t * cosh t.
Proof.
  intros t H.
  destruct (MVT_cor2 (fun u => u * cosh u - sinh u) (fun u => u * sinh u) 0 t H) as [c [E Hc]].
  - intros u _. apply is_derive_Reals. unfold cosh, sinh. auto_derive; [trivial | field].
  - cbv beta in E. rewrite sinh_0 in E. pose proof (sinh_pos c ltac:(lra)). assert (0 < c * sinh c * (t - 0)) by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat |]; lra). lra.
Qed.

(** sinh t / t grows. *)
Lemma sinh_ratio : forall s t, 0 < s -> s < t -> sinh s / s < sinh t / t.
Proof.
  intros s t Hs Hst.
  destruct (MVT_cor2 (fun u => sinh u / u) (fun u => (u * cosh u - sinh u) / (u * u)) s t Hst) as [c [E Hc]].
  - intros u Hu. apply is_derive_Reals. unfold cosh, sinh. auto_derive; [lra | field; lra].
  - cbv beta in E. pose proof (tanh_below c ltac:(lra)) as T.
    assert (0 < (c * cosh c - sinh c) / (c * c) * (t - s))
      by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat; [lra | apply Rinv_0_lt_compat; nra] | lra]).
    lra.
Qed.

(** The difference at x = 2 t. *)
Definition apart (beta t : R) : R := sqrt (t ^ 2 + beta ^ 2) - ln (2 * cosh t).

Lemma apart_is : forall beta t, squareplus (4 * beta ^ 2) (2 * t) - softplus (2 * t) = apart beta t.
Proof.
  intros beta t; unfold squareplus, softplus, apart.
  replace ((2 * t) ^ 2 + 4 * beta ^ 2) with (2 ^ 2 * (t ^ 2 + beta ^ 2)) by ring.
  rewrite sqrt_mult, sqrt_pow2 by nra.
  replace (1 + exp (2 * t)) with (exp t * (2 * cosh t)).
  - rewrite ln_mult, ln_exp by (try apply exp_pos; pose proof (cosh_one t); lra). field.
  - unfold cosh. assert (exp t * exp (- t) = 1) as E by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
    replace (2 * t) with (t + t) by ring. rewrite exp_plus. nra.
Qed.

Lemma cosh_even : forall t, cosh (- t) = cosh t.
Proof. intros t; unfold cosh; rewrite Ropp_involutive; lra. Qed.

Lemma apart_even : forall beta t, apart beta (- t) = apart beta t.
Proof. intros; unfold apart. rewrite cosh_even. now replace ((- t) ^ 2) with (t ^ 2) by ring. Qed.

Lemma apart_derive : forall beta t, 0 < beta ->
  is_derive (apart beta) t (t / sqrt (t ^ 2 + beta ^ 2) - sinh t / cosh t).
Proof.
  intros beta t H. pose proof (cosh_one t) as C. unfold apart, cosh, sinh in *.
  auto_derive; [repeat split; nra | ].
  assert (0 < sqrt (t ^ 2 + beta ^ 2)) by (apply sqrt_lt_R0; nra). 
  replace (t * (t * 1) + beta * (beta * 1)) with (t ^ 2 + beta ^ 2) by ring.
  field. lra.
Qed.

(** Its derivative has the sign of t/beta - sinh t. *)
Lemma slope_sign : forall beta t, 0 < beta -> 0 < t ->
  (sinh t < t / beta -> 0 < t / sqrt (t ^ 2 + beta ^ 2) - sinh t / cosh t) /\
  (t / beta < sinh t -> t / sqrt (t ^ 2 + beta ^ 2) - sinh t / cosh t < 0).
Proof.
  intros beta t Hb Ht. pose proof (cosh_one t) as C; pose proof (sinh_pos t Ht) as S; pose proof (cosh_sinh t) as E.
  set (r := sqrt (t ^ 2 + beta ^ 2)).
  assert (0 < r) as R by (apply sqrt_lt_R0; nra).
  assert (r * r = t ^ 2 + beta ^ 2) as RR by (apply sqrt_sqrt; nra).
  assert (t / r - sinh t / cosh t = (t * cosh t - sinh t * r) / (r * cosh t)) as -> by (field; lra).
  assert (0 < / (r * cosh t)) as I by (apply Rinv_0_lt_compat; nra).
  assert (Rsqr (sinh t * r) = sinh t * sinh t * t ^ 2 + beta * sinh t * (beta * sinh t)) as Sq1
    by (unfold Rsqr; transitivity (sinh t * sinh t * (r * r)); [ring | rewrite RR; ring]).
  assert (Rsqr (t * cosh t) = t * t + t ^ 2 * (sinh t * sinh t)) as Sq2
    by (unfold Rsqr; transitivity (t * t * (cosh t * cosh t)); [ring | rewrite E; ring]).
  split; intros H; apply (Rmult_lt_compat_l beta) in H; try lra; replace (beta * (t / beta)) with t in H by (field; lra).
  - assert (beta * sinh t * (beta * sinh t) < t * t) as B by (apply Rmult_le_0_lt_compat; nra).
    assert (sinh t * r < t * cosh t) by (apply Rsqr_incrst_0; [rewrite Sq1, Sq2; nra | nra | nra]).
    apply Rmult_lt_0_compat; lra.
  - assert (t * t < beta * sinh t * (beta * sinh t)) as B by (apply Rmult_le_0_lt_compat; nra).
    assert (t * cosh t < sinh t * r) by (apply Rsqr_incrst_0; [rewrite Sq1, Sq2; nra | nra | nra]).
    unfold Rdiv. nra.
Qed.

(** Between 0 and the point where sinh t = t / beta the difference grows, after it it shrinks. *)
Lemma apart_shape : forall beta p, 0 < beta -> 0 < p -> sinh p = p / beta ->
  (forall s t, 0 <= s -> s < t -> t <= p -> apart beta s < apart beta t) /\
  (forall t, p < t -> apart beta t < apart beta p).
Proof.
  intros beta p Hb Hp P.
  assert (forall c, 0 < c -> c < p -> sinh c < c / beta) as Below.
  { intros c H0 H1. pose proof (sinh_ratio c p H0 H1) as Q. rewrite P in Q.
    replace (p / beta / p) with (/ beta) in Q by (field; lra).
    apply (Rmult_lt_compat_l c) in Q; [| lra]. replace (c * (sinh c / c)) with (sinh c) in Q by (field; lra). exact Q. }
  assert (forall c, p < c -> c / beta < sinh c) as Above.
  { intros c H1. pose proof (sinh_ratio p c Hp H1) as Q. rewrite P in Q.
    replace (p / beta / p) with (/ beta) in Q by (field; lra).
    apply (Rmult_lt_compat_l c) in Q; [| lra]. replace (c * (sinh c / c)) with (sinh c) in Q by (field; lra). exact Q. }
  assert (forall s t, s < t -> exists c, s < c < t /\ apart beta t - apart beta s
    = (c / sqrt (c ^ 2 + beta ^ 2) - sinh c / cosh c) * (t - s)) as Mean.
  { intros s t H. destruct (MVT_cor2 (apart beta) (fun c => c / sqrt (c ^ 2 + beta ^ 2) - sinh c / cosh c) s t H)
      as [c [E Hc]]; [| now exists c]. intros u _; apply is_derive_Reals, apart_derive, Hb. }
  split.
  - intros s t Hs Hst Ht. destruct (Mean s t Hst) as [c [Hc E]].
    pose proof (proj1 (slope_sign beta c Hb ltac:(lra)) (Below c ltac:(lra) ltac:(lra))). nra.
  - intros t Ht. destruct (Mean p t Ht) as [c [Hc E]].
    pose proof (proj2 (slope_sign beta c Hb ltac:(lra)) (Above c ltac:(lra))). nra.
Qed.

(** Far out the difference stays above what it is at 0. *)
Lemma apart_far : forall beta t, 0 < t -> - ln (1 + exp (- 2 * t)) <= apart beta t.
Proof.
  intros beta t H. unfold apart.
  assert (2 * cosh t = exp t * (1 + exp (- 2 * t))) as ->.
  { unfold cosh. rewrite Rmult_plus_distr_l, <- exp_plus. replace (t + - 2 * t) with (- t) by ring. field. }
  rewrite ln_mult, ln_exp by (try apply exp_pos; pose proof (exp_pos (- 2 * t)); lra).
  assert (t <= sqrt (t ^ 2 + beta ^ 2)); [| lra].
  rewrite <- (sqrt_pow2 t) at 1 by lra. apply sqrt_le_1_alt. nra.
Qed.

(** The errors at 0 and at the peak balance here. *)
Lemma balance : exists p, 1.782310518998151 <= p <= 1.782310518998152 /\ p * (cosh p + 1) = sinh p * ln (4 * cosh p).
Proof.
  set (f := fun t => t * (cosh t + 1) - sinh t * ln (4 * cosh t)).
  assert (Ranalysis1.continuity f) as K.
  { intros t. apply continuity_pt_filterlim, (ex_derive_continuous f). unfold f. pose proof (cosh_one t) as C.
    unfold cosh, sinh in *. auto_derive. repeat split; lra. }
  assert (0 < f 1.782310518998151) as P by (unfold f, cosh, sinh; interval with (i_prec 90)).
  assert (f 1.782310518998152 < 0) as M by (unfold f, cosh, sinh; interval with (i_prec 90)).
  destruct (IVT_gen f 1.782310518998151 1.782310518998152 0 K) as [p [Hp E]].
  - rewrite Rmin_right, Rmax_left by lra. lra.
  - rewrite Rmin_left, Rmax_right in Hp by lra. exists p. split; [exact Hp | unfold f in E; lra].
Qed.

Lemma error_is : forall b t, 0 <= b -> error b (2 * t) = Rabs (apart (sqrt b / 2) t).
Proof.
  intros b t H; unfold error. rewrite <- apart_is. replace (4 * (sqrt b / 2) ^ 2) with (sqrt b * sqrt b) by field.
  now rewrite sqrt_sqrt.
Qed.

Lemma apart_zero : forall beta, 0 <= beta -> apart beta 0 = beta - ln 2.
Proof.
  intros beta H; unfold apart. rewrite cosh_0, Rmult_1_r. replace (0 ^ 2 + beta ^ 2) with (beta ^ 2) by ring.
  now rewrite sqrt_pow2.
Qed.

(** squareplus.minimax, clause source (eq. 8). *)
Theorem minimax : exists b e p,
  1.5238210325187 <= b <= 1.5238210325188 /\ 0.0759314499359 <= e <= 0.0759314499360 /\
  3.5646210379963 <= p <= 3.5646210379964 /\
  (forall x, error b x <= e) /\ (forall x, error b x = e <-> x = 0 \/ x = p \/ x = - p) /\
  (forall b', 0 <= b' -> b' <> b -> exists x, e < error b' x).
Proof.
  destruct balance as [p [Hp B]]. set (beta := p / sinh p).
  pose proof (sinh_pos p ltac:(lra)) as S. pose proof (cosh_one p) as C. pose proof (cosh_sinh p) as CS.
  assert (0 < beta) as Hb by (apply Rdiv_lt_0_compat; lra).
  assert (1.5238210325187 <= 4 * beta ^ 2 <= 1.5238210325188) as Bb by (unfold beta, sinh; interval with (i_prec 90)).
  assert (0.0759314499359 <= ln 2 - beta <= 0.0759314499360) as Be by (unfold beta, sinh; interval with (i_prec 90)).
  assert (sinh p = p / beta) as P by (unfold beta; field; lra).
  destruct (apart_shape beta p Hb ltac:(lra) P) as [Up Down].
  pose proof (apart_zero beta ltac:(lra)) as Z.
  assert (apart beta p = ln 2 - beta) as T.
  { unfold apart. replace (p ^ 2 + beta ^ 2) with ((p * cosh p / sinh p) ^ 2).
    - rewrite sqrt_pow2 by (apply Rmult_le_pos; [nra | left; apply Rinv_0_lt_compat; lra]).
      replace (4 * cosh p) with (2 * (2 * cosh p)) in B by ring. rewrite ln_mult in B by lra.
      assert (p * cosh p / sinh p + beta = ln 2 + ln (2 * cosh p)); [| lra].
      unfold beta. apply (Rmult_eq_reg_l (sinh p)); [| lra]. rewrite <- B. field. lra.
    - unfold beta. replace ((p * cosh p / sinh p) ^ 2) with (p ^ 2 * (cosh p * cosh p) / sinh p ^ 2) by (field; lra).
      rewrite CS. field. lra. }
  assert (forall t, 0 <= t -> Rabs (apart beta t) <= ln 2 - beta /\
    (Rabs (apart beta t) = ln 2 - beta -> t = 0 \/ t = p)) as Right.
  { intros t Ht. destruct (Req_dec t 0) as [-> | N0]; [rewrite Z, Rabs_left by lra; split; [lra | now left] |].
    destruct (Req_dec t p) as [-> | Np]; [rewrite T, Rabs_pos_eq by lra; split; [lra | now right] |].
    assert (Rabs (apart beta t) < ln 2 - beta) as L; [| split; [lra | intros; lra]].
    apply Rabs_def1.
    - destruct (Rlt_dec t p); [pose proof (Up t p ltac:(lra) ltac:(lra) ltac:(lra)) | pose proof (Down t ltac:(lra))]; lra.
    - destruct (Rlt_dec t p); [pose proof (Up 0 t ltac:(lra) ltac:(lra) ltac:(lra)); lra |].
      pose proof (apart_far beta t ltac:(lra)) as F.
      assert (ln (1 + exp (- 2 * t)) <= ln (1 + exp (- 3))) as G.
      { left. apply ln_increasing; [pose proof (exp_pos (- 2 * t)); lra |].
        apply Rplus_lt_compat_l, exp_increasing. lra. }
      assert (ln (1 + exp (- 3)) < 0.07) as I by interval. lra. }
  assert (sqrt (4 * beta ^ 2) / 2 = beta) as Q.
  { replace (4 * beta ^ 2) with ((2 * beta) ^ 2) by ring. rewrite sqrt_pow2 by lra. field. }
  assert (forall x, error (4 * beta ^ 2) x = Rabs (apart beta (Rabs (x / 2)))) as Even.
  { intros x. replace x with (2 * (x / 2)) at 1 by field. rewrite error_is, Q by nra.
    destruct (Rcase_abs (x / 2)) as [L | L]; [rewrite (Rabs_left _ L), apart_even | rewrite (Rabs_right _ L)]; reflexivity. }
  exists (4 * beta ^ 2), (ln 2 - beta), (2 * p). repeat split; try lra.
  - intros x. rewrite Even. apply Right, Rabs_pos.
  - rewrite Even. intros E. destruct (proj2 (Right _ (Rabs_pos _)) E) as [A | A].
    + left. apply Rabs_eq_0 in A. lra.
    + right. destruct (Rcase_abs (x / 2)) as [L | L]; [right; rewrite Rabs_left in A by lra | left; rewrite Rabs_right in A by lra]; lra.
  - rewrite Even. intros [-> | [-> | ->]].
    + replace (0 / 2) with 0 by field. rewrite Rabs_R0, Z, Rabs_left; lra.
    + replace (2 * p / 2) with p by field. rewrite (Rabs_pos_eq p), T, Rabs_pos_eq; lra.
    + replace (- (2 * p) / 2) with (- p) by field. rewrite Rabs_Ropp, (Rabs_pos_eq p), T, Rabs_pos_eq; lra.
  - intros b' H0 H1. pose proof (sqrt_pos b') as Sb. pose proof (sqrt_sqrt b' H0) as SS.
    destruct (Rlt_dec b' (4 * beta ^ 2)) as [L | L].
    + exists (2 * 0). rewrite error_is, apart_zero by lra. assert (sqrt b' / 2 < beta) by nra. rewrite Rabs_left; lra.
    + exists (2 * p). rewrite error_is by lra. assert (beta < sqrt b' / 2) as G by nra.
      assert (apart beta p < apart (sqrt b' / 2) p) as A.
      { unfold apart. apply Rplus_lt_compat_r, sqrt_lt_1_alt. nra. }
      rewrite Rabs_pos_eq; lra.
Qed.
