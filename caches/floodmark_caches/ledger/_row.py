"""The rows of a ledger: what is kept of a task beside its record, and what is asked of the place that keeps it."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from floodmark_caches.ledger._record import TaskRecord, TaskState


class Moment(NamedTuple):
    """One instant on two clocks.

    `wall` is UTC epoch seconds: what people read. `clock` is the machine's monotonic clock, the same for all of its
    processes: what decides whether an active task is due, and how long ago another finished. Setting the wall clock
    thus changes neither. `boot` names the run of the machine; the clock tells nothing of what was before it, which is
    where the wall clock decides.
    """

    wall: float
    clock: float
    boot: str


class Row(NamedTuple):
    """A task as it is kept: its record, its place in the order of starts, and what only its owner knows."""

    record: TaskRecord
    serial: int
    token: str
    keep: float
    """Seconds for which it can be asked for when it is over; with `key_ttl`, of the ledger that started it."""
    key_ttl: float
    """Seconds for which it has its key when it has completed."""
    worker: str
    """The process that started it, by a name that no other has."""
    boot: str
    alive_clock: float
    """The last sign of life: the start, a heartbeat, or the end."""
    due_clock: float
    ended_serial: int | None = None
    """Its place in the order of endings; None while it is active."""

    def overdue(self, now: Moment) -> bool:
        """Whether it is active beyond its time, or from before the machine was started anew: its worker is dead."""
        return self.record.ended is None and not (self.same_run(now) and now.clock < self.due_clock)

    def at(self, now: Moment) -> "Row":
        """The task as it is at that moment, whether or not a sweep has been here."""
        return self.timed_out(now) if self.overdue(now) else self

    def timed_out(self, now: Moment) -> "Row":
        """The same task, over since it was due, or since this moment if its machine was started anew before."""
        record = self.record
        ended = max(record.started, min(record.due, now.wall))
        return self._replace(
            record=replace(record, state=TaskState.TIMED_OUT, ended=ended),
            alive_clock=self.due_clock if self.same_run(now) else self.alive_clock,
        )

    def age(self, now: Moment) -> float | None:
        """Seconds since it ended, None while it is active. An end in the future is from a wall clock that was set."""
        if self.record.ended is None:
            return None
        return now.clock - self.alive_clock if self.same_run(now) else abs(now.wall - self.record.ended)

    def stale(self, now: Moment) -> bool:
        """Whether it is over, and not to be known any more."""
        age = self.age(now)
        return age is not None and age >= self.keep

    def has_key(self, now: Moment) -> bool:
        """Whether its key is its own: while it is active, and for `key_ttl` after it has completed."""
        age = self.age(now)
        return age is None or (self.record.state is TaskState.COMPLETED and age < self.key_ttl)

    def same_run(self, now: Moment) -> bool:
        """Whether the machine has run since the last sign of life, as far as its clock and the name of its run tell."""
        return self.boot == now.boot and self.alive_clock <= now.clock


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


class Totals(NamedTuple):
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
        return self.started - self.finished

    @property
    def finished(self) -> int:
        """Tasks that are over."""
        return self.completed + self.failed + self.timed_out

    @property
    def kept(self) -> int:
        """Finished tasks that are still kept."""
        return self.finished - self.dropped


class Gone(NamedTuple):
    """A task that timed out, as the log says it."""

    record: TaskRecord
    same_run: bool
    """Whether its time was over; else its machine's clock stood below its last sign of life."""

    def __str__(self) -> str:
        record = self.record
        what = f"task {record.id} ({record.kind}) timed out"
        if self.same_run:
            return f"{what} after {max(0.0, record.due - record.started):.3g} s, process {record.pid}"
        why = "since its last sign of life the machine was started anew, or its clock went back"
        return f"{what}, process {record.pid}: {why}"
