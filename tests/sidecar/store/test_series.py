"""Downsampled series: real readings, bounded in number, whatever history holds."""

from pathlib import Path

import pytest

from floodmark_sidecar.readings import WorkerReading
from floodmark_sidecar.store import Reader, Sample, Store, map_series, worker_series
from tests.sidecar.store.conftest import life, sample

COUNT = 1500


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with many readings, a gap among them."""
    path = tmp_path_factory.mktemp("long") / "history.db"
    with Store(path) as store:
        for index in range(COUNT):
            t = float(index if index < 1000 else index + 5000)
            done = store.put_sample(sample(t, workers=2, maps=2, entries=index, masked=index == 0))
            if index % 100 == 0:
                done.result(20)
        done.result(20)
    return path


@pytest.mark.parametrize("at_most", [2, 7, 600, COUNT - 1])
def test_ticks_are_at_most_so_many_and_keep_both_ends(long: Path, at_most: int) -> None:
    """They are times of readings, sorted, the first and the newest among them."""
    with Reader(long) as reader:
        every = reader.ticks("web")
        picked = reader.ticks("web", at_most=at_most)
    assert len(every) == COUNT
    assert 2 <= len(picked) <= at_most
    assert picked == sorted(set(picked))
    assert set(picked) <= set(every)
    assert (picked[0], picked[-1]) == (every[0], every[-1])


def test_few_readings_are_all_shown(long: Path) -> None:
    """Nothing is thinned out that fits."""
    with Reader(long) as reader:
        assert reader.ticks("web", since=10.0, until=19.0, at_most=10) == [float(t) for t in range(10, 20)]


def test_memory_is_private_plus_swapped_and_summed(long: Path) -> None:
    """Each worker has its line, and the total is their sum at that instant."""
    with Reader(long) as reader:
        series = worker_series(reader, "web", until=99.0, points=10)
    assert set(series.workers) == {"web-0", "web-1"}
    assert (series.workers["web-0"][0], series.total[0]) == (1001, 2003)
    assert (series.masked[0], series.masked[1]) == (True, False)


def test_a_worker_that_was_not_there_is_not_zero(tmp_path: Path) -> None:
    """Where a worker has no reading, its line has a gap; a total of nothing measured is None."""
    with Store(tmp_path / "h.db") as store:
        store.put_sample(sample(1.0, workers=2))
        store.put_sample(sample(2.0))
        store.put_sample(Sample("web", 3.0, ((life(), WorkerReading("web-0", 1)),))).result(10)
        with Reader(store.path) as reader:
            series = worker_series(reader, "web", points=10)
    assert series.workers["web-1"] == (1002, None, None)
    assert series.total == (2003, 1001, None)


def test_maps_are_summed_over_workers(long: Path) -> None:
    """Entries, bytes and bounds add up; each worker's newest entries, and the bound in each, are told apart."""
    with Reader(long) as reader:
        chart = map_series(reader, "web", points=10)
    first, second = chart.maps
    assert (first.name, second.name, first.kind) == ("map0", "map1", "BoundedMap")
    assert first.entries[-1] == 2 * (COUNT - 1)
    assert (first.maxsize_per_worker, first.maxsize_sum, first.ttl) == (10, 20, 2.0)
    assert first.workers == {"web-0": COUNT - 1, "web-1": COUNT - 1}


def test_many_maps_get_fewer_instants(tmp_path: Path) -> None:
    """An answer has a bounded number of rows behind it."""
    with Store(tmp_path / "h.db") as store:
        for index in range(40):
            done = store.put_sample(sample(float(index), workers=2, maps=600))
        done.result(20)
        with Reader(store.path) as reader:
            chart = map_series(reader, "web", points=600)
    assert len(chart.maps) == 600
    assert len(chart.t) == 25


def test_the_cost_of_a_query_does_not_grow_with_history(long: Path) -> None:
    """SQLite finds the picked instants by their keys: no step of the plan scans a table."""
    with Reader(long) as reader:
        plans: list[str] = []
        reader._db.set_trace_callback(plans.append)
        worker_series(reader, "web", points=20)
        map_series(reader, "web", points=20)
        list(reader.rows("web", at_most=20))
        reader._db.set_trace_callback(None)
        steps = [row[3] for sql in plans for row in reader._db.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert any("readings" in step or "SEARCH r" in step for step in steps)
    scans = [step for step in steps if step.startswith("SCAN")]
    assert scans == []


def test_a_trace_is_read_in_the_order_it_is_stored_in(long: Path) -> None:
    """The readings of maps, by far the most rows, are neither joined nor sorted on the way out."""
    with Reader(long) as reader:
        asked: list[str] = []
        reader._db.set_trace_callback(asked.append)
        assert sum(1 for _ in reader.rows("web")) == 2 * COUNT
        reader._db.set_trace_callback(None)
        of_maps = [sql for sql in asked if "FROM map_readings" in sql and "count(" not in sql]
        steps = [[row[3] for row in reader._db.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in of_maps]
    assert of_maps
    assert {len(step) for step in steps} == {1}


def test_a_wide_trace_is_read_a_few_instants_at_a_time(tmp_path: Path) -> None:
    """What is held at once does not grow with the number of workers and maps."""
    with Store(tmp_path / "h.db") as store:
        for index in range(8):
            done = store.put_sample(sample(float(index), workers=2, maps=2000))
        done.result(20)
        with Reader(store.path) as reader:
            asked: list[str] = []
            reader._db.set_trace_callback(asked.append)
            rows = sum(1 for _ in reader.rows("web"))
            reader._db.set_trace_callback(None)
    assert rows == 16
    assert sum("FROM map_readings" in sql and "count(" not in sql for sql in asked) == 2
