"""Pointers, losses, decoders, formats and training of the relation and event heads."""

from __future__ import annotations

import json
import math
from itertools import combinations

import mpmath
import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from torchcheck.modules import (
    EfficientGlobalPointer,
    GlobalPointer,
    GPLinkerEvents,
    GPLinkerRelations,
    multilabel_loss,
    sparse_multilabel_loss,
)
from torchcheck.modules import events as ev
from torchcheck.modules import relations as rel
from torchcheck.modules.corpora import occurrences, read_events, read_relations, to_tokens
from torchcheck.modules.events import TRIGGER, Argument, article_cliques, conformal, exact, gather, spread
from torchcheck.modules.multilabel import article_multilabel_loss, article_sparse_loss
from torchcheck.modules.relations import Quintuple, crossings
from torchcheck.modules.rotary import rotate
from torchcheck.probes.flash.cost import peak_memory
from torchcheck.probes.gplinker import corpus
from torchcheck.probes.gplinker.multilabel import accuracy, bounds
from torchcheck.probes.gplinker.training import extraction

# pointers


@pytest.mark.parametrize("rotary", [False, True])
def test_pointers_are_their_definitions(rotary: bool) -> None:
    torch.manual_seed(0)
    n, size, classes = 5, 4, 3
    x = torch.randn(2, n, 6, dtype=torch.float64)
    places = torch.arange(n)
    standard = GlobalPointer(6, classes, size, rotary=rotary, triangular=False).double()
    efficient = EfficientGlobalPointer(6, classes, size, rotary=rotary, triangular=False).double()

    def turned(t: Tensor) -> Tensor:
        return rotate(t, places) if rotary else t

    w = standard.project(x)
    for a in range(classes):
        q, k = (turned(w[..., (part * classes + a) * size : (part * classes + a + 1) * size]) for part in (0, 1))
        torch.testing.assert_close(standard(x)[:, a], q @ k.mT / size**0.5)
    both = efficient.project(x)
    pairs = turned(both[..., :size]) @ turned(both[..., size:]).mT / size**0.5
    ends = efficient.ends(both)
    for a in range(classes):
        expected = pairs + ends[..., a, None] / 2 + ends[:, None, :, classes + a] / 2
        torch.testing.assert_close(efficient(x)[:, a], expected)


@pytest.mark.parametrize("pointer", [GlobalPointer, EfficientGlobalPointer])
@pytest.mark.parametrize("triangular", [False, True])
def test_impossible_pairs_score_minus_infinity(pointer: type, triangular: bool) -> None:
    x = torch.randn(1, 4, 6)
    mask = torch.tensor([[True, True, True, False]])
    out = pointer(6, 2, 4, triangular=triangular)(x, mask)
    allowed = torch.ones(4, 4, dtype=torch.bool)
    allowed[3], allowed[:, 3] = False, False
    if triangular:
        allowed = allowed.triu()
    assert (out[0].isfinite() == allowed).all()
    assert pointer(6, 2, 4).half()(x.half(), mask).isneginf().any()
    with pytest.raises(ValueError, match="at least 1"):
        pointer(6, 0)


@pytest.mark.parametrize("pointer", [GlobalPointer, EfficientGlobalPointer])
def test_scores_are_made_once(pointer: type) -> None:
    layer, x = pointer(8, 20, 4), torch.randn(2, 256, 8)
    mask = torch.ones(2, 256, dtype=torch.bool)
    peak = peak_memory(lambda: layer(x, mask), torch.device("cpu"))
    assert peak < 1.3 * layer(x, mask).numel() * 4


# losses


def _labels(positives: Tensor, classes: int) -> Tensor:
    labels = torch.zeros(*positives.shape[:-1], classes + 1, dtype=torch.bool)
    return labels.scatter(-1, positives.where(positives >= 0, torch.tensor(classes)), True)[..., :classes]


@settings(max_examples=60)
@given(st.integers(1, 9), st.integers(0, 5), st.integers(0, 10**6), st.sampled_from([0.01, 1.0, 30.0]))
def test_sparse_is_dense(classes: int, count: int, seed: int, size: float) -> None:
    """Values and gradients, repeated indices and padding included."""
    g = torch.Generator().manual_seed(seed)
    scores = (size * torch.randn(3, 2, classes, generator=g, dtype=torch.float64)).requires_grad_()
    positives = torch.randint(-1, classes, (3, 2, count), generator=g)
    dense = multilabel_loss(scores, _labels(positives, classes))
    sparse = sparse_multilabel_loss(scores, positives)
    torch.testing.assert_close(sparse, dense, rtol=1e-13, atol=1e-300)
    weights = torch.randn(3, 2, generator=g, dtype=torch.float64)
    grads = [torch.autograd.grad((loss * weights).sum(), scores)[0] for loss in (dense, sparse)]
    torch.testing.assert_close(*grads, rtol=1e-11, atol=1e-300)


def test_padding_zero_takes_class_zero_out() -> None:
    scores = torch.tensor([[5.0, 1.0, -2.0, 3.0]], requires_grad=True)
    loss = sparse_multilabel_loss(scores, torch.tensor([[3, 0, 0]]), padding=0)
    torch.testing.assert_close(loss, sparse_multilabel_loss(scores[:, 1:], torch.tensor([[2, -1]])))
    assert torch.autograd.grad(loss.sum(), scores)[0][0, 0] == 0


def test_textbook_forms_agree_where_they_can() -> None:
    scores = torch.randn(4, 7, dtype=torch.float64)
    positives = torch.tensor([[1, 2]]).expand(4, 2)
    ours = sparse_multilabel_loss(scores, positives)
    torch.testing.assert_close(article_sparse_loss(scores, positives), ours)
    torch.testing.assert_close(article_multilabel_loss(scores, _labels(positives, 7)), ours)
    assert not article_sparse_loss(torch.tensor([[90.0, -90.0]]), torch.tensor([[0]])).isfinite().all()
    assert sparse_multilabel_loss(torch.tensor([[90.0, -90.0]]), torch.tensor([[0]])).item() == pytest.approx(
        2 * math.exp(-90), rel=1e-6
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_extreme_scores(dtype: torch.dtype) -> None:
    top = torch.finfo(dtype).max
    scores = torch.tensor([[top, -top, -math.inf, 0.0]], dtype=dtype, requires_grad=True)
    good = sparse_multilabel_loss(scores, torch.tensor([[0]]))
    assert good.item() == pytest.approx(math.log(2), rel=float(torch.finfo(dtype).eps))  # the negative at 0
    (grad,) = torch.autograd.grad(good.sum(), scores)
    assert grad.isfinite().all()
    bad = sparse_multilabel_loss(scores, torch.tensor([[1]]))
    assert bad.item() >= top
    assert sparse_multilabel_loss(torch.full((1, 3), math.nan, dtype=dtype), torch.tensor([[0]])).isnan().all()


def test_empty_sets() -> None:
    scores = torch.randn(2, 3)
    none = torch.zeros(2, 0, dtype=torch.long)
    torch.testing.assert_close(sparse_multilabel_loss(scores, none), torch.log1p(scores.exp().sum(-1)))
    assert sparse_multilabel_loss(scores[:0], none[:0]).shape == (0,)


def test_losses_say_what_is_wrong() -> None:
    with pytest.raises(IndexError, match="positive 3 is no class: there are 3"):
        sparse_multilabel_loss(torch.zeros(1, 3), torch.tensor([[3]]))
    with pytest.raises(ValueError, match="differ in their rows"):
        sparse_multilabel_loss(torch.zeros(2, 3), torch.tensor([[1]]))


# relations


@st.composite
def _quintuples(draw: st.DrawFn) -> set[Quintuple]:
    spans = st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda s: (min(s), max(s)))
    one = st.builds(lambda s, p, o: Quintuple(*s, p, *o), spans, st.integers(0, 1), spans)
    return set(draw(st.lists(one, max_size=8)))


@given(_quintuples())
def test_decoding_adds_the_crossings_and_nothing_else(own: set[Quintuple]) -> None:
    scores = rel.scores_of([rel.encode(own, 2, 5)], 5)
    assert rel.decode(scores) == own | crossings(own) == _four_loops(scores)


def _four_loops(scores: rel.PairScores) -> set[Quintuple]:
    found = set()
    n = scores.heads.shape[-1]
    for sh in range(n):
        for st_ in range(sh, n):
            for oh in range(n):
                for ot in range(oh, n):
                    for p in range(scores.heads.shape[1]):
                        parts = (
                            scores.entities[0, 0, sh, st_],
                            scores.entities[0, 1, oh, ot],
                            scores.heads[0, p, sh, oh],
                            scores.tails[0, p, st_, ot],
                        )
                        if all(s > 0 for s in parts):
                            found.add(Quintuple(sh, st_, p, oh, ot))
    return found


def test_large_products_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {Quintuple(h, h, 0, 9 - h, 9 - h) for h in range(10)}
    scores = rel.scores_of([rel.encode(own, 2, 10)], 10)
    monkeypatch.setattr(rel, "PAIRS", 20)
    assert rel.decode(scores) == own


def test_heads_learn_one_sentence_and_labels_pad() -> None:
    torch.manual_seed(0)
    model = GPLinkerRelations(8, 2, 8, efficient=False)
    x = torch.randn(2, 6, 8)
    gold = [{Quintuple(0, 1, 0, 3, 3), Quintuple(3, 3, 1, 5, 5)}, set()]
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 3:] = False
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(120):
        optimizer.zero_grad()
        model.loss(model(x, mask), model.encode(gold, 6)).backward()
        optimizer.step()
    assert model.decode(model(x, mask)) == gold
    with pytest.raises(ValueError, match="does not fit"):
        model.encode([{Quintuple(0, 6, 0, 1, 1)}], 6)


# events


@settings(max_examples=60)
@given(st.lists(st.frozensets(st.integers(0, 5), min_size=1), min_size=1, max_size=5))
def test_gilmores_criterion_is_that_events_are_the_maximal_cliques(families: list[frozenset[int]]) -> None:
    own = set(families)
    graph = nx.Graph()
    for event in own:
        graph.add_nodes_from(event)
        graph.add_edges_from(combinations(event, 2))
    assert conformal(own) == ({frozenset(c) for c in nx.find_cliques(graph)} == own)


def test_the_articles_search_on_nothing_and_on_one() -> None:
    assert article_cliques({}) == (set(), 0)
    assert article_cliques({7: []}) == ({frozenset({7})}, 1)


def test_the_duee_example_comes_back() -> None:
    """Two people, two terms, one trigger (kexue.fm/archives/8926)."""
    roles = [("prison", r) for r in (TRIGGER, "who", "term")]
    events = {
        frozenset(
            {
                Argument("prison", TRIGGER, 9, 9),
                Argument("prison", "who", k, k),
                Argument("prison", "term", 4 + k, 4 + k),
            }
        )
        for k in (0, 1)
    }
    assert ev.decode(rel.scores_of([ev.encode(events, roles, 10)], 10), roles) == events


def test_events_of_different_types_do_not_mix() -> None:
    roles = [("a", "x"), ("b", "x")]
    events = {frozenset({Argument("a", "x", 0, 0)}), frozenset({Argument("b", "x", 0, 0)})}
    assert ev.decode(rel.scores_of([ev.encode(events, roles, 2)], 2), roles) == events
    with pytest.raises(ValueError, match="does not fit"):
        ev.encode([frozenset({Argument("c", "x", 0, 0)})], roles, 2)


def test_categorical_arguments_travel_at_the_trigger() -> None:
    event = frozenset({Argument("ipo", TRIGGER, 2, 3), Argument("ipo", "who", 0, 0)})
    carried = spread(event, "ipo", {"step": "formal"})
    assert Argument("ipo", "step=formal", 2, 3) in carried
    assert gather(carried, {"step"}) == (event, {"step": {"formal"}})
    with pytest.raises(ValueError, match="without a trigger"):
        spread(frozenset({Argument("ipo", "who", 0, 0)}), "ipo", {"step": "formal"})


def test_event_heads_have_one_undirected_link_class() -> None:
    model = GPLinkerEvents(8, [("t", "a"), ("t", "b")], 8)
    scores = model(torch.randn(1, 4, 8))
    assert scores.entities.shape == (1, 2, 4, 4)
    assert scores.heads.shape == scores.tails.shape == (1, 1, 4, 4)
    assert scores.heads[0, 0].tril(-1).isneginf().sum() == 6


# formats


def test_relation_lines_and_their_problems() -> None:
    lines = [
        json.dumps({"text": "李白 ate 李白 pie", "spo_list": [{"subject": "李白", "predicate": "p", "object": "pie"}]}),
        "{",
        "",
        json.dumps(
            {
                "text": "a b",
                "spo_list": [
                    {"subject": "a", "predicate": "p", "object": {"@value": "b"}},
                    {"subject": "z", "predicate": "p", "object": "b"},
                    {"subject": "a", "object": "b"},
                    5,
                ],
            }
        ),
        json.dumps({"txt": "a"}),
        json.dumps({"text": "a", "spo_list": {}}),
        "[" * 100000,
    ]
    read = read_relations(lines)
    assert [len(s.relations) for s in read.sentences] == [1, 1, 0]
    assert read.sentences[0].relations[0].subject == (0, 2)
    assert [p.line for p in read.problems] == [2, 4, 4, 4, 5, 6, 7]
    assert "'z' does not occur" in " ".join(p.message for p in read.problems)
    assert len(read_relations(lines[:1], "all").sentences[0].relations) == 2


def test_event_lines_and_their_problems() -> None:
    argument = {"role": "who", "argument": "Ann", "argument_start_index": 4}
    event = {"event_type": "win", "trigger": "won", "trigger_start_index": 5, "arguments": [argument, {"role": "x"}]}
    read = read_events([json.dumps({"text": "Ann won, Ann!", "event_list": [event, {"trigger": "won"}]})])
    (sentence,) = read.sentences
    assert sentence.events == (frozenset({Argument("win", TRIGGER, 4, 6), Argument("win", "who", 0, 2)}),)
    messages = " ".join(p.message for p in read.problems)
    for part in ("'won' is at 4, not at 5", "'Ann' is at 0, not at 4", "role or string", "event_type"):
        assert part in messages


def test_spans_map_to_tokens() -> None:
    offsets = [(0, 0), (0, 3), (4, 7), (7, 9), (9, 9)]  # [CLS] Ann won ,? [SEP]
    assert to_tokens((0, 3), offsets) == (1, 1)
    assert to_tokens((0, 7), offsets) == (1, 2)
    assert to_tokens((4, 9), offsets) == (2, 3)
    assert to_tokens((1, 3), offsets) is None
    assert to_tokens((0, 8), offsets) is None
    assert occurrences("aaa", "aa") == [(0, 2), (1, 3)]
    assert occurrences("aaa", "") == []


def test_the_corpus_has_what_it_says() -> None:
    relations = read_relations(corpus.relation_lines(200))
    events = read_events(corpus.event_lines(200))
    assert relations.problems == events.problems == []
    nested = [
        a
        for s in relations.sentences
        for a in s.relations
        for b in s.relations
        if a.object != b.object and a.object[0] <= b.object[0] and b.object[1] <= a.object[1]
    ]
    assert len(nested) > 20
    shared = [s for s in events.sentences if len(s.events) == 2]
    assert len(shared) > 20
    assert all(len({a for a in s.events[0] if a.role == TRIGGER} & s.events[1]) == 1 for s in shared)
    assert corpus.relation_lines(5, 1) != corpus.relation_lines(5, 2)


@pytest.mark.parametrize("kind", ["relations", "events"])
def test_heads_losses_and_decoders_learn_together(kind: str) -> None:
    scores = {m.name: m.value for m in extraction(kind, sentences=160, held_out=80)}
    assert scores["f1.seen"] == 1.0
    assert scores["f1.held-out"] > 0.9


# what a reading of all claims found


@pytest.mark.parametrize(
    ("scores", "positives", "padding"),
    [
        ([0.3, -0.7, 1.1, 0.2], [1, 2], -1),
        ([0.3, -0.7, 1.1, 0.2], [-1, -1], -1),
        ([0.3, -0.7, 1.1, 0.2], [3, 3], -1),
        ([0.3, -0.7, 1.1, 0.2], [0, 2], 0),
        ([25.0, -30.0, 3.0], [0], -1),
    ],
)
def test_the_sparse_loss_has_right_first_and_second_derivatives(
    scores: list[float], positives: list[int], padding: int
) -> None:
    s = torch.tensor([scores, scores[::-1]], dtype=torch.float64, requires_grad=True)
    p = torch.tensor([positives, positives])
    assert torch.autograd.gradcheck(lambda s: sparse_multilabel_loss(s, p, padding), (s,))
    assert torch.autograd.gradgradcheck(lambda s: sparse_multilabel_loss(s, p, padding), (s,))


@settings(max_examples=60)
@given(
    st.lists(st.floats(-85, 85, width=32), min_size=1, max_size=5),
    st.sampled_from([torch.float32, torch.float64]),
    st.booleans(),
)
def test_the_sparse_loss_and_its_gradient_are_within_four_ulp(
    scores: list[float], dtype: torch.dtype, positive: bool
) -> None:
    s = torch.tensor([scores], dtype=dtype, requires_grad=True)
    loss = sparse_multilabel_loss(s, torch.tensor([[0 if positive else -1]]))
    (grad,) = torch.autograd.grad(loss.sum(), s)
    with mpmath.workdps(120):
        own, rest = (scores[:1], scores[1:]) if positive else ([], scores)
        p, n = (1 + mpmath.fsum(mpmath.exp(sign * v) for v in part) for sign, part in ((-1, own), (1, rest)))
        exact = [mpmath.log(p) + mpmath.log(n), *(-mpmath.exp(-v) / p for v in own), *(mpmath.exp(v) / n for v in rest)]
    for value, wanted in zip([loss.item(), *grad[0].tolist()], exact, strict=True):
        if abs(wanted) > torch.finfo(dtype).tiny:
            assert abs(value - wanted) <= 4 * torch.finfo(dtype).eps * abs(wanted)


def test_losses_over_no_classes_are_0() -> None:
    nothing = torch.zeros(2, 0, requires_grad=True)
    assert sparse_multilabel_loss(nothing, torch.full((2, 3), -1)).tolist() == [0.0, 0.0]
    assert multilabel_loss(nothing, torch.zeros(2, 0, dtype=torch.bool)).tolist() == [0.0, 0.0]
    sparse_multilabel_loss(nothing, torch.full((2, 0), -1)).sum().backward()
    with pytest.raises(IndexError, match="there are 0"):
        sparse_multilabel_loss(nothing, torch.zeros(2, 1, dtype=torch.long))


def test_further_slots_of_a_duie_object_are_relations() -> None:
    entry = {"subject": "Ann", "predicate": "voices", "object": {"@value": "Bob", "inWork": "Cats"}}
    corpus_ = read_relations([json.dumps({"text": "Ann voices Bob in Cats", "spo_list": [entry]})])
    assert [(r.predicate, r.object) for r in corpus_.sentences[0].relations] == [
        ("voices", (11, 14)),
        ("voices_inWork", (18, 22)),
    ]
    assert not corpus_.problems
    empty = {**entry, "object": {}}
    (problem,) = read_relations([json.dumps({"text": "Ann", "spo_list": [empty]})]).problems
    assert "object is missing" in problem.message
    with pytest.raises(ValueError, match="first or all"):
        read_relations([], mentions="bogus")


def test_an_argument_cannot_take_the_triggers_role() -> None:
    event = {"event_type": "t", "trigger": "hit", "arguments": [{"role": "trigger", "argument": "Ann"}]}
    corpus_ = read_events([json.dumps({"text": "Ann hit", "event_list": [event]})])
    assert corpus_.sentences[0].events == (frozenset({Argument("t", TRIGGER, 4, 6)}),)
    assert "which is the trigger's" in corpus_.problems[0].message


def _argument(type_: str, role: str, head: int, tail: int | None = None) -> Argument:
    return Argument(type_, role, head, head if tail is None else tail)


FAMILIES = {
    "links from another type": [
        [("attack", TRIGGER, 0), ("attack", "victim", 3)],
        [("attack", TRIGGER, 0), ("attack", "place", 8)],
        [("marry", "a", 3), ("marry", "b", 8)],
    ],
    "two roles on one span": [
        [("match", TRIGGER, 0), ("match", "winner", 3), ("match", "loser", 5)],
        [("match", TRIGGER, 0), ("match", "winner", 5), ("match", "loser", 3)],
    ],
    "heads of one pair, tails of another": [
        [("t", TRIGGER, 0), ("t", "p", 1, 3), ("t", "q", 5, 6), ("t", "r", 4, 7)],
        [("t", TRIGGER, 0), ("t", "s", 5, 7)],
    ],
}


@pytest.mark.parametrize("name", FAMILIES)
def test_links_are_pairs_of_positions(name: str) -> None:
    own = {frozenset(_argument(*a) for a in event) for event in FAMILIES[name]}
    roles = sorted({(a.type, a.role) for e in own for a in e})
    back = ev.decode(rel.scores_of([ev.encode(own, roles, 9)], 9), roles)
    assert back != own
    assert not exact(own)
    assert conformal(
        [frozenset(e) for e in own if {a.type for a in e} != {"marry"}]
    )  # what links by membership would say
    if name == "links from another type":
        assert exact(own, by_type=True)
        assert ev.decode(rel.scores_of([ev.encode(own, roles, 9, by_type=True)], 9), roles) == own


def test_heads_with_links_by_type_have_a_class_for_each() -> None:
    roles = [("a", "x"), ("b", "y"), ("a", "z")]
    model = GPLinkerEvents(8, roles, 8, by_type=True)
    scores = model(torch.randn(2, 5, 8))
    assert scores.heads.shape == scores.tails.shape == (2, 2, 5, 5)
    gold = [{frozenset({_argument("a", "x", 0), _argument("a", "z", 2)}), frozenset({_argument("b", "y", 2)})}, set()]
    assert model.loss(scores, model.encode(gold, 5)).isfinite()


def nan_slopes(scores: Tensor, positives: Tensor) -> Tensor:
    """The loss, with the trap of `where`: 0 times what it leaves out is a NaN in the gradient of scores of -inf."""
    nothing = torch.where(scores.isneginf(), 0.0, 0.0 * scores.exp() * scores)
    return sparse_multilabel_loss(scores, positives) + nothing.sum(-1)


def test_a_gradient_that_is_nan_where_it_should_be_0_is_infinitely_wrong() -> None:
    for target, is_wrong in (("torchcheck.modules:sparse_multilabel_loss", False), (f"{__name__}:nan_slopes", True)):
        found = {m.name: m.value for m in accuracy({"target": target}, "x", ["float32"])}
        assert (found["x.gradient.float32"] == math.inf) == is_wrong


def too_small(scores: Tensor, labels: Tensor) -> Tensor:
    return multilabel_loss(scores, labels) / 2


def test_a_loss_below_log_2_with_a_score_on_the_wrong_side_is_counted() -> None:
    for target, is_wrong in (("torchcheck.modules:multilabel_loss", False), (f"{__name__}:too_small", True)):
        found = {m.name: m.value for m in bounds({"target": target}, 16, 512)}
        assert (found["disorder"] > 0) == is_wrong
