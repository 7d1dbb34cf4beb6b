(** GPLinker: relations as quintuples, rotary scores, and the multi-label loss (kexue.fm/archives/8888, 8926 and 7359). *)

From Coq Require Import Reals List Lra Lia Psatz Arith.
From Coquelicot Require Import Coquelicot.
From Scaleproof Require Import Common.
Import ListNotations.
Open Scope R_scope.

(** * Definitions, as in the source *)

(** The spans (head, tail) of a text of l tokens: head <= tail < l. *)
Definition spans (l : nat) : list (nat * nat) :=
  flat_map (fun t => map (fun h => (h, t)) (seq 0 (S t))) (seq 0 l).
(** Quintuples: a subject's span, one of n predicates, an object's span. *)
Definition quintuples (n l : nat) : list ((nat * nat) * nat * (nat * nat)) :=
  list_prod (list_prod (spans l) (seq 0 n)) (spans l).

(** A relation; what is labelled of it: the spans of its subject and object and, for its predicate, the pair of their heads
    and that of their tails. A quintuple comes back where all four are labelled, by whichever relations. *)
Definition relation : Type := (nat * nat) * nat * (nat * nat).
Definition subject (q : relation) : nat * nat := fst (fst q).
Definition predicate (q : relation) : nat := snd (fst q).
Definition object (q : relation) : nat * nat := snd q.
Definition spans_labelled (labelled : relation -> Prop) (q : relation) : Prop :=
  (exists a, labelled a /\ subject a = subject q) /\ (exists a, labelled a /\ object a = object q).
Definition ends_labelled (end_ : nat * nat -> nat) (labelled : relation -> Prop) (q : relation) : Prop :=
  exists a, labelled a /\ predicate a = predicate q /\
    end_ (subject a) = end_ (subject q) /\ end_ (object a) = end_ (object q).
Definition decoded (labelled : relation -> Prop) (q : relation) : Prop :=
  spans_labelled labelled q /\ ends_labelled fst labelled q /\ ends_labelled snd labelled q.
(** The heads of one with the tails of another. *)
Definition crossing (a b : relation) : relation :=
  ((fst (subject a), snd (subject b)), predicate a, (fst (object a), snd (object b))).
(** A span lies inside another. *)
Definition inside (s t : nat * nat) : Prop := (fst t <= fst s)%nat /\ (snd s <= snd t)%nat.

(** Parameters of a linear layer with biases, and of the pointers: [h] is a head's size, [w] the hidden size; a class has a
    head of queries and keys of its own, or, efficiently, two biases for each position over one shared head. *)
Definition linear_layer (inputs outputs : N) : N := (outputs * (inputs + 1))%N.
Definition global_pointer (w h classes : N) : N := linear_layer w (2 * classes * h)%N.
Definition efficient_global_pointer (w h classes : N) : N := 
  (linear_layer w (2 * h) + linear_layer (2 * h) (2 * classes))%N.
(** Subjects and objects; heads and tails, a class for each predicate. *)
Definition three (pointer : N -> N) (predicates : N) : N := 
  (pointer 2 + pointer predicates + pointer predicates)%N.

(** A vector of d planes, each of two coordinates; R_m turns plane p by m theta_p. *)
Definition vector := nat -> R * R.
Definition turn (a : R) (v : R * R) : R * R := (cos a * fst v - sin a * snd v, sin a * fst v + cos a * snd v).
(** The transpose of a plane's matrix [[cos a, - sin a], [sin a, cos a]]. *)
Definition turn_back (a : R) (v : R * R) : R * R := (cos a * fst v + sin a * snd v, - sin a * fst v + cos a * snd v).
Definition rotary (theta : nat -> R) (m : R) (x : vector) : vector := fun p => turn (m * theta p) (x p).
Definition rotary_transposed (theta : nat -> R) (m : R) (x : vector) : vector := fun p => turn_back (m * theta p) (x p).
(** The score of a query at place i and a key at place j, over d + 1 planes. *)
Definition dot (d : nat) (x y : vector) : R := sum_f_R0 (fun p => fst (x p) * fst (y p) + snd (x p) * snd (y p)) d.

(** The multi-label loss of negative and positive scores. *)
Definition expsum (scores : list R) : R := fold_right (fun s acc => exp s + acc) 0 scores.
Definition loss (negatives positives : list R) : R :=
  ln (1 + expsum negatives) + ln (1 + expsum (map Ropp positives)).

(** Cross-entropy of a softmax over the positive's score t and the negatives'. *)
Definition softmax_cross_entropy (negatives : list R) (t : R) : R := - ln (exp t / (exp t + expsum negatives)).

(** * Proofs *)

Lemma spans_S : forall l, spans (S l) = spans l ++ map (fun h => (h, l)) (seq 0 (S l)).
Proof.
  intros l; unfold spans. rewrite (seq_S l 0) at 1. rewrite flat_map_app.
  cbn [flat_map Nat.add]. rewrite app_nil_r. reflexivity.
Qed.

Lemma spans_length : forall l, (2 * length (spans l) = l * (l + 1))%nat.
Proof.
  induction l as [|l IH]; [reflexivity|].
  rewrite spans_S, app_length, map_length, seq_length. lia.
Qed.

Lemma spans_in : forall l h t, In (h, t) (spans l) <-> (h <= t < l)%nat.
Proof.
  intros l h t; unfold spans. rewrite in_flat_map. split.
  - intros (u & Hu & Hin). apply in_seq in Hu. apply in_map_iff in Hin as (k & Heq & Hk).
    apply in_seq in Hk. inversion Heq; subst; lia.
  - intros H. exists t. split; [apply in_seq; lia|]. apply in_map_iff. exists h. split; [reflexivity | apply in_seq; lia].
Qed.

Lemma nodup_app : forall (A : Type) (a b : list A), NoDup a -> NoDup b -> (forall x, In x a -> ~ In x b) -> NoDup (a ++ b).
Proof.
  intros A a b Ha Hb Hd; induction Ha as [|x a Hx Ha IH]; [exact Hb|].
  simpl; constructor.
  - rewrite in_app_iff. intros [H | H]; [contradiction | apply (Hd x); simpl; auto].
  - apply IH. intros y Hy; apply Hd; simpl; auto.
Qed.

Lemma nodup_map : forall (A B : Type) (f : A -> B) l, (forall x y, f x = f y -> x = y) -> NoDup l -> NoDup (map f l).
Proof.
  intros A B f l Hf Hl; induction Hl as [|x l Hx Hl IH]; simpl; constructor; [|exact IH].
  rewrite in_map_iff. intros (y & Heq & Hy). apply Hf in Heq; subst; contradiction.
Qed.

Lemma spans_nodup : forall l, NoDup (spans l).
Proof.
  induction l as [|l IH]; [constructor|]. rewrite spans_S. apply nodup_app; [exact IH| |].
  - apply nodup_map; [intros x y H; inversion H; reflexivity | apply seq_NoDup].
  - intros (h, t) Hin Hin2. apply spans_in in Hin. apply in_map_iff in Hin2 as (k & Heq & _). inversion Heq; lia.
Qed.

Lemma nodup_prod : forall (A B : Type) (a : list A) (b : list B), NoDup a -> NoDup b -> NoDup (list_prod a b).
Proof.
  intros A B a b Ha Hb; induction Ha as [|x a Hx Ha IH]; [constructor|]. simpl. apply nodup_app; [|exact IH|].
  - apply nodup_map; [intros y z H; inversion H; reflexivity | exact Hb].
  - intros (u, v) H1 H2. apply in_map_iff in H1 as (w & Heq & _). inversion Heq; subst.
    apply in_prod_iff in H2 as [H2 _]. contradiction.
Qed.

(** gplinker.count, clause source: the list has each quintuple once, and this many. *)
Theorem count : forall n l,
  (4 * length (quintuples n l) = n * (l ^ 2 * (l + 1) ^ 2))%nat /\ NoDup (quintuples n l) /\
  (forall sh st p oh ot, In ((sh, st), p, (oh, ot)) (quintuples n l) <->
     (sh <= st < l)%nat /\ (p < n)%nat /\ (oh <= ot < l)%nat).
Proof.
  intros n l; unfold quintuples. split; [|split].
  - rewrite !prod_length, seq_length. pose proof (spans_length l) as H. simpl; nia.
  - apply nodup_prod; [apply nodup_prod; [apply spans_nodup | apply seq_NoDup] | apply spans_nodup].
  - intros sh st p oh ot. rewrite !in_prod_iff, !spans_in, in_seq. lia.
Qed.

(** gplinker.rotary, clause source, for any even size: R_i^T R_j = R_{j-i}, so scores know the distance alone. *)
Theorem rotary_relative : forall theta i j (x : vector) p,
  rotary_transposed theta i (rotary theta j x) p = rotary theta (j - i) x p.
Proof.
  intros theta i j x p; unfold rotary_transposed, rotary, turn_back, turn; simpl.
  replace ((j - i) * theta p) with (j * theta p - i * theta p) by ring.
  rewrite cos_minus, sin_minus. f_equal; ring.
Qed.

Theorem rotary_scores : forall d theta i j (q k : vector),
  dot d (rotary theta i q) (rotary theta j k) = dot d q (rotary theta (j - i) k).
Proof.
  intros d theta i j q k; unfold dot; apply sum_eq; intros p _.
  unfold rotary, turn; simpl. replace ((j - i) * theta p) with (j * theta p - i * theta p) by ring.
  rewrite cos_minus, sin_minus. ring.
Qed.

Lemma expsum_nonneg : forall l, 0 <= expsum l.
Proof. induction l as [|s l IH]; simpl; [lra | pose proof (exp_pos s); lra]. Qed.

Lemma exp_below_sum : forall l s, In s l -> exp s <= expsum l.
Proof.
  induction l as [|t l IH]; simpl; intros s H; [contradiction|].
  pose proof (expsum_nonneg l); pose proof (exp_pos t). destruct H as [-> | H]; [lra | specialize (IH s H); lra].
Qed.

Lemma ln_1_plus_pos : forall x, 0 <= x -> 0 <= ln (1 + x).
Proof.
  intros x [H | <-]; [rewrite <- ln_1; apply Rlt_le, ln_increasing; lra | rewrite Rplus_0_r, ln_1; lra].
Qed.

Lemma below_ln2 : forall x, 0 <= x -> ln (1 + x) < ln 2 -> x < 1.
Proof.
  intros x Hx H. destruct (Rlt_le_dec x 1) as [|H1]; [assumption|exfalso].
  assert (ln 2 <= ln (1 + x)); [|lra].
  destruct H1 as [H1 | <-]; [apply Rlt_le, ln_increasing; lra | right; f_equal; ring].
Qed.

(** gplinker.loss, clause order: a loss below log 2 has every negative below 0 and every positive above; at log 2 the
    promise ends: [s] is then any number from 0 on. *)
Theorem loss_order : (forall negatives positives, loss negatives positives < ln 2 ->
  (forall s, In s negatives -> s < 0) /\ (forall s, In s positives -> 0 < s)) /\ (forall s, 0 <= s -> loss [s] [] = ln (1 + exp s) /\ ln 2 <= loss [s] []).
Proof.
  assert (forall s, loss [s] [] = ln (1 + exp s)) as Hone by (intros s; unfold loss; simpl; rewrite !Rplus_0_r, ln_1; ring).
  split; [|intros s H; split; [apply Hone|]; rewrite Hone; pose proof (exp_pos s);
    destruct H as [H | <-]; [apply Rlt_le, ln_increasing; [lra|]; rewrite <- exp_0 in *; pose proof (exp_increasing _ _ H);
      rewrite exp_0 in *; lra | right; rewrite exp_0; f_equal; ring]].
  intros negatives positives H; unfold loss in H.
  pose proof (expsum_nonneg negatives) as Hn; pose proof (expsum_nonneg (map Ropp positives)) as Hp.
  pose proof (ln_1_plus_pos _ Hn); pose proof (ln_1_plus_pos _ Hp).
  assert (forall s, exp s < 1 -> s < 0) as Hneg.
  { intros s Hs. apply exp_lt_inv. rewrite exp_0; exact Hs. }
  split; intros s Hs.
  - apply Hneg. apply Rle_lt_trans with (expsum negatives); [apply exp_below_sum, Hs | apply below_ln2; lra].
  - assert (- s < 0); [|lra]. apply Hneg.
    apply Rle_lt_trans with (expsum (map Ropp positives)); [apply exp_below_sum, in_map, Hs | apply below_ln2; lra].
Qed.

Lemma sum_upd_above : forall (f : R -> R) s i x d, (d < i)%nat ->
  sum_f_R0 (fun j => f (upd s i x j)) d = sum_f_R0 (fun j => f (s j)) d.
Proof.
  intros f s i x d; induction d as [|d IH]; intros H; simpl; unfold upd in *.
  - destruct (Nat.eq_dec 0 i); [lia | reflexivity].
  - rewrite IH by lia. destruct (Nat.eq_dec (S d) i); [lia | reflexivity].
Qed.

Lemma sum_upd : forall (f : R -> R) s i x d, (i <= d)%nat ->
  sum_f_R0 (fun j => f (upd s i x j)) d = sum_f_R0 (fun j => f (s j)) d - f (s i) + f x.
Proof.
  intros f s i x d; induction d as [|d IH]; intros H; simpl.
  - replace i with O by lia. unfold upd; simpl; ring.
  - destruct (Nat.eq_dec i (S d)) as [-> |].
    + rewrite sum_upd_above by lia. unfold upd. destruct (Nat.eq_dec (S d) (S d)); [ring | lia].
    + rewrite IH by lia. unfold upd. destruct (Nat.eq_dec (S d) i); [lia | ring].
Qed.

Lemma sum_exp_pos : forall (s : nat -> R) d, 0 < sum_f_R0 (fun j => exp (s j)) d.
Proof.
  intros s d; induction d as [|d IH]; simpl; [apply exp_pos | pose proof (exp_pos (s (S d))); lra].
Qed.

Lemma quotient_below_1 : forall n, 0 < n -> n / (1 + n) < 1.
Proof.
  intros n H. apply Rmult_lt_reg_r with (1 + n); [lra|]. unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Lemma sum_div : forall f c d, sum_f_R0 (fun i => f i / c) d = sum_f_R0 f d / c.
Proof. intros f c d; induction d as [|d IH]; simpl; [reflexivity | rewrite IH; unfold Rdiv; ring]. Qed.

(** gplinker.loss, clause weights: of d + 1 negative scores s the gradients exp(s_i)/(1 + n) add up to n/(1 + n) < 1, with n
    the sum of their exponentials; of positive ones likewise, with exponentials of -s. *)
Theorem loss_weights : forall d (s : nat -> R),
  let n := sum_f_R0 (fun j => exp (s j)) d in
  let p := sum_f_R0 (fun j => exp (- s j)) d in
  (forall i, (i <= d)%nat ->
     is_partial (fun t => ln (1 + sum_f_R0 (fun j => exp (t j)) d)) s i (exp (s i) / (1 + n)) /\
     is_partial (fun t => ln (1 + sum_f_R0 (fun j => exp (- t j)) d)) s i (- (exp (- s i) / (1 + p)))) /\
  sum_f_R0 (fun i => exp (s i) / (1 + n)) d = n / (1 + n) /\ n / (1 + n) < 1 /\
  sum_f_R0 (fun i => exp (- s i) / (1 + p)) d = p / (1 + p) /\ p / (1 + p) < 1.
Proof.
  intros d s n p.
  assert (0 < n) as Hn by apply sum_exp_pos.
  assert (0 < p) as Hp by (apply (sum_exp_pos (fun j => - s j))).
  split; [|split; [apply sum_div | split; [apply quotient_below_1, Hn | split; [apply sum_div | apply quotient_below_1, Hp]]]].
  intros i Hi; split; unfold is_partial.
  - apply (is_derive_ext (fun x => ln (1 + (n - exp (s i) + exp x)))).
    + intros t; f_equal; f_equal; symmetry; apply (sum_upd exp); exact Hi.
    + auto_derive; [lra | field; lra].
  - apply (is_derive_ext (fun x => ln (1 + (p - exp (- s i) + exp (- x))))).
    + intros t; f_equal; f_equal; symmetry; apply (sum_upd (fun y => exp (- y))); exact Hi.
    + auto_derive; [lra | field; lra].
Qed.

Lemma relation_eq : forall p q, subject p = subject q -> predicate p = predicate q -> object p = object q -> p = q.
Proof. intros [[s p] o] [[s' p'] o'] H1 H2 H3; cbv in *; congruence. Qed.

Lemma crossing_of : forall (labelled : relation -> Prop) q, decoded labelled q <->
  exists a b, labelled a /\ labelled b /\ predicate a = predicate b /\ q = crossing a b /\ spans_labelled labelled q.
Proof.
  intros labelled q; split.
  - intros (Hs & (a & Ha & Hp & Hh1 & Hh2) & (b & Hb & Hp' & Ht1 & Ht2)).
    exists a, b. repeat split; try assumption; try congruence; try apply Hs.
    apply relation_eq; unfold crossing, subject, predicate, object in *; simpl in *.
    + rewrite Hh1, Ht1. apply surjective_pairing.
    + congruence.
    + rewrite Hh2, Ht2. apply surjective_pairing.
  - intros (a & b & Ha & Hb & Hp & -> & Hs). split; [exact Hs|].
    split; [exists a | exists b]; unfold crossing, subject, predicate, object in *; simpl in *; repeat split; auto.
Qed.

(** gplinker.decode, clause crossings: all that is labelled comes back, and exactly the crossings besides whose spans are
    labelled; it is the same set if and only if it holds all of these. *)
Theorem crossings : forall labelled : relation -> Prop,
  (forall q, labelled q -> decoded labelled q) /\
  (forall q, decoded labelled q <->
    exists a b, labelled a /\ labelled b /\ predicate a = predicate b /\ q = crossing a b /\ spans_labelled labelled q) /\
  ((forall q, decoded labelled q <-> labelled q) <->
   (forall a b, labelled a -> labelled b -> predicate a = predicate b -> spans_labelled labelled (crossing a b) ->
     labelled (crossing a b))).
Proof.
  intros labelled.
  assert (forall q, labelled q -> decoded labelled q) as Hall.
  { intros q Hq. split; [split; exists q; auto | split; exists q; auto]. }
  split; [exact Hall | split; [apply crossing_of|]]. split.
  - intros H a b Ha Hb Hp Hs. apply H, crossing_of. exists a, b; auto.
  - intros H q. split; [|apply Hall]. intros Hq. apply crossing_of in Hq as (a & b & Ha & Hb & Hp & -> & Hs). auto.
Qed.

(** gplinker.decode, clause distinct-heads. *)
Theorem distinct_heads : forall labelled : relation -> Prop,
  (forall a b, labelled a -> labelled b -> fst (subject a) = fst (subject b) -> subject a = subject b) ->
  (forall a b, labelled a -> labelled b -> fst (object a) = fst (object b) -> object a = object b) ->
  forall q, decoded labelled q <-> labelled q.
Proof.
  intros labelled Hs Ho q; split.
  - intros (((b & Hb & Sb) & (c & Hc & Oc)) & (a & Ha & Hp & H1 & H2) & _).
    replace q with a; [exact Ha|]. apply relation_eq; [|exact Hp|].
    + rewrite <- Sb. apply Hs; auto. congruence.
    + rewrite <- Oc. apply Ho; auto. congruence.
  - exact (proj1 (crossings labelled) q).
Qed.

(** gplinker.heads-suffice, clause source: where no subject lies inside another, and no object inside another, spans and
    heads alone give back what was labelled. *)
Theorem heads_suffice : forall labelled : relation -> Prop,
  (forall a b, labelled a -> labelled b -> inside (subject a) (subject b) -> subject a = subject b) ->
  (forall a b, labelled a -> labelled b -> inside (object a) (object b) -> object a = object b) ->
  forall q, spans_labelled labelled q /\ ends_labelled fst labelled q <-> labelled q.
Proof.
  intros labelled Hs Ho q.
  assert (forall f : relation -> nat * nat, (forall a b, labelled a -> labelled b -> inside (f a) (f b) -> f a = f b) ->
    forall a b, labelled a -> labelled b -> fst (f a) = fst (f b) -> f a = f b) as together.
  { intros f Hf a b Ha Hb E. destruct (Nat.le_gt_cases (snd (f a)) (snd (f b))).
    - apply Hf; auto. split; lia.
    - symmetry; apply Hf; auto. split; lia. }
  split.
  - intros (((b & Hb & Sb) & (c & Hc & Oc)) & (a & Ha & Hp & H1 & H2)).
    replace q with a; [exact Ha|]. apply relation_eq; [|exact Hp|].
    + rewrite <- Sb. apply (together subject Hs); auto. congruence.
    + rewrite <- Oc. apply (together object Ho); auto. congruence.
  - intros Hq. split; [split; exists q; auto | exists q; auto].
Qed.

(** gplinker.parameters, clause source: hidden size 768, heads of 64, 49 predicates. *)
Theorem parameters :
  three (global_pointer 768 64) 49 = 9843200%N /\ three (efficient_global_pointer 768 64) 49 = 321096%N.
Proof. split; reflexivity. Qed.

Lemma expsum_nonnegative : forall l, 0 <= expsum l.
Proof. induction l as [|s l IH]; simpl; [lra | pose proof (exp_pos s); lra]. Qed.

Lemma expsum_shift : forall t l, expsum (map (fun s => s - t) l) = expsum l * exp (- t).
Proof.
  intros t l; induction l as [|s l IH]; simpl; [ring|]. unfold Rminus. rewrite exp_plus. unfold Rminus in IH. rewrite IH. ring.
Qed.

(** gplinker.loss, clause above: for one positive, over softmax cross-entropy, which is the loss without its threshold. *)
Theorem loss_above_softmax : forall negatives t,
  softmax_cross_entropy negatives t < loss negatives [t] /\
  softmax_cross_entropy negatives t = ln (1 + expsum (map (fun s => s - t) negatives)).
Proof.
  intros negatives t. pose proof (exp_pos t) as Ht. pose proof (exp_pos (- t)) as Hi.
  pose proof (expsum_nonnegative negatives) as Hn.
  assert (exp t * exp (- t) = 1) as H1 by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
  assert (softmax_cross_entropy negatives t = ln (1 + expsum (map (fun s => s - t) negatives))) as Heq.
  { unfold softmax_cross_entropy. rewrite <- ln_Rinv by (apply Rdiv_lt_0_compat; lra). f_equal. rewrite expsum_shift.
    rewrite Rinv_div. apply Rmult_eq_reg_r with (exp t); [|lra]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. nra. }
  split; [|exact Heq]. rewrite Heq, expsum_shift. unfold loss. simpl.
  rewrite <- ln_mult by lra. apply ln_increasing; nra.
Qed.

(** gplinker.sparse-loss, clause reals: the negatives' part of the loss from all scores and the positives'. *)
Theorem sparse_identity : forall negatives positives, positives <> [] ->
  let a := ln (1 + (expsum negatives + expsum positives)) in let b := ln (expsum positives) in
  ln (1 + expsum negatives) = a + ln (1 - exp (b - a)) /\ 0 < 1 - exp (b - a).
Proof.
  intros negatives positives Hne a b. pose proof (expsum_nonnegative negatives) as Hn.
  assert (0 < expsum positives) as Hp.
  { destruct positives as [|s l]; [congruence|]. simpl. pose proof (exp_pos s). pose proof (expsum_nonnegative l). lra. }
  assert (exp (b - a) = expsum positives / (1 + (expsum negatives + expsum positives))) as He.
  { unfold Rminus, a, b. rewrite exp_plus, exp_Ropp, !exp_ln by lra. reflexivity. }
  assert (1 - exp (b - a) = (1 + expsum negatives) / (1 + (expsum negatives + expsum positives))) as H1
    by (rewrite He; field; lra).
  rewrite H1. assert (0 < (1 + expsum negatives) / (1 + (expsum negatives + expsum positives))) as Hpos
    by (apply Rdiv_lt_0_compat; lra).
  split; [|exact Hpos]. unfold a. rewrite <- ln_mult by lra. f_equal. field. lra.
Qed.
