"""What may happen by the thousand fills no log."""

import math

import pytest

from floodmark_caches.ledger import TaskLedger, TaskRecord
from floodmark_caches.ledger._lines import FewLines
from tests.caches.conftest import Clock, eventually, fresh_name, run_python
from tests.caches.fix_fork import CHILD, needs_fork
from tests.caches.ledger.conftest import Clocks, Make


def lines(caplog: pytest.LogCaptureFixture, said: str) -> int:
    """How many lines say that."""
    return sum(said in record.getMessage() for record in caplog.records)


def test_of_many_lines_ten_are_admitted_and_the_rest_is_counted(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Of each matter, in each second; what is left is said once."""
    few = FewLines("t", clock)
    assert few.settle() is None
    assert [few.admit("tasks timed out") for _ in range(17)] == [True] * 10 + [False] * 7
    assert few.admit("tasks were lost")
    clock.tick(0.75)
    assert few.settle() == pytest.approx(0.25)
    assert caplog.messages == []
    clock.tick(0.25)
    assert few.admit("tasks timed out")
    assert caplog.messages == ["ledger 't': 7 more tasks timed out"]
    clock.tick(1)
    assert few.settle() is None
    assert len(caplog.messages) == 1


def test_what_is_left_can_be_said_early(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is waited for at a close."""
    few = FewLines("t", clock)
    for _ in range(12):
        few.admit("tasks timed out")
    few.settle(early=True)
    assert caplog.messages == ["ledger 't': 2 more tasks timed out"]
    few.settle(early=True)
    assert len(caplog.messages) == 1


@needs_fork
def test_a_forked_child_does_not_say_what_its_parent_left() -> None:
    """The parent will."""
    printed = run_python(
        CHILD
        + """
import logging, sys
from floodmark_caches.ledger._lines import FewLines
logging.basicConfig(stream=sys.stdout, format="%(message)s")
few = FewLines("t")
for _ in range(12):
    few.admit("lines")
in_child(lambda: few.settle(early=True))
sys.stdout.flush()
few.settle(early=True)
"""
    )
    assert printed == "ledger 't': 2 more lines\n"


def test_many_timeouts_are_ten_lines_and_a_sum(make: Make, clocks: Clocks, caplog: pytest.LogCaptureFixture) -> None:
    """Each is told, whatever `on_timeout` raises, of which there are ten tracebacks."""
    told: list[str] = []

    def tell(record: TaskRecord) -> None:
        told.append(record.id)
        raise ZeroDivisionError

    ledger = make(on_timeout=tell)
    ledger._lines._now = clocks.timer
    started = [ledger.start("speech").id for _ in range(40)]
    clocks.tick(60)
    ledger._wake_at = math.inf  # nothing else is to come
    ledger.start("speech")
    assert ledger._wake_at == clocks.timer.now + 1
    assert sorted(told) == sorted(started)
    assert (lines(caplog, "timed out after 60 s"), lines(caplog, "on_timeout failed")) == (10, 10)
    clocks.tick(1)
    ledger._attended = True
    ledger._tend()
    assert caplog.messages[-2:] == [
        f"ledger {ledger.name!r}: 30 more {matter}" for matter in ("tasks timed out", "calls of on_timeout failed")
    ]


def test_many_tasks_that_were_over_are_ten_lines(make: Make, clocks: Clocks, caplog: pytest.LogCaptureFixture) -> None:
    """After a standstill, each of their workers comes to its end."""
    ledger = make()
    tasks = [ledger.start("speech") for _ in range(15)]
    clocks.tick(60)
    for task in tasks:
        with task:
            pass
    assert lines(caplog, "was over before its work was") == 10
    ledger.close()
    assert lines(caplog, "5 more tasks were over before their work was") == 1


def test_the_sum_is_said_though_nobody_asks(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the sweeper, when the second is over, though no task is left to wait for."""
    monkeypatch.setattr("floodmark_caches.ledger._lines.SPAN_SECONDS", 0.05)
    ledger = TaskLedger(fresh_name(), timeout=0.02, keep=0.1)
    for _ in range(15):
        ledger.start("speech")
    eventually(lambda: lines(caplog, "5 more tasks timed out"))
    ledger.close()
