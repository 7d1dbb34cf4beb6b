"""The life of a check: steps are planned, run one by one (here or in other processes), reduced and judged.

Steps are data and run in the subject's process; planning, reducing and judging are pure and never touch the subject.
"""

from __future__ import annotations

import inspect
import math
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from torchcheck.data import Measurement
from torchcheck.properties.finding import (
    CheckResult,
    Failure,
    Finding,
    Property,
    base,
    judge,
    property_of,
    unanswered,
    with_thresholds,
)
from torchcheck.properties.plan import Answer, Choice, Description, Kind, Request, Step, measurements
from torchcheck.properties.subject.variant import (
    SIZED,
    CheckSettings,
    Loaded,
    Variant,
    arguments_of,
    load,
    takes_depth,
    usual_of,
)
from torchcheck.run.execute import Lost
from torchcheck.run.state import fresh_state
from torchcheck.run.subjects import DeviceError, SubjectError

#: frames of the traceback that are shown, at most
FRAMES = 6


@dataclass(frozen=True)
class Budget:
    """The seconds that a check may take, from when it is made."""

    seconds: float = math.inf
    start: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return max(0.0, self.seconds - (time.monotonic() - self.start))


Notify = Callable[[Sequence[Finding], int, int], None]


def run_step(step: Step, variant: Variant, settings: CheckSettings) -> Answer:
    """Runs a step in this process, with fresh torch state; whatever the subject does becomes part of the answer."""
    start = time.perf_counter()
    try:
        with fresh_state(), warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            torch.manual_seed(settings.seed)
            loaded = load(variant)
            measured = step.function(loaded, settings, **step.params)
    except DeviceError as error:
        return Answer(step, failure=Failure("device", str(error)))
    except SubjectError as error:
        cause = error.__cause__
        return Answer(step, failure=Failure("unusable", str(error), shortened(cause) if cause else ""))
    except MemoryError as error:
        return Answer(step, failure=Failure("memory", f"out of memory: {error}".rstrip(": "), shortened(error)))
    except NotImplementedError as error:  # torch has no kernel for this dtype on this device
        return Answer(
            step, failure=_raised(error) if "not implemented for '" not in str(error) else Failure("device", str(error))
        )
    except BaseException as error:  # a subject may raise SystemExit, or KeyboardInterrupt
        if isinstance(error, KeyboardInterrupt) and not isinstance(variant.target, str):
            raise  # in the user's own process that was the user
        return Answer(step, failure=_raised(error))
    seconds = time.perf_counter() - start
    return Answer(step, tuple(_stamped(m, seconds) if isinstance(m, Measurement) else m for m in measured))


def _stamped(m: Measurement, seconds: float) -> Measurement:
    return replace(m, seconds=m.seconds or seconds, torch=torch.__version__)


def check(
    variant: Variant,
    settings: CheckSettings,
    executor: Executor,
    kinds: Mapping[str, Kind],
    request: Request | None = None,
    budget: Budget | None = None,
    notify: Notify = lambda *_: None,
) -> CheckResult:
    """Checks a variant: at once where `executor` runs calls at once, in parallel and isolated where it does.

    `notify(findings, steps done, steps known)` is called after every step. Raises SubjectError, with the subject's own
    error as its cause, where the subject cannot even be loaded, and UnknownProperty for a name that is no property or
    group of the kind.
    """
    budget = budget or Budget()
    variant, description = _described(variant, settings, executor, budget)
    kind, request = kinds[description.kind], (request or Request()).of(description.kind, kinds)
    kind.named([*request.thresholds, *request.suppress], description.kind)
    choice = Choice(kind.properties, *(kind.named(n, description.kind) for n in (request.select, request.skip)))
    properties = {k: p for k, p in with_thresholds(kind.properties, request.thresholds).items() if choice.takes(k)}
    answers: list[Answer] = []
    planned = kind.steps(settings, description)
    while planned:
        planned = [s for s in planned if s.needed(choice)]
        total = len(answers) + len(planned)

        def report(answer: Answer, total: int = total) -> None:
            answers.append(answer)
            notify(_findings(kind, choice, properties, settings, answers), len(answers), total)

        gates = [s for s in planned if s.gate]
        passed = answers_of(gates, variant, settings, executor, budget, report)
        if any(a.failure or _fails(a, properties) for a in passed):
            break
        before = len(answers)
        answers_of([s for s in planned if not s.gate], variant, settings, executor, budget, report)
        if not budget.left or not any(a.measured for a in answers[before:]):
            break  # a round without any answer would be planned again, and again
        planned = kind.more(settings, [m for a in answers for m in a.measured], properties)
    findings = _findings(kind, choice, properties, settings, answers, final=True)
    reasons = {n: why for name, why in request.suppress.items() for n in kind.named([name], description.kind)}
    return CheckResult(
        variant.label,
        description.kind,
        description.why,
        tuple(replace(f, suppressed=reasons.get(f.name) or reasons.get(base(f.name), "")) for f in findings),
        {**settings.to_json(), "skip": choice.left_out},
        time.monotonic() - budget.start,
        torch.__version__,
        file=description.file,
        line=description.line,
    )


def _described(
    variant: Variant, settings: CheckSettings, executor: Executor, budget: Budget
) -> tuple[Variant, Description]:
    """What it is, and the variant with its kind; one that breaks where it is tried is told by its signature alone."""
    told = Step(describe)
    about = answers_of([told], variant, settings, executor, budget)[0]
    if about.failure and about.failure.why != "unusable" and not variant.kind:
        about = answers_of([told], replace(variant, tried=False), settings, executor, budget)[0]
    if about.failure:
        raise SubjectFailed(about.failure)
    (description,) = (d for d in about.measured if isinstance(d, Description))
    return replace(variant, kind=description.kind), description


class SubjectFailed(SubjectError):
    """The subject could not be loaded; `failure` has its traceback."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure

    def __reduce__(self) -> tuple[type[SubjectFailed], tuple[Failure]]:
        return SubjectFailed, (self.failure,)  # so that it comes back from another process


def describe(loaded: Loaded, settings: CheckSettings) -> list[Description]:
    """What the subject is; its class or factory is called once, so that a wrong one is found here."""
    if loaded.kind in SIZED and not loaded.is_instance:
        arguments_of(loaded, settings.width, settings.depths[0])
    any_depth = loaded.kind in ("block", "model") and takes_depth(loaded)
    given = usual_of(loaded, settings.width) if loaded.kind in SIZED and not loaded.is_instance else {}
    why = "; ".join([loaded.why, *[", ".join(f"{n}={v}" for n, v in given.items())] * bool(given)])
    return [Description(loaded.kind, why, any_depth, *_place(loaded.subject))]


def _place(subject: Any) -> tuple[str, int]:
    """The file and line of a class, function, or an instance's class; nothing where there is none."""
    try:
        code = subject if inspect.isclass(subject) or inspect.isroutine(subject) else type(subject)
        return inspect.getsourcefile(code) or "", inspect.getsourcelines(code)[1]
    except (OSError, TypeError):
        return "", 0


def shortened(error: BaseException) -> str:
    """The error with the frames of the subject's own code: none of torch's, of other packages', or of ours."""
    inside = (str(Path(torch.__file__).parent.parent), str(Path(__file__).parent.parent), "<frozen", sys.base_prefix)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith(inside)] or list(frames[-1:])
    lines = traceback.format_list(own[-FRAMES:])
    said = traceback.format_exception_only(error)
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    if root is not error:
        said += ["caused by ", *traceback.format_exception_only(root)]
    return "".join(lines + said).rstrip()[-4000:]


def _raised(error: BaseException) -> Failure:
    message = f"{type(error).__name__}: {error}".strip().rstrip(":").splitlines()[0][:300]
    if "out of memory" in str(error).lower() or "can't allocate memory" in str(error):
        return Failure("memory", message, shortened(error))
    return Failure("raised", message, shortened(error))


def answers_of(
    steps: Sequence[Step],
    variant: Variant,
    settings: CheckSettings,
    executor: Executor,
    budget: Budget,
    report: Callable[[Answer], None] = lambda _: None,
) -> list[Answer]:
    """Runs the steps; those that the budget leaves no time for fail with "budget". Answers come in no fixed order."""
    answers: list[Answer] = []

    def done(answer: Answer) -> None:
        answers.append(answer)
        report(answer)

    pending: dict[Future[Answer], Step] = {}
    waiting = list(steps)
    while waiting or pending:
        if not budget.left:
            for future in pending:
                future.cancel()
            ended = Failure("budget", "the budget ended")
            for step in [*pending.values(), *waiting]:
                done(Answer(step, failure=ended))
            return answers
        while waiting and len(pending) < getattr(executor, "workers", 1):
            step = waiting.pop(0)
            pending[executor.submit(run_step, step, variant, settings)] = step
        finished, _ = wait(pending, min(budget.left, threading.TIMEOUT_MAX), return_when=FIRST_COMPLETED)
        for future in finished:
            step = pending.pop(future)
            error = future.exception()
            if error is None:
                done(future.result())
            elif isinstance(error, Lost):
                done(Answer(step, failure=Failure(error.why, error.words, error.trace)))
            else:
                raise error
    return answers


def _findings(
    kind: Kind,
    choice: Choice,
    properties: Mapping[str, Property],
    settings: CheckSettings,
    answers: Sequence[Answer],
    final: bool = False,
) -> list[Finding]:
    """One finding for each property that is asked for: measured, or not answered; in the kind's order."""
    by_name: dict[str, Finding] = {}
    for m in kind.reduce(settings, [m for a in answers for m in a.measured]):
        prop = property_of({**kind.properties, **properties}, m.name)
        if choice.takes(m.name):
            by_name[m.name] = judge(prop, m)
    ran = any(a.measured and a.step.serves for a in answers)
    for answer in answers:
        if answer.failure is None:
            continue
        broke = answer.failure.why not in ("budget", "device")  # then it outweighs what other steps found
        for name in answer.step.serves[:1] if answer.step.gate else answer.step.serves:
            if choice.takes(name) and (name not in by_name or (broke and by_name[name])):
                by_name[name] = unanswered(name, property_of(properties, name), answer.failure, ran)
    if final and any(a.failure and a.failure.why == "budget" for a in answers):
        for name in kind.fitted:
            if name in properties and name not in by_name:
                by_name[name] = unanswered(name, properties[name], Failure("budget", "the budget ended"))
    order = [*properties]
    return sorted(by_name.values(), key=lambda f: (order.index(f.name if f.name in order else base(f.name)), f.name))


def _fails(answer: Answer, properties: Mapping[str, Property]) -> bool:
    """Whether the first property that a step serves has failed."""
    name = answer.step.serves[0]
    return name in properties and any(
        judge(properties[name], m).status == "failed" for m in measurements(answer.measured) if m.name == name
    )
