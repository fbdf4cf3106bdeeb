"""From the sidecar's store to the rows that are judged: one service, one stretch of time, with the load's requests."""

import contextlib
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.judge import format_csv
from floodmark_sidecar.store import CaptureRow, Reader
from floodmark_soak._load_stats import RequestCounter

_BLOCK: Final = 512
"""Rows that are written at once: of twenty maps, 4 MB of them."""


@dataclass(frozen=True)
class Watched:
    """A stretch of time in which the service was watched under load: *segment* of the run, and the requests of that load."""

    segment: int
    since: float
    until: float
    requests: RequestCounter


class RunReader(Reader):
    """The store of a run, as far as the run is judged: the times that are *watched* (epoch seconds), with their requests.

    Locust counts requests for the service as a whole, so one worker slot alone carries the number, the first to be
    read: a sum over workers must not count a request twice. A service that tells its own requests is believed.

    Captures are looked for in the folder *captures*, wherever that was when they were taken.
    """

    def __init__(self, path: Path, watched: Sequence[Watched], *, captures: Path) -> None:
        super().__init__(path)
        self._watched, self._captures = watched, captures

    def captures(self, service: str) -> list[CaptureRow]:
        """Return every capture that was asked for, oldest first; see `Reader.captures`."""
        return [
            row if row.path is None else replace(row, path=str(self._captures / Path(row.path).name))
            for row in super().captures(service)
        ]

    def rows(
        self, service: str, *, since: float | None = None, until: float | None = None, at_most: int | None = None
    ) -> Iterator[dict[str, object]]:
        """Yield the readings of *service* within the run; see `Reader.rows`. *at_most* holds for each segment."""
        for each in self._watched:
            first, last = max(each.since, since or 0.0), min(each.until, math.inf if until is None else until)
            if first <= last:
                yield from self._of(each, super().rows(service, since=first, until=last, at_most=at_most))

    def csv(self, service: str) -> str:
        """Return the readings of *service* within the run as `format_csv` writes them, without all rows in memory at once.

        Reads them twice: which columns there are is known at the end.
        """
        columns: dict[str, object] = {}
        for row in self.rows(service):
            columns.update(dict.fromkeys(row))
        text = [next(format_csv([columns]))]
        rows = self.rows(service)
        while block := list(islice(rows, _BLOCK)):
            # A row without any cell brings every column into the header, which is told once.
            text.append("".join(islice(format_csv([columns, *block]), 2, None)))
        return "".join(text)

    def _of(self, watched: Watched, rows: Iterable[dict[str, object]]) -> Iterator[dict[str, object]]:
        carrier = None
        for row in rows:
            carrier = row["worker"] if carrier is None else carrier
            t = row["t"]
            if row["worker"] == carrier and row.get("requests_total") is None and isinstance(t, int | float):
                row["requests_total"] = watched.requests.at(t)
            if len(self._watched) > 1:
                row["segment"] = watched.segment
            yield row


def last_reading(store: Path, service: str, *, since: float, until: float) -> float:
    """Return the time of the last reading of *service* between two times, *since* where there is none."""
    try:
        with Reader(store) as reader:
            times = reader.before(service, math.nextafter(until, math.inf), within=until - since, at_most=1)
    except (FloodmarkError, sqlite3.Error, OSError):
        return since
    return times[-1] if times else since


def latest_memory(store: Path, service: str, *, since: float) -> int | None:
    """Return the service's private memory and swap, in bytes, at its last reading after *since*; None before one.

    Readings during a census are left out: they read low.
    """
    memory: dict[object, int] = {}
    try:
        with Reader(store) as reader:
            for row in reader.rows(service, since=since):
                if row["masked"]:
                    continue
                t = row["t"]
                size = sum(value for key in ("uss_bytes", "swap_bytes") if isinstance(value := row.get(key), int))
                memory[t] = memory.get(t, 0) + size
    except (FloodmarkError, sqlite3.Error, OSError):
        # The store is not there yet, or its disk is full: nothing to show, and for others to complain about.
        return None
    return list(memory.values())[-1] if memory else None


def tidy(store: Path) -> None:
    """Leave *store* a single file: nobody reads or writes it any more, and a sidecar that was killed left its log."""
    beside = [store.with_name(f"{store.name}-{what}") for what in ("wal", "shm", "lock")]
    if beside[0].exists():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(store)) as last:
            # Whoever closes a database last brings its log into it and removes what lies beside it.
            last.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not beside[0].exists():
        for file in beside[1:]:
            file.unlink(missing_ok=True)
