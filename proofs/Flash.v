(** The gated attention unit and FLASH (Hua et al. 2022, arXiv:2202.10447; kexue.fm/archives/8934): matrices are functions
    of a row and a column, sums run over rows or columns 0 to n. *)

From Coq Require Import Reals List Lra Lia Psatz Arith.
From Coquelicot Require Import Coquelicot.
From Scaleproof Require Import Common.
Import ListNotations.
Open Scope R_scope.

(** * Definitions, as in the source *)

Definition matrix := nat -> nat -> R.
(** The product of matrices whose inner size is n + 1. *)
Definition mul (n : nat) (A B : matrix) : matrix := fun i j => sum_f_R0 (fun k => A i k * B k j) n.
Definition hadamard (A B : matrix) : matrix := fun i j => A i j * B i j.
Definition identity : matrix := fun i j => if Nat.eq_dec i j then 1 else 0.
Definition ones : matrix := fun _ _ => 1.

(** O = (U * AV) W_o, for n + 1 tokens and e + 1 hidden units. *)
Definition gau (n e : nat) (U A V W : matrix) : matrix := mul e (hadamard U (mul n A V)) W.

(** A token brings a key and a value to linear attention. *)
Record token := { key : nat -> R; value : nat -> R }.
Definition total (f : token -> R) (ts : list token) : R := fold_right (fun t acc => f t + acc) 0 ts.
(** Q (K^T V) / n, for a query q of s + 1 features; coordinate j. *)
Definition linear (s : nat) (n : R) (q : nat -> R) (ts : list token) (j : nat) : R :=
  sum_f_R0 (fun a => q a * total (fun t => key t a * value t j) ts) s / n.
(** The same, the sum K^T V taken chunk by chunk. *)
Definition chunked (s : nat) (n : R) (q : nat -> R) (chunks : list (list token)) (j : nat) : R :=
  sum_f_R0 (fun a => q a * fold_right (fun ts acc => total (fun t => key t a * value t j) ts + acc) 0 chunks) s / n.
(** Cut into chunks of c tokens, the last one shorter where c does not divide their number; [fuel] bounds their number. *)
Fixpoint cut (fuel c : nat) (ts : list token) : list (list token) :=
  match fuel, ts with
  | O, _ | _, [] => []
  | S k, _ => firstn c ts :: cut k c (skipn c ts)
  end.

(** What chunk number g + 1 sees of the past: the sum over the first g chunks, and what one position adds to it. *)
Definition past (s c g : nat) (q : nat -> R) (ts : list token) (j : nat) : R :=
  sum_f_R0 (fun a => q a *
    fold_right (fun part acc => total (fun t => key t a * value t j) part + acc) 0 (firstn g (cut (length ts) c ts))) s.
Definition addend (s : nat) (q : nat -> R) (j : nat) (t : token) : R :=
  sum_f_R0 (fun a => q a * (key t a * value t j)) s.
Definition mean (f : token -> R) (ts : list token) : R := total f ts / INR (length ts).

(** The causal layer over chunks of c: tokens of one's own chunk, up to oneself, by [near]; those of earlier chunks by
    [far]; gated and mapped by [out]. All are any functions of the tokens at those places. *)
Definition causal {X : Type} (n c : nat) (near far : X -> X -> R) (out : X -> R -> R) (x : nat -> X) (i : nat) : R :=
  out (x i) (sum_f_R0 (fun j =>
    if andb (j / c =? i / c) (j <=? i) then near (x i) (x j) else if j / c <? i / c then far (x i) (x j) else 0) n).

(** Parameters of a gated attention unit: W_u, W_v (d e each), W_z (d s), gamma and beta of queries and keys (4 s), W_o (e d);
    of a layer of attention (four d d) and feed-forward (two 4 d d), biases and norms left out as in the source. *)
Definition gau_parameters (d e s : nat) : nat := (d * e + d * e + d * s + 4 * s + e * d)%nat.
Definition transformer_parameters (d : nat) : nat := (4 * (d * d) + 2 * (4 * d * d))%nat.
(** Numbers of a sum K^T V over keys of s and values of v features; what b sequences keep of it where every one of [places]
    (positions or chunks) has one. *)
Definition key_value_sum (s v : nat) : nat := (s * v)%nat.
Definition kept (b places s v : nat) : nat := (b * places * key_value_sum s v)%nat.

(** * Proofs *)

Lemma identity_sum : forall n i (f : nat -> R), (i <= n)%nat -> sum_f_R0 (fun k => identity i k * f k) n = f i.
Proof.
  assert (forall n i (f : nat -> R), (n < i)%nat -> sum_f_R0 (fun k => identity i k * f k) n = 0) as Hzero.
  { intros n i f; induction n as [|n IH]; intros H; simpl; unfold identity in *.
    - destruct (Nat.eq_dec i 0); [lia | ring].
    - rewrite IH by lia. destruct (Nat.eq_dec i (S n)); [lia | ring]. }
  intros n i f; induction n as [|n IH]; intros H; simpl.
  - replace i with O by lia. unfold identity; simpl; ring.
  - destruct (Nat.eq_dec i (S n)) as [-> |].
    + rewrite Hzero by lia. unfold identity. destruct (Nat.eq_dec (S n) (S n)); [ring | lia].
    + rewrite IH by lia. unfold identity. destruct (Nat.eq_dec i (S n)); [lia | ring].
Qed.

(** flash.special-cases, clause source: A = I gives the gated feed-forward layer, U = 1 gives attention. *)
Theorem special_cases : forall n e U A V W i j, (i <= n)%nat ->
  gau n e U identity V W i j = mul e (hadamard U V) W i j /\
  gau n e ones A V W i j = mul e (mul n A V) W i j.
Proof.
  intros n e U A V W i j Hi; unfold gau, mul, hadamard, ones; split; apply sum_eq; intros k _.
  - rewrite (identity_sum n i (fun l => V l k)) by exact Hi. ring.
  - ring.
Qed.

Lemma total_app : forall f a b, total f (a ++ b) = total f a + total f b.
Proof. intros f a b; induction a as [|t a IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma total_cut : forall fuel c f ts, (0 < c)%nat -> (length ts <= fuel)%nat ->
  fold_right (fun part acc => total f part + acc) 0 (cut fuel c ts) = total f ts.
Proof.
  intros fuel; induction fuel as [|fuel IH]; intros c f ts Hc Hl.
  - destruct ts; [reflexivity | simpl in Hl; lia].
  - destruct ts as [|t ts]; [reflexivity|]. cbn [cut fold_right].
    rewrite IH; [| exact Hc | rewrite skipn_length; simpl length in *; lia].
    rewrite <- total_app, firstn_skipn. reflexivity.
Qed.

(** flash.chunk-linear, clause source: for every number of tokens, whether or not c divides it. *)
Theorem chunked_is_unchunked : forall s n c q ts j, (0 < c)%nat ->
  chunked s n q (cut (length ts) c ts) j = linear s n q ts j.
Proof.
  intros s n c q ts j Hc; unfold chunked, linear; f_equal. apply sum_eq; intros a _.
  rewrite total_cut by (auto; lia). reflexivity.
Qed.

Lemma total_first : forall fuel g c f ts, (0 < c)%nat -> (length ts <= fuel)%nat ->
  fold_right (fun part acc => total f part + acc) 0 (firstn g (cut fuel c ts)) = total f (firstn (g * c) ts).
Proof.
  intros fuel; induction fuel as [|fuel IH]; intros g c f ts Hc Hl.
  - destruct ts; [|simpl in Hl; lia]. destruct g; simpl; rewrite ?firstn_nil; reflexivity.
  - destruct ts as [|t ts]; [destruct g; simpl; rewrite ?firstn_nil; reflexivity|].
    destruct g as [|g]; [reflexivity|].
    change (cut (S fuel) c (t :: ts)) with (firstn c (t :: ts) :: cut fuel c (skipn c (t :: ts))).
    rewrite firstn_cons. cbn [fold_right].
    rewrite IH; [| exact Hc | rewrite skipn_length; simpl length in *; lia].
    rewrite <- total_app. f_equal. replace (S g * c)%nat with (c + g * c)%nat by lia.
    rewrite <- (firstn_skipn c (t :: ts)) at 3. rewrite firstn_app, firstn_firstn.
    replace (Nat.min (c + g * c) c) with c by lia. f_equal.
    destruct (Nat.le_gt_cases c (length (t :: ts))) as [Hle|Hgt].
    + rewrite firstn_length_le by exact Hle. f_equal. lia.
    + rewrite skipn_all2 by lia. rewrite !firstn_nil. reflexivity.
Qed.

Lemma total_sum : forall s q j ts,
  sum_f_R0 (fun a => q a * total (fun t => key t a * value t j) ts) s = total (addend s q j) ts.
Proof.
  intros s q j ts; induction ts as [|t ts IH]; simpl.
  - rewrite (sum_eq _ (fun _ => 0)) by (intros; ring). induction s as [|s IHs]; simpl; lra.
  - rewrite <- IH. unfold addend. rewrite <- sum_plus. apply sum_eq; intros; ring.
Qed.

(** flash.causal-normaliser, clause positions: the source's g is this g + 1. The g earlier chunks have g c positions, and
    the sum over them, divided by g c, is the mean of what each adds; before the first chunk there is nothing, and it is 0. *)
Theorem past_is_mean : forall s c g q ts j, (0 < c)%nat -> (g * c <= length ts)%nat ->
  length (firstn (g * c) ts) = (g * c)%nat /\
  ((0 < g)%nat -> past s c g q ts j / (INR g * INR c) = mean (addend s q j) (firstn (g * c) ts)) /\
  past s c 0 q ts j = 0.
Proof.
  intros s c g q ts j Hc Hl.
  assert (length (firstn (g * c) ts) = (g * c)%nat) as Hn by (apply firstn_length_le; exact Hl).
  split; [exact Hn|split].
  - intros Hg. unfold mean. rewrite Hn, mult_INR. f_equal. unfold past.
    rewrite (sum_eq _ (fun a => q a * total (fun t => key t a * value t j) (firstn (g * c) ts))).
    + apply total_sum.
    + intros a _. rewrite total_first by (auto; lia). reflexivity.
  - unfold past. rewrite (sum_eq _ (fun _ => 0)) by (intros; simpl; ring).
    induction s as [|s IHs]; simpl; lra.
Qed.

(** flash.no-leak, clause source, as a statement about the function: equal up to i, equal at i. *)
Theorem no_leak : forall (X : Type) n c near far out (x y : nat -> X) i, (0 < c)%nat ->
  (forall j, (j <= i)%nat -> x j = y j) -> causal n c near far out x i = causal n c near far out y i.
Proof.
  intros X n c near far out x y i Hc H; unfold causal. rewrite (H i) by lia. f_equal.
  apply sum_eq; intros j _.
  destruct (andb (j / c =? i / c) (j <=? i)) eqn:E1.
  - apply andb_prop in E1 as [_ E1]. apply Nat.leb_le in E1. rewrite (H j) by exact E1. reflexivity.
  - destruct (j / c <? i / c) eqn:E2; [|reflexivity].
    apply Nat.ltb_lt in E2. rewrite (H j); [reflexivity|].
    destruct (Nat.le_gt_cases j i) as [|Hgt]; [assumption|exfalso].
    assert (i / c <= j / c)%nat by (apply Nat.div_le_mono; lia). lia.
Qed.

(** flash.causal-normaliser, clause with-n-over-c: divided by g n/c, with the chunk's length c, the sum is c^2/n times the
    mean, and the mean only for n = c^2; before the first chunk both are 0. With the number k of chunks for c it is right. *)
Theorem with_n_over_c : forall s c g q ts j n, (0 < c)%nat -> (0 < g)%nat -> (g * c <= length ts)%nat -> 0 < n ->
  let m := mean (addend s q j) (firstn (g * c) ts) in
  past s c g q ts j / (INR g * n / INR c) = INR c ^ 2 / n * m /\
  (m <> 0 -> past s c g q ts j / (INR g * n / INR c) = m <-> n = INR c ^ 2) /\
  (past s c 0 q ts j = 0 /\ INR 0 * n / INR c = 0) /\
  (forall k, 0 < k -> k * INR c = n -> past s c g q ts j / (INR g * n / k) = m).
Proof.
  intros s c g q ts j n Hc Hg Hl Hn m.
  assert (0 < INR c) as Hc' by (apply lt_0_INR; lia). assert (0 < INR g) as Hg' by (apply lt_0_INR; lia).
  destruct (past_is_mean s c g q ts j Hc Hl) as (_ & Hm & H0). specialize (Hm Hg). fold m in Hm.
  assert (past s c g q ts j = INR g * INR c * m) as Hp by (rewrite <- Hm; field; lra).
  assert (past s c g q ts j / (INR g * n / INR c) = INR c ^ 2 / n * m) as H1 by (rewrite Hp; field; lra).
  repeat split.
  - exact H1.
  - intros E. rewrite H1 in E. assert (INR c ^ 2 / n = 1) as E1 by (apply Rmult_eq_reg_r with m; lra).
    apply Rmult_eq_reg_r with (/ n); [|apply Rinv_neq_0_compat; lra]. rewrite Rinv_r by lra. unfold Rdiv in E1. lra.
  - intros E. rewrite H1, <- E. field. lra.
  - exact H0.
  - simpl. unfold Rdiv. ring.
  - intros k Hk Hkn. rewrite Hp, <- Hkn. field. lra.
Qed.

(** flash.parameters, clause source: 3 d e and a rest; two units with e = 2 d are a layer of attention and feed-forward and a
    rest, which for s = 128 and d >= 512 is at most a twentieth. *)
Theorem parameters : forall d e s,
  (gau_parameters d e s = 3 * (d * e) + s * (d + 4) /\
   2 * gau_parameters d (2 * d) s = transformer_parameters d + 2 * (s * (d + 4)) /\
   transformer_parameters d = 12 * (d * d) /\
   (s = 128 -> 512 <= d -> 20 * (2 * (s * (d + 4))) <= transformer_parameters d))%nat.
Proof. intros d e s; unfold gau_parameters, transformer_parameters; repeat split; intros; subst; nia. Qed.

(** flash.causal-memory, clause values-of-s: one sum for each position, over values of s features; and for h heads of such. *)
Theorem memory_of_positions : forall b n s h, (kept b n s s = b * n * (s * s) /\ h * kept b n s s = h * (b * n * (s * s)))%nat.
Proof. intros; unfold kept, key_value_sum; split; lia. Qed.

(** flash.causal-memory, clause values-of-e: with values of e features, c times what one for each of k chunks takes; heads
    that share the e features take that together. *)
Theorem memory_of_chunks : forall b k c s e h v, (kept b (k * c) s e = b * (k * c) * s * e /\
  kept b (k * c) s e = c * kept b k s e /\ (h * v = e -> h * kept b (k * c) s v = kept b (k * c) s e))%nat.
Proof. intros; unfold kept, key_value_sum; repeat split; intros; subst; ring. Qed.
