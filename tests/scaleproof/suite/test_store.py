"""The store stays sound, whatever happens to its file, and a run goes on without it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleproof.suite.store import Store, default_path

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.text(min_size=1), JSON, st.floats(0, 1e6))
def test_what_is_put_comes_back(key: str, value: object, seconds: float) -> None:
    store = Store(Path(":memory:"))
    assert store.get(key) is None
    assert store.price("work") is None
    store.put(key, "work", value, "a machine", seconds)
    kept = store.get(key)
    assert kept is not None
    assert (kept.value, kept.machine, kept.seconds) == (value, "a machine", seconds)
    assert store.price("work") == seconds
    assert store.get(key + "x") is None
    assert not store.complaint


def test_it_is_there_again_when_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "deep/er/store.sqlite"
    Store(path).put("k", "n", [1.5], "m", 1.0)
    kept = Store(path).get("k")
    assert kept is not None
    assert kept.value == [1.5]
    assert Store(path).info().entries == 1
    Store(path).clear()
    assert Store(path).get("k") is None


@pytest.mark.parametrize("text", [b"", b"no database at all, but long enough to be read as one" * 100])
def test_a_file_that_is_no_store_is_put_aside(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(text)
    store = Store(path)
    store.put("k", "n", 1, "m", 1.0)
    assert Store(path).get("k") is not None
    assert bool(store.complaint) == bool(text)
    assert (tmp_path / "store.broken").exists() == bool(text)


def test_another_database_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("create table results (a, b)")
    other.close()
    store = Store(path)
    store.put("k", "n", 1, "m", 1.0)
    assert store.get("k") is not None
    assert "was no store" in store.complaint


def test_a_store_that_was_cut_short_is_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    filled = Store(path)
    for k in range(200):
        filled.put(f"k{k}", "n", list(range(k)), "m", 1.0)
    filled.close()
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        store = Store(path)
        values = [store.get(f"k{k}") for k in range(200)]
        assert all(v is None or v.value == list(range(k)) for k, v in enumerate(values)), "what is read is right"
        store.put("new", "n", 1, "m", 1.0)
        store.close()


@pytest.mark.parametrize(
    "change",
    [
        "update results set value = ?1",
        "update results set key = 'k2', value = ?1",
        "update results set digest = 'abc'",
        "update results set value = null",
        "update results set digest = null",
    ],
)
def test_a_hostile_entry_is_not_believed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "store.sqlite"
    store = Store(path)
    store.put("k", "n", [1, 2, 3], "m", 1.0)
    hostile = b"cos\nsystem\n(S'touch hurt'\ntR."  # what a pickle would run
    with sqlite3.connect(path) as other:
        other.execute(change, (zlib.compress(b"[4]"),) if "?1" in change else ())
        other.execute("insert into results values ('p', 'n', 'm', 0, 0, 0, 'x', ?)", (hostile,))
    other.close()
    assert store.get("k") is None
    assert store.get("k2") is None
    assert store.get("p") is None
    assert not (tmp_path / "hurt").exists()
    store.put("k", "n", 5, "m", 1.0)
    again = store.get("k")
    assert again is not None
    assert again.value == 5


def test_an_entry_belongs_to_its_key(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store.put("a", "n", "of a", "m", 1.0)
    with sqlite3.connect(store.path) as other:
        other.execute("update results set key = 'b'")
    other.close()
    assert store.get("b") is None


def test_a_full_disk_loses_only_what_did_not_fit(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store.put("small", "n", 1, "m", 1.0)
    pages = store._db.execute("pragma page_count").fetchone()[0]
    store._db.execute(f"pragma max_page_count = {pages + 1}")
    store.put("large", "n", os.urandom(200_000).hex(), "m", 1.0)
    assert "full" in store.complaint
    assert store.get("large") is None
    assert store.get("small") is not None


def test_a_place_that_cannot_be_written_gives_way_to_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file/store.sqlite")
    assert "no store at" in store.complaint
    store.put("k", "n", 1, "m", 1.0)
    assert store.get("k") is not None


def test_the_limit_is_kept_and_what_was_used_last_stays(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite", limit=50_000)
    for k in range(20):
        store.put(f"k{k}", "n", os.urandom(5000).hex(), "m", 1.0)
        time.sleep(0.002)
    assert store.get("k0") is not None, "read, and so used last"
    assert store.gc() > 10
    assert store.info().bytes <= 50_000
    assert store.get("k0") is not None
    assert store.get("k19") is not None
    assert store.get("k1") is None


def test_gc_drops_what_nothing_used_and_what_is_damaged(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    for key in ("old", "damaged", "good"):
        store.put(key, "n", key, "m", 1.0)
    with sqlite3.connect(store.path) as other:
        other.execute("update results set used = 0 where key = 'old'")
        other.execute("update results set value = x'00' where key = 'damaged'")
    other.close()
    assert store.gc() == 2
    assert store.get("good") is not None


def _fill(path: Path, name: str) -> None:
    store = Store(path)
    for k in range(100):
        store.put(f"{name}{k}", "n", k, "m", 1.0)
        assert store.get(f"{name}{k}") is not None
    assert not store.complaint, store.complaint


def test_two_runs_share_it(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=_fill, args=(path, name)) for name in "ab"]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0, 0]
    assert Store(path).info().entries == 200


WRITES = """
import itertools, sys
from pathlib import Path
from scaleproof.suite.store import Store
store = Store(Path(sys.argv[1]))
for k in itertools.count():
    store.put(f"k{k}", "n", list(range(k % 500)), "m", 1.0)
    print(k, flush=True)
"""


def test_killed_in_mid_write_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITES, str(path)], stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout is not None
            for line in run.stdout:
                if int(line) == 150:
                    run.send_signal(signal.SIGKILL)
                    break
        store = Store(path)
        assert not store.complaint
        assert all((kept := store.get(f"k{k}")) and kept.value == list(range(k)) for k in range(150))


def test_the_default_place_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCALEPROOF_STORE", str(tmp_path / "own"))
    assert default_path() == tmp_path / "own"
    monkeypatch.delenv("SCALEPROOF_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "scaleproof/store.sqlite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_path() == Path.home() / ".cache/scaleproof/store.sqlite"
