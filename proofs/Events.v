(** Events as cliques (kexue.fm/archives/8926): [T] is the finite type of the arguments of a sentence. *)

From mathcomp Require Import all_ssreflect.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

(** * Definitions, as in the source *)

Section Graphs.
Variables (T : finType) (adjacent : rel T).

Definition near (u v : T) : bool := (u == v) || adjacent u v.
Definition clique (C : {set T}) : bool := [forall u in C, forall v in C, near u v].
(** The maximal cliques among the nodes W: no clique there holds one and more. *)
Definition maximal (W C : {set T}) : bool :=
  [&& C \subset W, clique C & [forall K : {set T}, (K \subset W) && clique K && (C \subset K) ==> (K == C)]].
Definition maximal_cliques (W : {set T}) : {set {set T}} := [set C | maximal W C].

(** The article's search: for every pair of nodes that are not adjacent, the closed neighbourhood of each, again. [fuel]
    bounds how deep it goes. *)
Definition neighbourhood (W : {set T}) (u : T) : {set T} := [set x in W | near u x].
Fixpoint search (fuel : nat) (W : {set T}) : {set {set T}} :=
  if clique W then [set W] else
  if fuel is fuel'.+1 then
    \bigcup_(p : T * T | [&& p.1 \in W, p.2 \in W & ~~ near p.1 p.2])
      (search fuel' (neighbourhood W p.1) :|: search fuel' (neighbourhood W p.2))
  else set0.
End Graphs.

Section Events.
Variables (T K : finType) (type : T -> K) (head tail : T -> nat).

(** Two arguments share an event; their positions are linked: some event has two arguments whose heads are theirs, in
    either order, and some event two whose tails are. Events of all types put their links into one set. *)
Definition linked (events : {set {set T}}) (x y : T) : bool := [exists e in events, (x \in e) && (y \in e)].
Definition linked_ends (end_ : T -> nat) (events : {set {set T}}) (x y : T) : bool :=
  [exists e in events, exists s in e, exists t in e, (s != t) &&
    (((end_ s == end_ x) && (end_ t == end_ y)) || ((end_ s == end_ y) && (end_ t == end_ x)))].
Definition linked_positions (events : {set {set T}}) (x y : T) : bool :=
  linked_ends head events x y && linked_ends tail events x y.

(** The arguments of a type, its events, and what the decoder makes of them, type by type. *)
Definition arguments (events : {set {set T}}) (k : K) : {set T} := [set x in cover events | type x == k].
Definition of_type (events : {set {set T}}) (k : K) : {set {set T}} := [set e in events | e \subset arguments events k].
Definition decode_type (events : {set {set T}}) (k : K) : {set {set T}} :=
  if arguments events k == set0 then set0 else maximal_cliques (linked_positions events) (arguments events k).
Definition decode (events : {set {set T}}) : {set {set T}} := \bigcup_(k : K) decode_type events k.

(** Events are not empty, and the arguments of one have its type. *)
Definition well_formed (events : {set {set T}}) : Prop :=
  forall e, e \in events -> e != set0 /\ forall x y, x \in e -> y \in e -> type x = type y.
(** All arguments begin, or all end, at different tokens. *)
Definition distinct_ends : Prop := injective head \/ injective tail.
(** What two of three events share, and Gilmore's criterion. *)
Definition shared (a b c : {set T}) : {set T} := (a :&: b) :|: (b :&: c) :|: (a :&: c).
Definition none_inside (events : {set {set T}}) : Prop :=
  forall a b, a \in events -> b \in events -> a \subset b -> a = b.
Definition gilmore (events : {set {set T}}) : Prop :=
  forall a b c, a \in events -> b \in events -> c \in events -> exists2 e, e \in events & shared a b c \subset e.
End Events.

Section Categorical.
Variables (T V : finType) (trigger : pred T).

(** An event with values, each of which becomes an argument at every trigger of it, in the trigger's place: [inr (t, v)];
    and the way back. *)
Definition spread (event : {set T} * {set V}) : {set T + T * V} :=
  [set y | match y with inl x => x \in event.1 | inr p => [&& p.1 \in event.1, trigger p.1 & p.2 \in event.2] end].
Definition gather (event : {set T + T * V}) : {set T} * {set V} :=
  ([set x | inl x \in event], [set v | [exists t, inr (t, v) \in event]]).
(** What an argument has, a value has from its trigger: type, head and tail. *)
Definition anchored {X : Type} (f : T -> X) (y : T + T * V) : X := match y with inl x => f x | inr p => f p.1 end.
End Categorical.

(** * Proofs *)

Section GraphLemmas.
Variables (T : finType) (adjacent : rel T).
Variable symmetric_adjacent : symmetric adjacent.
Local Notation near := (near adjacent).
Local Notation clique := (clique adjacent).
Local Notation maximal := (maximal adjacent).

Lemma near_sym u v : near u v = near v u.
Proof. by rewrite /Events.near eq_sym symmetric_adjacent. Qed.

Lemma cliqueP (C : {set T}) : reflect (forall u v, u \in C -> v \in C -> near u v) (clique C).
Proof.
apply: (iffP forall_inP) => [H u v Hu Hv | H u Hu]; first by move/forall_inP: (H u Hu); apply.
by apply/forall_inP => v Hv; apply: H.
Qed.

Lemma maximalP (W C : {set T}) : reflect
  [/\ C \subset W, clique C & forall K : {set T}, K \subset W -> clique K -> C \subset K -> K = C] (maximal W C).
Proof.
apply: (iffP and3P) => [[sub cl /forallP H] | [sub cl H]]; split=> //.
- by move=> K KW Kc CK; have := H K; rewrite KW Kc CK /= => /eqP.
- by apply/forallP => K; apply/implyP => /andP[/andP[KW Kc] CK]; rewrite (H K).
Qed.

Lemma clique_add u (C : {set T}) : clique C -> (forall x, x \in C -> near u x) -> clique (u |: C).
Proof.
move/cliqueP => Hc Hu; apply/cliqueP => x y /setU1P[-> | Hx] /setU1P[-> | Hy].
- by rewrite /Events.near eqxx.
- exact: Hu.
- by rewrite near_sym; apply: Hu.
- exact: Hc.
Qed.

(** A maximal clique holds whatever is near all of it. *)
Lemma maximal_holds (W C : {set T}) u : maximal W C -> u \in W -> (forall x, x \in C -> near u x) -> u \in C.
Proof.
case/maximalP => sub cl H uW Hu; have <- : u |: C = C.
  by apply: H; [rewrite subUset sub1set uW | apply: clique_add | apply: subsetUr].
by rewrite setU11.
Qed.

Lemma clique_extends (W C : {set T}) : C \subset W -> clique C -> exists2 M, maximal W M & C \subset M.
Proof.
move=> CW Cc; pose P := [pred L : {set T} | (L \subset W) && clique L].
have HP : P C by rewrite /P /= CW Cc.
case: (@maxset_exists _ P C HP) => M /maxsetP[/= /andP[MW Mc] H] CM; exists M => //.
by apply/maximalP; split=> // L LW Lc ML; apply: H => //; rewrite /= LW Lc.
Qed.

Lemma neighbourhood_smaller (W : {set T}) u v : v \in W -> ~~ near u v -> #|neighbourhood adjacent W u| < #|W|.
Proof.
move=> vW nuv; apply: proper_card; apply/properP; split; first by apply/subsetP => x; rewrite inE => /andP[].
by exists v => //; rewrite inE vW.
Qed.

Lemma maximal_in_neighbourhood (W C : {set T}) u :
  u \in W -> maximal (neighbourhood adjacent W u) C = maximal W C && (u \in C).
Proof.
move=> uW; apply/idP/andP => [Hm | [/maximalP[CW Cc H] uC]].
- have [sub cl H] := maximalP _ _ Hm.
  have nearC : forall x, x \in C -> near u x by move=> x /(subsetP sub); rewrite inE => /andP[].
  have uC : u \in C.
    by apply: (maximal_holds Hm) => //; rewrite inE uW /Events.near eqxx.
  split=> //; apply/maximalP; split=> //.
    by apply/subsetP => x /(subsetP sub); rewrite inE => /andP[].
  move=> L LW Lc CL; apply: H => //; apply/subsetP => x xL; rewrite inE (subsetP LW) //=.
  by move/cliqueP: Lc; apply=> //; apply: (subsetP CL).
- apply/maximalP; split=> //.
    by apply/subsetP => x xC; rewrite inE (subsetP CW) //=; move/cliqueP: Cc; apply.
  by move=> L LN; apply: H; apply/subsetP => x /(subsetP LN); rewrite inE => /andP[].
Qed.
End GraphLemmas.

(** events.search, clause source, for every finite graph: the search goes no deeper than there are nodes, and gives the
    maximal cliques, all of them and nothing else, as a set: in whatever order the pairs are taken. *)
Theorem search_finds : forall (T : finType) (adjacent : rel T), symmetric adjacent ->
  forall (W : {set T}) (fuel : nat), #|W| <= fuel -> search adjacent fuel W = maximal_cliques adjacent W.
Proof.
move=> T adjacent sym W fuel; elim: fuel W => [|fuel IH] W size.
  have -> : W = set0 by apply/eqP; rewrite -cards_eq0 -leqn0.
  have c0 : clique adjacent set0 by apply/cliqueP => u v; rewrite inE.
  rewrite /= c0; apply/setP => C; rewrite !inE; apply/eqP/maximalP => [-> | [sub _ _]]; last first.
    by apply/eqP; rewrite -subset0.
  by split=> // L; rewrite subset0 => /eqP.
rewrite /=; case: ifP => [cW | /negbT ncW]; apply/setP => C; rewrite !inE.
  apply/eqP/maximalP => [-> | [sub cl H]]; last by rewrite (H W).
  by split=> // L LW _ WL; apply/eqP; rewrite eqEsubset LW.
have step u v : u \in W -> v \in W -> ~~ near adjacent u v ->
    search adjacent fuel (neighbourhood adjacent W u) = maximal_cliques adjacent (neighbourhood adjacent W u).
  by move=> uW vW nuv; apply: IH; rewrite -ltnS; apply: leq_trans size; apply: (neighbourhood_smaller vW nuv).
apply/bigcupP/idP => [[[u v] /= /and3P[uW vW nuv]] | Hm].
  have nvu : ~~ near adjacent v u by rewrite near_sym.
  rewrite inE (step u v) // (step v u) // !inE.
  by rewrite !maximal_in_neighbourhood // => /orP[] /andP[].
have [sub cl H] := maximalP _ _ _ Hm.
have : [exists u in C, exists v in W, ~~ near adjacent u v].
  apply: contraR ncW => /exists_inPn none.
  suff -> : W = C by [].
  apply/eqP; rewrite eqEsubset sub andbT; apply/subsetP => v vW.
  apply: (maximal_holds sym Hm vW) => x xC; rewrite near_sym //.
  by apply: contraNT (none x xC) => nxv; apply/exists_inP; exists v.
case/exists_inP => u uC /exists_inP[v vW nuv].
have uW := subsetP sub u uC.
exists (u, v); first by rewrite /= uW vW nuv.
by rewrite inE (step u v) // inE maximal_in_neighbourhood // Hm uC.
Qed.

Section EventLemmas.
Variables (T K : finType) (type : T -> K) (head tail : T -> nat).
Implicit Types events : {set {set T}}.
Local Notation linked_positions := (linked_positions head tail).
Local Notation decode_type := (decode_type type head tail).
Local Notation decode := (decode type head tail).
Local Notation arguments := (arguments type).
Local Notation of_type := (of_type type).
Local Notation well_formed := (well_formed type).

Lemma linkedP events x y : reflect (exists2 e, e \in events & (x \in e) && (y \in e)) (linked events x y).
Proof. exact: exists_inP. Qed.

Lemma linked_sym events : symmetric (linked events).
Proof. by move=> x y; apply/linkedP/linkedP => -[e eE /andP[xe ye]]; exists e; rewrite ?xe ?ye. Qed.

Lemma linked_endsP (end_ : T -> nat) events x y : reflect
  (exists e s t, [/\ e \in events, s \in e, t \in e, s != t &
    (end_ s = end_ x /\ end_ t = end_ y) \/ (end_ s = end_ y /\ end_ t = end_ x)]) (linked_ends end_ events x y).
Proof.
apply: (iffP exists_inP) => [[e eE /exists_inP[s se /exists_inP[t te /andP[st]]]] | [e [s [t [eE se te st H]]]]].
  by case/orP => /andP[/eqP a /eqP b]; exists e, s, t; split=> //; [left | right].
exists e => //; apply/exists_inP; exists s => //; apply/exists_inP; exists t => //.
by rewrite st; case: H => -[-> ->]; rewrite !eqxx ?orbT.
Qed.

Lemma linked_ends_sym end_ events : symmetric (linked_ends end_ events).
Proof.
by move=> x y; apply/linked_endsP/linked_endsP => -[e [s [t [eE se te st H]]]]; exists e, s, t; split=> //;
  case: H => -[a b]; [right | left | right | left].
Qed.

Lemma linked_positions_sym events : symmetric (linked_positions events).
Proof. by move=> x y; rewrite /Events.linked_positions !(linked_ends_sym _ events x). Qed.

Lemma linked_has_ends end_ events x y : x != y -> linked events x y -> linked_ends end_ events x y.
Proof. by move=> xy /linkedP[e eE /andP[xe ye]]; apply/linked_endsP; exists e, x, y; split=> //; left. Qed.

Lemma ends_are_linked end_ events x y : injective end_ -> linked_ends end_ events x y -> linked events x y.
Proof.
move=> inj /linked_endsP[e [s [t [eE se te _ H]]]]; apply/linkedP; exists e => //.
by case: H => -[/inj <- /inj <-]; rewrite se te.
Qed.

(** Where ends are distinct, a link between positions is membership in a common event. *)
Lemma near_positions events x y : distinct_ends head tail ->
  near (linked_positions events) x y = near (linked events) x y.
Proof.
move=> distinct; rewrite /near; case: eqP => //= /eqP xy; apply/andP/idP => [[h t] | xyL].
  by case: distinct => inj; [apply: ends_are_linked h | apply: ends_are_linked t].
by split; apply: linked_has_ends.
Qed.

Lemma eq_near_cliques (a b : rel T) (W : {set T}) :
  (forall x y, x \in W -> y \in W -> near a x y = near b x y) -> maximal_cliques a W = maximal_cliques b W.
Proof.
move=> H.
have eqc (L : {set T}) : L \subset W -> clique a L = clique b L.
  move=> /subsetP LW; apply/cliqueP/cliqueP => C u v uL vL; have := C u v uL vL; by rewrite H // LW.
apply/setP => C; rewrite !inE; apply/maximalP/maximalP => -[CW Cc M]; split=> //.
- by rewrite -eqc.
- by move=> L LW Lc; apply: M; rewrite ?eqc.
- by rewrite eqc.
- by move=> L LW Lc; apply: M; rewrite -?eqc.
Qed.

Lemma complete_cliques (a : rel T) (W : {set T}) : clique a W -> maximal_cliques a W = [set W].
Proof.
move=> cW; apply/setP => C; rewrite !inE; apply/maximalP/eqP => [[sub cl H] | ->]; first by rewrite (H W).
by split=> // L LW _ WL; apply/eqP; rewrite eqEsubset LW.
Qed.

(** Gilmore's theorem. *)
Section Gilmore.
Variable family : {set {set T}}.
Variable nonempty : forall e, e \in family -> e != set0.
Local Notation cliques := (maximal_cliques (linked family) (cover family)).

Lemma in_cover e : e \in family -> e \subset cover family.
Proof. by move=> eF; apply: bigcup_sup. Qed.

Lemma event_is_clique e : e \in family -> clique (linked family) e.
Proof. by move=> eF; apply/cliqueP => x y xe ye; apply/orP; right; apply/linkedP; exists e; rewrite ?xe. Qed.

Lemma in_shared (a b c : {set T}) w : (w \in shared a b c) =
  [|| (w \in a) && (w \in b), (w \in b) && (w \in c) | (w \in a) && (w \in c)].
Proof. by rewrite !inE orbA. Qed.

Lemma shared_is_clique (a b c : {set T}) :
  a \in family -> b \in family -> c \in family -> clique (linked family) (shared a b c).
Proof.
move=> aF bF cF; apply/cliqueP => x y; rewrite !in_shared => Hx Hy; apply/orP; right; apply/linkedP.
have : [|| (x \in a) && (y \in a), (x \in b) && (y \in b) | (x \in c) && (y \in c)].
  by case/or3P: Hx => /andP[-> ->]; case/or3P: Hy => /andP[-> ->]; rewrite ?orbT.
by case/or3P => H; [exists a | exists b | exists c].
Qed.

Lemma clique_sub (A B : {set T}) : A \subset B -> clique (linked family) B -> clique (linked family) A.
Proof. by move=> /subsetP AB /cliqueP H; apply/cliqueP => u v uA vA; apply: H; apply: AB. Qed.

Lemma clique_in_event (L : {set T}) : gilmore family -> L != set0 -> L \subset cover family ->
  clique (linked family) L -> exists2 e, e \in family & L \subset e.
Proof.
move=> G; have [n] := ubnP #|L|; elim: n L => // n IH L size L0 LW Lc.
have /set0Pn[x xL] := L0.
have rest (v : T) (e : {set T}) : v \in e -> L :\ v \subset e -> L \subset e.
  by move=> ve /subsetP H; apply/subsetP => w wL; case: (w =P v) => [-> // | /eqP wv]; apply: H; rewrite !inE wv.
have [/eqP L1 | /set0Pn[y yL1]] := boolP (L :\ x == set0).
  have /bigcupP[e eF xe] := subsetP LW x xL; exists e => //.
  by apply: (rest x) => //; rewrite L1 sub0set.
have /andP[yx yL] : (y != x) && (y \in L) by move: yL1; rewrite !inE.
have [/eqP L2 | /set0Pn[z zL2]] := boolP (L :\ x :\ y == set0).
  have := cliqueP _ _ Lc x y xL yL; rewrite /near eq_sym (negbTE yx) /= => /linkedP[e eF /andP[xe ye]].
  exists e => //; apply: (rest x) => //; apply/subsetP => w wL1.
  by case: (w =P y) => [-> // | /eqP wy]; have : w \in L :\ x :\ y; [rewrite 2!inE wy | rewrite L2 inE].
have /and3P[zy zx zL] : [&& z != y, z != x & z \in L] by move: zL2; rewrite !inE.
have part (u v : T) : u \in L -> v \in L -> u != v -> exists2 e, e \in family & L :\ v \subset e.
  move=> uL vL uv; apply: IH.
  - by move: size; rewrite (cardsD1 v L) vL add1n ltnS.
  - by apply/set0Pn; exists u; rewrite !inE uv.
  - exact: subset_trans (subsetDl _ _) LW.
  - exact: clique_sub (subsetDl _ _) Lc.
have [a aF /subsetP aL] := part y x yL xL yx.
have xy : x != y by rewrite eq_sym.
have [b bF /subsetP bL] := part x y xL yL xy.
have xz : x != z by rewrite eq_sym.
have [c cF /subsetP cL] := part x z xL zL xz.
have [e eF /subsetP eS] := G a b c aF bF cF; exists e => //; apply/subsetP => w wL; apply: eS; rewrite in_shared.
case: (w =P x) => [-> | /eqP wx].
  by rewrite (bL x) ?(cL x) ?orbT // !inE ?xy ?xz.
case: (w =P y) => [-> | /eqP wy].
  by rewrite (aL y) ?(cL y) ?orbT // !inE ?yx // eq_sym zy.
by rewrite (aL w) ?(bL w) // !inE ?wx ?wy.
Qed.

Lemma gilmore_cliques : family != set0 -> cliques = family <-> none_inside family /\ gilmore family.
Proof.
case/set0Pn => e0 e0F; split=> [eq_family | [none G]].
  split=> [a b aF bF ab | a b c aF bF cF].
    have : a \in cliques by rewrite eq_family.
    by rewrite inE => /maximalP[_ _ H]; rewrite (H b) ?in_cover ?event_is_clique.
  have sub : shared a b c \subset cover family.
    by rewrite !subUset !subIset // in_cover.
  case: (clique_extends sub (shared_is_clique aF bF cF)) => M Mm MS.
  by exists M; rewrite // -eq_family inE.
apply/setP => C; rewrite inE; apply/maximalP/idP => [[CW Cc H] | CF].
  have C0 : C != set0.
    apply/eqP => C0; have /set0Pn[x xe] := nonempty e0F.
    have xW : [set x] \subset cover family by rewrite sub1set (subsetP (in_cover e0F)).
    have xc : clique (linked family) [set x].
      by apply/cliqueP => u v /set1P-> /set1P->; rewrite /near eqxx.
    have := H [set x] xW xc; rewrite C0 sub0set => /(_ isT) /eqP.
    by rewrite -cards_eq0 cards1.
  have [e eF Ce] := clique_in_event G C0 CW Cc.
  by rewrite -(H e) ?in_cover ?event_is_clique.
split; [exact: in_cover | exact: event_is_clique |].
move=> L LW Lc CL.
have L0 : L != set0.
  by have /set0Pn[x xC] := nonempty CF; apply/set0Pn; exists x; apply: (subsetP CL).
have [e eF Le] := clique_in_event G L0 LW Lc.
have Ce := none C e CF eF (subset_trans CL Le).
by apply/eqP; rewrite eqEsubset CL andbT Ce.
Qed.
End Gilmore.

Section Types.
Variable events : {set {set T}}.
Variable formed : well_formed events.

Lemma in_arguments (e : {set T}) x k : e \in events -> x \in e -> type x = k -> x \in arguments events k.
Proof. by move=> eE xe <-; rewrite inE eqxx andbT; apply/bigcupP; exists e. Qed.

Lemma type_of_arguments (e : {set T}) x k : e \subset arguments events k -> x \in e -> type x = k.
Proof. by move=> /subsetP H /H; rewrite inE => /andP[_ /eqP]. Qed.

Lemma in_of_type (e : {set T}) x : e \in events -> x \in e -> e \in of_type events (type x).
Proof.
move=> eE xe; rewrite inE eE; apply/subsetP => y ye; apply: (in_arguments eE ye).
by have [_ H] := formed eE; apply: H.
Qed.

Lemma cover_of_type k : cover (of_type events k) = arguments events k.
Proof.
apply/setP => x; apply/bigcupP/idP => [[e eT xe] | ].
  by move: eT; rewrite inE => /andP[_ /subsetP]; apply.
rewrite inE => /andP[/bigcupP[e eE xe] /eqP <-]; exists e => //; exact: in_of_type.
Qed.

Lemma of_type_nonempty k (e : {set T}) : e \in of_type events k -> e != set0.
Proof. by rewrite inE => /andP[eE _]; have [] := formed eE. Qed.

Lemma no_arguments k : arguments events k = set0 -> of_type events k = set0.
Proof.
move=> none; apply/setP => e; rewrite !inE; apply/negbTE/negP => /andP[eE].
by rewrite none subset0; have [/negbTE -> _] := formed eE.
Qed.

Lemma some_arguments k : arguments events k != set0 -> of_type events k != set0.
Proof. by apply: contraNneq => none; rewrite -cover_of_type none /cover big_set0. Qed.

Lemma linked_of_type k x y : x \in arguments events k -> linked events x y = linked (of_type events k) x y.
Proof.
rewrite inE => /andP[_ /eqP <-]; apply/linkedP/linkedP => -[e eE /andP[xe ye]]; exists e; rewrite ?xe ?ye //.
  exact: in_of_type.
by move: eE; rewrite inE => /andP[].
Qed.

Lemma clique_nonempty (a : rel T) (W C : {set T}) : W != set0 -> C \in maximal_cliques a W -> C != set0.
Proof.
case/set0Pn => x xW; rewrite inE => /maximalP[_ _ H]; apply/eqP => C0.
have xc : clique a [set x] by apply/cliqueP => u v /set1P-> /set1P->; rewrite /near eqxx.
have := H [set x]; rewrite sub1set xW C0 sub0set => /(_ isT xc isT) /eqP.
by rewrite -cards_eq0 cards1.
Qed.

Lemma decoded_inside k C : C \in decode_type events k -> C != set0 /\ C \subset arguments events k.
Proof.
rewrite /Events.decode_type; case: eqP => [_ | /eqP some]; first by rewrite inE.
move=> Cm; split; first exact: clique_nonempty Cm.
by move: Cm; rewrite inE => /maximalP[].
Qed.

(** Types do not mix: all events come back if and only if those of each type do. *)
Lemma decode_by_type : decode events = events <-> forall k, decode_type events k = of_type events k.
Proof.
split=> [all k | each]; apply/setP => C.
  apply/idP/idP => [Ck | ].
    rewrite inE -{1}all; have [_ ->] := decoded_inside Ck; rewrite andbT.
    by apply/bigcupP; exists k.
  rewrite inE => /andP[CE Csub]; move: (CE); rewrite -{1}all => /bigcupP[k' _ Ck'].
  have [/set0Pn[x xC] sub'] := decoded_inside Ck'.
  by rewrite -(type_of_arguments Csub xC) (type_of_arguments sub' xC).
apply/bigcupP/idP => [[k _] | CE]; first by rewrite each inE => /andP[].
have [/set0Pn[x xC] _] := formed CE; exists (type x) => //; rewrite each; exact: in_of_type.
Qed.

Lemma decode_type_distinct k : distinct_ends head tail -> arguments events k != set0 ->
  decode_type events k = maximal_cliques (linked (of_type events k)) (cover (of_type events k)).
Proof.
move=> distinct some; rewrite /Events.decode_type (negbTE some) cover_of_type.
by apply: eq_near_cliques => x y xW _; rewrite near_positions // /near (linked_of_type y xW).
Qed.
End Types.
End EventLemmas.

(** events.complete, clause positions: all come back if and only if those of each type that has arguments are exactly the
    maximal cliques of the graph of positions. *)
Theorem comes_back : forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}),
  well_formed type events ->
  decode type head tail events = events <->
  forall k, arguments type events k != set0 ->
    of_type type events k = maximal_cliques (linked_positions head tail events) (arguments type events k).
Proof.
move=> T K type head tail events formed; rewrite decode_by_type //; split=> H k.
  by move=> some; rewrite -H /decode_type (negbTE some).
rewrite /decode_type; case: eqP => [none | /eqP some]; first by rewrite no_arguments.
by rewrite H.
Qed.

(** The same clause: the decoder's own search, which goes over the pairs, gives these cliques. *)
Theorem searched : forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}) (k : K),
  search (linked_positions head tail events) #|T| (arguments type events k) =
  maximal_cliques (linked_positions head tail events) (arguments type events k).
Proof. by move=> *; apply: search_finds; [apply: linked_positions_sym | apply: max_card]. Qed.

(** events.complete, clause distinct: no event inside another, and Gilmore's criterion. *)
Theorem comes_back_distinct : forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}),
  well_formed type events -> distinct_ends head tail ->
  decode type head tail events = events <-> none_inside events /\ gilmore events.
Proof.
move=> T K type head tail events formed distinct; rewrite decode_by_type //; split=> [each | [none G] k].
  have ok k : arguments type events k != set0 -> none_inside (of_type type events k) /\ gilmore (of_type type events k).
    move=> some; apply/gilmore_cliques; [exact: of_type_nonempty formed k | exact: some_arguments |].
    by rewrite -[RHS]each decode_type_distinct.
  have some x e : e \in events -> x \in e -> arguments type events (type x) != set0.
    by move=> eE xe; apply/set0Pn; exists x; apply: (in_arguments eE).
  split=> [a b aE bE ab | a b c aE bE cE].
    have [/set0Pn[x xa] _] := formed a aE.
    have [none _] := ok _ (some x a aE xa).
    by apply: none => //; [apply: (in_of_type formed) | apply: (in_of_type formed) => //; apply: (subsetP ab)].
  have two (a' b' c' : {set T}) x : a' \in events -> b' \in events -> c' \in events -> x \in a' -> x \in b' ->
      exists2 e, e \in events & shared a' b' c' \subset e.
    move=> a'E b'E c'E xa xb; have [_ G] := ok _ (some x a' a'E xa).
    have [a'T b'T] := (in_of_type formed a'E xa, in_of_type formed b'E xb).
    case: (boolP (c' \in of_type type events (type x))) => [c'T | other].
      by have [e eT sub] := G a' b' c' a'T b'T c'T; exists e => //; move: eT; rewrite inE => /andP[].
    exists a' => //; apply/subsetP => w; rewrite in_shared => /or3P[/andP[] // | /andP[wb wc] | /andP[] //].
    have [_ sameb] := formed b' b'E.
    by case/negP: other; rewrite (sameb x w xb wb); exact: in_of_type.
  have [S0 | /set0Pn[x]] := boolP (shared a b c == set0); first by exists a; rewrite // (eqP S0) sub0set.
  rewrite in_shared => /or3P[] /andP[xu xv]; first exact: (two a b c x).
    have -> : shared a b c = shared b c a by apply/setP => w; rewrite !in_shared; do 3![case: (_ \in _)].
    exact: (two b c a x).
  have -> : shared a b c = shared a c b by apply/setP => w; rewrite !in_shared; do 3![case: (_ \in _)].
  exact: (two a c b x).
have [none' | some] := boolP (arguments type events k == set0).
  by rewrite /decode_type none' (no_arguments formed (eqP none')).
rewrite decode_type_distinct //; apply/gilmore_cliques; [exact: of_type_nonempty formed k | exact: some_arguments |].
split=> [a b | a b c].
  by rewrite !inE => /andP[aE _] /andP[bE _]; apply: none.
move=> aT bT cT; have inE' e : e \in of_type type events k -> e \in events by rewrite inE => /andP[].
have [e eE sub] := G a b c (inE' a aT) (inE' b bT) (inE' c cT).
have [S0 | /set0Pn[x xS]] := boolP (shared a b c == set0); first by exists a; rewrite // (eqP S0) sub0set.
exists e => //; have xe := subsetP sub x xS.
have <- : type x = k.
  have inside d : d \in of_type type events k -> x \in d -> type x = k.
    by rewrite inE => /andP[_ dsub] xd; apply: (type_of_arguments dsub xd).
  by move: xS; rewrite in_shared => /or3P[] /andP[xa xb]; [apply: inside aT _ | apply: inside bT _ | apply: inside aT _].
exact: in_of_type.
Qed.

(** events.shared-trigger, clause distinct: two events of a type, whatever they share and whatever other types have. *)
Theorem two_come_back : forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}) (k : K)
    (a b : {set T}),
  well_formed type events -> distinct_ends head tail -> of_type type events k = [set a; b] ->
  ~~ (a \subset b) -> ~~ (b \subset a) -> decode_type type head tail events k = [set a; b].
Proof.
move=> T K type head tail events k a b formed distinct two nab nba.
have aT : a \in of_type type events k by rewrite two !inE eqxx.
have some : arguments type events k != set0.
  have /set0Pn[x xa] := of_type_nonempty formed aT; apply/set0Pn; exists x.
  by move: aT; rewrite inE => /andP[_ /subsetP]; apply.
rewrite decode_type_distinct // -two; apply/gilmore_cliques; [exact: of_type_nonempty formed k | exact: some_arguments |].
rewrite two; split=> [u v | u v w].
  by rewrite !inE => /orP[]/eqP-> /orP[]/eqP-> //; [rewrite (negbTE nab) | rewrite (negbTE nba)].
by rewrite !inE => /orP[]/eqP-> /orP[]/eqP-> /orP[]/eqP->;
  do ?[by exists a; rewrite ?inE ?eqxx //; apply/subsetP => y; rewrite !inE; case: (y \in a); case: (y \in b)
      |by exists b; rewrite ?inE ?eqxx ?orbT //; apply/subsetP => y; rewrite !inE; case: (y \in a); case: (y \in b)].
Qed.

(** events.shared-trigger, clause contained, whatever the positions are. *)
Theorem inside_is_lost : forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}})
    (a b : {set T}),
  well_formed type events -> a \in events -> b \in events -> b \proper a -> b \notin decode type head tail events.
Proof.
move=> T K type head tail events a b formed aE bE /properP[ba [z za zb]]; apply/negP => /bigcupP[k _ bk].
have [/set0Pn[x xb] sub] := decoded_inside bk.
have [_ same] := formed a aE.
have zk : type z = k by rewrite (same z x za (subsetP ba x xb)) (type_of_arguments sub xb).
have zW := in_arguments aE za zk.
case/negP: zb; move: bk; rewrite /decode_type; case: eqP => [_ | _]; first by rewrite inE.
rewrite inE => bm; apply: (maximal_holds (linked_positions_sym head tail events) bm zW) => y yb.
rewrite /near; case: eqP => //= /eqP zy.
have zyL : linked events z y by apply/linkedP; exists a; rewrite // za (subsetP ba y yb).
by rewrite /linked_positions !linked_has_ends.
Qed.

(** events.complete, clause smallest: up to two events fail only where one is inside the other; three that link three
    arguments by pairs come back as one. *)
Theorem up_to_two : forall (T K : finType) (type : T -> K) (head tail : T -> nat) (events : {set {set T}}),
  well_formed type events -> distinct_ends head tail -> #|events| <= 2 ->
  decode type head tail events = events <-> none_inside events.
Proof.
move=> T K type head tail events formed distinct few; rewrite comes_back_distinct //.
split=> [[] // | none]; split=> // a b c aE bE cE.
have : [|| a == b, b == c | a == c].
  apply: contraLR few; rewrite !negb_or -ltnNge => /and3P[ab bc ac].
  have <- : #|[set a; b; c]| = 3 by rewrite -setUA !cardsU1 cards1 !inE negb_or ab ac bc.
  by apply: subset_leq_card; apply/subsetP => e; rewrite !inE => /orP[/orP[]|] /eqP->.
by case/or3P => /eqP ->; [exists b | exists c | exists c] => //; apply/subsetP => w; rewrite in_shared;
  do ?case: (_ \in _).
Qed.

Theorem three_become_one : forall (T K : finType) (type : T -> K) (head tail : T -> nat) (x y z : T),
  x != y -> y != z -> x != z -> type x = type y -> type x = type z ->
  decode type head tail [set [set x; y]; [set y; z]; [set x; z]] = [set [set x; y; z]].
Proof.
move=> T K type head tail x y z xy yz xz txy txz; set events := [set _; _; _].
have pair u v : [set u; v] \in events -> u != v -> near (linked_positions head tail events) u v.
  move=> uvE uv; apply/orP; right.
  have L : linked events u v by apply/linkedP; exists [set u; v]; rewrite // !inE !eqxx orbT.
  by rewrite /linked_positions !linked_has_ends.
have nears := near_sym (linked_positions_sym head tail events).
have cl : clique (linked_positions head tail events) [set x; y; z].
  have nxy : near (linked_positions head tail events) x y by apply: pair; rewrite // !inE eqxx.
  have nyz : near (linked_positions head tail events) y z by apply: pair; rewrite // !inE eqxx orbT.
  have nxz : near (linked_positions head tail events) x z by apply: pair; rewrite // !inE eqxx orbT.
  apply/cliqueP => u v; rewrite !inE -!orbA => /or3P[]/eqP-> /or3P[]/eqP->;
    by rewrite ?nxy ?nyz ?nxz // 1?nears ?nxy ?nyz ?nxz // /near eqxx.
have args k : arguments type events k = if k == type x then [set x; y; z] else set0.
  apply/setP => w; rewrite inE /cover.
  have -> : (w \in \bigcup_(B in events) B) = (w \in [set x; y; z]).
    apply/bigcupP/idP => [[e] | ].
      by rewrite !inE => /orP[/orP[]|] /eqP->; rewrite !inE => /orP[] ->; rewrite ?orbT.
    rewrite !inE -orbA => /or3P[] /eqP->; [exists [set x; y] | exists [set x; y] | exists [set y; z]];
      by rewrite !inE !eqxx ?orbT.
  have [-> | nk] := eqVneq k (type x).
    by apply: andb_idr; rewrite !inE -orbA => /or3P[] /eqP->; rewrite -?txy -?txz.
  rewrite in_set0; apply/negbTE/negP => /andP[]; rewrite !inE -orbA => /or3P[] /eqP-> /eqP H; case/eqP: nk.
  - by rewrite -H.
  - by rewrite -H txy.
  - by rewrite -H txz.
have W0 : [set x; y; z] != set0 by apply/set0Pn; exists x; rewrite !inE eqxx.
apply/setP => C; apply/bigcupP/idP => [[k _] | Cm].
  rewrite /decode_type args; case: (k == type x); last by rewrite eqxx inE.
  by rewrite (negbTE W0) complete_cliques.
by exists (type x) => //; rewrite /decode_type args eqxx (negbTE W0) complete_cliques.
Qed.

Section Anchors.
Variables (T V K : finType) (trigger : pred T) (type : T -> K) (head tail : T -> nat).
Variable labelled : {set {set T} * {set V}}.
Local Notation family := [set spread trigger e | e in labelled].
Local Notation decoded := (decode (anchored type) (anchored head) (anchored tail) family).

Lemma companion (d : {set T + T * V}) t v : d \in decoded ->
  (exists2 e, e \in labelled & inr (t, v) \in spread trigger e) -> (inl t \in d) = (inr (t, v) \in d).
Proof.
case/bigcupP => k _ dk [e eL ve]; have [/set0Pn[x xd] sub] := decoded_inside dk.
have eF : spread trigger e \in family by apply/imsetP; exists e.
have te : inl t \in spread trigger e by move: ve; rewrite !inE => /andP[].
have maximal_d : maximal (linked_positions (anchored head) (anchored tail) family)
    (arguments (anchored type) family k) d.
  by move: dk; rewrite /decode_type; case: eqP => _; rewrite inE.
have sym := linked_positions_sym (anchored (V:=V) head) (anchored tail) family.
have moves (a b : T + T * V) : a \in d -> a \in spread trigger e -> b \in spread trigger e -> a != b ->
    anchored type a = anchored type b -> anchored head a = anchored head b -> anchored tail a = anchored tail b -> b \in d.
  move=> ad ae be ab tab hab lab; have kb : anchored type b = k by rewrite -tab (type_of_arguments sub ad).
  apply: (maximal_holds sym maximal_d (in_arguments eF be kb)) => w wd.
  rewrite (near_sym sym) /near; case: eqP => //= /eqP wb.
  have [-> | /eqP wa] := altP (w =P a).
    have L : linked family a b by apply/linkedP; exists (spread trigger e); rewrite // ae be.
    by rewrite /linked_positions !linked_has_ends.
  have [_ dclique _] := maximalP _ _ _ maximal_d.
  have := cliqueP _ _ dclique w a wd ad; rewrite /near; case: eqP => [// | _] /=.
  by rewrite /linked_positions /linked_ends hab lab.
apply/idP/idP => H.
  exact: (moves (inl t) (inr (t, v))).
exact: (moves (inr (t, v)) (inl t)).
Qed.

Lemma anchor_node (d : {set T + T * V}) t v : d \in decoded -> inr (t, v) \in d ->
  exists2 e, e \in labelled & inr (t, v) \in spread trigger e.
Proof.
case/bigcupP => k _ dk vd; have [_ sub] := decoded_inside dk.
by have := subsetP sub _ vd; rewrite inE => /andP[/bigcupP[_ /imsetP[e eL ->] ve] _]; exists e.
Qed.

Lemma gathered (d : {set T + T * V}) : d \in decoded -> gather d \in labelled -> d = spread trigger (gather d).
Proof.
move=> dD gL; apply/setP => -[x | [t v]]; rewrite !inE //=.
have node e : e \in labelled -> t \in e.1 -> trigger t -> v \in e.2 ->
    exists2 e, e \in labelled & inr (t, v) \in spread trigger e.
  by move=> eL te tt ve; exists e; rewrite // !inE /= te tt ve.
apply/idP/and3P => [vd | [td tt /existsP[t' t'd]]].
  have n := anchor_node dD vd; have [e _] := n; rewrite !inE /= => /and3P[_ tt _].
  by split; [rewrite (companion dD n) | exact: tt | apply/existsP; exists t].
have n : exists2 e, e \in labelled & inr (t, v) \in spread trigger e.
  by apply: (node (gather d)) => //; rewrite !inE //; apply/existsP; exists t'.
by rewrite -(companion dD n).
Qed.
End Anchors.

(** events.categorical, clause exact: turned into roles and back, nothing is lost if and only if every event with a value
    has a trigger and the events with their values as roles come back. *)
Theorem categorical_exact : forall (T V K : finType) (trigger : pred T) (type : T -> K) (head tail : T -> nat)
    (labelled : {set {set T} * {set V}}),
  let family := [set spread trigger e | e in labelled] in
  let decoded := decode (anchored type) (anchored head) (anchored tail) family in
  [set gather d | d in decoded] = labelled <->
  (forall e, e \in labelled -> e.2 != set0 -> exists2 t, t \in e.1 & trigger t) /\ decoded = family.
Proof.
move=> T V K trigger type head tail labelled family decoded; split=> [all | [tr ->]].
  split=> [e eL /set0Pn[v] | ].
    move: eL; rewrite -{1}all => /imsetP[d dD ->]; rewrite inE => /existsP[t vd].
    have n := anchor_node dD vd; have [e' _ ve'] := n.
    exists t; first by rewrite inE (companion dD n).
    by move: ve'; rewrite !inE /= => /and3P[].
  apply/setP => d; apply/idP/imsetP => [dD | [e eL ->]].
    have gL : gather d \in labelled by rewrite -all; apply/imsetP; exists d.
    by exists (gather d) => //; exact: gathered dD gL.
  have := eL; rewrite -{1}all => /imsetP[d' d'D ed].
  by rewrite ed -(gathered d'D) // -ed.
have back e : e \in labelled -> gather (spread trigger e) = e.
  move=> eL; case: e eL => e vs eL; congr pair; apply/setP => x; rewrite !inE //.
  apply/existsP/idP => [[t] | xv]; first by rewrite !inE /= => /and3P[].
  have [|t te tt] := tr _ eL; first by apply/set0Pn; exists x.
  by exists t; rewrite !inE /= te tt xv.
apply/setP => d; apply/imsetP/idP => [[_ /imsetP[e eL ->] ->] | dL]; first by rewrite back.
by exists (spread trigger d); [apply/imsetP; exists d | rewrite back].
Qed.

(** events.categorical, clause clash: two events that share a trigger t; whatever comes back with t has the values of both. *)
Theorem values_clash : forall (T V K : finType) (trigger : pred T) (type : T -> K) (head tail : T -> nat)
    (labelled : {set {set T} * {set V}}) a b t v w,
  let family := [set spread trigger e | e in labelled] in
  a \in labelled -> b \in labelled -> t \in a.1 -> t \in b.1 -> trigger t -> v \in a.2 -> w \in b.2 ->
  forall d, d \in decode (anchored type) (anchored head) (anchored tail) family -> inl t \in d ->
  (v \in (gather d).2) && (w \in (gather d).2).
Proof.
move=> T V K trigger type head tail labelled a b t v w family aL bL ta tb tt va wb d dD td.
have nv : exists2 e, e \in labelled & inr (t, v) \in spread trigger e by exists a; rewrite // !inE /= ta tt va.
have nw : exists2 e, e \in labelled & inr (t, w) \in spread trigger e by exists b; rewrite // !inE /= tb tt wb.
by rewrite !inE; apply/andP; split; apply/existsP; exists t; rewrite -(companion dD).
Qed.
