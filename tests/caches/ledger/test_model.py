"""A ledger, in memory and in a file, against a model in plain dicts, with clocks that are set."""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from floodmark_caches.ledger import DuplicateTask, LedgerFull, Task, TaskLedger, _ledger
from tests.caches.conftest import NoJanitor, fresh_name
from tests.caches.ledger.conftest import Clocks, check_counts

KEEP, KEY_TTL, MAX_ACTIVE, MAX_FINISHED = 40, 20, 4, 3


@dataclass
class Known:
    """What the model knows of one task; times on the machine's clock, but for `ended`, which is wall time."""

    task: Task
    key: str | None
    started: float
    due: float
    due_clock: float
    alive: float
    state: str = "active"
    ended: float = 0.0
    boot: str = ""
    result: object = None


class AgainstTheModel(RuleBasedStateMachine):
    """`known` has every task ever started, `kept` the finished ones that are kept, in the order of their endings."""

    tasks: Bundle[int] = Bundle("tasks")

    @initialize(file=st.booleans())
    def begin(self, file: bool) -> None:
        """A new ledger and an empty model."""
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(_ledger, "sweeper", NoJanitor())
        self.clocks = Clocks()
        self.folder = Path(tempfile.mkdtemp())
        self.known: list[Known] = []
        self.kept: list[Known] = []
        self.late = self.duplicates = 0
        self.told: list[str] = []
        self.timed_out: list[str] = []
        self.name = fresh_name()
        self.path = self.folder / "tasks.db" if file else None
        self.open()

    def open(self) -> None:
        """The ledger, anew or again."""
        self.ledger = TaskLedger(
            self.name,
            timeout=10,
            keep=KEEP,
            key_ttl=KEY_TTL,
            path=self.path,
            max_active=MAX_ACTIVE,
            max_finished=MAX_FINISHED,
            wall=self.clocks.wall,
            timer=self.clocks.timer,
            on_timeout=lambda record: self.told.append(record.id),
        )

    def teardown(self) -> None:
        """Give everything back."""
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.folder)
            self.patch.undo()

    def overdue(self, known: Known) -> bool:
        """Whether the model's task is active beyond its time."""
        return known.state == "active" and not (self.same_run(known) and self.clocks.timer.now < known.due_clock)

    def same_run(self, known: Known) -> bool:
        """Whether the machine was not started anew since the task's last sign of life, as far as one can know."""
        return known.boot == self.ledger._boot and known.alive <= self.clocks.timer.now

    def finish(self, known: Known, state: str, ended: float) -> None:
        """End a task of the model."""
        if state != "timed_out":
            known.alive = self.clocks.timer.now
        elif self.same_run(known):
            known.alive = known.due_clock
        known.state, known.ended = state, max(known.started, ended)
        self.kept.append(known)
        del self.kept[:-MAX_FINISHED]
        if state == "timed_out":
            self.timed_out.append(known.task.id)

    def time_out(self, known: Known) -> None:
        """A task of the model was found overdue."""
        self.finish(known, "timed_out", min(known.due, self.clocks.wall.now))

    def recent(self, known: Known, seconds: float) -> bool:
        """Whether it ended not long ago."""
        if self.same_run(known):
            return self.clocks.timer.now - known.alive < seconds
        return abs(self.clocks.wall.now - known.ended) < seconds

    @rule(target=tasks, key=st.sampled_from([None, None, "a", "b"]), timeout=st.integers(1, 30))
    def start(self, key: str | None, timeout: int) -> int:
        """Start a task, or find its key taken, or no room."""
        for known in sorted(filter(self.overdue, self.known), key=lambda each: each.due_clock):
            self.time_out(known)
        active = [known for known in self.known if known.state == "active"]
        latest = next((known for known in reversed(self.known) if key is not None and known.key == key), None)
        taken = latest is not None and (
            latest.state == "active"
            or (latest.state == "completed" and latest in self.kept and self.recent(latest, KEY_TTL))
        )
        now, clock = self.clocks.wall.now, self.clocks.timer.now
        try:
            task = self.ledger.start("kind", key=key, timeout=timeout)
        except DuplicateTask as refused:
            assert taken
            assert latest is not None
            assert refused.record.id == latest.task.id  # noqa: PT017 - either outcome is right in its place
            self.duplicates += 1
        except LedgerFull:
            assert not taken
            assert len(active) == MAX_ACTIVE
        else:
            assert not taken
            assert len(active) < MAX_ACTIVE
            self.known.append(Known(task, key, now, now + timeout, clock + timeout, clock, boot=self.ledger._boot))
        return len(self.known) - 1

    @rule(number=tasks, completes=st.booleans(), value=st.none() | st.integers())
    def end(self, number: int, completes: bool, value: int | None) -> None:
        """Complete or fail a task, which may be over."""
        if number < 0:
            return
        known = self.known[number]
        ended = known.task.complete(value) if completes else known.task.fail("x")
        if self.overdue(known):
            self.time_out(known)
        gone = known.state != "active" and known not in self.kept
        self.late += gone or known.state == "timed_out"
        assert ended == (known.state == "active")
        if ended:
            known.result = value if completes else None
            self.finish(known, "completed" if completes else "failed", self.clocks.wall.now)

    @rule(number=tasks, seconds=st.integers(1, 30))
    def extend(self, number: int, seconds: int) -> None:
        """Give a sign of life."""
        if number < 0:
            return
        known = self.known[number]
        extended = known.task.extend(seconds)
        if self.overdue(known):
            self.time_out(known)
        assert extended == (known.state == "active")
        if extended:
            known.alive = self.clocks.timer.now
            if known.alive + seconds > known.due_clock:
                known.due, known.due_clock = self.clocks.wall.now + seconds, known.alive + seconds

    @rule()
    def sweep(self) -> None:
        """One sweep finds whatever is overdue."""
        self.ledger._attended = True
        delay = self.ledger._tend()
        overdue = sorted(filter(self.overdue, self.known), key=lambda each: each.due_clock)
        for known in overdue:
            self.time_out(known)
        if overdue or (self.kept and not self.recent(self.kept[0], KEEP)):
            self.kept = [known for known in self.kept if self.recent(known, KEEP)]
        waits = [known.due_clock - self.clocks.timer.now for known in self.known if known.state == "active"]
        assert not waits or (delay is not None and delay <= min(waits))

    @rule()
    def restart(self) -> None:
        """A new process opens the file; one without a file keeps its ledger."""
        if self.path is not None:
            self.ledger.close()
            del self.ledger._published  # its name is free, though the tasks still hold it
            boot = self.ledger._boot
            self.open()
            self.ledger._boot = boot
            for known in self.known:
                known.task._ledger = self.ledger

    @rule(seconds=st.integers(1, 25))
    def pass_time(self, seconds: int) -> None:
        """Time goes by."""
        self.clocks.tick(seconds)

    @rule(seconds=st.sampled_from([-100_000, -7, 5, 100_000]))
    def set_the_clock(self, seconds: int) -> None:
        """Somebody sets the wall clock."""
        self.clocks.wall.tick(seconds)

    @rule(seconds=st.integers(1, 40), named=st.booleans())
    def start_the_machine_anew(self, seconds: int, named: bool) -> None:
        """Its clock begins below; a ledger in memory does not live to see it, and would be right all the same."""
        self.clocks.timer.tick(-seconds)
        if named and self.path is not None:
            self.ledger._boot += "+"

    @invariant()
    def same(self) -> None:
        """The ledger and the model tell the same of every task, and of all together."""
        if not hasattr(self, "ledger"):
            return
        counts = self.ledger.counts()
        check_counts(counts)
        states = ["timed_out" if self.overdue(known) else known.state for known in self.known]
        assert counts.started == len(states)
        assert (counts.active, counts.completed) == (states.count("active"), states.count("completed"))
        assert (counts.failed, counts.timed_out) == (states.count("failed"), states.count("timed_out"))
        assert (counts.late, counts.duplicates) == (self.late, self.duplicates)
        seen = []
        for known, state in zip(self.known, states, strict=True):
            record = self.ledger.get(known.task.id)
            overdue = self.overdue(known)
            ended = max(known.started, min(known.due, self.clocks.wall.now)) if overdue else known.ended
            over = replace(known, ended=ended)
            if overdue and self.same_run(known):
                over.alive = known.due_clock
            there = state == "active" or ((overdue or known in self.kept) and self.recent(over, KEEP))
            assert (record is not None) == there
            if record is not None:
                seen.append(record)
                assert (record.state, record.key, record.result) == (state, known.key, known.result)
                assert record.due == known.due
                assert record.ended == (None if state == "active" else ended)
        assert list(self.ledger.tasks()) == seen[::-1]
        assert self.told == self.timed_out


AgainstTheModel.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestAgainstTheModel = AgainstTheModel.TestCase
