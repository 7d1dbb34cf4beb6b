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
