"""Processes of one file with other settings, as in a rolling deploy. Here they come one after the other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from floodmark_caches.ledger import DuplicateTask, TaskLedger, TaskState
from tests.caches.conftest import fresh_name
from tests.caches.ledger.conftest import Clocks, check_counts, state

Open = Callable[..., TaskLedger]


@pytest.fixture
def open_ledger(tmp_path: Path, clocks: Clocks, unswept: None) -> Open:
    """Open the ledger of one file; the one before has to be closed."""
    name, path = fresh_name(), tmp_path / "tasks.db"

    def open_ledger(**options: float) -> TaskLedger:
        return TaskLedger(name, timeout=60, path=path, wall=clocks.wall, timer=clocks.timer, **options)  # type: ignore[arg-type]

    return open_ledger


def sweep(ledger: TaskLedger) -> None:
    """One sweep."""
    ledger._attended = True
    ledger._tend()


def test_what_others_have_finished_is_kept_as_they_asked(open_ledger: Open, clocks: Clocks) -> None:
    """A ledger that keeps its own tasks for a second drops none of theirs, and their keys are taken for it, too."""
    ledger = open_ledger(keep=600)
    tasks = [ledger.start("speech", key=f"{number}") for number in range(20)]
    for task in tasks:
        task.complete()
    ledger.close()
    del ledger, task
    ids = [each.id for each in tasks]
    del tasks
    ledger = open_ledger(keep=1)
    with ledger.start("speech", key="short") as short:
        pass
    clocks.tick(5)
    sweep(ledger)
    assert ledger._store.sweep([]) == pytest.approx(595)
    with ledger.start("speech"):
        pass
    assert [state(ledger, each) for each in ids] == [TaskState.COMPLETED] * 20
    assert state(ledger, short.id) is None
    ledger.start("speech", key="short").complete()
    with pytest.raises(DuplicateTask):
        ledger.start("speech", key="7")
    assert ledger.counts().evicted == 0
    clocks.tick(595)
    sweep(ledger)
    assert ledger.tasks() == ()
    assert ledger._store.kept() == 0
    check_counts(ledger.counts())
    ledger.close()


def test_a_task_is_kept_as_the_ledger_asked_that_started_it(open_ledger: Open, clocks: Clocks) -> None:
    """Whoever ends it, or finds it overdue."""
    ledger = open_ledger(keep=600, key_ttl=100)
    ended, overdue = ledger.start("speech", key="a"), ledger.start("speech")
    ids = ended.id, overdue.id
    token = ended.token
    ledger.close()
    del ledger, ended, overdue
    ledger = open_ledger(keep=1)
    ledger.complete(ids[0], token)
    clocks.tick(60)
    sweep(ledger)
    clocks.tick(39)
    assert [state(ledger, each) for each in ids] == [TaskState.COMPLETED, TaskState.TIMED_OUT]
    with pytest.raises(DuplicateTask):
        ledger.start("speech", key="a")
    clocks.tick(1)
    ledger.start("speech", key="a")
    ledger.close()


@pytest.mark.parametrize(("max_finished", "warns"), [(3, True), (5, False), (6, False)])
def test_a_bound_below_what_is_kept_is_said(
    open_ledger: Open, caplog: pytest.LogCaptureFixture, max_finished: int, warns: bool
) -> None:
    """Before anything is given up: one line with both numbers."""
    ledger = open_ledger(keep=600)
    for _ in range(5):
        ledger.start("speech").complete()
    ledger.close()
    del ledger
    caplog.clear()
    ledger = open_ledger(keep=600, max_finished=max_finished)
    said = f"ledger {ledger.name!r}: its max_finished is 3, and its file keeps 5 finished tasks"
    assert [said in message for message in caplog.messages] == [True] * warns
    assert len(ledger.tasks()) == 5
    ledger.start("speech").complete()
    assert len(ledger.tasks()) == min(6, max_finished)
    assert len(caplog.messages) == warns
    ledger.close()
