"""What is written comes back: rows, lives, maps, captures, events."""

import sqlite3
from pathlib import Path

import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.judge import Trace
from floodmark_sidecar.readings import MapReading, WorkerReading
from floodmark_sidecar.store import CaptureRow, Event, Reader, Sample, Store
from tests.sidecar.store.conftest import ended, life, sample


def test_rows_come_back_as_a_trace(store: Store) -> None:
    """Ordered by time and worker, with the columns of a trace; what was not measured is None."""
    store.put_sample(sample(20.0, workers=2))
    store.put_sample(sample(10.0, workers=2, maps=1)).result(10)
    with Reader(store.path) as reader:
        rows = list(reader.rows("web"))
    assert [(row["t"], row["worker"]) for row in rows] == [
        (10.0, "web-0"),
        (10.0, "web-1"),
        (20.0, "web-0"),
        (20.0, "web-1"),
    ]
    assert rows[1]["uss_bytes"] == 1001
    assert rows[1]["tasks"] is None
    assert rows[0]["map.map0.maxsize"] == 10
    assert "map.map0.entries" not in rows[2]
    assert len(Trace.from_rows(rows)) == 4


def test_a_window_is_read_alone(store: Store) -> None:
    """Since and until are both inside."""
    for t in range(6):
        store.put_sample(sample(float(t))).result(10)
    with Reader(store.path) as reader:
        assert [row["t"] for row in reader.rows("web", since=2.0, until=4.0)] == [2.0, 3.0, 4.0]
        assert reader.span("web") == (0.0, 5.0)


def test_a_changed_bound_is_told_from_then_on(store: Store) -> None:
    """Every reading of a map has the bound it was read with."""
    for t, bound in ((1.0, 10), (2.0, 20), (3.0, None), (4.0, 10)):
        reading = WorkerReading("web-0", 1, maps=(MapReading("m", "BoundedMap", 1, maxsize=bound),))
        store.put_sample(Sample("web", t, ((life(), reading),))).result(10)
    with Reader(store.path) as reader:
        assert [row["map.m.maxsize"] for row in reader.rows("web")] == [10, 20, None, 10]


def test_lives_change_in_place(store: Store) -> None:
    """A life is one row from its start to its end."""
    store.put_sample(sample(10.0))
    store.put_sample(Sample("web", 20.0, (), ended=(ended(life(), 20.0),))).result(10)
    with Reader(store.path) as reader:
        assert reader.lives("web") == [ended(life(), 20.0)]
        assert reader.span("web") == (10.0, 10.0)


def test_captures_belong_to_their_life(store: Store) -> None:
    """They come back oldest first, with what was refused and why."""
    store.put_sample(sample(10.0))
    rows = [CaptureRow(12.0, "web-0", 1, path="/x.json", seconds=0.5), CaptureRow(11.0, "web-0", 1, refused="no room")]
    for row in rows:
        store.put_capture("web", row)
    store.put_capture("web", CaptureRow(13.0, "web-9", 1, path="/never-read.json")).result(10)
    with Reader(store.path) as reader:
        assert reader.captures("web") == rows[::-1]


def test_an_event_that_repeats_is_counted(store: Store) -> None:
    """One row a day, however often it happens."""
    for t in (1.0, 2.0, 3.0):
        store.put_event(Event(t, "nonsense", "again"), service="web")
    store.put_event(Event(4.0, "pruned", "all", 7)).result(10)
    with Reader(store.path) as reader:
        assert reader.events("web") == [Event(3.0, "nonsense", "again", 3), Event(4.0, "pruned", "all", 7)]
        assert reader.events() == [Event(4.0, "pruned", "all", 7)]


def test_services_know_their_folder(store: Store) -> None:
    """A folder that was told once is kept when it is not told again."""
    store.put_service("web", cwd=Path("/srv"))
    store.put_service("web")
    store.put_service("api").result(10)
    with Reader(store.path) as reader:
        assert reader.services() == ["api", "web"]
        assert (reader.cwd("web"), reader.cwd("api")) == (Path("/srv"), None)


def test_an_unknown_service_is_empty(store: Store) -> None:
    """Nothing is known of it, and that is no error."""
    with Reader(store.path) as reader:
        assert not list(reader.rows("nix"))
        assert not reader.lives("nix")
        assert not reader.captures("nix")
        assert reader.span("nix") is None


def test_the_store_is_readable_while_and_after_it_is_written(path: Path) -> None:
    """A reader sees what is committed, during the writer's life and after its clean end; nothing but the file is left."""
    with Store(path) as store:
        store.put_sample(sample(1.0)).result(10)
        with Reader(path) as reader:
            assert len(list(reader.rows("web"))) == 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with Reader(path) as reader:
        assert len(list(reader.rows("web"))) == 1


def test_history_is_for_its_owner_alone(store: Store) -> None:
    """Command lines may hold secrets."""
    store.put_sample(sample(1.0)).result(10)
    for file in store.path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_no_store_to_read_is_a_usage_error(path: Path) -> None:
    """The sentence has the path; no file appears."""
    with pytest.raises(UsageError, match=r"history\.db cannot be read"):
        Reader(path)
    assert not path.exists()


def test_the_last_reader_leaves_a_single_file(path: Path) -> None:
    """A reader that outlives the writer, as one in the middle of judging does, removes what SQLite kept beside the file."""
    store = Store(path)
    store.put_sample(sample(1.0)).result(10)
    with Reader(path) as reader:
        assert reader.services() == ["web"]
        store.close()
        assert len(list(path.parent.iterdir())) > 1
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_writes_nothing(path: Path) -> None:
    """Whatever it is asked for."""
    with Store(path) as store:
        store.put_sample(sample(1.0)).result(10)
        with Reader(path) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._db.execute("DELETE FROM readings")
