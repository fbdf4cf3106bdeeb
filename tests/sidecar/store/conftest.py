"""Stores with something in them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from floodmark_sidecar.readings import MapReading, WorkerReading
from floodmark_sidecar.store import Life, Sample, Store

WAIT_SECONDS = 20.0


def life(worker: str = "web-0", number: int = 1) -> Life:
    """Return a life of *worker*."""
    return Life(worker, number, pid=100 + number, born=float(number), started=10.0, command="python app.py")


def sample(
    t: float, *, workers: int = 1, maps: int = 0, entries: int = 1, masked: bool = False, number: int = 1
) -> Sample:
    """Return one instant of the service `web`."""
    rows = []
    for index in range(workers):
        one = life(f"web-{index}", number)
        held = tuple(
            MapReading(
                f"map{m}", "BoundedMap", entries, maxsize=10, ttl=2.0, bytes=64 * entries, adds=entries, removes=0
            )
            for m in range(maps)
        )
        reading = WorkerReading(one.worker, number, uss_bytes=1000 + index, swap_bytes=1, threads=2, maps=held)
        rows.append((one, reading))
    return Sample("web", t, tuple(rows), masked=masked)


def ended(one: Life, t: float) -> Life:
    """Return *one* with its end."""
    return replace(one, ended=t)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be made."""
    return tmp_path / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """An open store."""
    with Store(path) as one:
        yield one
