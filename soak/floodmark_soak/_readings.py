"""From the sidecar's store to the rows that are judged: one service, one stretch of time, with the load's requests."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.store import Reader
from floodmark_soak._load_stats import RequestCounter


class RunReader(Reader):
    """The store of a run, as far as the run is judged: from *since* to *until* (epoch seconds), with its requests.

    Locust counts requests for the service as a whole, so one worker slot alone carries the number, the first to be
    read: a sum over workers must not count a request twice. A service that tells its own requests is believed.
    """

    def __init__(self, path: Path, *, since: float, until: float, requests: RequestCounter) -> None:
        super().__init__(path)
        self._since, self._until, self._requests = since, until, requests

    def rows(
        self, service: str, *, since: float | None = None, until: float | None = None, at_most: int | None = None
    ) -> Iterator[dict[str, object]]:
        """Yield the readings of *service* within the run; see `Reader.rows`."""
        since = max(self._since, since or self._since)
        until = min(self._until, until or self._until)
        carrier = None
        for row in super().rows(service, since=since, until=until, at_most=at_most):
            carrier = row["worker"] if carrier is None else carrier
            t = row["t"]
            if row["worker"] == carrier and row.get("requests_total") is None and isinstance(t, int | float):
                row["requests_total"] = self._requests.at(t)
            yield row


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
