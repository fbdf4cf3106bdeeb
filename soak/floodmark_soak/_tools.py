"""What the tools of a run take themselves: the load generator, the sidecar and this process, read from outside as a service is.

A gate must not be the thing that grows, nor starve what it measures.
"""

import contextlib
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from floodmark_sidecar.judge import Settings, Trace, judge
from floodmark_soak._readings import Watched

COLUMNS: Final = ("t", "worker", "uss_bytes", "cpu_seconds", "busiest")
"""Of `tools.csv`: epoch seconds, which tool, private memory of its processes, processor seconds that they took so far, and the
share of one processor that the busiest of them took since the reading before.
"""

LOCUST: Final = "locust"
_BUSY: Final = 0.9
"""Of one processor: locust's own limit, above which its users wait for each other."""

_LOADS: Final = 600.0
"""Seconds in which a tool still grows by what it loads: the sidecar by 9 MiB, in steps, until the last kind of capture was taken once.

After that it grows with the history that it judges, up to a day: `reports/sidecar-memory.md`.
"""

_OFTEN: Final = 0.1
"""Share of the readings in which a tool may be that busy."""


class Tools:
    """Reads the processes below *pids* (by the name of the tool) into *path*; see `COLUMNS`. Not thread-safe."""

    def __init__(self, path: Path, pids: Mapping[str, int]) -> None:
        self._path = path
        self._roots = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._took: dict[psutil.Process, tuple[float, float]] = {}
        self._ended: dict[str, float] = dict.fromkeys(pids, 0.0)
        self._alone = {name for name, pid in pids.items() if pid == psutil.Process().pid}
        if not path.exists():
            self._add([COLUMNS])

    def read(self, t: float) -> None:
        """Add a row for each tool; one that cannot be read has none. Some milliseconds for each process."""
        rows = []
        for name, root in self._roots.items():
            with contextlib.suppress(psutil.Error):
                rows.append((f"{t:.3f}", name, *self._of(name, root, t)))
        self._add(rows)

    def _add(self, rows: Iterable[Sequence[object]]) -> None:
        # A disk that is full is told by who looks after it; rows of the tools are the least that it costs.
        with contextlib.suppress(OSError), self._path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)

    def _of(self, name: str, root: psutil.Process, t: float) -> tuple[int, str, str]:
        if not root.is_running():
            raise psutil.NoSuchProcess(root.pid)
        private, took, busiest = 0, 0.0, 0.0
        # The children of this process are the other tools and the service.
        for process in [root] if name in self._alone else [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                private += process.memory_full_info().uss
                times = process.cpu_times()
                seconds = times.user + times.system
                before, then = self._took.get(process, (seconds, t))
                self._took[process] = seconds, t
                took += seconds
                busiest = max(busiest, (seconds - before) / (t - then) if t > then else 0.0)
        self._ended[name] = max(self._ended[name], took)
        return private, f"{self._ended[name]:.2f}", f"{busiest:.3f}"


@dataclass(frozen=True)
class Tool:
    """What one tool took in all segments: its own verdict, its growth (bytes an hour, None where it could not be told), the mean
    and the largest private memory (bytes), and processor seconds per second.

    `busy` is the share of the readings in which one of its processes took nearly all of a processor.
    """

    name: str
    verdict: str
    bytes_per_hour: float | None
    mean_bytes: float
    most_bytes: float
    cpu_share: float
    busy: float

    @property
    def is_degraded(self) -> bool:
        """Whether it had too little of a processor to do what it should."""
        return self.name == LOCUST and self.busy > _OFTEN

    def as_dict(self) -> dict[str, Any]:
        """Return it as `result.json` has it."""
        return {
            "verdict": self.verdict,
            "slope_bytes_per_hour": self.bytes_per_hour,
            "mean_bytes": round(self.mean_bytes),
            "most_bytes": round(self.most_bytes),
            "cpu_share": round(self.cpu_share, 4),
            "busy_share": round(self.busy, 4),
        }


def judged(path: Path, watched: Sequence[Watched], settings: Settings) -> tuple[Tool, ...]:
    """Return what the rows of *path* within the times that are *watched* say, judged as the service is; none of no file."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(path):
        segment = next((each.segment for each in watched if each.since <= row["t"] <= each.until), None)
        if segment is not None:
            rows.setdefault(row["worker"], []).append({**row, "segment": segment, "life": segment})
    return tuple(_tool(name, found, settings) for name, found in sorted(rows.items()))


def _tool(name: str, rows: Sequence[Mapping[str, Any]], settings: Settings) -> Tool:
    after = Settings(warmup=max(settings.warmup or 0.0, _LOADS), planned=settings.planned)
    verdict = judge(Trace.from_rows(rows), after).as_dict()
    sizes = [row["uss_bytes"] for row in rows]
    took = seconds = 0.0
    for segment in {row["segment"] for row in rows}:
        own = [row for row in rows if row["segment"] == segment]
        took += own[-1]["cpu_seconds"] - own[0]["cpu_seconds"]
        seconds += own[-1]["t"] - own[0]["t"]
    return Tool(
        name=name,
        verdict=verdict["verdict"],
        bytes_per_hour=verdict["slope_bytes_per_hour"]["estimate"],
        mean_bytes=sum(sizes) / len(sizes),
        most_bytes=max(sizes),
        cpu_share=took / seconds if seconds > 0 else 0.0,
        busy=sum(row["busiest"] > _BUSY for row in rows) / len(rows),
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what was read; a line that a kill has cut off is left out."""
    try:
        with path.open(newline="", errors="replace") as file:
            for row in csv.DictReader(file):
                with contextlib.suppress(TypeError, ValueError):
                    numbers = {name: float(row[name]) for name in COLUMNS if name != "worker"}
                    yield {**numbers, "uss_bytes": int(numbers["uss_bytes"]), "worker": row["worker"]}
    except FileNotFoundError:
        return
