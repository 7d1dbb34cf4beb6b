"""What a check plans: steps, the groups of properties that they serve, kinds of subjects, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torchcheck.data import Measurement
from torchcheck.properties.finding import Failure, Property, Raw, Threshold, asked, base
from torchcheck.properties.subject.variant import CheckSettings

#: what a step's function returns a list of
Found = Measurement | Raw


@dataclass(frozen=True)
class Step:
    """A unit of work: a function (loaded, settings, **params) of a module, and the properties it answers for.

    A `gate` runs first and alone; if it fails, or the first property that it serves does, the others would say nothing
    of their own, and are not tried. What it `feeds` is made of several steps.
    """

    function: Callable[..., Sequence[Found]]
    serves: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    gate: bool = False
    feeds: tuple[str, ...] = ()

    def needed(self, choice: Choice) -> bool:
        """Whether something that is asked comes of it."""
        names = (*self.serves, *self.feeds)
        return not names or any(choice.takes(name) for name in names)


@dataclass(frozen=True)
class Description(Raw):
    """The subject's kind and how that was told, whether it can be built at any depth, and where it is defined."""

    kind: str
    why: str
    any_depth: bool
    file: str = ""
    line: int = 0

    def depths(self, settings: CheckSettings) -> tuple[int, ...]:
        """The numbers of blocks that it is built with, none where it has but one."""
        return settings.depths if self.any_depth else ()

    def depth(self, settings: CheckSettings) -> int | None:
        """Where one network is enough: a model's smallest number of blocks; None for a block by itself."""
        return settings.depths[0] if self.any_depth and self.kind == "model" else None


@dataclass(frozen=True)
class Group:
    """Properties that belong together, under a name that stands for all of them, and the steps that measure them.

    Its steps come `later` than those of other groups where they take long.
    """

    name: str
    properties: Mapping[str, Property]
    steps: Callable[[CheckSettings, Description], list[Step]]
    later: bool = False


@dataclass(frozen=True)
class Kind:
    """What is asked of a kind of subject; groups of one name are one to the user.

    After the steps of its groups `more`, given all that was measured, plans the next ones until nothing is left to
    decide; `reduce` turns that into one measurement for each property; `fitted` names those that it makes of several
    steps.
    """

    groups: tuple[Group, ...]
    more: Callable[[CheckSettings, Sequence[Found], Mapping[str, Property]], list[Step]] = lambda *_: []
    reduce: Callable[[CheckSettings, Sequence[Found]], list[Measurement]] = lambda _, found: measurements(found)
    fitted: tuple[str, ...] = ()

    @cached_property
    def named_groups(self) -> Mapping[str, Mapping[str, Property]]:
        """The properties by the name of their group."""
        by_name: dict[str, dict[str, Property]] = {}
        for group in self.groups:
            by_name.setdefault(group.name, {}).update(group.properties)
        return by_name

    @cached_property
    def properties(self) -> Mapping[str, Property]:
        """All of them, in the order of the groups."""
        return {name: prop for group in self.named_groups.values() for name, prop in group.items()}

    def steps(self, settings: CheckSettings, description: Description) -> list[Step]:
        """The first steps of all groups."""
        ordered = sorted(self.groups, key=lambda group: group.later)
        return [step for group in ordered for step in group.steps(settings, description)]

    def has(self, name: str) -> bool:
        """Whether this names a property, a dtype's part of one, or a group."""
        return asked(self.properties, name) or name in self.named_groups

    def named(self, names: Iterable[str], title: str) -> frozenset[str]:
        """The properties that these names of properties (of one dtype, too) and groups mean; raises UnknownProperty."""
        meant: set[str] = set()
        for name in names:
            if not self.has(name):
                groups = f"; groups: {', '.join(self.named_groups)}"
                raise UnknownProperty(
                    f"'{name}' is no property of kind {title}; there are: {', '.join(self.properties)}{groups}"
                )
            meant |= {name} if asked(self.properties, name) else {*self.named_groups[name]}
        return frozenset(meant)


@dataclass(frozen=True)
class Request:
    """What the user asks: other thresholds, the properties or groups to `select` (all, where none) and to `skip`, and
    to `suppress`: those whose failure is known, with the reason why it is borne. Names in `shared`, settings of a
    project for subjects of all kinds, may be those of another kind.
    """

    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    select: Sequence[str] = ()
    skip: Sequence[str] = ()
    suppress: Mapping[str, str] = field(default_factory=dict)
    shared: Set[str] = frozenset()

    def of(self, title: str, kinds: Mapping[str, Kind]) -> Request:
        """Without the shared names that are those of other kinds."""
        other = {n for n in self.shared if not kinds[title].has(n) and any(kind.has(n) for kind in kinds.values())}
        return Request(
            {n: t for n, t in self.thresholds.items() if n not in other},
            [n for n in self.select if n not in other],
            [n for n in self.skip if n not in other],
            {n: why for n, why in self.suppress.items() if n not in other},
        )


@dataclass(frozen=True)
class Choice:
    """Which properties of a kind are asked: those of `select` (all, where it is empty) without those of `skip`."""

    properties: Mapping[str, Property]
    select: Set[str]
    skip: Set[str]

    def takes(self, name: str) -> bool:
        """Whether a property, or the part of one for a dtype, is asked; a property is where one of its parts is."""
        selected = not self.select or {name, base(name)} & self.select or any(base(s) == name for s in self.select)
        return asked(self.properties, name) and bool(selected) and not {name, base(name)} & self.skip

    @property
    def left_out(self) -> tuple[str, ...]:
        """The names of properties, and of parts of some, that are not asked."""
        return tuple(sorted({n for n in self.properties if not self.takes(n)} | self.skip))


@dataclass(frozen=True)
class Answer:
    """What came of a step, or a failure."""

    step: Step
    measured: tuple[Found, ...] = ()
    failure: Failure | None = None


class UnknownProperty(ValueError):
    """A threshold, or what is selected, skipped or suppressed, names nothing of the kind."""


def measurements(results: Sequence[Found]) -> list[Measurement]:
    return [m for m in results if isinstance(m, Measurement)]
