"""Exceptions of signal handlers: wherever one comes out of a call, the ledger is whole and works on."""

import itertools
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any, Self

import pytest

from floodmark_caches.ledger import DuplicateTask, TaskLedger, _ledger
from floodmark_caches.ledger._memory import MemoryStore
from tests.caches.conftest import NoJanitor
from tests.caches.ledger.conftest import Clocks, Make, check_counts

pytestmark = pytest.mark.slow

HERE = str(Path(_ledger.__file__).parent)
"""The code that is interrupted."""
HOLDERS = {"_alone", "close"}
"""Functions that hold a lock. No signal is handled between a `with` or a `finally` and its release, where a line is."""


class Interrupted(BaseException):
    """What the handler raises."""


class At:
    """Raises at the n-th event of the ledger's code. `fired` says whether there were so many."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.fired = False

    def count(self) -> None:
        """One event."""
        self.left -= 1
        if self.left == 0:
            self.fired = True
            raise Interrupted


class AtLine(At):
    """The events are lines: finer than where Python handles signals."""

    def __enter__(self) -> Self:
        self.before = sys.gettrace()
        sys.settrace(self.called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)

    def called(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """Trace the frames of the ledger."""
        ours = frame.f_code.co_filename.startswith(HERE) and frame.f_code.co_name not in HOLDERS
        return self.line if ours else None

    def line(self, _frame: FrameType, event: str, _argument: object) -> Any:
        """Count a line."""
        if event == "line":
            self.count()
        return self.line


class AtCall(At):
    """The events are the begin of a function and the return of a C function: where Python handles signals."""

    def __enter__(self) -> Self:
        self.before = sys.getprofile()
        sys.setprofile(self.event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self.before)

    def event(self, frame: FrameType, event: str, _argument: object) -> None:
        """Count a call or a return."""
        if event in ("call", "c_return") and frame.f_code.co_filename.startswith(HERE):
            self.count()


Use = Callable[[TaskLedger, Clocks], Callable[[], object]]
"""Prepares something, and returns what is to be interrupted."""


def starts(ledger: TaskLedger, clocks: Clocks) -> Callable[[], object]:
    """A start with a key of its own."""
    key = f"key {ledger.counts().started}"
    return lambda: ledger.start("speech", key=key)


def finds_overdue(ledger: TaskLedger, clocks: Clocks) -> Callable[[], object]:
    """A start that finds others overdue."""
    for _ in range(2):
        ledger.start("overdue", timeout=1)
    clocks.tick(60)
    return lambda: ledger.start("speech")


def is_refused(ledger: TaskLedger, clocks: Clocks) -> Callable[[], object]:
    """A start whose key is taken."""
    key = f"key {ledger.counts().started}"
    ledger.start("speech", key=key)

    def start() -> None:
        with pytest.raises(DuplicateTask):
            ledger.start("speech", key=key)

    return start


def completes(ledger: TaskLedger, clocks: Clocks) -> Callable[[], object]:
    """An ending, for which an older task is given up."""
    task = ledger.start("speech", key=f"key {ledger.counts().started}")
    return lambda: task.complete("x")


def comes_late(ledger: TaskLedger, clocks: Clocks) -> Callable[[], object]:
    """An ending after its time."""
    task = ledger.start("speech", timeout=1)
    clocks.tick(60)
    return lambda: task.fail("x")


def extends(ledger: TaskLedger, clocks: Clocks) -> Callable[[], object]:
    """A heartbeat."""
    task = ledger.start("speech")
    return lambda: task.extend(90)


def sweeps(ledger: TaskLedger, clocks: Clocks) -> Callable[[], object]:
    """A sweep that has something to time out and something to drop."""
    with ledger.start("speech", key="old"):
        clocks.tick(3600)
    with ledger.start("speech"):
        pass
    ledger._attended = True
    return ledger._tend


def reads(ledger: TaskLedger, clocks: Clocks) -> Callable[[], object]:
    """Everything that only reads."""
    task = ledger.start("speech")
    return lambda: (ledger.get(task.id), ledger.tasks("active", limit=1), ledger.counts(), ledger.stats())


def opens(ledger: TaskLedger, clocks: Clocks) -> Callable[[], object]:
    """A use that opens the file again."""
    ledger.close()

    def use() -> None:
        ledger.start("speech")
        ledger.close()

    return use


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Another thread."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def check(ledger: TaskLedger, elsewhere: ThreadPoolExecutor) -> None:
    """The ledger is whole, and works on, for every thread."""
    counts = ledger.counts()
    check_counts(counts)
    assert counts.active == len(ledger.tasks("active", limit=1000))
    stats = ledger.stats()
    assert stats.entries == stats.adds - stats.removes >= counts.active
    assert sum(stats.removals.values()) == stats.removes
    assert min(stats.removals.values()) >= 0
    store = ledger._store
    if isinstance(store, MemoryStore):
        totals = store._totals()
        assert (len(store._open), len(store._finished)) == (totals.active, totals.kept)
        opened = [row.serial for row in store._open.values()]
        ended = [row.ended_serial or 0 for row in store._finished.values()]
        assert (opened, ended) == (sorted(opened), sorted(ended))
        assert set(store._by_key.values()) <= {*store._open, *store._finished}
    task = ledger.start("check")
    assert elsewhere.submit(task.complete).result(timeout=5)
    assert ledger.counts().started == counts.started + 1


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("at", [AtLine, AtCall])
@pytest.mark.parametrize(
    "use", [starts, finds_overdue, is_refused, completes, comes_late, extends, sweeps, reads, opens]
)
def test_an_interrupt_anywhere_in_a_call_leaves_the_ledger_whole(
    make: Make, clocks: Clocks, elsewhere: ThreadPoolExecutor, use: Use, at: type[AtLine] | type[AtCall]
) -> None:
    """All of the call has happened or nothing, and the next call works, while the exception is still handled."""
    ledger = make(max_finished=3, warn_at=900)
    for number in itertools.count(1):
        clocks.tick(60)  # what is left of the last round is over
        work = use(ledger, clocks)
        before = ledger.counts()
        interrupt = at(number)
        try:
            with interrupt:
                work()
        except Interrupted:
            after = ledger.counts()
            assert 0 <= after.started - before.started <= 1
            check(ledger, elsewhere)
        assert interrupt.fired or number > 20
        if not interrupt.fired:
            break


def test_a_start_cut_short_before_the_sweeper_knows_leaves_that_to_the_next(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for done."""
    calls: list[object] = []

    class Sweeper(NoJanitor):
        running = True

        def attend(self, tend: Callable[[], float | None]) -> None:
            calls.append(tend)
            if len(calls) == 1:
                raise Interrupted

    ledger = make()
    monkeypatch.setattr(_ledger, "sweeper", Sweeper())
    with pytest.raises(Interrupted):
        ledger.start("speech")
    for _ in range(3):
        ledger.start("speech")
    assert calls == [ledger._tend] * 2
