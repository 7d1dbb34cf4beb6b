(** What the other files share: partial derivatives, and lemmas about real numbers that the libraries lack. *)

From Coq Require Import Reals Lra Lia Psatz Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

(** A vector with another i-th coordinate, and a function's partial derivative: the others are held fixed. *)
Definition upd (v : nat -> R) (i : nat) (x : R) : nat -> R := fun j => if Nat.eq_dec j i then x else v j.
Definition is_partial (L : (nat -> R) -> R) (v : nat -> R) (i : nat) (l : R) : Prop :=
  is_derive (fun x => L (upd v i x)) (v i) l.

Lemma upd_map : forall (f : nat -> R -> R) v i x,
  (fun j => f j (upd v i x j)) = upd (fun j => f j (v j)) i (f i x).
Proof.
  intros f v i x; apply functional_extensionality; intros j; unfold upd.
  destruct (Nat.eq_dec j i) as [-> |]; reflexivity.
Qed.

(** The inequality behind (1 + 1/N)^N < e. *)
Lemma exp_above_line : forall x, x <> 0 -> 1 + x < exp x.
Proof. exact exp_ineq1. Qed.

Lemma exp_INR_mult : forall (n : nat) (x : R), exp (INR n * x) = exp x ^ n.
Proof.
  intros n x; induction n as [|n IH].
  - simpl; rewrite Rmult_0_l; apply exp_0.
  - rewrite S_INR, Rmult_plus_distr_r, Rmult_1_l, exp_plus, IH; simpl; ring.
Qed.

Lemma sqrt_above : forall x b, 0 < b -> Rabs x < sqrt (x * x + b).
Proof.
  intros x b Hb. rewrite <- sqrt_Rsqr_abs. apply sqrt_lt_1_alt.
  unfold Rsqr; split; nra.
Qed.

Lemma pow_lt_compat_l : forall x y n, 0 <= x < y -> (0 < n)%nat -> x ^ n < y ^ n.
Proof.
  intros x y n [Hx Hxy] Hn. destruct n as [|n]; [lia|]. clear Hn.
  induction n as [|n IH]; [simpl; lra|].
  change (x * x ^ S n < y * y ^ S n).
  apply Rmult_le_0_lt_compat; [exact Hx | apply pow_le, Hx | exact Hxy | exact IH].
Qed.
