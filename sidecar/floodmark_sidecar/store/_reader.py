"""Reads a store while its writer writes: every question is a short transaction of its own."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.store._rows import CaptureRow, DeclaredMap, Event, Life
from floodmark_sidecar.store._schema import NUMBERS, check_newest

_CHUNK: Final = 200
"""Keys asked for at once: an open statement pins the WAL, so none is left open between two chunks."""

_CELLS: Final = 20_000
"""Readings of workers and maps held at once while a trace is read: memory stays flat however wide the service is."""

_SAMPLED: Final = 5
"""Instants that stand for all: the newest alone may be one at which every agent is silent."""

_MAP_COLUMNS: Final = ("entries", "maxsize", "ttl", "bytes", "adds", "removes")
_Columns: TypeAlias = tuple[int, int | None, float | None, tuple[str, ...]]
"""Of one declared map: the life it belongs to, its bound, its ttl, and the names of its columns."""

_LIFE: Final = ", ".join(field.name for field in fields(Life))
_TRACED: Final = tuple(name for name in NUMBERS if name not in {"pss_bytes", "children"})


class Reader:
    """Reads the store at *path*, read-only; use it as a context manager. Not thread-safe: one a thread.

    Raises `UsageError` when *path* is no store, or another version's: it changes nothing in it. What is asked of a service that is not known is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Whoever closes a database last removes what lies beside it, and one that was opened with mode=ro cannot.
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=2.0, isolation_level=None
            )
            self._db.execute("PRAGMA query_only = ON")
            check_newest(self._db)
        except sqlite3.Error as error:
            msg = f"the store {path} cannot be read: {error}"
            raise UsageError(msg) from None
        except UsageError as error:
            self._db.close()
            msg = f"the store {path} cannot be read: {error.message}"
            raise UsageError(msg, hint=error.hint) from None

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

    def width(self, service: str, *, since: float | None = None, until: float | None = None) -> tuple[int, int]:
        """Return how many readings of workers, and of maps, an instant has: the most of a few, evenly spread.

        O(log n + width).
        """
        times = self.ticks(service, since=since, until=until, at_most=_SAMPLED)
        sql = "SELECT count(*) FROM {table} WHERE service_id = ? AND t IN ({{times}}) GROUP BY t"
        workers, maps = (
            max((count for (count,) in self.at(times, sql.format(table=table), service)), default=0)
            for table in ("readings", "map_readings")
        )
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

    def before(self, service: str, t: float, *, within: float, at_most: int) -> list[float]:
        """Return the last few times at which the service was read in the *within* seconds before *t*, sorted."""
        sql = "SELECT t FROM ticks WHERE service_id = ? AND t >= ? AND t < ? ORDER BY t DESC LIMIT ?"
        return [then for (then,) in reversed(self._all(sql, self._service(service), t - within, t, at_most))]

    def rows(
        self, service: str, *, since: float | None = None, until: float | None = None, at_most: int | None = None
    ) -> Iterator[dict[str, object]]:
        """Yield the service's trace, ordered by time and worker: the columns of a trace file, None where not measured.

        With *at_most*, only that many instants, evenly spread.
        """
        columns = ", ".join(f"r.{name}" for name in _TRACED)
        times = self.ticks(service, since=since, until=until, at_most=at_most)
        size = max(1, min(_CHUNK, _CELLS // max(1, sum(self.width(service, since=since, until=until)))))
        declared: dict[int, _Columns] = {}
        for start in range(0, len(times), size):
            chunk = times[start : start + size]
            found = self.at(
                chunk,
                f"""SELECT r.t, l.worker, l.life, k.masked, r.life_id, {columns} FROM readings r
                JOIN lives l ON l.id = r.life_id JOIN ticks k ON k.service_id = r.service_id AND k.t = r.t
                WHERE r.service_id = ? AND r.t IN ({{times}}) ORDER BY r.t, l.worker, l.life""",  # noqa: S608 - fixed names
                service,
            )
            rows: dict[tuple[float, int], dict[str, object]] = {}
            for t, worker, life, masked, life_id, *numbers in found:
                row: dict[str, object] = {"t": t, "worker": worker, "life": life, "masked": masked}
                row.update(zip(_TRACED, numbers, strict=True))
                rows[t, life_id] = row
            self._add_maps(rows, chunk, service, declared)
            yield from rows.values()

    def at(self, times: Sequence[float], sql: str, service: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of *sql* for some instants of one service, a chunk of them at a time.

        *sql* has one `?` for the service, then `({times})`; its order holds within a chunk, and times ascend over chunks.
        """
        sid = self._service(service)
        for start in range(0, len(times), _CHUNK):
            chunk = times[start : start + _CHUNK]
            yield from self._all(sql.format(times=", ".join("?" * len(chunk))), sid, *chunk)

    def declared(self, key: Literal["id", "life_id"], values: Collection[int]) -> list[DeclaredMap]:
        """Return the maps with one of these ids, or of the lives with one of these ids, oldest first in each life."""
        listed, found = sorted(values), []
        for start in range(0, len(listed), _CHUNK):
            chunk = listed[start : start + _CHUNK]
            found += self._all(
                f"""SELECT d.id, d.life_id, d.name, d.kind, d.maxsize, d.ttl, l.worker, l.started, l.ended
                FROM maps d JOIN lives l ON l.id = d.life_id
                WHERE d.{key} IN ({", ".join("?" * len(chunk))}) ORDER BY d.life_id, d.id""",  # noqa: S608 - fixed names
                *chunk,
            )
        return [DeclaredMap(*row) for row in found]

    def lives(self, service: str) -> list[Life]:
        """Return every life that has history, oldest first."""
        sql = f"SELECT {_LIFE} FROM lives WHERE service_id = ? ORDER BY id"  # noqa: S608 - fixed names
        return [Life(*row) for row in self._all(sql, self._service(service))]

    def captures(self, service: str) -> list[CaptureRow]:
        """Return every capture that was asked for, oldest first."""
        found = self._all(
            """SELECT c.t, l.worker, l.life, c.path, c.refused, c.seconds, c.stall_seconds, c.kind, c."trigger"
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

    def _add_maps(
        self,
        rows: Mapping[tuple[float, int], dict[str, object]],
        times: Sequence[float],
        service: str,
        known: dict[int, _Columns],
    ) -> None:
        """Add the columns of maps to *rows* by (time, life); *known* remembers what the ids of maps stand for."""
        found = list(
            self.at(
                times,
                """SELECT t, map_id, entries, bytes, adds, removes FROM map_readings
                WHERE service_id = ? AND t IN ({times}) ORDER BY t, map_id""",
                service,
            )
        )
        for one in self.declared("id", {values[1] for values in found} - known.keys()):
            names = tuple(f"map.{one.name}.{column}" for column in _MAP_COLUMNS)
            known[one.id] = one.life_id, one.maxsize, one.ttl, names
        for t, map_id, entries, size, adds, removes in found:
            # What was deleted between two questions is gone from the answer as a whole.
            if map_id in known and (row := rows.get((t, known[map_id][0]))) is not None:
                _, maxsize, ttl, names = known[map_id]
                row.update(zip(names, (entries, maxsize, ttl, size, adds, removes), strict=True))

    def _service(self, name: str) -> int:
        found = self._all("SELECT id FROM services WHERE name = ?", name)
        return found[0][0] if found else -1

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, values).fetchall()
