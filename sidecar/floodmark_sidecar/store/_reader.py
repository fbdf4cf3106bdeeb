"""Reads a store while its writer writes: every question is a short transaction of its own."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.store._rows import CaptureRow, Event, Life
from floodmark_sidecar.store._schema import NUMBERS

_CHUNK: Final = 200
"""Instants fetched at once: an open statement pins the WAL, so none is left open between two chunks."""

_LIFE: Final = ", ".join(field.name for field in fields(Life))
_TRACED: Final = tuple(name for name in NUMBERS if name not in {"pss_bytes", "children"})


class Reader:
    """Reads the store at *path*, read-only; use it as a context manager. Not thread-safe: one a thread.

    Raises `UsageError` when *path* is no store. What is asked of a service that is not known is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0, isolation_level=None
            )
            self._db.execute("SELECT 1 FROM services LIMIT 1").fetchall()
        except sqlite3.Error as error:
            msg = f"the store {path} cannot be read: {error}"
            raise UsageError(msg) from None

    def close(self) -> None:
        """Close the file; idempotent."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def services(self) -> list[str]:
        """Return the names of all services with any history, sorted."""
        return [name for (name,) in self._db.execute("SELECT name FROM services ORDER BY name").fetchall()]

    def cwd(self, service: str) -> Path | None:
        """Return the folder the service runs in, where it is known."""
        found = self._all("SELECT cwd FROM services WHERE name = ?", service)
        return Path(found[0][0]) if found and found[0][0] else None

    def span(self, service: str) -> tuple[float, float] | None:
        """Return the times of the oldest and the newest reading, or None. O(log n)."""
        sid = self._service(service)
        ((first,),) = self._all("SELECT min(t) FROM ticks WHERE service_id = ?", sid)
        ((last,),) = self._all("SELECT max(t) FROM ticks WHERE service_id = ?", sid)
        return None if first is None else (first, last)

    def width(self, service: str) -> tuple[int, int]:
        """Return how many readings of workers, and of maps, the newest instant has. O(log n + width)."""
        span = self.span(service)
        if span is None:
            return 0, 0
        at = (self._service(service), span[1])
        ((workers,),) = self._all("SELECT count(*) FROM readings WHERE service_id = ? AND t = ?", *at)
        ((maps,),) = self._all("SELECT count(*) FROM map_readings WHERE service_id = ? AND t = ?", *at)
        return workers, maps

    def ticks(
        self, service: str, *, since: float | None = None, until: float | None = None, at_most: int | None = None
    ) -> list[float]:
        """Return the times at which the service was read, sorted; with *at_most*, that many, evenly spread.

        Evenly spread means one index search for each of them, whatever lies between: the cost is O(at_most · log n)
        and does not grow with history.
        """
        span = self.span(service)
        if span is None:
            return []
        sid = self._service(service)
        low, high = max(span[0], since or 0.0), min(span[1], span[1] if until is None else until)
        sql = "SELECT t FROM ticks WHERE service_id = ? AND t >= ? AND t <= ? ORDER BY t LIMIT ?"
        if at_most is None:
            return [t for (t,) in self._all(sql, sid, low, high, -1)]
        every = [t for (t,) in self._all(sql, sid, low, high, at_most + 1)]
        if len(every) <= at_most:
            return every
        step = (high - low) / max(1, at_most - 1)
        picked: list[float] = []
        for index in range(at_most):
            wanted = high if index == at_most - 1 else low + index * step
            # The last wanted instant is the newest reading itself; rounding must not search beyond it.
            found = self._all(sql, sid, min(wanted, high), high, 1)
            if found and (not picked or found[0][0] > picked[-1]):
                picked.append(found[0][0])
        return picked

    def rows(
        self, service: str, *, since: float | None = None, until: float | None = None, at_most: int | None = None
    ) -> Iterator[dict[str, object]]:
        """Yield the service's trace, ordered by time and worker: the columns of a trace file, None where not measured.

        With *at_most*, only that many instants, evenly spread.
        """
        columns = ", ".join(f"r.{name}" for name in _TRACED)
        times = self.ticks(service, since=since, until=until, at_most=at_most)
        for start in range(0, len(times), _CHUNK):
            chunk = times[start : start + _CHUNK]
            found = self.at(
                chunk,
                f"""SELECT r.t, l.worker, l.life, k.masked, r.life_id, {columns} FROM readings r
                JOIN lives l ON l.id = r.life_id JOIN ticks k ON k.service_id = r.service_id AND k.t = r.t
                WHERE r.service_id = ? AND r.t IN ({{times}}) ORDER BY r.t, l.worker, l.life""",  # noqa: S608 - fixed names
                service,
            )
            maps = self._maps_at(chunk, service)
            for t, worker, life, masked, life_id, *numbers in found:
                row: dict[str, object] = {"t": t, "worker": worker, "life": life, "masked": masked}
                row.update(zip(_TRACED, numbers, strict=True))
                row.update(maps.get((t, life_id), {}))
                yield row

    def at(self, times: Sequence[float], sql: str, service: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of *sql* for some instants of one service, a chunk of them at a time.

        *sql* has one `?` for the service, then `({times})`; its order holds within a chunk, and times ascend over chunks.
        """
        sid = self._service(service)
        for start in range(0, len(times), _CHUNK):
            chunk = times[start : start + _CHUNK]
            yield from self._all(sql.format(times=", ".join("?" * len(chunk))), sid, *chunk)

    def lives(self, service: str) -> list[Life]:
        """Return every life that has history, oldest first."""
        sql = f"SELECT {_LIFE} FROM lives WHERE service_id = ? ORDER BY id"  # noqa: S608 - fixed names
        return [Life(*row) for row in self._all(sql, self._service(service))]

    def captures(self, service: str) -> list[CaptureRow]:
        """Return every census that was asked for, oldest first."""
        found = self._all(
            """SELECT c.t, l.worker, l.life, c.path, c.refused, c.seconds, c.stall_seconds
            FROM captures c JOIN lives l ON l.id = c.life_id WHERE l.service_id = ? ORDER BY c.t, c.id""",
            self._service(service),
        )
        return [CaptureRow(*row) for row in found]

    def registered(self, service: str) -> dict[tuple[str, int], dict[int, str]]:
        """Return, for each (worker, life), the names of its registered maps by the ids of their containers."""
        named: dict[tuple[str, int], dict[int, str]] = {}
        for worker, life, container, name in self._all(
            "SELECT l.worker, l.life, c.container_id, c.name FROM containers c JOIN lives l ON l.id = c.life_id WHERE l.service_id = ?",
            self._service(service),
        ):
            named.setdefault((worker, life), {})[container] = name
        return named

    def events(self, service: str | None = None, *, at_most: int = 1000) -> list[Event]:
        """Return the newest events of a service and of the sidecar itself, oldest first."""
        found = self._all(
            "SELECT t, kind, text, count FROM events WHERE service_id IS NULL OR service_id = ? ORDER BY t DESC, id DESC LIMIT ?",
            None if service is None else self._service(service),
            at_most,
        )
        return [Event(*row) for row in reversed(found)]

    def _maps_at(self, times: Sequence[float], service: str) -> dict[tuple[float, int], dict[str, object]]:
        flat: dict[tuple[float, int], dict[str, object]] = {}
        for t, life_id, name, *values in self.at(
            times,
            """SELECT m.t, d.life_id, d.name, m.entries, d.maxsize, d.ttl, m.bytes, m.adds, m.removes
            FROM map_readings m JOIN maps d ON d.id = m.map_id
            WHERE m.service_id = ? AND m.t IN ({times}) ORDER BY d.name""",
            service,
        ):
            row = flat.setdefault((t, life_id), {})
            for column, value in zip(("entries", "maxsize", "ttl", "bytes", "adds", "removes"), values, strict=True):
                row[f"map.{name}.{column}"] = value
        return flat

    def _service(self, name: str) -> int:
        found = self._all("SELECT id FROM services WHERE name = ?", name)
        return found[0][0] if found else -1

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, values).fetchall()
