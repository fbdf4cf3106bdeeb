"""The writer: migrations, one writer a file, what fails and what survives."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.store import CaptureRow, Reader, Store, StoreError
from floodmark_sidecar.store._schema import first_tables
from tests.sidecar.store.conftest import sample

WRITING = """
import sys
from pathlib import Path
from floodmark_sidecar.store import Store
from tests.sidecar.store.conftest import sample

store = Store(Path(sys.argv[1]))
t = float(sys.argv[2])
print("open", flush=True)
while True:
    t += 1.0
    store.put_sample(sample(t, workers=3, maps=5)).result()
    print(t, flush=True)
"""
ROOT = Path(__file__).parents[3]


def test_a_new_store_has_its_pragmas(store: Store) -> None:
    """WAL and incremental vacuum hold from the first table on."""
    store.put_sample(sample(1.0)).result(10)
    with sqlite3.connect(store.path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    db.close()


def test_migrations_run_once(path: Path) -> None:
    """A store that is opened again keeps what it has."""
    with Store(path) as store:
        store.put_sample(sample(1.0)).result(10)
    with Store(path) as store:
        store.put_sample(sample(2.0)).result(10)
        with Reader(path) as reader:
            assert reader.span("web") == (1.0, 2.0)


def test_captures_of_an_older_store_are_censuses(path: Path) -> None:
    """A store from before captures had kinds and triggers, and readings zombies, is brought up to date when it is opened for
    writing, and until then refused.
    """
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, t TEXT DEFAULT CURRENT_TIMESTAMP)")
        first_tables(db)
        db.execute("INSERT INTO migrations (name) VALUES ('first_tables')")
        db.execute("INSERT INTO services (id, name) VALUES (1, 'web')")
        db.execute("INSERT INTO lives VALUES (1, 1, 'web-0', 1, 10, 1.0, 1.0, NULL, '', '', NULL, 'none')")
        db.execute("INSERT INTO captures (life_id, t, refused) VALUES (1, 1.0, 'no room')")
        db.execute("INSERT INTO ticks VALUES (1, 1.0, 0)")
        db.execute("INSERT INTO readings (service_id, t, life_id, uss_bytes) VALUES (1, 1.0, 1, 5)")
    with pytest.raises(
        UsageError, match=r"older floodmark \(it lacks kinds_of_capture, triggers_of_captures, zombies\)"
    ):
        Reader(path)
    with Store(path) as store:
        store.put_capture("web", CaptureRow(2.0, "web-0", 1, refused="no room", kind="trace", trigger="clock")).result(
            10
        )
        with Reader(path) as reader:
            found = [(row.kind, row.trigger) for row in reader.captures("web")]
            assert found == [("census", None), ("trace", "clock")]
            (row,) = reader.rows("web")
            assert (row["uss_bytes"], row["zombies"]) == (5, None)


def test_a_store_of_a_newer_floodmark_is_refused(path: Path) -> None:
    """It is neither read wrongly nor changed."""
    with Store(path):
        pass
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO migrations (name) VALUES ('tiers')")
    db.close()
    for opens in (Store, Reader):
        with pytest.raises(UsageError, match=r"history\.db cannot be .*: it was .* newer floodmark \(it has tiers\)"):
            opens(path)


def test_a_file_that_is_no_store_is_refused_and_kept(path: Path) -> None:
    """Somebody's file is not written over."""
    path.write_text("dear diary, " * 500)
    with pytest.raises(UsageError, match="cannot be opened: file is not a database"):
        Store(path)
    assert path.read_text().startswith("dear diary")
    assert len(list(path.parent.iterdir())) == 1


def test_another_programs_database_is_refused_and_kept(path: Path) -> None:
    """Not a table is added to it."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE customers (name)")
    before = path.read_bytes()

    with pytest.raises(UsageError, match=r"another program's database.*'customers'"):
        Store(path)

    assert path.read_bytes() == before


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    """The sentence has the path."""
    with pytest.raises(UsageError, match="cannot be opened"):
        Store(tmp_path)


def test_a_second_writer_is_refused(store: Store) -> None:
    """One sidecar a file: the second says so, and the first goes on."""
    with pytest.raises(UsageError, match="another sidecar is writing"):
        Store(store.path)
    store.put_sample(sample(1.0)).result(10)


def test_close_is_idempotent_and_late_writes_fail(path: Path) -> None:
    """After its end the store says so; what was queued before is written."""
    store = Store(path)
    done = store.put_sample(sample(1.0))
    store.close()
    store.close()
    assert done.result(0) is None
    with pytest.raises(StoreError, match="closed"):
        store.put_sample(sample(2.0)).result(0)


def test_one_bad_write_does_not_take_its_neighbours_along(store: Store) -> None:
    """A write that cannot be is told to its caller; those around it are stored."""
    good = [store.put_sample(sample(float(t))) for t in range(3)]
    bad = store.put_service(object())  # type: ignore[arg-type]  # SQLite has no such type
    good.append(store.put_sample(sample(3.0)))
    with pytest.raises(StoreError, match="cannot be written"):
        bad.result(10)
    for done in good:
        done.result(10)
    with Reader(store.path) as reader:
        assert len(list(reader.rows("web"))) == 4


def test_a_caller_that_stops_waiting_does_not_stop_the_writer(store: Store) -> None:
    """A cancelled future is written all the same."""
    cancelled = [store.put_sample(sample(float(t))) for t in range(20)]
    for done in cancelled:
        done.cancel()
    store.put_sample(sample(99.0)).result(10)
    with Reader(store.path) as reader:
        assert len(list(reader.rows("web"))) == 21


@pytest.mark.slow
def test_kill_minus_nine_loses_no_acknowledged_reading(path: Path) -> None:
    """Whenever the writing process is killed, each reading it was told is stored is there, and the file is sound."""
    acknowledged: list[float] = []
    for turn in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITING, str(path), str(turn * 1000)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        acknowledged += [float(process.stdout.readline()) for _ in range(15 + 7 * turn)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += [float(line) for line in process.communicate()[0].splitlines() if line.endswith(".0")]
    with Store(path), Reader(path) as reader:
        assert reader._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = list(reader.rows("web"))
    stored = {row["t"] for row in rows}
    assert len(acknowledged) > 100
    assert set(acknowledged) <= stored
    assert len(rows) == 3 * len(stored)
    assert all(row["map.map4.entries"] == 1 for row in rows)
