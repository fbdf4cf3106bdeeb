"""The rules of a ledger, written once for every place that can keep its rows."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from floodmark_caches.ledger._errors import LedgerFull
from floodmark_caches.ledger._record import TaskCounts, TaskRecord, TaskState
from floodmark_caches.ledger._row import Ending, Gone, Limits, Moment, NewTask, Row, Started, Totals

T = TypeVar("T")

_BATCH = 500
"""Rows that one sweep changes at most, so that nobody waits long for it."""


class TaskStore(ABC):
    """Rows and totals under the rules; what it keeps them in is the subclass's.

    Every public method is atomic and thread-safe. `gone` collects the tasks that timed out on the way, to be told
    when the method has returned.
    """

    def __init__(self, name: str, limits: Limits, now: Callable[[], Moment]) -> None:
        self._name = name
        self._limits = limits
        self._now = now
        self._worker = ""

    @property
    def container_ids(self) -> tuple[int, ...]:
        """The containers in this process that grow with the tasks."""
        return ()

    def start(self, new: NewTask, gone: list[Gone]) -> Started:
        """Enter a task, unless its key is taken. LedgerFull if there is no room."""
        return self._turn(lambda: self._start(new, gone))

    def end(self, task_id: str, token: str, ending: Ending, gone: list[Gone]) -> bool:
        """End an active task, and say whether it was: one that has timed out stays so, and the attempt is counted."""
        return self._turn(lambda: self._end(task_id, token, ending, gone))

    def extend(self, task_id: str, token: str, seconds: float, gone: list[Gone]) -> bool:
        """Let an active task be due no sooner than `seconds` from this moment, and say whether it was active."""
        return self._turn(lambda: self._extend(task_id, token, seconds, gone))

    def get(self, task_id: str) -> Row | None:
        """The task, as it is now, if it is active or still kept."""
        return self._look(lambda: self._get(task_id))

    def tasks(self, state: TaskState | None, kind: str | None, limit: int) -> tuple[TaskRecord, ...]:
        """The tasks of a state and a kind (None: any), the newest first."""
        return self._look(lambda: self._tasks(state, kind, limit))

    def counts(self) -> TaskCounts:
        """All counts, of one instant."""
        return self._look(self._counts)

    def kept(self) -> int:
        """How many finished tasks are kept, those that nobody can ask for any more until a sweep."""
        return self._look(self._totals).kept

    def own_counts(self) -> TaskCounts:
        """The counts of what this process started and did; with a file, `active` includes what is not swept yet.

        Of the started tasks that are neither active nor counted as finished, others have seen the end.
        """
        return self.counts()

    def known_counts(self) -> TaskCounts:
        """The same as they were known last, where the store cannot be read."""
        return self.own_counts()

    def sweep(self, gone: list[Gone]) -> float | None:
        """Time out and drop what is due, a batch of it; seconds until the next is due, None if nothing ever is."""
        delay = self._look(lambda: self._next(self._now()))
        if delay is None or delay > 0:
            return delay
        return self._turn(lambda: self._sweep(gone))

    def _start(self, new: NewTask, gone: list[Gone]) -> Started:
        now = self._now()
        self._time_out(self._overdue(now, None), now, gone)
        totals = self._totals()
        latest = None if new.key is None else self._latest(new.key)
        if latest is not None and latest.has_key(now):
            self._count("duplicates")
            return Started(latest.record, totals.active)
        if totals.active >= self._limits.max_active:
            raise LedgerFull(self._name, self._limits.max_active)
        due = now.wall + new.timeout
        record = TaskRecord(new.id, new.kind, new.key, TaskState.ACTIVE, now.wall, due, None, new.pid, None, None, None)
        due_clock = now.clock + new.timeout
        kept = self._limits.keep, self._limits.key_ttl
        self._insert(Row(record, totals.started, new.token, *kept, self._worker, now.boot, now.clock, due_clock))
        self._count("started")
        return Started(None, totals.active + 1)

    def _end(self, task_id: str, token: str, ending: Ending, gone: list[Gone]) -> bool:
        now = self._now()
        row = self._find(task_id)
        if row is not None and row.token != token:
            return False
        if row is not None and row.overdue(now):
            self._time_out([row], now, gone)
        if row is None or row.at(now).record.state is TaskState.TIMED_OUT:
            self._count("late")
            return False
        if row.record.ended is not None:
            return False
        ended = max(row.record.started, now.wall)
        self._finish(
            row._replace(record=replace(row.record, ended=ended, **ending._asdict()), alive_clock=now.clock), now
        )
        return True

    def _extend(self, task_id: str, token: str, seconds: float, gone: list[Gone]) -> bool:
        now = self._now()
        row = self._find(task_id)
        if row is None or row.token != token or row.record.ended is not None:
            return False
        if row.overdue(now):
            self._time_out([row], now, gone)
            return False
        due_clock = now.clock + seconds
        if due_clock > row.due_clock:
            row = row._replace(record=replace(row.record, due=now.wall + seconds), due_clock=due_clock)
        self._replace(row._replace(alive_clock=now.clock))
        return True

    def _get(self, task_id: str) -> Row | None:
        row = self._find(task_id)
        now = self._now()
        seen = None if row is None else row.at(now)
        return None if seen is None or seen.stale(now) else seen

    def _tasks(self, state: TaskState | None, kind: str | None, limit: int) -> tuple[TaskRecord, ...]:
        now = self._now()
        seen = (row.at(now) for row in self._newest_first(state, kind, now))
        return tuple(islice((row.record for row in seen if not row.stale(now)), limit))

    def _counts(self) -> TaskCounts:
        now = self._now()
        totals, active, overdue, oldest = self._census(now)
        return as_counts(totals._replace(timed_out=totals.timed_out + overdue), active, oldest, now)

    def _sweep(self, gone: list[Gone]) -> float | None:
        now = self._now()
        self._time_out(self._overdue(now, _BATCH), now, gone)
        stale = [row for row in self._oldest_finished(_BATCH) if row.stale(now)]
        self._delete(stale)
        self._count("dropped", len(stale))
        return self._next(now)

    def _time_out(self, rows: Sequence[Row], now: Moment, gone: list[Gone]) -> None:
        for row in rows:
            over = row.timed_out(now)
            gone.append(Gone(over.record, row.same_run(now)))
            self._finish(over, now)

    def _finish(self, row: Row, now: Moment) -> None:
        """Keep a task that is over, and as many others as may be kept."""
        totals = self._totals()
        self._replace(row._replace(ended_serial=totals.finished))
        self._count(row.record.state.value, own=row.worker == self._worker)
        excess = totals.kept + 1 - self._limits.max_finished
        if excess > 0:
            oldest = self._oldest_finished(excess)
            self._delete(oldest)
            self._count("dropped", len(oldest))
            self._count("evicted", sum(not each.stale(now) for each in oldest))

    def _next(self, now: Moment) -> float | None:
        """Seconds until a sweep has something to do; None if nothing is active or kept."""
        waits = [due - now.clock for due in self._soonest(now)]
        for row in self._oldest_finished(1):
            age = row.age(now)
            waits.append(0.0 if age is None else max(0.0, row.keep - age))
        return min(waits, default=None)

    @abstractmethod
    def _turn(self, work: Callable[[], T]) -> T:
        """What `work` returns, with the store for us alone, to change: all of it, or nothing of it if it raises."""

    @abstractmethod
    def _look(self, work: Callable[[], T]) -> T:
        """What `work` returns, with the store as it is at one instant, to read."""

    @abstractmethod
    def close(self) -> None:
        """Give back what the store holds open; the next use opens it again."""

    # What follows is called in a turn, or for reading in a look.

    @abstractmethod
    def _insert(self, row: Row) -> None:
        """Put in an active task."""

    @abstractmethod
    def _replace(self, row: Row) -> None:
        """Change a task that is active in the store; if it is not in `row`, it has finished, last of all."""

    @abstractmethod
    def _delete(self, rows: Sequence[Row]) -> None:
        """Drop finished tasks."""

    @abstractmethod
    def _count(self, total: str, by: int = 1, *, own: bool = True) -> None:
        """Add to one of the totals; not `own`: it became of a task that another process started."""

    @abstractmethod
    def _totals(self) -> Totals:
        """The totals now."""

    @abstractmethod
    def _find(self, task_id: str) -> Row | None:
        """The task with that id."""

    @abstractmethod
    def _latest(self, key: str) -> Row | None:
        """The task that was started last with that key, if it is kept."""

    @abstractmethod
    def _overdue(self, now: Moment, limit: int | None) -> Sequence[Row]:
        """Active tasks that are overdue, the soonest due first."""

    @abstractmethod
    def _soonest(self, now: Moment) -> Sequence[float]:
        """When the next active task is due at the soonest, on the machine's clock; overdue ones count as due now."""

    @abstractmethod
    def _oldest_finished(self, limit: int) -> Sequence[Row]:
        """The finished tasks that have been kept longest."""

    @abstractmethod
    def _newest_first(self, state: TaskState | None, kind: str | None, now: Moment) -> Iterator[Row]:
        """The tasks that are of a state at that moment, and of a kind (None: any), the last to start first."""

    @abstractmethod
    def _census(self, now: Moment) -> tuple[Totals, int, int, float | None]:
        """Totals, active tasks in their time, overdue ones, and when the oldest of the former was started."""


def as_counts(totals: Totals, active: int, oldest: float | None, now: Moment | None = None) -> TaskCounts:
    """Totals as the caller gets them; `oldest` is when the oldest active task was started."""
    return TaskCounts(
        started=totals.started,
        active=active,
        completed=totals.completed,
        failed=totals.failed,
        timed_out=totals.timed_out,
        duplicates=totals.duplicates,
        late=totals.late,
        evicted=totals.evicted,
        oldest_age=None if oldest is None or now is None else max(0.0, now.wall - oldest),
    )
