"""The rows of a ledger: what is kept of a task beside its record, and what is asked of the place that keeps it."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from floodmark_caches.ledger._record import TaskRecord, TaskState


class Moment(NamedTuple):
    """One instant on two clocks.

    `wall` is UTC epoch seconds: what people read, and what the age of a finished task is counted by. `clock` is the
    machine's monotonic clock, the same for all of its processes: what decides whether an active task is due. Setting
    the wall clock thus neither ends a task early nor keeps it for ever.
    """

    wall: float
    clock: float


class Row(NamedTuple):
    """A task as it is kept: its record, its place in the order of starts, and what only its owner knows."""

    record: TaskRecord
    serial: int
    token: str
    alive_clock: float
    """The last sign of life: the start, or a heartbeat."""
    due_clock: float

    def overdue(self, now: Moment) -> bool:
        """Whether the task is active beyond its time.

        A monotonic clock below the last sign of life means that the machine was started anew: the worker is dead.
        """
        return self.record.ended is None and not self.alive_clock <= now.clock < self.due_clock

    def at(self, now: Moment) -> TaskRecord:
        """The record as it is at that moment, whether or not a sweep has been here."""
        return self.timed_out(now).record if self.overdue(now) else self.record

    def timed_out(self, now: Moment) -> "Row":
        """The same task, over since it was due, or since this moment if its machine was started anew before."""
        record = self.record
        ended = max(record.started, min(record.due, now.wall))
        return self._replace(record=replace(record, state=TaskState.TIMED_OUT, ended=ended))


class NewTask(NamedTuple):
    """What a start asks for; `timeout` in seconds."""

    id: str
    token: str
    kind: str
    key: str | None
    timeout: float
    pid: int


class Ending(NamedTuple):
    """What becomes of a task at the hands of its owner."""

    state: TaskState
    error_type: str | None = None
    error: str | None = None
    result_json: str | None = None


class Started(NamedTuple):
    """The outcome of a start: the task that has the key already, or None; and how many are active."""

    existing: TaskRecord | None
    active: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a ledger; `keep` and `key_ttl` in seconds."""

    keep: float
    key_ttl: float
    max_active: int
    max_finished: int


@dataclass(slots=True)
class Totals:
    """What is counted of all tasks since the ledger began; `dropped` are the finished ones that are kept no more."""

    started: int = 0
    completed: int = 0
    failed: int = 0
    timed_out: int = 0
    duplicates: int = 0
    late: int = 0
    evicted: int = 0
    dropped: int = 0

    @property
    def active(self) -> int:
        """Tasks that are active in the store, overdue ones too."""
        return self.started - self.completed - self.failed - self.timed_out

    @property
    def kept(self) -> int:
        """Finished tasks that are still kept."""
        return self.completed + self.failed + self.timed_out - self.dropped
