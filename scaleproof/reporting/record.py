"""The run record: one JSON document a run, the only thing that reports are made from."""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, WithJsonSchema

from torchcheck.data import Evidence, Role, Standing, as_numbers, as_words

SCHEMA = "scaleproof/record/4"
MAX_BYTES = 64 * 2**20
RECORD = "record.json"

VerdictName = Literal["proved", "confirmed", "qualified", "corrected", "refuted", "inconclusive", "error"]
#: JSON has no infinities and no NaN: they are words
Number = Annotated[
    float,
    BeforeValidator(as_numbers),
    PlainSerializer(as_words, return_type=float | str, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]}),
]
Text = Annotated[str, Field(max_length=20_000)]


M = TypeVar("M", bound=BaseModel)


class RecordError(ValueError):
    """The file is no record of this program, or not a whole one; the message says where and what."""


class Model(BaseModel):
    """Rows take their fields from a document, or from the object they record (`from_attributes`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class Run(Model):
    """How the run was started; `finished` is false while it goes on, and stays so if it was interrupted."""

    id: Text
    started: Text = Field(description="UTC, ISO 8601")
    seconds: Number
    command: Text
    profile: Literal["quick", "full"]
    seed: int
    device: Text
    dtypes: tuple[Text, ...] = ()
    selected: tuple[Text, ...] = ()
    finished: bool = False


class Environment(Model):
    """The machine and the versions."""

    python: Text
    platform: Text
    cpu: Text
    cores: int
    memory_gib: Number
    torch: Text
    cuda: Text | None
    packages: dict[str, str]


class SourceRef(Model):
    title: Text
    url: Text
    equation: Text


class FormalStatement(Model):
    """What a theorem of a certificate says: in words, and in the proof method's own form."""

    name: Text
    method: Text
    words: Text
    formal: Text
    bounds: dict[str, tuple[Text, Text]] = {}


class TrustedFile(Model):
    method: Text
    file: Text
    lines: int


class Proof(Model):
    """A checked certificate: `checked` is the checker's answer, `certificate` a path beside the record."""

    method: Text
    checked: bool
    seconds: Number
    certificate: Text
    statements: tuple[FormalStatement, ...]
    trusted: tuple[TrustedFile, ...]
    reason: Text = ""


class PredictionRow(Model):
    """A predicted range, decimal strings, with the tolerance that measurements are allowed and why."""

    name: Text
    lo: Text
    hi: Text
    unit: Text
    clause: Text
    tolerance: Number
    why: Text = ""
    resolution: Number | None = Field(
        default=None,
        description="the smallest shift that would have changed where the prediction stands: a share of the constant, "
        "absolute for exponents, 0 and bounds",
    )

    @property
    def is_value(self) -> bool:
        """Is it a constant or an exponent, and no range, bound, or error that should be 0?"""
        lo, hi = float(self.lo), float(self.hi)
        is_number = math.isfinite(lo) and math.isfinite(hi) and hi - lo <= 0.01 * abs(hi)
        return is_number and (self.unit == "exponent" or lo != 0)


class CoqTheorem(Model):
    """A theorem of proofs/ that Coq's kernel accepted when it was published, with the axioms that it uses.

    `file` stands in proofs/, `sha256` is that of what Coq accepted, and `here` says whether the file beside this run is
    still that one.
    """

    name: Text
    statement: Text
    axioms: tuple[Text, ...]
    version: Text
    file: Text = ""
    sha256: Text = ""
    here: Literal["same", "changed", "absent"] = "absent"


class ClauseRow(Model):
    """One assertion, what carries it, and whether it holds: `argued` are steps that no checker saw."""

    key: Text
    part: Literal["source", "ours"]
    text: Text
    theorems: tuple[Text, ...] = ()
    argued: tuple[Text, ...] = ()
    coq: tuple[CoqTheorem, ...] = ()
    standing: Standing

    @property
    def unchecked(self) -> tuple[str, ...]:
        """What is no longer what Coq's kernel has checked."""
        return tuple(
            f"{t.name} (proofs/{t.file} has changed since Coq checked it)" for t in self.coq if t.here == "changed"
        )


class Curve(Model):
    """Points that a figure needs; `kind` is what a drawing chooses by, `name` is for people."""

    name: Text
    x_label: Text
    y_label: Text
    x: tuple[Number, ...]
    y: tuple[Number, ...]
    kind: Text = ""


class MeasurementRow(Model):
    """A measured value with its interval [lo, hi]: what evidence it is, and the level of a sampled or timed one.

    No level: nothing is claimed of other samples. Only what has the role "judged" is held against predictions.
    """

    name: Text
    role: Role
    subject: Text
    device: Text
    dtype: Text
    value: Number | None
    lo: Number | None
    hi: Number | None
    unit: Text
    evidence: Evidence
    level: Number | None
    samples: int
    seconds: Number
    torch: Text
    note: Text = ""
    witness: Text = ""
    at: dict[str, int | float | Text] = Field(default={}, description="where it was measured, as data")
    series: tuple[Curve, ...] = ()


class FaultRow(Model):
    """What the judge said of the claim when its subject was broken in this way."""

    words: Text
    subject: Text
    verdict: VerdictName
    caught: bool
    message: Text


class StoredRow(Model):
    """Tasks that were not measured in this run but taken from the store: how many, where and when they were."""

    tasks: int
    machine: Text
    first: Text = Field(description="UTC, ISO 8601")
    last: Text = Field(description="UTC, ISO 8601")


class Result(Model):
    """One claim's outcome. `expected` is false for a surprise: a changed verdict, an error, a fault not noticed."""

    id: Text
    source: SourceRef
    clauses: tuple[ClauseRow, ...]
    setting: Text = Field(default="", description="of a qualified statement: what its author had in mind, and where")
    outline: Text
    legs: Text
    verdict: VerdictName
    recorded: VerdictName
    expected: bool
    proof: Proof | None
    predictions: tuple[PredictionRow, ...]
    measurements: tuple[MeasurementRow, ...]
    fault: FaultRow | None
    counterexample: Text | None
    message: Text
    seconds: Number = Field(description="of all tasks and the judgement, on one core, also where they ran earlier")
    stored: tuple[StoredRow, ...] = ()

    @property
    def family(self) -> str:
        return self.id.split(".", 1)[0]

    @property
    def deciding(self) -> tuple[ClauseRow, ...]:
        """The clauses that the verdict rests on: the source's, and ours where those do not hold as they stand."""
        own = tuple(c for c in self.clauses if c.part == "source")
        ours = tuple(c for c in self.clauses if c.part == "ours")
        return ours if self.verdict in ("qualified", "corrected") else own

    @property
    def argued(self) -> list[str]:
        """The steps under the verdict that no checker saw."""
        return [step for c in self.deciding for step in (*c.argued, *c.unchecked)]

    @property
    def evidence(self) -> list[str]:
        """The kinds of evidence under the verdict: Coq's kernel, other proof methods, then what was measured."""
        wanted = {name for c in self.deciding for name in c.theorems}
        methods = {s.method for s in self.proof.statements if s.name in wanted} if self.proof else set()
        names = {p.name for p in self.resting}
        measured = {m.evidence for m in self.judged if m.name in names and m.evidence}
        whole = ["coq"] if any(t.here != "changed" for c in self.deciding for t in c.coq) else []
        return [*whole, *sorted(methods), *sorted(measured - methods)]

    @property
    def judged(self) -> list[MeasurementRow]:
        return [m for m in self.measurements if m.role == "judged"]

    @property
    def resting(self) -> list[PredictionRow]:
        """The predictions that the verdict rests on."""
        keys = {c.key for c in self.deciding}
        return [p for p in self.predictions if p.clause in keys]

    @property
    def coarsest(self) -> PredictionRow | None:
        """Of the constants and exponents under the verdict, the one that could be furthest off unnoticed."""
        sized = [p for p in self.resting if p.resolution is not None and p.is_value]
        return max(sized, key=lambda p: p.resolution or 0.0, default=None)


class Record(Model):
    """A run, finished or not."""

    schema_: Literal["scaleproof/record/4"] = Field(alias="schema")
    run: Run
    environment: Environment
    results: tuple[Result, ...]

    @property
    def surprises(self) -> list[Result]:
        return [r for r in self.results if not r.expected]


def write(record: Record, folder: Path) -> Path:
    """Writes record.json in `folder`, whole or not at all; raises OSError."""
    path = folder / RECORD
    write_atomically(path, record.model_dump_json(by_alias=True, indent=1) + "\n")
    return path


def write_atomically(path: Path, text: str) -> None:
    """Replaces `path` in one step, so that a reader or a killed process never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: Path) -> Record:
    """The record in a run's folder or in a file; raises RecordError for anything that is not a whole record."""
    return read_model(path / RECORD if path.is_dir() else path, Record, MAX_BYTES, SCHEMA, RecordError)


def read_model(file: Path, model: type[M], limit: int, schema: str, error: type[ValueError]) -> M:
    """A model from a JSON file of at most `limit` bytes; raises `error`, with where and what, for anything else."""
    try:
        if file.stat().st_size > limit:
            raise error(f"{file}: larger than {limit >> 20} MiB, not a {schema} file")
        raw = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise error(f"{file}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise error(f"{file}: not a text file") from problem
    try:
        return model.model_validate_json(raw)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:100] or "document"
        more = f" (and {problem.error_count() - 1} more)" if problem.error_count() > 1 else ""
        raise error(f"{file}: not a {schema} file: {place}: {first['msg']}{more}") from problem


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a record, as committed in record.schema.json."""
    return Record.model_json_schema(by_alias=True, mode="serialization")


def schema_text() -> str:
    return json.dumps(json_schema(), indent=1, sort_keys=True) + "\n"
