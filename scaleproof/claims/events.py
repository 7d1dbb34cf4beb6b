"""The events claims: events as complete subgraphs (kexue.fm/archives/8926)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scaleproof.claim import Claim, Clause, Fault, Prediction, Settings, Source, Verdict, only_judged
from scaleproof.claims.shared.extraction import exactly, no_cases
from torchcheck.data import Measurement, Role, Task

FAULTS = "torchcheck.faults.events:"

SEARCH = "torchcheck.modules.events:article_cliques"
DECODE = "torchcheck.modules.events:decode"
SPLIT = "torchcheck.modules.events:split"


def _source(equation: str) -> Source:
    return Source(
        "GPLinker: joint extraction of events with GlobalPointer (Su Jianlin 2022)",
        "https://kexue.fm/archives/8926",
        equation,
    )


# search


def _plan_search(settings: Settings, target: str) -> list[Task]:
    graphs = 40 if settings.profile == "quick" else 400
    return [settings.task("probes.events.cliques:cliques", target, random_graphs=graphs)]


def _predict_search(_settings: Settings) -> list[Prediction]:
    return no_cases("differ.atlas", "differ.random", "differ.order")


# shared-trigger, complete, categorical


def _plan_trigger(settings: Settings, target: str) -> list[Task]:
    tasks = [settings.task("probes.events.decoding:shared_trigger", target, arguments=4)]
    return [*tasks, settings.task("probes.events.decoding:positional", target)] if target == DECODE else tasks


def _predict_trigger(_settings: Settings) -> list[Prediction]:
    # of 16 sets of four arguments, 3^4 - 2^4 = 65 pairs are comparable and different
    return [
        *no_cases("wrong"),
        *no_cases("positional.shared"),
        exactly("wrong", 3**4 - 2**4, "pairs", "contained"),
        *no_cases("wrong.incomparable", clause="distinct"),
        Prediction("positional.shared", "1", "inf", "families", "positions", why="there are some"),
        *no_cases("positional.unexplained", clause="positions"),
    ]


def _plan_complete(settings: Settings, target: str) -> list[Task]:
    tasks = [settings.task("probes.events.decoding:splitting", target, arguments=4, most=3)]
    if target != DECODE:
        return tasks
    tasks.append(settings.task("probes.events.decoding:splitting", SPLIT, arguments=4, most=15, through_scores=False))
    return [*tasks, settings.task("probes.events.decoding:positional", target)]


def _predict_complete(_settings: Settings) -> list[Prediction]:
    return [
        *no_cases("wrong"),
        *no_cases("unexplained", clause="distinct"),
        exactly("smallest", 2.0, "events", "smallest"),
        exactly("smallest.antichain", 3.0, "events", "smallest"),
        *no_cases("positional.unexplained", "positional.exact", clause="positions"),
        Prediction("positional.wrong", "1", "inf", "families", "positions", why="there are some"),
        Prediction("gained.by-type", "1", "inf", "families", "by-type", why="links of another type are gone"),
        Prediction("positional.by-type", "1", "inf", "families", "by-type", why="those of its own are not"),
    ]


def _reduce_complete(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The counterexample of three events first, that of an event inside another being the less interesting one; and
    how many families come back with links by type that do not without."""
    first: dict[str, Measurement] = {}
    for m in measurements:
        first.setdefault(m.name, m)
    witness = first["smallest.antichain"].witness or first["wrong"].witness
    results = [replace(m, witness=witness) if m.name == "wrong" else m for m in measurements]
    if "positional.wrong" in first:
        wrong = first["positional.wrong"]
        gained = float(wrong.value or 0) - float(first["positional.by-type"].value or 0)
        results.append(replace(wrong, name="gained.by-type", value=gained, lo=gained, hi=gained))
    return [m.as_role(Role.BESIDE) if m.name == "positional.shared" else m for m in results]


def _plan_categorical(settings: Settings, target: str) -> list[Task]:
    return [settings.task("probes.events.decoding:categorical", target)]


def _predict_categorical(_settings: Settings) -> list[Prediction]:
    return [
        *no_cases("wrong"),
        *no_cases("wrong.unexplained", "roles.lost", clause="exact"),
        *no_cases("right.clash", clause="clash"),
        Prediction("wrong.clash", "1", "inf", "cases", "clash", why="there are some"),
    ]


# fast

GROUPS = {2: 5, 3: 4}


def _plan_fast(settings: Settings, target: str) -> list[Task]:
    more = 0 if settings.profile == "quick" else 1
    return [
        settings.task("probes.events.cliques:worst_case", target, size=size, groups=groups + more, exclusive=True)
        for size, groups in GROUPS.items()
    ]


def _calls(size: int, groups: int) -> int:
    """Calls of the search on groups of `size`: 1 + size k calls(k - 1), one part for each node."""
    return 1 + size * groups * _calls(size, groups - 1) if groups else 1


def _predict_fast(_settings: Settings) -> list[Prediction]:
    predictions = []
    for size, groups in GROUPS.items():
        for k in range(1, groups + 1):
            predictions.append(exactly(f"calls.size={size}.n={size * k}", _calls(size, k), "calls", "worst"))
            predictions.append(exactly(f"cliques.size={size}.n={size * k}", size**k, "cliques", "worst"))
    return predictions


def _plan_handful(settings: Settings, target: str) -> list[Task]:
    return [
        *_plan_fast(settings, target),
        settings.task("probes.events.cliques:cliques", target, atlas=6, random_graphs=8),
    ]


def _predict_handful(settings: Settings) -> list[Prediction]:
    why = "a handful: the most over all graphs of up to six nodes, milliseconds"
    return [*_predict_fast(settings), Prediction("calls", "1", "100", "calls", why=why)]


CLAIMS = (
    Claim(
        id="events.search",
        source=_source("Search algorithm"),
        clauses=(
            Clause(
                "source",
                r"The recursive search (for every non-adjacent pair take each one's closed neighbourhood, recurse, drop "
                r"duplicates) finds every maximal clique, misses none, whatever the order.",
                theorems=("survives", "still-maximal"),
                coq=("Events.search_finds",),
            ),
        ),
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"By induction on the number of nodes, for every finite graph (Coq; the two steps by z3 as well): a maximal clique "
        r"of a set that is not complete survives, still maximal, in the neighbourhood of one of its own nodes; and what is maximal "
        r"in the neighbourhood of a node is maximal in the whole set. So the search, which goes no deeper than there are nodes, "
        r"returns the maximal cliques and nothing else. "
        r"The article's recursion against networkx.find_cliques on all 1252 graphs of up to 7 nodes and on random ones of up to 60, "
        r"each also with its nodes renumbered.",
        subject=SEARCH,
        fault=Fault("recurses on one side of each pair only", FAULTS + "one_sided"),
        plan=_plan_search,
        predict=_predict_search,
        reduce=only_judged(_predict_search),
    ),
    Claim(
        id="events.shared-trigger",
        source=_source("Complete subgraph"),
        clauses=(
            Clause("source", r"Two events of one type that share a trigger are recovered."),
            Clause(
                "distinct",
                r"So they are, whatever else they share, if neither contains the other and the arguments of the sentence (of all types) begin at different "
                r"tokens, or end at different tokens.",
                "ours",
                theorems=("two-events", "distinct-heads", "distinct-tails"),
                coq=("Events.two_come_back",),
            ),
            Clause(
                "contained",
                r"An event inside another (the trigger alone, say) is swallowed.",
                "ours",
                theorems=("contained",),
                coq=("Events.inside_is_lost",),
            ),
            Clause(
                "positions",
                r"Links are pairs of positions, in one set for all types: an event of another type over the same spans, or spans that share their "
                r"ends, can merge the two.",
                "ours",
            ),
        ),
        setting=r"Read (Complete subgraph) for two events with one trigger and otherwise different "
        r"arguments, each with a span of its own.",
        recorded=Verdict.QUALIFIED,
        legs="PM",
        outline=r"Arguments linked by pairs lie in one of the two events, or one would be in the first only and another in the second "
        r"only, and these are not linked (z3, for sets of any size); where positions tell arguments apart, links are that (z3). The real decoder on every pair of "
        r"events over a trigger and four other tokens, and on pairs over five spans that share tokens, with an event of another type, against the maximal cliques by definition.",
        subject=DECODE,
        fault=Fault("links every pair of arguments", FAULTS + "all_linked"),
        plan=_plan_trigger,
        predict=_predict_trigger,
        reduce=only_judged(_predict_trigger),
    ),
    Claim(
        id="events.complete",
        source=_source("Complete subgraph"),
        clauses=(
            Clause(
                "source",
                r"Splitting a type's arguments into maximal cliques returns the labelled events, whichever arguments they share.",
            ),
            Clause(
                "positions",
                r"The events come back if and only if those of each type are exactly the maximal cliques of the graph of positions, into which "
                r"events of all types put their links. (torchcheck.modules.events.exact decides this: run it over the training data.)",
                "ours",
                coq=("Events.comes_back", "Events.searched"),
            ),
            Clause(
                "distinct",
                r"Where the arguments have different heads, or different tails, that is: if and only if no event contains another and, for any three "
                r"events, some event contains everything that two of them share (Gilmore's criterion).",
                "ours",
                theorems=("distinct-heads", "distinct-tails", "enough", "needed"),
                coq=("Events.comes_back_distinct",),
            ),
            Clause(
                "smallest",
                r"The smallest failures are two events, one inside the other, and, with none inside another, the three $\{x,y\}$, $\{y,z\}$, $\{x,z\}$, which "
                r"come back as $\{x,y,z\}$.",
                "ours",
                theorems=("smallest",),
                coq=("Events.up_to_two", "Events.three_become_one"),
            ),
            Clause(
                "by-type",
                r"Links by type (an option of the heads here) bring back what events of other types spoil, and not what a type's own positions do.",
                "ours",
            ),
        ),
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"The criterion is enough by induction on the size of a clique, and needed because what two of three events share is "
        r"linked by pairs (Coq, for any events; the steps by z3 as well). All 32 767 families of events over four arguments through the splitter, all "
        r"of up to three events through the scores. In practice: run torchcheck.modules.events.exact over the training data. Events that "
        r"share nothing but one common core (the trigger, say) always pass; an argument of its own for each event is not enough.",
        subject=DECODE,
        fault=Fault("links every pair of arguments", FAULTS + "all_linked"),
        plan=_plan_complete,
        predict=_predict_complete,
        reduce=_reduce_complete,
    ),
    Claim(
        id="events.categorical",
        source=_source("Unified arguments"),
        clauses=(
            Clause(
                "source",
                r"Turning a classified argument into one role per value, anchored at the trigger, and back loses nothing.",
            ),
            Clause(
                "exact",
                r"It loses nothing if and only if every event with a value has a trigger, and the events with their values as roles come back "
                r"(events.complete): no more than that is lost.",
                "ours",
                coq=("Events.categorical_exact",),
            ),
            Clause(
                "clash",
                r"So two events of a type that share a trigger have to agree on the value: otherwise both values sit on one span, links between "
                r"spans cannot tell them apart, and each event gets both.",
                "ours",
                theorems=("anchored",),
                coq=("Events.values_clash",),
            ),
        ),
        setting=r"Read (Unified arguments) for events with triggers of their own, each with one value.",
        recorded=Verdict.QUALIFIED,
        legs="PM",
        outline="Links are by position: whatever is linked to a trigger is linked to each of its values, so that a maximal clique "
        "holds all values of its triggers or none (Coq). The "
        "real round trip of one and two events with no value or one of two, with a common trigger, one of their own, both, or none.",
        subject=DECODE,
        fault=Fault("links every pair of arguments", FAULTS + "all_linked"),
        plan=_plan_categorical,
        predict=_predict_categorical,
        reduce=only_judged(_predict_categorical),
    ),
    Claim(
        id="events.fast",
        source=_source("Search algorithm"),
        clauses=(
            Clause("source", r"For the handful of arguments that a type has the search is fast;"),
            Clause("worst", r"how its cost grows in the worst case."),
        ),
        recorded=Verdict.CONFIRMED,
        legs="NM",
        outline=r"At most 79 calls for any graph of up to six nodes. In general its cost is not bounded by the number of cliques: on "
        r"$k$ groups of $g$ nodes, adjacent across groups only, there are $g^k$ maximal cliques ($3^{n/3}$ for $g = 3$, the most "
        r"that a graph of $n$ nodes can have: Moon and Moser 1965), but the search makes $R(k) = 1 + gk\,R(k-1) \approx "
        r"e^{1/g}\,g^k\,k!$ calls: it meets the same set along every order of its nodes. For $g = 2$, $\sqrt{e}\,2^{n/2}(n/2)!$. "
        r"Bron and Kerbosch's algorithm with pivots (networkx, which the modules use) stays within $O(3^{n/3})$ (Tomita et al. "
        r"2006).",
        subject=SEARCH,
        fault=Fault("drops duplicates at the end only", FAULTS + "with_duplicates"),
        plan=_plan_handful,
        predict=_predict_handful,
        reduce=only_judged(_predict_handful),
    ),
)
