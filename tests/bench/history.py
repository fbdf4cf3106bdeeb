"""What a sidecar takes of memory while its history grows: `python -m tests.bench.history`.

A real store is filled reading by reading, and judged as the sidecar does it; the memory is this process's own.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from floodmark_sidecar.http import Assessments
from floodmark_sidecar.readings import MapReading, WorkerReading
from floodmark_sidecar.store import Life, Sample, Store
from floodmark_sidecar.units import format_bytes
from tests.bench.heading import heading, say

EVERY: Final = 15.0
"""Seconds between two readings: the sidecar's default."""

DAY: Final = round(86400 / EVERY)
"""Readings of a day."""

_START: Final = 1_700_000_000.0
_JUDGED: Final = round(600 / EVERY)
"""Readings from one verdict to the next."""

_TOLD: Final = (1 / 6, 1 / 2, 1, 2, 4, 8, 12, 18, 24, 30, 36, 42, 48)
"""Hours of history at which the memory is told."""


@dataclass(frozen=True)
class Taken:
    """Private memory of the process, bytes, with so many hours of history judged."""

    hours: float
    bytes: int


def main() -> None:
    """Fill, judge, and write the report."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.history", description="a sidecar's memory, by its history"
    )
    parser.add_argument("--workers", type=int, default=1, help="of the service that is read (1)")
    parser.add_argument("--maps", type=int, default=4, help="of each worker (4)")
    parser.add_argument("--hours", type=float, default=_TOLD[-1], help="of the history (48)")
    parser.add_argument(
        "--report", type=Path, default=Path("reports/sidecar-memory.md"), help="the Markdown file to write"
    )
    options = parser.parse_args()
    head = heading("tests.bench.history", "bench-history")
    with tempfile.TemporaryDirectory() as folder:
        taken = tuple(grown(Path(folder) / "history.db", options.workers, options.maps, options.hours))
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(render(head, options.workers, options.maps, taken), encoding="utf-8")
    say(f"wrote {options.report}")


def grown(path: Path, workers: int, maps: int, hours: float) -> Iterator[Taken]:
    """Judge a history in *path* that gets longer to *hours*, and yield what the process took at some of them."""
    told = [round(each * 3600 / EVERY) for each in _TOLD if each <= hours]
    # One loop for all, as the sidecar has: each would bring threads of its own, and each thread its own heap.
    with Store(path) as store, asyncio.Runner() as runner:
        assessments = Assessments(path)
        for first in range(0, told[-1], _JUDGED):
            readings = range(first, first + _JUDGED)
            keep(store, readings, workers=workers, maps=maps)
            assessments.forget("web")
            runner.run(assessments.get("web"))
            for reading in told:
                if reading in range(first + 1, readings.stop + 1):
                    yield Taken(reading * EVERY / 3600, psutil.Process().memory_full_info().uss)
                    say(f"{reading} readings")


def keep(store: Store, readings: Sequence[int], *, workers: int = 1, maps: int = 4, every: float = EVERY) -> None:
    """Add the *readings* of that number, *every* so many seconds, to the history of the service `web` in *store*."""
    lives = [Life(f"web-{worker}", 1, 100 + worker, 1.0, _START, agent="connected") for worker in range(workers)]
    for index in readings:
        rows = tuple((life, _reading(life.worker, index, maps)) for life in lives)
        done = store.put_sample(Sample("web", _START + index * every, rows))
        if index % 64 == 0 or index == readings[-1]:
            done.result(60)


def _reading(worker: str, index: int, maps: int) -> WorkerReading:
    sizes = (index * 7919 % 11 * 10 + each for each in range(maps))
    found = tuple(
        MapReading(f"map-{each}", "TTLMap", size, maxsize=1000, bytes=size * 200, adds=index, removes=index)
        for each, size in enumerate(sizes)
    )
    uss = 100_000_000 + index * 104729 % 7 * 4096
    return WorkerReading(worker, 1, uss_bytes=uss, swap_bytes=0, rss_bytes=uss, maps=found, fds=9)


def render(head: dict[str, str], workers: int, maps: int, taken: Sequence[Taken]) -> str:
    """Return the report."""
    about = (
        f"A history of {workers} worker{'s' * (workers > 1)} with {maps} maps, a reading each {EVERY:.0f} s, judged after each "
        f"{_JUDGED} readings, in a process that does nothing else; its private memory (USS)."
    )
    lines = [
        *("# What a sidecar takes while its history grows", ""),
        *(f"- {name}: {value}" for name, value in head.items()),
        *("", about, "", "| history | memory | since the first |", "|---|---|---|"),
        *(
            f"| {each.hours:.3g} h | {format_bytes(each.bytes)} | {format_bytes(each.bytes - taken[0].bytes)} |"
            for each in taken
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
