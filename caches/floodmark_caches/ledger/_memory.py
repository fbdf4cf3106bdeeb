"""A ledger's rows in the memory of one process."""

import math
from collections.abc import Callable, Iterator, Sequence
from heapq import nsmallest
from itertools import islice
from typing import Any, TypeVar

from floodmark_caches._fork import Guarded
from floodmark_caches.ledger._record import TaskState
from floodmark_caches.ledger._reentry import refuse_reentry
from floodmark_caches.ledger._row import Limits, Moment, Row, Totals
from floodmark_caches.ledger._store import TaskStore

T = TypeVar("T")


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
        self._undo: list[tuple[dict[str, Any], str, Any]] = []  # what the turn under way has changed, and from what
        self._open: dict[str, Row] = {}
        self._finished: dict[str, Row] = {}  # in the order of their endings
        self._by_key: dict[str, str] = {}
        self._sums: dict[str, int] = Totals()._asdict()
        # Nothing is overdue while the clock is between these two.
        self._calm = {"from": -math.inf, "until": math.inf}

    def _begin_in_child(self, *, whole: bool) -> None:  # noqa: ARG002 - the parent's tasks are not ours either way
        self._begin()

    def _turn(self, work: Callable[[], T]) -> T:
        return self._alone(lambda: self._whole(work))

    def _look(self, work: Callable[[], T]) -> T:
        return self._alone(work)

    def _alone(self, work: Callable[[], T]) -> T:
        # A plain with of the lock itself: nothing that a signal handler raises can come between it and the release.
        refuse_reentry(self._own_lock, self._name)
        with self._lock:
            if self._undo:
                self._roll_back()
            return work()

    def _whole(self, work: Callable[[], T]) -> T:
        done = work()
        self._undo.clear()
        return done

    def _roll_back(self) -> None:
        """Undo a turn that an exception cut short. To be cut short itself does no harm: it is done again."""
        for where, key, was in reversed(self._undo):
            if was is None:
                where.pop(key, None)
            else:
                where[key] = was
        self._open = dict(sorted(self._open.items(), key=lambda item: item[1].serial))
        self._finished = dict(sorted(self._finished.items(), key=lambda item: item[1].ended_serial or 0))
        self._undo.clear()

    def _set(self, where: dict[str, Any], key: str, value: object) -> None:
        """Change one of the containers, None for away, so that it can be undone."""
        self._undo.append((where, key, where.get(key)))
        if value is None:
            where.pop(key, None)
        else:
            where[key] = value

    def _insert(self, row: Row) -> None:
        self._put(row)
        if row.record.key is not None:
            self._set(self._by_key, row.record.key, row.record.id)

    def _replace(self, row: Row) -> None:
        if row.record.ended is None:
            self._put(row)
        else:
            self._set(self._open, row.record.id, None)
            self._set(self._finished, row.record.id, row)

    def _put(self, row: Row) -> None:
        self._set(self._open, row.record.id, row)
        self._set(self._calm, "from", max(self._calm["from"], row.alive_clock))
        self._set(self._calm, "until", min(self._calm["until"], row.due_clock))

    def _delete(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._set(self._finished, row.record.id, None)
            if row.record.key is not None and self._by_key.get(row.record.key) == row.record.id:
                self._set(self._by_key, row.record.key, None)

    def _count(self, total: str, by: int = 1, *, own: bool = True) -> None:  # noqa: ARG002 - all are our own here
        self._set(self._sums, total, self._sums[total] + by)

    def _totals(self) -> Totals:
        return Totals(**self._sums)

    def _find(self, task_id: str) -> Row | None:
        return self._open.get(task_id) or self._finished.get(task_id)

    def _latest(self, key: str) -> Row | None:
        task_id = self._by_key.get(key)
        return None if task_id is None else self._find(task_id)

    def _overdue(self, now: Moment, limit: int | None) -> Sequence[Row]:
        if self._calm["from"] <= now.clock < self._calm["until"]:
            return []
        rows = self._open.values()
        in_time = [row for row in rows if not row.overdue(now)]
        due = [row for row in rows if row.overdue(now)]
        if limit is None or len(due) <= limit:  # else the rest is found by the next call
            self._set(self._calm, "from", max((row.alive_clock for row in in_time), default=-math.inf))
            self._set(self._calm, "until", min((row.due_clock for row in in_time), default=math.inf))
        return nsmallest(len(due) if limit is None else limit, due, key=lambda row: (row.due_clock, row.serial))

    def _soonest(self, now: Moment) -> Sequence[float]:
        if not self._open:
            return []
        return [self._calm["until"] if self._calm["from"] <= now.clock else now.clock]

    def _oldest_finished(self, limit: int) -> Sequence[Row]:
        return list(islice(self._finished.values(), limit))

    def _newest_first(self, state: TaskState | None, kind: str | None, now: Moment) -> Iterator[Row]:
        rows = (*self._open.values(), *self._finished.values())
        asked = [row for row in rows if kind in (None, row.record.kind) and state in (None, row.at(now).record.state)]
        return iter(sorted(asked, key=lambda row: row.serial, reverse=True))

    def _census(self, now: Moment) -> tuple[Totals, int, int, float | None]:
        calm = self._calm["from"] <= now.clock < self._calm["until"]
        overdue = 0 if calm else sum(row.overdue(now) for row in self._open.values())
        in_time = (row for row in self._open.values() if calm or not row.overdue(now))
        oldest = next((row.record.started for row in in_time), None)
        return self._totals(), len(self._open) - overdue, overdue, oldest
