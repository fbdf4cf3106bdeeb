"""Services whose traces are to be judged fast: by how long they run, their workers, their maps and whether these grow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from floodmark_sidecar.judge import Trace, format_csv
from tests.bench.judge._types import FloatArray

DAY: Final = 86_400.0
MIB: Final = 1 << 20

_LEVELS: Final = {"python_blocks": 4e5, "heap_used_bytes": 4e7, "mmap_bytes": 9e6, "threads": 12.0, "fds": 40.0}


@dataclass(frozen=True)
class Service:
    """A service that releases its memory some thirty times a run, read every *every* seconds for *seconds*."""

    title: str
    seconds: float = DAY
    every: float = 15.0
    workers: int = 1
    maps: int = 20
    grows: bool = False

    @property
    def readings(self) -> int:
        """How many rows its trace has."""
        return self.workers * round(self.seconds / self.every)

    @cached_property
    def trace(self) -> Trace:
        """Its trace, always the same one; the maps' entries are never bounded, half of the bytes are not measured."""
        rng = np.random.default_rng(1)
        count = self.readings // self.workers
        u = np.arange(count) / count
        risen = 40_000 * u if self.grows else 0 * u

        def all_workers(one: Callable[[], FloatArray]) -> FloatArray:
            return np.column_stack([one() for _ in range(self.workers)]).ravel()

        columns = {"uss_bytes": all_workers(lambda: _memory(u, rng))}
        for name, level in _LEVELS.items():
            columns[name] = all_workers(lambda level=level: np.round(level * rng.normal(1, 0.01, count)))  # type: ignore[misc]  # mypy knows no defaults of lambdas
        columns["requests_total"] = all_workers(lambda: np.cumsum(rng.poisson(50, count)).astype(np.float64))
        columns["sessions"] = all_workers(lambda: rng.poisson(8, count).astype(np.float64))
        for number in range(self.maps):
            entries = all_workers(lambda: np.round(5000 + risen + rng.normal(0, 100, count)))
            columns[f"map.cache{number:02}.entries"] = entries
            columns[f"map.cache{number:02}.maxsize"] = np.zeros(len(entries))
            columns[f"map.cache{number:02}.bytes"] = 200 * entries if number % 2 else np.full(len(entries), np.nan)
        columns["t"] = np.repeat(np.arange(count) * float(self.every), self.workers)
        labels = {"worker": [str(worker) for worker in range(self.workers)] * count}
        return Trace.from_columns(columns, labels, self.readings, name=self.title, lines=range(self.readings))

    def write(self, path: Path) -> None:
        """Write its trace as CSV; one longer than a day has the same readings every day."""
        day = self if self.seconds <= DAY else Service(self.title, DAY, self.every, self.workers, self.maps, self.grows)
        header, *rows = format_csv(day.trace.rows())
        rest = [row.partition(",")[2] for row in rows]
        times = day.trace.t.tolist()

        def lines() -> Iterator[str]:
            yield header
            for begin in np.arange(0.0, self.seconds, DAY).tolist():
                yield from (f"{begin + t},{cells}" for t, cells in zip(times, rest, strict=True))

        with path.open("w", encoding="utf-8") as file:
            file.writelines(lines())


def _memory(u: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the memory of one worker: a start, releases, noise."""
    releases = (30 * u + rng.random()) % 1 * 6 * MIB
    return np.round(80 * MIB + 5 * MIB * (1 - np.exp(-40 * u)) + releases + rng.normal(0, 0.3 * MIB, len(u)))
