"""A ledger's rows in the memory of one process."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from heapq import nsmallest
from itertools import islice

from floodmark_caches._fork import Guarded
from floodmark_caches.ledger._errors import reentered
from floodmark_caches.ledger._record import TaskState
from floodmark_caches.ledger._row import Limits, Moment, Row, Totals
from floodmark_caches.ledger._store import TaskStore


class MemoryStore(TaskStore, Guarded):
    """Tasks of this process, at most `max_active` and `max_finished` of them. A forked child begins with none.

    While nothing is overdue every change is O(1), and O(active) when something is.
    """

    def __init__(self, name: str, limits: Limits, now: Callable[[], Moment]) -> None:
        TaskStore.__init__(self, name, limits, now)
        self._begin()
        Guarded.__init__(self)

    @property
    def container_ids(self) -> tuple[int, ...]:
        """The containers that grow with the tasks."""
        return (id(self._open), id(self._finished), id(self._by_key))

    def close(self) -> None:
        """Nothing is held open."""

    def _begin(self) -> None:
        self._inside = False
        self._open: dict[str, Row] = {}
        self._finished: dict[str, Row] = {}  # in the order of their endings
        self._by_key: dict[str, str] = {}
        self._sums = Totals()
        # Nothing is overdue while the clock is between these two.
        self._calm_from, self._calm_until = -math.inf, math.inf

    def _begin_in_child(self, *, whole: bool) -> None:  # noqa: ARG002 - the parent's tasks are not ours either way
        self._begin()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._lock:
            if self._inside:
                raise reentered(self._name)
            self._inside = True
            try:
                yield
            finally:
                self._inside = False

    def _look(self) -> AbstractContextManager[object]:
        return self._turn()

    def _insert(self, row: Row) -> None:
        self._put(row)
        if row.record.key is not None:
            self._by_key[row.record.key] = row.record.id

    def _replace(self, row: Row) -> None:
        if row.record.ended is None:
            self._put(row)
        else:
            del self._open[row.record.id]
            self._finished[row.record.id] = row

    def _put(self, row: Row) -> None:
        self._open[row.record.id] = row
        self._calm_from = max(self._calm_from, row.alive_clock)
        self._calm_until = min(self._calm_until, row.due_clock)

    def _delete(self, rows: Sequence[Row]) -> None:
        for row in rows:
            del self._finished[row.record.id]
            if row.record.key is not None and self._by_key.get(row.record.key) == row.record.id:
                del self._by_key[row.record.key]

    def _count(self, total: str, by: int = 1) -> None:
        setattr(self._sums, total, getattr(self._sums, total) + by)

    def _totals(self) -> Totals:
        return self._sums

    def _find(self, task_id: str) -> Row | None:
        return self._open.get(task_id) or self._finished.get(task_id)

    def _latest(self, key: str) -> Row | None:
        task_id = self._by_key.get(key)
        return None if task_id is None else self._find(task_id)

    def _overdue(self, now: Moment, limit: int | None) -> Sequence[Row]:
        if self._calm_from <= now.clock < self._calm_until:
            return []
        rows = self._open.values()
        in_time = [row for row in rows if not row.overdue(now)]
        due = [row for row in rows if row.overdue(now)]
        if limit is None or len(due) <= limit:  # else the rest is found by the next call
            self._calm_from = max((row.alive_clock for row in in_time), default=-math.inf)
            self._calm_until = min((row.due_clock for row in in_time), default=math.inf)
        return nsmallest(len(due) if limit is None else limit, due, key=lambda row: (row.due_clock, row.serial))

    def _soonest(self, now: Moment) -> Sequence[float]:
        if not self._open:
            return []
        return [self._calm_until if self._calm_from <= now.clock else now.clock]

    def _oldest_finished(self, limit: int) -> Sequence[Row]:
        return list(islice(self._finished.values(), limit))

    def _newest_first(self, state: TaskState | None, kind: str | None, now: Moment) -> Iterator[Row]:
        rows = (*self._open.values(), *self._finished.values())
        asked = [row for row in rows if kind in (None, row.record.kind) and state in (None, row.at(now).state)]
        return iter(sorted(asked, key=lambda row: row.serial, reverse=True))

    def _census(self, now: Moment) -> tuple[Totals, int, int, float | None]:
        calm = self._calm_from <= now.clock < self._calm_until
        overdue = 0 if calm else sum(row.overdue(now) for row in self._open.values())
        in_time = (row for row in self._open.values() if calm or not row.overdue(now))
        oldest = next((row.record.started for row in in_time), None)
        return replace(self._sums), len(self._open) - overdue, overdue, oldest
