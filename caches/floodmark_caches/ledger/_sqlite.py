"""A ledger's rows in an SQLite file, shared by all processes of one machine."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeVar

from floodmark_caches.ledger._file import LedgerFile
from floodmark_caches.ledger._record import TaskCounts, TaskRecord, TaskState
from floodmark_caches.ledger._row import Limits, Moment, Row, Totals
from floodmark_caches.ledger._store import TaskStore, as_counts

T = TypeVar("T")

_RECORD: Final = tuple(field.name for field in fields(TaskRecord))
_TOTALS: Final = Totals._fields
_NAMES: Final = (*_RECORD, *Row._fields[1:])
_COLUMNS: Final = ", ".join(_NAMES)
_IN_TIME: Final = "(boot = :boot AND alive_clock <= :clock AND :clock < due_clock)"

# The names put into the statements are those of our own fields.
_GET_TOTALS: Final = f"SELECT {', '.join(_TOTALS)} FROM totals"  # noqa: S608
_ADD: Final = {total: f"UPDATE totals SET {total} = {total} + ?" for total in _TOTALS}  # noqa: S608
_SELECT: Final = f"SELECT {_COLUMNS} FROM tasks"  # noqa: S608
_PUT: Final = f"INSERT INTO tasks ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608
_CHANGE: Final = f"UPDATE tasks SET {', '.join(f'{name} = ?' for name in _NAMES)} WHERE serial = ?"  # noqa: S608
_ASKED: Final = (
    f"{_SELECT} WHERE (:kind IS NULL OR kind = :kind) AND (:state IS NULL OR "
    f":state = CASE WHEN ended IS NULL AND NOT {_IN_TIME} THEN 'timed_out' ELSE state END) ORDER BY serial DESC"
)
_CENSUS: Final = (
    f"SELECT {', '.join(_TOTALS)}, "  # noqa: S608
    f"(SELECT count(*) FROM tasks WHERE ended IS NULL AND {_IN_TIME}), "
    f"(SELECT count(*) FROM tasks WHERE ended IS NULL AND NOT {_IN_TIME}), "
    f"(SELECT min(started) FROM tasks WHERE ended IS NULL AND {_IN_TIME}) FROM totals"
)
_OWN: Final = "SELECT count(*), min(started) FROM tasks WHERE ended IS NULL AND worker = :worker"


class SqliteStore(TaskStore):
    """Tasks of every process that opens the same file. Made without touching the file: its first use opens it."""

    def __init__(self, name: str, limits: Limits, now: Callable[[], Moment], path: Path, patience: float) -> None:
        super().__init__(name, limits, now)
        self._file = LedgerFile(path, name, patience)
        self._used: sqlite3.Connection | None = None
        self._fresh: dict[str, int] = {}
        self._pid = 0
        self._own = Totals()
        self._elsewhere = 0

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()

    def own_counts(self) -> TaskCounts:
        """The counts of what this process started and did: its own tally, and one look for what is still active."""
        return self._look(self._own_counts)

    def known_counts(self) -> TaskCounts:
        """The same without the file: what others have ended since the last look is not known."""
        if self._pid != os.getpid():
            self._begin()
        own = self._own
        return as_counts(own, max(0, own.active - self._elsewhere), None)

    def _own_counts(self) -> TaskCounts:
        active, oldest = self._do(_OWN, {"worker": self._worker}).fetchone()
        missed = active - self._own.active  # an exception came between the commit and the tally
        if missed > 0:
            self._own = self._own._replace(started=self._own.started + missed)
        self._elsewhere = self._own.active - active
        return as_counts(self._own, active, oldest, self._now())

    def _turn(self, work: Callable[[], T]) -> T:
        fresh: dict[str, int] = {}
        return self._file.turn(lambda db: self._within(db, fresh, work), lambda: self._tally(fresh))

    def _look(self, work: Callable[[], T]) -> T:
        return self._file.look(lambda db: self._within(db, {}, work))

    def _within(self, db: sqlite3.Connection, fresh: dict[str, int], work: Callable[[], T]) -> T:
        if self._pid != os.getpid():
            self._begin()
        self._used, self._fresh = db, fresh
        try:
            return work()
        finally:
            self._used = None

    def _tally(self, fresh: dict[str, int]) -> None:
        own = self._own
        self._own = own._replace(**{total: getattr(own, total) + by for total, by in fresh.items()})

    def _begin(self) -> None:
        """Be a worker of a new name, who has started nothing; a forked child is not its parent."""
        self._worker = os.urandom(8).hex()
        self._own = Totals()
        self._elsewhere = 0
        self._pid = os.getpid()

    def _do(self, statement: str, values: Sequence[object] | dict[str, object] = ()) -> sqlite3.Cursor:
        """Execute in the transaction that this thread is in."""
        if self._used is None:
            msg = "a statement outside a transaction"
            raise RuntimeError(msg)
        return self._used.execute(statement, values)

    def _rows(self, rest: str, values: dict[str, object]) -> list[Row]:
        return [_row(found) for found in self._do(f"{_SELECT} {rest}", values)]

    def _insert(self, row: Row) -> None:
        self._do(_PUT, _values(row))

    def _replace(self, row: Row) -> None:
        self._do(_CHANGE, (*_values(row), row.serial))

    def _delete(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._do("DELETE FROM tasks WHERE serial = ?", (row.serial,))

    def _count(self, total: str, by: int = 1, *, own: bool = True) -> None:
        if by:
            self._do(_ADD[total], (by,))
        if own:
            self._fresh[total] = self._fresh.get(total, 0) + by

    def _totals(self) -> Totals:
        return Totals(*self._do(_GET_TOTALS).fetchone())

    def _find(self, task_id: str) -> Row | None:
        return next(iter(self._rows("WHERE id = :id", {"id": task_id})), None)

    def _latest(self, key: str) -> Row | None:
        return next(iter(self._rows("WHERE key = :key ORDER BY serial DESC LIMIT 1", {"key": key})), None)

    def _overdue(self, now: Moment, limit: int | None) -> Sequence[Row]:
        most = -1 if limit is None else limit
        rest = f"WHERE ended IS NULL AND NOT {_IN_TIME} ORDER BY due_clock, serial LIMIT :most"
        return self._rows(rest, {**_told(now), "most": most})

    def _soonest(self, now: Moment) -> Sequence[float]:
        statement = f"SELECT min(CASE WHEN {_IN_TIME} THEN due_clock ELSE :clock END) FROM tasks WHERE ended IS NULL"  # noqa: S608
        due = self._do(statement, _told(now)).fetchone()[0]
        return [] if due is None else [due]

    def _oldest_finished(self, limit: int) -> Sequence[Row]:
        return self._rows("WHERE ended IS NOT NULL ORDER BY ended_serial LIMIT :most", {"most": limit})

    def _newest_first(self, state: TaskState | None, kind: str | None, now: Moment) -> Iterator[Row]:
        return map(_row, self._do(_ASKED, {"state": state, "kind": kind, **_told(now)}))

    def _census(self, now: Moment) -> tuple[Totals, int, int, float | None]:
        *totals, active, overdue, oldest = self._do(_CENSUS, _told(now)).fetchone()
        return Totals(*totals), active, overdue, oldest


def _told(now: Moment) -> dict[str, object]:
    return {"clock": now.clock, "boot": now.boot}


def _values(row: Row) -> list[Any]:
    return [*(getattr(row.record, name) for name in _RECORD), *row[1:]]


def _row(found: tuple[Any, ...]) -> Row:
    values = dict(zip(_RECORD, found, strict=False))
    values["state"] = TaskState(values["state"])
    return Row(TaskRecord(**values), *found[len(_RECORD) :])
