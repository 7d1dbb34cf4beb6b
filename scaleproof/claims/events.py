"""The events claims: events as complete subgraphs (kexue.fm/archives/8926)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scaleproof.claims.claim import Claim, Fault, Prediction, Settings, Source, Verdict
from scaleproof.claims.extraction import FAULTS, exactly, none
from torchcheck.task import Measurement, Task

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
    return [settings.task("extraction:cliques", target, random_graphs=graphs)]


def _predict_search(_settings: Settings) -> list[Prediction]:
    return none("differ.atlas", "differ.random", "differ.order")


# shared-trigger, complete, categorical


def _plan_trigger(settings: Settings, target: str) -> list[Task]:
    return [settings.task("extraction:shared_trigger", target, arguments=4)]


def _predict_trigger(_settings: Settings) -> list[Prediction]:
    # of 16 sets of four arguments, 3^4 - 2^4 = 65 pairs are comparable and different
    return [
        *none("wrong"),
        exactly("wrong", 3**4 - 2**4, "pairs", "corrected"),
        *none("wrong.incomparable", about="corrected"),
    ]


def _plan_complete(settings: Settings, target: str) -> list[Task]:
    tasks = [settings.task("extraction:splitting", target, arguments=4, most=3)]
    if target != DECODE:
        return tasks
    return [*tasks, settings.task("extraction:splitting", SPLIT, arguments=4, most=15, through_scores=False)]


def _predict_complete(_settings: Settings) -> list[Prediction]:
    return [
        *none("wrong"),
        *none("unexplained", about="corrected"),
        exactly("smallest", 2.0, "events", "corrected"),
        exactly("smallest.antichain", 3.0, "events", "corrected"),
    ]


def _reduce_complete(_settings: Settings, measurements: Sequence[Measurement]) -> list[Measurement]:
    """The counterexample of three events first: that of an event inside another is the less interesting one."""
    by_name = {m.name: m for m in measurements[:4]}
    witness = by_name["smallest.antichain"].witness or by_name["wrong"].witness
    return [replace(m, witness=witness) if m.name == "wrong" else m for m in measurements]


def _plan_categorical(settings: Settings, target: str) -> list[Task]:
    return [settings.task("extraction:categorical", target)]


def _predict_categorical(_settings: Settings) -> list[Prediction]:
    return [*none("wrong"), *none("wrong.unexplained", about="corrected")]


# fast

GROUPS = {2: 5, 3: 4}


def _plan_fast(settings: Settings, target: str) -> list[Task]:
    more = 0 if settings.profile == "quick" else 1
    return [
        settings.task("extraction:worst_case", target, size=size, groups=groups + more, exclusive=True)
        for size, groups in GROUPS.items()
    ]


def _calls(size: int, groups: int) -> int:
    """Calls of the search on groups of `size`: 1 + size k calls(k - 1), one part for each node."""
    return 1 + size * groups * _calls(size, groups - 1) if groups else 1


def _predict_fast(_settings: Settings) -> list[Prediction]:
    found = []
    for size, groups in GROUPS.items():
        for k in range(1, groups + 1):
            found.append(exactly(f"calls.size={size}.n={size * k}", _calls(size, k), "calls"))
            found.append(exactly(f"cliques.size={size}.n={size * k}", size**k, "cliques"))
    return found


def _plan_handful(settings: Settings, target: str) -> list[Task]:
    return [*_plan_fast(settings, target), settings.task("extraction:cliques", target, atlas=6, random_graphs=8)]


def _predict_handful(settings: Settings) -> list[Prediction]:
    why = "a handful: the most over all graphs of up to six nodes, milliseconds"
    return [*_predict_fast(settings), Prediction("calls", "1", "100", "calls", why=why)]


CLAIMS = (
    Claim(
        id="events.search",
        source=_source("Search algorithm"),
        statement=r"The recursive search (for every non-adjacent pair take each one's closed neighbourhood, recurse, drop "
        r"duplicates) finds every maximal clique, misses none, whatever the order.",
        recorded=Verdict.PROVED,
        legs="PM",
        outline=r"Two steps of an induction on the number of nodes, for graphs of any size (first-order logic, z3): a maximal clique "
        r"of a set that is not complete survives, still maximal, in the neighbourhood of one of its own nodes; and what is maximal "
        r"in the neighbourhood of a node is maximal in the whole set. So the search returns the maximal cliques and nothing else. "
        r"The article's recursion against networkx.find_cliques on all 1252 graphs of up to 7 nodes and on random ones of up to 60, "
        r"each also with its nodes renumbered.",
        subject=SEARCH,
        fault=Fault("recurses on one side of each pair only", FAULTS + "one_sided"),
        plan=_plan_search,
        predict=_predict_search,
        proof="source",
    ),
    Claim(
        id="events.shared-trigger",
        source=_source("Complete subgraph"),
        statement=r"Two events of one type that share a trigger are recovered.",
        corrected=r"Unless one contains the other (then it is swallowed, for example an event of which the text gives the trigger "
        r"alone). Whatever else they share: two events, neither inside the other, are always the two maximal cliques.",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline="Arguments linked by pairs lie in one of the two events, or one would be in the first only and another in the second "
        "only, and these are not linked (z3, for sets of any size). The real decoder on every pair of events over a trigger and "
        "four other arguments, through the scores of a perfect model.",
        subject=DECODE,
        fault=Fault("links every pair of arguments", FAULTS + "all_linked"),
        plan=_plan_trigger,
        predict=_predict_trigger,
        proof="corrected",
    ),
    Claim(
        id="events.complete",
        source=_source("Complete subgraph"),
        statement=r"Splitting a type's arguments into maximal cliques returns the labelled events, whichever arguments they share.",
        corrected=r"If and only if no event contains another and, for any three events, some event contains everything that two of "
        r"them share (Gilmore's criterion). Always for two events of which none contains the other; not for $\{x,y\}$, $\{y,z\}$, "
        r"$\{x,z\}$, which come back as $\{x,y,z\}$. Links are found by heads and by tails, so nested arguments can add links "
        r"besides (gplinker.decode).",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline=r"The criterion is enough by induction on the size of a clique, and needed because what two of three events share is "
        r"linked by pairs (z3, for events of any size). All 32 767 families of events over four arguments through the splitter, all "
        r"of up to three events through the scores. In practice: run torchcheck.modules.events.exact over the training data. Events that "
        r"share nothing but one common core (the trigger, say) always pass; an argument of its own for each event is not enough.",
        subject=DECODE,
        fault=Fault("links every pair of arguments", FAULTS + "all_linked"),
        plan=_plan_complete,
        predict=_predict_complete,
        reduce=_reduce_complete,
        proof="corrected",
    ),
    Claim(
        id="events.categorical",
        source=_source("Unified arguments"),
        statement=r"Turning a classified argument into one role per value, anchored at the trigger, and back loses nothing.",
        corrected=r"If every event with such an argument has a trigger, and events of one type that share a trigger agree on the "
        r"value. Otherwise there is nothing to anchor the value at; or two values sit on one span, links between spans cannot tell "
        r"them apart, and each event gets both.",
        recorded=Verdict.CORRECTED,
        legs="PM",
        outline="Links are by position: the values anchored at one trigger are linked because each is linked to the trigger (z3). The "
        "real round trip of one and two events with no value or one of two, with a common trigger, one of their own, or none.",
        subject=DECODE,
        fault=Fault("links every pair of arguments", FAULTS + "all_linked"),
        plan=_plan_categorical,
        predict=_predict_categorical,
        proof="corrected",
    ),
    Claim(
        id="events.fast",
        source=_source("Search algorithm"),
        statement=r"For the handful of arguments that a type has the search is fast; how its cost grows in the worst case.",
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
    ),
)
