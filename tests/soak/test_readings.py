"""From the store to the rows that are judged."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from floodmark_sidecar.judge import format_csv
from floodmark_sidecar.readings import MapReading, WorkerReading
from floodmark_sidecar.store import CaptureRow, Life, Sample, Store
from floodmark_soak._load_stats import RequestCounter
from floodmark_soak._load_stats import Sample as LoadSample
from floodmark_soak._readings import RunReader, Watched, last_reading, latest_memory, tidy

MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with ten instants of two workers, the last of them within a census."""
    path = tmp_path / "store.sqlite"
    lives = [Life(f"web-{n}", 1, 100 + n, 1.0, 1000.0) for n in (0, 1)]
    with Store(path) as written:
        written.put_service("web")
        for t in range(10):
            rows = tuple(
                (life, WorkerReading(life.worker, life.life, uss_bytes=(10 + t) * MIB, swap_bytes=MIB))
                for life in lives
            )
            written.put_sample(Sample("web", 1000.0 + t, rows, masked=t == 9)).result()
    return path


def test_only_the_run_is_read_and_its_requests_once(store: Path) -> None:
    """Rows from readiness to the end; the load's count stands in one worker's rows alone, so that a sum holds."""
    requests = RequestCounter([LoadSample(1000, 1, 0, 0), LoadSample(1010, 1, 100, 0)])

    with RunReader(store, [Watched(1, 1002, 1005, requests)], captures=store.parent) as reader:
        rows = list(reader.rows("web"))

    assert [row["t"] for row in rows] == [1002, 1002, 1003, 1003, 1004, 1004, 1005, 1005]
    assert [row["requests_total"] for row in rows] == [20, None, 30, None, 40, None, 50, None]


def test_a_narrower_question_is_answered_within_the_run(store: Path) -> None:
    """Bounds of the question and of the run hold both."""
    with RunReader(store, [Watched(1, 1002, 1005, RequestCounter([]))], captures=store.parent) as reader:
        assert {row["t"] for row in reader.rows("web", since=1004, until=2000)} == {1004, 1005}


def test_segments_are_told_apart_and_what_is_between_them_is_left_out(store: Path) -> None:
    """Each has the requests of its own load, and a number where there are several."""
    counters = [RequestCounter([LoadSample(t, 1, 0, 0), LoadSample(t + 10, 1, 100, 0)]) for t in (1000, 1006)]
    watched = [Watched(number, t, t + 1, counters[number - 1]) for number, t in ((1, 1002), (2, 1007))]

    with RunReader(store, watched, captures=store.parent) as reader:
        rows = [row for row in reader.rows("web") if row["worker"] == "web-0"]
        late = list(reader.rows("web", since=1006))

    found = [(row["t"], row["segment"], row["requests_total"]) for row in rows]
    assert found == [(1002, 1, 20), (1003, 1, 30), (1007, 2, 10), (1008, 2, 20)]
    assert {row["segment"] for row in late} == {2}


@pytest.mark.parametrize("block", [1, 7, 8, 20, 512])
def test_the_readings_are_written_block_by_block(store: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one header, and every row once, wherever a block ends."""
    monkeypatch.setattr("floodmark_soak._readings._BLOCK", block)
    late = MapReading("locks", "dict", 3)
    life = Life("web-0", 1, 100, 1.0, 1000.0)
    with Store(store) as written:
        row = (life, WorkerReading("web-0", 1, uss_bytes=MIB, swap_bytes=0, maps=(late,)))
        written.put_sample(Sample("web", 1010.0, (row,))).result()
    watched = [Watched(number, t, t + 4, RequestCounter([])) for number, t in ((1, 1000), (2, 1006))]

    with RunReader(store, watched, captures=store.parent) as reader:
        assert reader.csv("web") == "".join(format_csv(reader.rows("web")))
        text = reader.csv("web")
    assert text.count("\n") == 1 + 19
    assert "map.locks.entries" in text.splitlines()[0]


def test_a_run_without_readings_has_a_header(store: Path) -> None:
    """Nothing was watched: a trace can be read from it all the same, an empty one."""
    with RunReader(store, [], captures=store.parent) as reader:
        assert reader.csv("web") == "".join(format_csv(()))


def test_the_last_reading_before_a_time(store: Path) -> None:
    """None is older than the beginning, whatever became of the store."""
    assert last_reading(store, "web", since=1001, until=1005.5) == 1005
    assert last_reading(store, "web", since=1001, until=9999) == 1009
    assert last_reading(store, "web", since=2000, until=9999) == 2000
    assert last_reading(store.with_name("none"), "web", since=5, until=9) == 5


def test_the_latest_memory_is_the_sum_over_workers(store: Path) -> None:
    """Private memory and swap of every worker at the newest instant outside a census, during which it reads low."""
    assert latest_memory(store, "web", since=1005) == 2 * (18 + 1) * MIB
    assert latest_memory(store, "web", since=1009) is None


def test_a_store_that_is_not_there_yet_has_no_memory_to_show(tmp_path: Path) -> None:
    """The progress of a run does not fail for it."""
    assert latest_memory(tmp_path / "store.sqlite", "web", since=0) is None


def test_the_files_beside_a_closed_store_are_removed(store: Path) -> None:
    """What a reader leaves behind goes; the history stays."""
    with RunReader(store, [Watched(1, 0, 2000, RequestCounter([]))], captures=store.parent) as reader:
        list(reader.rows("web"))

    tidy(store)

    assert [entry.name for entry in store.parent.iterdir()] == [store.name]


def test_the_log_of_a_killed_sidecar_is_brought_into_the_store(tmp_path: Path) -> None:
    """A sidecar that was killed leaves its newest readings in the log, and its lock: the readings stay, the files go."""
    store = tmp_path / "store.sqlite"
    code = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA journal_mode=WAL');"
        "db.execute('CREATE TABLE seen (t)'); db.execute('INSERT INTO seen VALUES (7)'); db.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, store], check=True)
    store.with_name("store.sqlite-lock").touch()
    assert store.with_name("store.sqlite-wal").stat().st_size

    tidy(store)

    assert [entry.name for entry in tmp_path.iterdir()] == [store.name]
    with closing(sqlite3.connect(store)) as database:
        assert database.execute("SELECT t FROM seen").fetchall() == [(7,)]


def test_captures_are_where_the_run_is_now(store: Path) -> None:
    """Not where they were taken: the folder may have been carried to another machine."""
    with Store(store) as written:
        written.put_capture("web", CaptureRow(1001.0, "web-0", 1, path="/elsewhere/captures/web-0.json"))
        written.put_capture("web", CaptureRow(1002.0, "web-0", 1, refused="no room")).result()
    here = store.parent / "captures"
    with RunReader(store, [], captures=here) as reader:
        assert [row.path for row in reader.captures("web")] == [str(here / "web-0.json"), None]
