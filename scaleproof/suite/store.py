"""Results of earlier runs, kept in one SQLite file under a hash of all that they depend on (fingerprint.py).

SQLite itself, since a write is whole or did not happen, whatever kills the process; several runs may share the file;
and what comes out is parsed as JSON, so that a file from elsewhere can be wrong and cannot run code, as pickles can. A
store that cannot be read or written never ends a run: what is not found is measured.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: bytes of results that are kept; beyond them, what was not used for longest goes
LIMIT = 2 * 2**30
#: seconds after which an entry that nothing used goes
UNUSED = 90 * 86400
_TABLES = """
create table if not exists results (
    key text primary key, name text, machine text, made real, used real, seconds real, digest text, value blob);
create table if not exists prices (name text primary key, seconds real);
"""


@dataclass(frozen=True)
class Kept:
    """A result as JSON data, when (seconds since 1970) and on which machine it was made, and the seconds it took."""

    value: Any
    made: float
    machine: str
    seconds: float


@dataclass(frozen=True)
class Info:
    """What a store holds."""

    path: Path
    entries: int
    bytes: int
    oldest: float | None


class Store:
    """Results by key; `complaint` says what is wrong with the file, once something is."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self.path = path
        self.limit = limit
        self.complaint = ""
        self._db = self._opened()

    def get(self, key: str) -> Kept | None:
        """What is kept under `key`; None for nothing, and for an entry that is not what was put."""
        with self._careful():
            columns = "value, digest, made, machine, seconds"
            row = self._run(f"select {columns} from results where key = ?", key).fetchone()
            if row is None:
                return None
            packed, digest, made, machine, seconds = row
            if digest != _digest(key, packed):
                self._run("delete from results where key = ?", key)
                return None
            self._run("update results set used = ? where key = ?", time.time(), key)
            return Kept(json.loads(zlib.decompress(packed)), float(made), str(machine), float(seconds))
        return None

    def put(self, key: str, name: str, value: Any, machine: str, seconds: float) -> None:
        """Keeps `value` (JSON data); `name` is what its price is known by (what it cost, whatever the code)."""
        packed = zlib.compress(json.dumps(value, allow_nan=False).encode(), 1)
        now = time.time()
        with self._careful():
            row = (key, name, machine, now, now, seconds, _digest(key, packed), packed)
            self._run("insert or replace into results values (?, ?, ?, ?, ?, ?, ?, ?)", *row)
            self._run("insert or replace into prices values (?, ?)", name, seconds)

    def price(self, name: str) -> float | None:
        """The seconds that work of this name took when it was last done, by any version of the code."""
        with self._careful():
            row = self._run("select seconds from prices where name = ?", name).fetchone()
            return None if row is None else float(row[0])
        return None

    def info(self) -> Info:
        with self._careful():
            count, size, oldest = self._run("select count(*), sum(length(value)), min(made) from results").fetchone()
            return Info(self.path, count, size or 0, oldest)
        return Info(self.path, 0, 0, None)

    def clear(self) -> None:
        """Forgets everything."""
        with self._careful():
            self._run("delete from results")
            self._run("delete from prices")
            self._run("vacuum")

    def gc(self) -> int:
        """Drops what is broken, what nothing used for long, and the least recently used beyond the limit: how many."""
        with self._careful():
            before = self.info().entries
            self._run("delete from results where used < ?", time.time() - UNUSED)
            for key, packed, digest in self._run("select key, value, digest from results").fetchall():
                if digest != _digest(key, packed):
                    self._run("delete from results where key = ?", key)
            beyond = "select key, sum(length(value)) over (order by used desc, key) as total from results"
            self._run(f"delete from results where key in (select key from ({beyond}) where total > ?)", self.limit)
            self._run("vacuum")
            return before - self.info().entries
        return 0

    def close(self) -> None:
        """Closes the file, after a cleaning where it holds more than its limit."""
        if self.info().bytes > self.limit:
            self.gc()
        self._db.close()

    def _run(self, text: str, *values: Any) -> sqlite3.Cursor:
        return self._db.execute(text, values)

    def _opened(self) -> sqlite3.Connection:
        """The file's connection; what is no store is put aside, what cannot be written gives way to memory."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(sqlite3.DatabaseError):
                return _connected(self.path)
            os.replace(self.path, self.path.with_suffix(".broken"))
            self.complaint = f"{self.path} was no store, and is {self.path.with_suffix('.broken').name} now"
            return _connected(self.path)
        except (OSError, sqlite3.Error) as error:
            self.complaint = f"no store at {self.path}: {error}"
            return _connected(Path(":memory:"))

    @contextlib.contextmanager
    def _careful(self) -> Iterator[None]:
        """Whatever is wrong with the file becomes a complaint, and the block's work is not done."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, zlib.error, TypeError) as error:
            self.complaint = f"the store {self.path} failed: {error}"


def default_path() -> Path:
    """$SCALEPROOF_STORE, or store.sqlite in $XDG_CACHE_HOME/scaleproof, by default ~/.cache/scaleproof."""
    if own := os.environ.get("SCALEPROOF_STORE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "scaleproof" / "store.sqlite"


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.executescript(_TABLES)
        db.execute("select key, name, machine, made, used, seconds, digest, value from results limit 1")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _digest(key: str, packed: bytes) -> str:
    return hashlib.sha256(key.encode() + bytes(packed)).hexdigest()
