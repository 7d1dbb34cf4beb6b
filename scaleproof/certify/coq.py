"""The theorems of proofs/*.v as Coq's kernel has checked them: `make proofs` writes coq_theorems.py.

python -m scaleproof.certify.coq proofs    # compiles all, and writes that again
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

#: Coq's own 63-bit integers and floats, by module: what Interval computes with, named as a whole
PRIMITIVE = frozenset({"PrimInt63", "Uint63", "PrimFloat", "FloatAxioms"})
#: what a theorem may rest on: the standard real numbers, classical logic, equal functions being equal, and those
AXIOMS = PRIMITIVE | frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
LIBRARY = "Scaleproof"
#: the sources, where the repository is at hand; a wheel has none
FOLDER = Path(__file__).parents[2] / "proofs"
PUBLISHED = "coq_theorems.py"
#: Debian's packages
NEEDED = "coq libcoq-coquelicot libcoq-interval"
#: of a file here: it is the one that was checked, another one, or not at hand
Standing = Literal["same", "changed", "absent"]
#: before what Coq says of a theorem, and of its assumptions
MARK = re.compile(r"^=== (\w+) (statement|axioms)$", re.MULTILINE)


class CoqError(Exception):
    """Coq refused a file; the message has its own words."""


class CoqMissing(CoqError):
    """There is no Coq here, or no file; the message says what to do."""


@dataclass(frozen=True)
class Theorem:
    """A theorem of a file (named without its ending), its statement as Coq prints it, and the axioms that it uses."""

    file: str
    short: str
    statement: str
    axioms: tuple[str, ...]

    @property
    def name(self) -> str:
        """By which clauses know it."""
        return f"{self.file}.{self.short}"


@dataclass(frozen=True)
class Accepted:
    """What one run of Coq has accepted: its version, the files by their SHA-256, and every theorem."""

    version: str
    files: dict[str, str]
    theorems: dict[str, Theorem]


def published() -> Accepted:
    """What was checked when coq_theorems.py was made."""
    from scaleproof.certify.coq_theorems import FILES, THEOREMS, VERSION

    return Accepted(VERSION, FILES, {t.name: t for t in (Theorem(*row) for row in THEOREMS)})


def standing(file: str, folder: Path = FOLDER) -> Standing:
    """Whether a file (named without its ending), and what it imports of ours, is still what Coq has accepted."""
    path = folder / f"{file}.v"
    if not (folder / "_CoqProject").is_file() or not path.is_file():
        return "absent"
    files, all_same = published().files, True
    for source in (path, *(folder / f"{name}.v" for name in _imported(path))):
        all_same &= source.is_file() and files.get(source.name) == sha256(source)
    return "same" if all_same else "changed"


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def standings(theorems: Iterable[str]) -> dict[str, Standing]:
    """Of the files of these theorems, by name and with their ending, whether they are still what Coq has accepted."""
    known = published().theorems
    return {f"{file}.v": standing(file) for file in sorted({known[name].file for name in theorems})}


def as_text(checked: Accepted) -> str:
    """coq_theorems.py."""
    rows = [f"    {_literal([t.file, t.short, t.statement, t.axioms])},\n" for t in checked.theorems.values()]
    return (
        f'"""What Coq\'s kernel has accepted of proofs/*.v, and the SHA-256 of each file, by `make proofs`."""\n\n'
        f"VERSION = {json.dumps(checked.version)}\n"
        f"FILES = {json.dumps(checked.files)}\n"
        f"#: file, name, statement as Coq prints it, axioms\n"
        f"THEOREMS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (\n{''.join(rows)})\n"
    )


def _literal(value: Any) -> str:
    """As Python; lists and tuples as tuples, strings in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return "(" + "".join(f"{_literal(v)}, " for v in value) + ")"


def sources(folder: Path) -> list[Path]:
    """The files in the order in which they depend on each other."""
    project = folder / "_CoqProject"
    if not project.is_file():
        raise CoqMissing(f"{project} is missing: it names the files")
    return [folder / line for line in project.read_text().splitlines() if line.endswith(".v")]


def check(folder: Path, only: str | None = None) -> Accepted:
    """Compiles every file, or `only` one and what it imports, and reads statements and axioms back from Coq.

    Nothing is written into the folder. Raises CoqError.
    """
    if shutil.which("coqc") is None:
        raise CoqMissing(f"there is no coqc: on Debian, apt-get install {NEEDED}")
    files = sources(folder)
    asked = [file for file in files if only in (None, file.name)]
    if not asked:
        raise CoqMissing(f"{folder / '_CoqProject'} names no {only}")
    needed = {name for file in asked for name in (file.stem, *_imported(file))}
    theorems: list[Theorem] = []
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        for file in files:
            if file.stem in needed:
                shutil.copy(file, place)
                _coqc(place, file.name)
        for file in asked:
            (place / "Query.v").write_text(_query(file))
            theorems += _theorems(file.stem, _coqc(place, "Query.v"))
    return Accepted(_version(), {file.name: sha256(file) for file in asked}, {t.name: t for t in theorems})


def _imported(file: Path) -> list[str]:
    """The files of ours that a file imports."""
    lines = re.findall(rf"^From {LIBRARY} Require Import (.*)\.$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return [name for line in lines for name in line.split()]


def _names(file: Path) -> list[str]:
    """Theorems; lemmas are their own affair."""
    return re.findall(r"^Theorem (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)


def _query(file: Path) -> str:
    """Asks for the axioms of every theorem, in full, and for its statement with what its file imports and opens."""
    names = _names(file)
    head = re.findall(r"^(?:From|Import|Open Scope) .*\.$", file.read_text(encoding="utf-8"), re.MULTILINE)
    show = [
        f"From {LIBRARY} Require Import {file.stem}.",
        "Set Printing Width 100.",
        "Unset Printing Implicit Defensive.",
    ]
    return "\n".join(
        [
            f"From {LIBRARY} Require {file.stem}.",
            *_asked("axioms", "Print Assumptions", file.stem, names),
            *head,
            *show,
            *_asked("statement", "Check", file.stem, names),
            "",
        ]
    )


def _asked(part: str, command: str, module: str, names: list[str]) -> list[str]:
    return [f'Goal True. idtac "=== {name} {part}". Abort.\n{command} {module}.{name}.' for name in names]


def _theorems(file: str, answer: str) -> Iterator[Theorem]:
    _, *parts = MARK.split(answer)
    said = {(name, part): text for name, part, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)}
    for name in dict.fromkeys(parts[::3]):
        _, _, statement = said[name, "statement"].partition(" : ")
        statement = re.sub(r"\s+", " ", statement or said[name, "statement"].partition(": ")[2]).strip()
        axioms = re.findall(r"^([A-Za-z][\w.]*)\s*(?=:|$)", said[name, "axioms"].partition("Axioms:")[2], re.MULTILINE)
        named = {a.partition(".")[0] if a.partition(".")[0] in PRIMITIVE else a for a in axioms}
        yield Theorem(file, name, statement, tuple(sorted(named)))


def _coqc(folder: Path, file: str) -> str:
    command = ["coqc", "-q", "-R", ".", LIBRARY, "-w", "none", file]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        words = (run.stderr or run.stdout).strip()[-2000:]
        if "Unable to locate library" in words or "Cannot find a physical path" in words:
            raise CoqMissing(f"a library of Coq is missing: on Debian, apt-get install {NEEDED}; Coq says: {words}")
        raise CoqError(f"Coq refuses {file}: {words}")
    return run.stdout


def _version() -> str:
    said = subprocess.run(["coqc", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"version (\S+)", said)
    return match.group(1) if match else said.strip()


def main() -> None:
    folder = Path(sys.argv[1])
    try:
        checked = check(folder)
    except CoqError as error:
        sys.exit(f"scaleproof: {error}")
    (Path(__file__).parent / PUBLISHED).write_text(as_text(checked), encoding="utf-8")
    for theorem in checked.theorems.values():
        print(f"{theorem.name}: {theorem.statement}")
    strange = sorted({a for t in checked.theorems.values() for a in t.axioms} - AXIOMS)
    print(f"{len(checked.theorems)} theorems, accepted by Coq {checked.version}; other axioms: {strange or 'none'}")


if __name__ == "__main__":
    main()
