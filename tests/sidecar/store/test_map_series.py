"""Maps of several workers over time, some of which are silent at times: no cliff where nothing fell."""

from pathlib import Path
from typing import Self

import pytest

from floodmark_sidecar.readings import MapReading, WorkerReading
from floodmark_sidecar.store import Life, MapSeries, Reader, Sample, Store, map_series
from tests.sidecar.store.conftest import sample


class Told:
    """What each worker tells of the map `m`, instant by instant; None is a worker whose agent says nothing."""

    def __init__(self, path: Path, *, every: float = 15.0) -> None:
        self.store = Store(path)
        self._every = every
        self._t = 1000.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def tell(
        self, *workers: int | None, maxsize: int | None = 10, ended: tuple[Life, ...] = (), outside: bool = True
    ) -> None:
        """Store the next instant; a silent worker is read from outside, or not at all. -1 is an agent without the map."""
        rows = []
        for index, entries in enumerate(workers):
            one = Life(f"web-{index}", 1, 100 + index, 1.0, 1000.0)
            count = -1 if entries is None else entries
            maps = (MapReading("m", "SeenSet", count, maxsize=maxsize, bytes=8 * count),) if count >= 0 else ()
            blocks = None if entries is None else 5
            if entries is not None or outside:
                rows.append((one, WorkerReading(one.worker, 1, uss_bytes=100, python_blocks=blocks, maps=maps)))
        self.store.put_sample(Sample("web", self._t, tuple(rows), ended=ended)).result(10)
        self._t += self._every

    def map(self) -> MapSeries:
        """Return the chart's line of the map."""
        with Reader(self.store.path) as reader:
            (line,) = map_series(reader, "web", points=100, carry=60.0).maps
        return line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "h.db"


@pytest.mark.parametrize("outside", [True, False], ids=["read from outside", "known by its agent alone"])
def test_a_worker_that_is_silent_for_a_moment_counts_with_what_it_told_last(path: Path, outside: bool) -> None:
    """The sum has no cliff where no map lost anything."""
    with Told(path) as told:
        told.tell(50, 50)
        told.tell(51, None, outside=outside)
        told.tell(52, 53)
        line = told.map()
    assert line.entries == (100, 101, 105)
    assert line.bytes == (800, 808, 840)


def test_a_worker_that_stays_silent_makes_the_sum_unknown(path: Path) -> None:
    """After four intervals nobody knows what it holds: null, and not the sum of the others."""
    with Told(path) as told:
        told.tell(50, 50)
        for _ in range(6):
            told.tell(50, None)
        line = told.map()
    assert line.entries == (100, 100, 100, 100, 100, None, None)
    assert line.bytes[-1] is None
    assert line.workers == {"web-0": 50, "web-1": None}


def test_before_its_agent_is_connected_a_worker_makes_the_sum_unknown(path: Path) -> None:
    """What a worker held before it told anything is not nothing."""
    with Told(path) as told:
        told.tell(50, None)
        told.tell(50, 40)
        line = told.map()
    assert line.entries == (None, 90)


def test_a_process_that_never_has_the_map_is_not_waited_for(path: Path) -> None:
    """A helper without an agent, or a worker without this map, leaves the sum as it is."""
    with Told(path) as told:
        told.tell(50, None)
        told.tell(50, None)
        line = told.map()
    assert line.entries == (50, 50)
    assert line.workers == {"web-0": 50}


def test_a_map_that_is_made_later_counts_from_then_on(path: Path) -> None:
    """An agent that tells of other things and not of this map says that there is none."""
    with Told(path) as told:
        told.tell(50, -1)
        told.tell(50, 7)
        assert told.map().entries == (50, 57)


def test_a_worker_that_has_ended_takes_its_entries_with_it(path: Path) -> None:
    """That is a real fall: nothing is carried beyond the life of the process."""
    with Told(path) as told:
        told.tell(50, 50)
        told.tell(50, ended=(Life("web-1", 1, 101, 1.0, 1000.0, ended=1015.0),), outside=False)
        line = told.map()
    assert line.entries == (100, 50)
    assert line.workers == {"web-0": 50}


def test_what_was_told_long_ago_is_not_carried(path: Path) -> None:
    """After a long pause of the sidecar the last value is old, however few readings ago it was."""
    with Told(path, every=3600.0) as told:
        told.tell(50, 50)
        told.tell(50, None)
        line = told.map()
    assert line.entries == (100, None)


def test_bounds_are_told_per_worker_and_in_all(path: Path) -> None:
    """The bound in each worker and the sum over them are two things with two names."""
    with Told(path) as told:
        told.tell(5, 5, 5)
        line = told.map()
        assert (line.maxsize_per_worker, line.maxsize_sum) == (10, 30)
        told.tell(5, None, 5, maxsize=20)
        line = told.map()
        assert line.bounds == {"web-0": 20, "web-1": 10, "web-2": 20}
        assert (line.maxsize_per_worker, line.maxsize_sum) == (20, 50)
        told.tell(5, 5, 5, maxsize=None)
        line = told.map()
        assert (line.maxsize_per_worker, line.maxsize_sum) == (None, None)


def test_silence_at_last_costs_no_more(path: Path) -> None:
    """How many instants are looked at is not decided by the newest, which may have no map at all."""
    with Store(path) as store:
        for index in range(40):
            done = store.put_sample(sample(1000.0 + index, workers=2, maps=600 if index < 39 else 0))
        done.result(20)
        with Reader(path) as reader:
            assert len(map_series(reader, "web", points=600).t) == 25
