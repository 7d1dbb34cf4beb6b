"""The record: it survives the disk, says what is wrong with a bad file, and has a committed schema."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import pytest

from scaleproof.reporting import record as records
from scaleproof.reporting.record import Record, RecordError, read, schema_text, write


def test_survives_the_disk(record: Record, tmp_path: Path) -> None:
    path = write(record, tmp_path)
    texts = [r.model_dump_json() for r in (read(path), read(tmp_path), record)]  # a NaN is in it: it equals nothing
    assert texts[0] == texts[1] == texts[2]
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"], "no temporary file is left"


@pytest.mark.usefixtures("record")
def test_fits_its_json_schema(run_folder: Path) -> None:
    document = json.loads((run_folder / "record.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, json.loads(schema_text()))
    document["results"][0]["verdict"] = "certain"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json.loads(schema_text()))


def test_committed_schema_is_the_models() -> None:
    committed = Path(records.__file__).with_name("record.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(), "run make schema"


def test_infinite_values_are_json(record: Record) -> None:
    text = record.model_dump_json(by_alias=True)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    values = [m.value for r in Record.model_validate_json(text).results for m in r.measurements]
    assert any(v is not None and math.isinf(v) for v in values)


def test_every_number_names_its_origin(record: Record) -> None:
    for result in record.results:
        assert result.predictions, result.id
        for m in result.measurements:
            assert m.torch, (result.id, m.name)
            assert m.subject
            assert m.samples > 0
            if m.value is not None and not math.isnan(m.value):
                assert m.lo <= m.value <= m.hi  # type: ignore[operator]
        for p in result.predictions:
            assert float(p.lo) <= float(p.hi)
            assert p.tolerance == 0 or p.why, f"{result.id}: the tolerance of {p.name} has no reason"


def test_a_failed_write_leaves_the_old_record(record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(record, tmp_path)
    before = path.read_bytes()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write(record.model_copy(update={"results": ()}), tmp_path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("text", "place"),
    [("", "Invalid JSON"), ("{}", "schema"), ('{"schema": "scaleproof/record/4"}', "run"), ("[]", "document")],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=place):
        read(path)


def test_hostile_sizes_are_refused(record: Record, tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(records.MAX_BYTES + 1)
    with pytest.raises(RecordError, match="larger than"):
        read(huge)
    long = record.model_dump(by_alias=True, mode="json")
    long["run"]["command"] = "x" * 30_000
    (tmp_path / "long.json").write_text(json.dumps(long))
    with pytest.raises(RecordError, match=r"run\.command"):
        read(tmp_path / "long.json")
