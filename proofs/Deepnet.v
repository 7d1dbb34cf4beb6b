(** First-order decrease of the loss (kexue.fm/archives/8978): parameters are d + 1 numbers. *)

From Coq Require Import Reals Lra Psatz Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From Scaleproof Require Import Common.
Open Scope R_scope.

(** * Definitions, as in the source *)

(** [g] is the gradient of L at theta: along every direction h the loss changes at the rate <g, h>. *)
Definition is_gradient (d : nat) (L : (nat -> R) -> R) (theta g : nat -> R) : Prop :=
  forall h, is_derive (fun t => L (fun i => theta i + t * h i)) 0 (sum_f_R0 (fun i => g i * h i) d).
(** How fast the loss falls with the learning rate eta, at 0, when the parameters move by eta * u. *)
Definition decrease (L : (nat -> R) -> R) (theta u : nat -> R) (rate : R) : Prop :=
  is_derive (fun eta => L (fun i => theta i + eta * u i)) 0 (- rate).
Definition sign (x : R) : R := if Rlt_dec x 0 then -1 else if Rlt_dec 0 x then 1 else 0.

(** A layer norm over d + 1 coordinates. *)
Definition average (d : nat) (y : nat -> R) : R := sum_f_R0 y d / INR (S d).
Definition layer_norm (d : nat) (y : nat -> R) : nat -> R := fun i =>
  (y i - average d y) / sqrt (average d (fun j => (y j - average d y) ^ 2)).

(** * Proofs *)

Lemma sign_mult : forall x, x * sign x = Rabs x.
Proof.
  intros x; unfold sign, Rabs. destruct (Rlt_dec x 0), (Rcase_abs x), (Rlt_dec 0 x); lra.
Qed.

Lemma sum_opp : forall (f h : nat -> R) d, (forall i, h i = - f i) -> sum_f_R0 h d = - sum_f_R0 f d.
Proof. intros f h d H; induction d as [|d IH]; simpl; rewrite H; [reflexivity | rewrite IH; ring]. Qed.

(** deepnet.first-order, clause as-stated: SGD's step lowers the loss at the rate |g|^2, a sign step, Adam's first, at
    |g|_1. *)
Theorem sgd_and_adam : forall d L theta g, is_gradient d L theta g ->
  decrease L theta (fun i => - g i) (sum_f_R0 (fun i => g i ^ 2) d) /\
  decrease L theta (fun i => - sign (g i)) (sum_f_R0 (fun i => Rabs (g i)) d).
Proof.
  intros d L theta g H; unfold decrease; split.
  - rewrite <- (sum_opp (fun i => g i ^ 2) (fun i => g i * - g i)); [apply H | intros; ring].
  - rewrite <- (sum_opp (fun i => Rabs (g i)) (fun i => g i * - sign (g i))); [apply H|].
    intros i; rewrite <- sign_mult; ring.
Qed.

(** deepnet.first-order, clause lamb: n k entries of tensor k have a gradient; they move by norm k / sqrt (n k) against its
    sign, so that the tensor's update has the norm [norm k], and the rate is the sum of norm k |g|_1 / sqrt (n k). *)
Theorem lamb : forall d L theta g (tensor : nat -> nat) (norm n : nat -> R), is_gradient d L theta g ->
  (forall k, n k = sum_f_R0 (fun i => if Nat.eq_dec (tensor i) k then sign (g i) ^ 2 else 0) d) ->
  let u i := - (norm (tensor i) / sqrt (n (tensor i)) * sign (g i)) in
  (forall k, 0 < n k -> sum_f_R0 (fun i => if Nat.eq_dec (tensor i) k then u i ^ 2 else 0) d = norm k ^ 2) /\
  decrease L theta u (sum_f_R0 (fun i => norm (tensor i) * Rabs (g i) / sqrt (n (tensor i))) d).
Proof.
  intros d L theta g tensor norm n H Hn u; split.
  - intros k Hk.
    assert (sqrt (n k) * sqrt (n k) = n k) as Hs by (apply sqrt_sqrt; lra).
    assert (0 < sqrt (n k)) as Hp by (apply sqrt_lt_R0; exact Hk).
    replace (norm k ^ 2) with (norm k ^ 2 / n k * sum_f_R0 (fun i => if Nat.eq_dec (tensor i) k then sign (g i) ^ 2 else 0) d)
      by (rewrite <- Hn; field; lra).
    rewrite scal_sum. apply sum_eq; intros i _; unfold u.
    destruct (Nat.eq_dec (tensor i) k) as [E |]; [rewrite E | ring].
    set (r := sqrt (n k)) in *. rewrite <- Hs. field; lra.
  - unfold decrease, u.
    rewrite <- (sum_opp _ (fun i => g i * - (norm (tensor i) / sqrt (n (tensor i)) * sign (g i)))); [apply H|].
    intros i; rewrite <- sign_mult; unfold Rdiv; ring.
Qed.

(** deepnet.probe, clause identity: with W = lambda U the derivative by lambda is <dL/dW, U>. *)
Theorem probe : forall d L U lambda g, is_gradient d L (fun i => lambda * U i) g ->
  is_derive (fun l => L (fun i => l * U i)) lambda (sum_f_R0 (fun i => g i * U i) d).
Proof.
  intros d L U lambda g H.
  apply (is_derive_ext (fun l => L (fun i => lambda * U i + (l - lambda) * U i))).
  - intros t; f_equal; apply functional_extensionality; intros i; ring.
  - replace (sum_f_R0 (fun i => g i * U i) d) with (1 * sum_f_R0 (fun i => g i * U i) d) by ring.
    apply (is_derive_comp (fun t => L (fun i => lambda * U i + t * U i)) (fun l => l - lambda) lambda
             (sum_f_R0 (fun i => g i * U i) d) 1).
    + rewrite Rminus_eq_0. apply H.
    + auto_derive; [exact I | ring].
Qed.

Lemma root_iff : forall n x y, 0 < x -> 0 < y -> x ^ S n = y <-> x = Rpower y (/ INR (S n)).
Proof.
  intros n x y Hx Hy. assert (INR (S n) <> 0) as Hn by (apply not_0_INR; discriminate). split.
  - intros <-. rewrite <- Rpower_pow by exact Hx. rewrite Rpower_mult, Rinv_r by exact Hn. symmetry; apply Rpower_1, Hx.
  - intros ->. rewrite <- Rpower_pow by (apply exp_pos). rewrite Rpower_mult, Rinv_l by exact Hn. apply Rpower_1, Hy.
Qed.

Lemma square_injective : forall x y, 0 < x -> 0 < y -> x ^ 2 = y ^ 2 -> x = y.
Proof. intros x y Hx Hy H. nra. Qed.

(** The balance of a stack of [n] pairs of sublayers: the bound on its update, n (beta^2 + beta^2)/alpha^2, is 1, and the
    branch is as small as its own step, alpha beta = 2^(-1/2). *)
Lemma balance : forall n alpha beta, 0 < n -> 0 < alpha -> 0 < beta ->
  (n * (beta ^ 2 + beta ^ 2) / alpha ^ 2 = 1 /\ 2 * (alpha * beta) ^ 2 = 1) <-> (alpha ^ 4 = n /\ (/ beta) ^ 4 = 4 * n).
Proof.
  intros n a b Hn Ha Hb. assert (0 < a ^ 2) as Ha2 by (apply pow_lt, Ha). assert (0 < b ^ 2) as Hb2 by (apply pow_lt, Hb).
  rewrite pow_inv. replace (a ^ 4) with (a ^ 2 * a ^ 2) by ring. replace (b ^ 4) with (b ^ 2 * b ^ 2) by ring.
  replace ((a * b) ^ 2) with (a ^ 2 * b ^ 2) by ring. set (A := a ^ 2) in *. set (B := b ^ 2) in *. split.
  - intros [H1 H2]. assert (n * (B + B) = A) as H3 by (apply (Rmult_eq_reg_r (/ A)); [rewrite Rinv_r; lra | apply Rinv_neq_0_compat; lra]).
    split; [nra|]. apply Rmult_eq_reg_r with (B * B); [|nra]. rewrite Rinv_l by nra. nra.
  - intros [H1 H2]. assert (4 * n * (B * B) = 1) as H3 by (rewrite <- H2; field; lra).
    assert (A * B = / 2) as H4 by (apply square_injective; nra).
    split; [|lra]. apply Rmult_eq_reg_r with A; [|lra]. field_simplify; [|lra]. apply square_injective; nra.
Qed.

(** deepnet.paper-constants, clause source: DeepNorm's constants are those that balance the update of a stack of 2N sublayers
    (3M for a decoder with cross attention; for the encoder below it the bound is that of its own 2N sublayers times that of
    the M cross attentions): they do, and no others do. *)
Theorem paper_constants : forall N M alpha beta, 0 < N -> 0 < M -> 0 < alpha -> 0 < beta ->
  (2 * N * (beta ^ 2 + beta ^ 2) / alpha ^ 2 = 1 /\ 2 * (alpha * beta) ^ 2 = 1 <->
   alpha = Rpower (2 * N) (/ 4) /\ / beta = Rpower (8 * N) (/ 4)) /\
  (3 * M * (beta ^ 2 + beta ^ 2) / alpha ^ 2 = 1 /\ 2 * (alpha * beta) ^ 2 = 1 <->
   alpha = Rpower (3 * M) (/ 4) /\ / beta = Rpower (12 * M) (/ 4)) /\
  (let alpha_d := Rpower (3 * M) (/ 4) in let beta_d := / Rpower (12 * M) (/ 4) in
   M * beta_d ^ 2 / alpha_d * (2 * N * (beta ^ 2 + beta ^ 2) / alpha ^ 2) = 1 /\ 2 * (alpha * beta) ^ 2 = 1 <->
   alpha = Rpower (/ 27) (/ 16) * Rpower (N ^ 4 * M) (/ 16) /\
   beta = Rpower (27 / 256) (/ 16) / Rpower (N ^ 4 * M) (/ 16)) /\
  0.805 < Rpower (/ 27) (/ 16) < 0.815 /\ 0.865 < Rpower (27 / 256) (/ 16) < 0.875.
Proof.
  intros N M alpha beta HN HM Ha Hb.
  assert (0 < / beta) as Hib by (apply Rinv_0_lt_compat, Hb).
  assert (INR 4 = 4) as I4 by (simpl; ring). assert (INR 16 = 16) as I16 by (simpl; ring).
  assert (forall x y, 0 < x -> 0 < y -> x ^ 4 = y <-> x = Rpower y (/ 4)) as root4.
  { intros x y Hx Hy. rewrite <- I4. apply root_iff; assumption. }
  assert (forall x y, 0 < x -> 0 < y -> x ^ 16 = y <-> x = Rpower y (/ 16)) as root16.
  { intros x y Hx Hy. rewrite <- I16. apply root_iff; assumption. }
  assert (forall c y, 0 < c -> 0 < y -> (c ^ 16 < y -> c < Rpower y (/ 16)) /\ (y < c ^ 16 -> Rpower y (/ 16) < c)) as bound.
  { intros c y Hc Hy. pose proof (pow_lt c 16 Hc) as Hp. pose proof (proj1 (root16 c (c ^ 16) Hc Hp) eq_refl) as H.
    split; intros Hlt; rewrite H at 1; apply Rlt_Rpower_l; lra. }
  split; [|split; [|split; [|split]]].
  - rewrite balance by lra. rewrite (root4 alpha) by lra. rewrite (root4 (/ beta)) by lra.
    replace (4 * (2 * N)) with (8 * N) by ring. reflexivity.
  - rewrite balance by lra. rewrite (root4 alpha) by lra. rewrite (root4 (/ beta)) by lra.
    replace (4 * (3 * M)) with (12 * M) by ring. reflexivity.
  - intros r bd. unfold bd; clear bd. set (t := Rpower (12 * M) (/ 4)).
    assert (0 < r) as Hr by apply exp_pos. assert (0 < t) as Ht by apply exp_pos.
    assert (r ^ 4 = 3 * M) as Hr4 by (apply root4; [exact Hr | lra | reflexivity]).
    assert (t ^ 4 = 12 * M) as Ht4 by (apply root4; [exact Ht | lra | reflexivity]).
    set (n := M * (/ t) ^ 2 / r * (2 * N)).
    assert (0 < n) as Hn.
    { unfold n. apply Rmult_lt_0_compat; [|lra]. apply Rdiv_lt_0_compat; [|exact Hr].
      apply Rmult_lt_0_compat; [exact HM | apply pow_lt, Rinv_0_lt_compat, Ht]. }
    replace (M * (/ t) ^ 2 / r * (2 * N * (beta ^ 2 + beta ^ 2) / alpha ^ 2))
      with (n * (beta ^ 2 + beta ^ 2) / alpha ^ 2) by (unfold n; field; repeat split; lra).
    assert (0 < N ^ 4 * M) as HNM by (apply Rmult_lt_0_compat; [apply pow_lt, HN | exact HM]).
    assert (n ^ 4 = / 27 * (N ^ 4 * M)) as Hn4.
    { replace (n ^ 4) with (16 * N ^ 4 * M ^ 4 / (t ^ 4 * t ^ 4 * r ^ 4)) by (unfold n; field; lra).
      rewrite Ht4, Hr4. field; lra. }
    assert (forall x m, 0 < x -> 0 < m -> x ^ 4 = m <-> x ^ 16 = m ^ 4) as raise.
    { intros x m Hx Hm. split; [intros <-; ring|]. intros H.
      apply square_injective; [apply pow_lt, Hx | exact Hm |]. apply square_injective; [apply pow_lt, pow_lt, Hx | apply pow_lt, Hm |].
      replace (((x ^ 4) ^ 2) ^ 2) with (x ^ 16) by ring. rewrite H. ring. }
    rewrite balance by assumption. rewrite (raise alpha n) by assumption. rewrite (raise (/ beta) (4 * n)) by lra.
    replace ((4 * n) ^ 4) with (256 * n ^ 4) by ring. rewrite Hn4.
    rewrite (root16 alpha) by lra. rewrite (root16 (/ beta)) by lra.
    rewrite Rpower_mult_distr by lra.
    assert (Rpower (256 * (/ 27 * (N ^ 4 * M))) (/ 16) * Rpower (27 / 256) (/ 16) = Rpower (N ^ 4 * M) (/ 16)) as Hm.
    { rewrite Rpower_mult_distr by lra. f_equal. field. }
    pose proof (exp_pos (/ 16 * ln (N ^ 4 * M))) as HP1. fold (Rpower (N ^ 4 * M) (/ 16)) in HP1.
    pose proof (exp_pos (/ 16 * ln (27 / 256))) as HP2. fold (Rpower (27 / 256) (/ 16)) in HP2.
    rewrite <- Hm in *. set (P := Rpower (256 * (/ 27 * (N ^ 4 * M))) (/ 16)) in *. set (Q := Rpower (27 / 256) (/ 16)) in *.
    assert (0 < P) as HP by (apply exp_pos).
    assert (/ beta = P <-> beta = Q / (P * Q)) as Heq.
    { split; intros H.
      - rewrite <- H. field. split; lra.
      - rewrite H. field. split; lra. }
    rewrite Heq. reflexivity.
  - split; apply bound; simpl; lra.
  - split; apply bound; simpl; lra.
Qed.

Lemma average_scale : forall d c y, average d (fun i => c * y i) = c * average d y.
Proof.
  intros d c y; unfold average. rewrite (sum_eq _ (fun i => y i * c)) by (intros; ring). rewrite <- scal_sum. unfold Rdiv. ring.
Qed.

Lemma layer_norm_scale : forall d c y i, 0 < c -> layer_norm d (fun j => c * y j) i = layer_norm d y i.
Proof.
  intros d c y i Hc; unfold layer_norm. rewrite average_scale.
  replace (average d (fun j => (c * y j - c * average d y) ^ 2)) with (c ^ 2 * average d (fun j => (y j - average d y) ^ 2)).
  - set (V := average d (fun j => (y j - average d y) ^ 2)).
    assert (sqrt (c ^ 2 * V) = c * sqrt V) as ->.
    { rewrite sqrt_mult_alt by (apply pow2_ge_0). rewrite sqrt_pow2 by lra. reflexivity. }
    destruct (Req_dec (sqrt V) 0) as [-> |]; [|field; lra].
    rewrite Rmult_0_r. unfold Rdiv. replace (/ 0) with 0 by (symmetry; apply Rinv_0). ring.
  - rewrite <- average_scale. f_equal. apply functional_extensionality; intros j. ring.
Qed.

(** deepnet.probe, clause norm: where the outputs lambda y t of a weight lambda U, for all tokens t, go through a layer norm
    first, the loss does not depend on lambda > 0, and its derivative is 0. *)
Theorem after_a_norm : forall (d : nat) (y : nat -> nat -> R) (L : (nat -> nat -> R) -> R) lambda, 0 < lambda ->
  let loss l := L (fun t => layer_norm d (fun j => l * y t j)) in loss lambda = loss 1 /\ is_derive loss lambda 0.
Proof.
  intros d y L lambda Hl loss.
  assert (forall l, 0 < l -> loss l = loss 1) as same.
  { intros l H. unfold loss. f_equal. apply functional_extensionality; intros t. apply functional_extensionality; intros i.
    rewrite !layer_norm_scale by lra. reflexivity. }
  split; [apply same, Hl|].
  apply (is_derive_ext_loc (fun _ => loss 1)); [|apply @is_derive_const].
  exists (mkposreal lambda Hl). intros l H. symmetry. apply same. unfold ball in H; simpl in H.
  unfold AbsRing_ball, abs, minus, plus, opp in H; simpl in H. apply Rabs_def2 in H. lra.
Qed.
