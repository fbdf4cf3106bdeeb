"""Clocks that are set, and machines that are started anew."""

import pytest

from floodmark_caches.ledger import DuplicateTask, TaskLedger, TaskState
from tests.caches.ledger.conftest import Clocks, Make, state


def test_finished_tasks_are_known_for_keep(ledger: TaskLedger, clocks: Clocks) -> None:
    """And no longer, though nobody has swept; the counts go on."""
    with ledger.start("speech") as task:
        pass
    clocks.tick(3599)
    assert state(ledger, task.id) is TaskState.COMPLETED
    clocks.tick(1)
    assert ledger.get(task.id) is None
    assert ledger.tasks() == ()
    assert ledger.counts().completed == 1


def test_a_wall_clock_that_is_set_changes_no_timeout(ledger: TaskLedger, clocks: Clocks) -> None:
    """Set back by a year, no task becomes immortal; set forward, none is ended early."""
    task = ledger.start("speech", timeout=60)
    clocks.wall.tick(-365 * 86400)
    clocks.tick(59)
    assert state(ledger, task.id) is TaskState.ACTIVE
    clocks.tick(1)
    assert ledger.counts().timed_out == 1
    other = ledger.start("speech", timeout=60)
    clocks.wall.tick(2 * 365 * 86400)
    clocks.tick(59)
    assert state(ledger, other.id) is TaskState.ACTIVE


@pytest.mark.parametrize("step", [-365 * 86_400, 365 * 86_400])
def test_a_wall_clock_that_is_set_changes_no_record_and_no_key(make: Make, clocks: Clocks, step: float) -> None:
    """However far: both stay for their time on the machine's clock, and no longer."""
    ledger = make(keep=3600, key_ttl=100)
    with ledger.start("speech", key="a") as task:
        pass
    timed_out = ledger.start("speech", timeout=10)
    clocks.tick(10)
    ledger.start("speech")
    clocks.wall.tick(step)
    clocks.tick(89)
    with pytest.raises(DuplicateTask):
        ledger.start("speech", key="a")
    clocks.tick(1)
    ledger.start("speech", key="a")
    clocks.tick(3499)
    assert [state(ledger, each.id) for each in (task, timed_out)] == [TaskState.COMPLETED, TaskState.TIMED_OUT]
    assert task.id in [record.id for record in ledger.tasks(limit=9)]
    clocks.tick(1)
    assert state(ledger, task.id) is None
    clocks.tick(9)
    assert state(ledger, timed_out.id) is TaskState.TIMED_OUT
    clocks.tick(1)
    assert state(ledger, timed_out.id) is None


def test_a_wall_clock_that_is_set_back_under_a_task_makes_it_no_younger_than_nothing(
    ledger: TaskLedger, clocks: Clocks
) -> None:
    """Its seconds are not negative."""
    with ledger.start("speech", key="a") as task:
        clocks.wall.tick(-10)
    record = ledger.get(task.id)
    assert record is not None
    assert record.seconds == 0


@pytest.mark.parametrize(("uptime", "known_run"), [(100.0, True), (100.0, False), (9000.0, True)])
def test_on_a_machine_that_was_started_anew_the_wall_clock_tells_the_age(
    ledger: TaskLedger, clocks: Clocks, uptime: float, known_run: bool
) -> None:
    """Its own clock tells nothing of before: whether it stands below, or the system names its runs."""
    with ledger.start("speech", key="a") as task:
        pass
    clocks.timer.now = uptime
    clocks.wall.tick(3599)
    if known_run:
        ledger._boot = "another run"
    assert state(ledger, task.id) is TaskState.COMPLETED
    with pytest.raises(DuplicateTask):
        ledger.start("speech", key="a")
    clocks.wall.tick(1)
    assert state(ledger, task.id) is None
    ledger.start("speech", key="a")


@pytest.mark.parametrize("store", ["file"])
def test_a_machine_started_anew_long_ago_has_no_active_tasks_from_before(ledger: TaskLedger) -> None:
    """Though its clock stands where they might be under way. Memory does not live to see it."""
    task = ledger.start("speech")
    ledger._boot = "another run"
    assert state(ledger, task.id) is TaskState.TIMED_OUT
    assert [record.id for record in ledger.tasks("timed_out")] == [task.id]
    ledger._attended = True
    ledger._tend()
    assert (ledger.counts().active, ledger.counts().timed_out) == (0, 1)


def test_a_machine_that_was_started_anew_has_no_active_tasks_from_before(ledger: TaskLedger, clocks: Clocks) -> None:
    """Its clock stands below their last sign of life: their worker is dead."""
    old = ledger.start("speech", key="a", timeout=1e6)
    clocks.timer.now = 100.0
    clocks.wall.tick(60)
    assert state(ledger, old.id) is TaskState.TIMED_OUT
    new = ledger.start("speech", key="a")
    assert state(ledger, new.id) is TaskState.ACTIVE
    assert (ledger.counts().active, ledger.counts().timed_out) == (1, 1)


def test_the_last_sign_of_life_counts_on_a_machine_that_was_started_anew(ledger: TaskLedger, clocks: Clocks) -> None:
    """Not the start: a heartbeat for a long time makes no task immortal."""
    task = ledger.start("speech")
    clocks.tick(50)
    task.extend(1e6)
    clocks.timer.tick(-10)
    assert state(ledger, task.id) is TaskState.TIMED_OUT


def test_the_log_says_why_a_task_timed_out(
    ledger: TaskLedger, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    """After its time, however the wall clock was set; or before it, by the machine's clock."""
    ledger.start("speech")
    clocks.wall.tick(-86_400)
    clocks.tick(60)
    ledger.start("speech", timeout=50)
    assert "(speech) timed out after 60 s, process" in caplog.text
    caplog.clear()
    clocks.timer.tick(-10)
    ledger.start("speech")
    assert "the machine was started anew, or its clock went back" in caplog.text
    assert "timed out after" not in caplog.text


def test_a_timer_that_goes_back_a_little_gives_that_much_more_time(ledger: TaskLedger, clocks: Clocks) -> None:
    """As long as it stands above the last sign of life."""
    task = ledger.start("speech")
    clocks.tick(30)
    clocks.timer.tick(-20)
    clocks.tick(49)
    assert state(ledger, task.id) is TaskState.ACTIVE
    clocks.tick(1)
    assert state(ledger, task.id) is TaskState.TIMED_OUT
