"""A ledger's rows in an SQLite file, shared by all processes of one machine."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from floodmark_caches.ledger._file import LedgerFile
from floodmark_caches.ledger._record import TaskRecord, TaskState
from floodmark_caches.ledger._row import Limits, Moment, Row, Totals
from floodmark_caches.ledger._store import TaskStore

_RECORD: Final = tuple(field.name for field in fields(TaskRecord))
_TOTALS: Final = tuple(field.name for field in fields(Totals))
_COLUMNS: Final = ", ".join((*_RECORD, "serial", "token", "alive_clock", "due_clock"))
_IN_TIME: Final = "(alive_clock <= :clock AND :clock < due_clock)"

# The names put into the statements are those of our own fields.
_GET_TOTALS: Final = f"SELECT {', '.join(_TOTALS)} FROM totals"  # noqa: S608
_ADD: Final = {total: f"UPDATE totals SET {total} = {total} + ?" for total in _TOTALS}  # noqa: S608
_SELECT: Final = f"SELECT {_COLUMNS} FROM tasks"  # noqa: S608
_PUT: Final = f"INSERT INTO tasks ({_COLUMNS}) VALUES ({', '.join('?' * (len(_RECORD) + 4))})"  # noqa: S608
_CHANGE: Final = (
    f"UPDATE tasks SET {', '.join(f'{name} = ?' for name in _RECORD)}, alive_clock = ?, due_clock = ?, ended_serial = "  # noqa: S608
    "CASE WHEN ? THEN (SELECT completed + failed + timed_out FROM totals) END WHERE serial = ?"
)
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


class SqliteStore(TaskStore):
    """Tasks of every process that opens the same file. Made without touching the file: its first use opens it."""

    def __init__(self, name: str, limits: Limits, now: Callable[[], Moment], path: Path, patience: float) -> None:
        super().__init__(name, limits, now)
        self._file = LedgerFile(path, name, patience)
        self._used: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()

    @contextmanager
    def _within(self, transaction: AbstractContextManager[sqlite3.Connection]) -> Iterator[None]:
        with transaction as db:
            self._used = db
            try:
                yield
            finally:
                self._used = None

    def _turn(self) -> AbstractContextManager[object]:
        return self._within(self._file.turn())

    def _look(self) -> AbstractContextManager[object]:
        return self._within(self._file.look())

    def _do(self, statement: str, values: Sequence[object] | dict[str, object] = ()) -> sqlite3.Cursor:
        """Execute in the transaction that this thread is in."""
        if self._used is None:
            msg = "a statement outside a transaction"
            raise RuntimeError(msg)
        return self._used.execute(statement, values)

    def _rows(self, rest: str, values: dict[str, object]) -> list[Row]:
        return [_row(found) for found in self._do(f"{_SELECT} {rest}", values)]

    def _insert(self, row: Row) -> None:
        self._do(_PUT, (*_values(row.record), row.serial, row.token, row.alive_clock, row.due_clock))

    def _replace(self, row: Row) -> None:
        over = row.record.ended is not None
        self._do(_CHANGE, (*_values(row.record), row.alive_clock, row.due_clock, over, row.serial))

    def _delete(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._do("DELETE FROM tasks WHERE serial = ?", (row.serial,))

    def _count(self, total: str, by: int = 1) -> None:
        if by:
            self._do(_ADD[total], (by,))

    def _totals(self) -> Totals:
        return Totals(*self._do(_GET_TOTALS).fetchone())

    def _find(self, task_id: str) -> Row | None:
        return next(iter(self._rows("WHERE id = :id", {"id": task_id})), None)

    def _latest(self, key: str) -> Row | None:
        return next(iter(self._rows("WHERE key = :key ORDER BY serial DESC LIMIT 1", {"key": key})), None)

    def _overdue(self, now: Moment, limit: int | None) -> Sequence[Row]:
        most = -1 if limit is None else limit
        rest = f"WHERE ended IS NULL AND NOT {_IN_TIME} ORDER BY due_clock, serial LIMIT :most"
        return self._rows(rest, {"clock": now.clock, "most": most})

    def _soonest(self, now: Moment) -> Sequence[float]:
        statement = f"SELECT min(CASE WHEN {_IN_TIME} THEN due_clock ELSE :clock END) FROM tasks WHERE ended IS NULL"  # noqa: S608
        due = self._do(statement, {"clock": now.clock}).fetchone()[0]
        return [] if due is None else [due]

    def _oldest_finished(self, limit: int) -> Sequence[Row]:
        return self._rows("WHERE ended IS NOT NULL ORDER BY ended_serial LIMIT :most", {"most": limit})

    def _newest_first(self, state: TaskState | None, kind: str | None, now: Moment) -> Iterator[Row]:
        return map(_row, self._do(_ASKED, {"state": state, "kind": kind, "clock": now.clock}))

    def _census(self, now: Moment) -> tuple[Totals, int, int, float | None]:
        *totals, active, overdue, oldest = self._do(_CENSUS, {"clock": now.clock}).fetchone()
        return Totals(*totals), active, overdue, oldest


def _values(record: TaskRecord) -> list[Any]:
    return [getattr(record, name) for name in _RECORD]


def _row(found: tuple[Any, ...]) -> Row:
    values = dict(zip(_RECORD, found, strict=False))
    values["state"] = TaskState(values["state"])
    return Row(TaskRecord(**values), *found[len(_RECORD) :])
