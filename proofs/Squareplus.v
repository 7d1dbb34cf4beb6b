(** SquarePlus (Barron 2021, arXiv:2112.11687; kexue.fm/archives/8833), over the real numbers. *)

From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Scaleproof Require Import Common.
Open Scope R_scope.

(** * Definitions, as in the source *)

Definition relu (x : R) : R := Rmax x 0.
Definition squareplus (b x : R) : R := (x + sqrt (x ^ 2 + b)) / 2.
Definition softplus (x : R) : R := ln (1 + exp x).

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
