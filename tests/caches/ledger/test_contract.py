"""What a ledger promises, wherever it keeps its tasks."""

import gc
import json
import logging
import os
import sys
import threading

import pytest

from floodmark_caches import registry
from floodmark_caches.ledger import DuplicateTask, LedgerFull, TaskLedger, TaskRecord, TaskState
from tests.caches.ledger.conftest import Clocks, Make, check_counts, state


def test_a_task_is_active_and_then_completed(ledger: TaskLedger, clocks: Clocks) -> None:
    """And both can be asked for, with their times and the process."""
    started = clocks.wall.now
    with ledger.start("speech", key="text 17") as task:
        active = ledger.get(task.id)
        clocks.tick(3)
    assert active == TaskRecord(
        task.id, "speech", "text 17", TaskState.ACTIVE, started, started + 60, None, os.getpid(), None, None, None
    )
    over = ledger.get(task.id)
    assert over is not None
    assert (over.state, over.ended, over.seconds, over.result) == (TaskState.COMPLETED, started + 3, 3, None)


def test_a_task_whose_work_raises_has_failed(ledger: TaskLedger) -> None:
    """The exception goes on to the caller, its type and message stay with the task."""
    with pytest.raises(KeyError, match="no voice"), ledger.start("speech") as task:
        raise KeyError("no voice")  # noqa: EM101, TRY003 - the text is the test
    record = ledger.get(task.id)
    assert record is not None
    assert (record.state, record.error_type, record.error) == (TaskState.FAILED, "KeyError", "'no voice'")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_end_that_is_no_error_fails_the_task_too(ledger: TaskLedger, error: type[BaseException]) -> None:
    """Whatever ended the work, it was not completed."""
    with pytest.raises(error), ledger.start("speech") as task:
        raise error
    assert state(ledger, task.id) is TaskState.FAILED


def test_the_message_of_a_failure_is_bounded_and_never_fails_itself(ledger: TaskLedger) -> None:
    """Long ones are cut, unreadable ones named, and what cannot be written as UTF-8 is written out."""

    class Mute(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise ZeroDivisionError

    task_ids = []
    for error in ("x" * 10_000, Mute(), ValueError("\udc80")):
        task = ledger.start("speech")
        assert task.fail(error)
        task_ids.append(task.id)
    errors = [record.error for task_id in task_ids if (record := ledger.get(task_id))]
    assert errors == ["x" * 500, "its message cannot be read (ZeroDivisionError)", "\\udc80"]


def test_a_result_is_kept_as_json(ledger: TaskLedger) -> None:
    """Read afresh each time, so that nobody changes what the ledger keeps."""
    with ledger.start("speech") as task:
        assert task.complete({"url": "/out/17.wav", "ünï": [1, None]})
    record = ledger.get(task.id)
    assert record is not None
    assert record.result == {"url": "/out/17.wav", "ünï": [1, None]}
    record.result["url"] = "elsewhere"
    assert record.result["url"] == "/out/17.wav"
    assert json.loads(json.dumps(record.as_dict()))["result"] == record.result


def test_a_task_ends_once(ledger: TaskLedger, caplog: pytest.LogCaptureFixture) -> None:
    """Later endings take no effect, and say so."""
    with ledger.start("speech") as task:
        assert task.complete(1)
        assert not task.complete(2)
        assert not task.fail("late")
        assert not task.extend(5)
    record = ledger.get(task.id)
    assert record is not None
    assert (record.state, record.result) == (TaskState.COMPLETED, 1)
    counts = ledger.counts()
    assert (counts.completed, counts.failed, counts.late) == (1, 0, 0)
    assert caplog.text == ""


def test_a_failed_attempt_to_end_leaves_the_end_to_the_with(ledger: TaskLedger) -> None:
    """A refused result inside the block is the block's failure."""
    with pytest.raises(ValueError, match="4096"), ledger.start("speech") as task:
        task.complete("x" * 5000)
    assert state(ledger, task.id) is TaskState.FAILED


def test_a_task_is_timed_out_the_moment_it_is_due(ledger: TaskLedger, clocks: Clocks) -> None:
    """For every reader, though nobody has swept."""
    task = ledger.start("speech", timeout=10)
    clocks.tick(9.5)
    assert state(ledger, task.id) is TaskState.ACTIVE
    assert ledger.counts().active == 1
    clocks.tick(0.5)
    record = ledger.get(task.id)
    assert record is not None
    assert (record.state, record.ended, record.seconds) == (TaskState.TIMED_OUT, record.due, 10)
    assert [found.id for found in ledger.tasks("timed_out")] == [task.id]
    assert ledger.tasks(TaskState.ACTIVE) == ()
    counts = ledger.counts()
    assert (counts.active, counts.timed_out) == (0, 1)


def test_a_late_completion_is_refused_and_counted(
    ledger: TaskLedger, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    """A task that has timed out is not resurrected, by a call or by the end of its `with`."""
    with ledger.start("speech") as task:
        clocks.tick(60)
    assert "was over before its work was" in caplog.text
    assert not task.complete()
    assert not task.fail("x")
    assert state(ledger, task.id) is TaskState.TIMED_OUT
    counts = ledger.counts()
    assert (counts.started, counts.timed_out, counts.completed, counts.late) == (1, 1, 0, 3)


def test_a_late_completion_is_counted_when_the_record_is_gone(make: Make, clocks: Clocks) -> None:
    """However late it is."""
    ledger = make(max_finished=1)
    task = ledger.start("speech")
    clocks.tick(60)
    for _ in range(2):
        with ledger.start("speech"):
            pass
    assert ledger.get(task.id) is None
    assert not task.complete()
    assert ledger.counts().late == 1


def test_a_heartbeat_moves_the_end(ledger: TaskLedger, clocks: Clocks) -> None:
    """Never to an earlier time, and not once it is over."""
    task = ledger.start("speech", timeout=60)
    clocks.tick(50)
    assert task.extend(5)
    clocks.tick(9)
    assert task.extend(60)
    clocks.tick(59)
    assert state(ledger, task.id) is TaskState.ACTIVE
    record = ledger.get(task.id)
    assert record is not None
    assert record.due == pytest.approx(clocks.wall.now + 1)
    clocks.tick(1)
    assert not task.extend(60)
    assert state(ledger, task.id) is TaskState.TIMED_OUT


def test_a_key_is_taken_while_its_task_is_active_and_for_its_ttl(make: Make, clocks: Clocks) -> None:
    """The refusal carries the task that has it; afterwards the key is free."""
    ledger = make(key_ttl=100)
    task = ledger.start("speech", key="text 17")
    with pytest.raises(DuplicateTask, match=r"'text 17' belongs to task .* active") as refused:
        ledger.start("speech", key="text 17")
    assert (refused.value.record.id, refused.value.key, refused.value.name) == (task.id, "text 17", ledger.name)
    clocks.tick(30)
    task.complete({"url": 1})
    clocks.tick(99)
    with pytest.raises(DuplicateTask) as refused:
        ledger.start("speech", key="text 17")
    assert refused.value.record.result == {"url": 1}
    clocks.tick(1)
    ledger.start("speech", key="text 17")
    ledger.start("speech", key="text 18")
    assert (ledger.counts().started, ledger.counts().duplicates) == (3, 2)


def test_a_task_that_failed_or_timed_out_gives_its_key_back(ledger: TaskLedger, clocks: Clocks) -> None:
    """So that the work can be tried again."""
    ledger.start("speech", key="a").fail("x")
    second = ledger.start("speech", key="a")
    clocks.tick(60)
    third = ledger.start("speech", key="a")
    assert state(ledger, second.id) is TaskState.TIMED_OUT
    assert state(ledger, third.id) is TaskState.ACTIVE


def test_only_the_owner_ends_a_task(ledger: TaskLedger) -> None:
    """The token that another process was given takes the task up; another token does not."""
    task = ledger.start("speech")
    with pytest.raises(ValueError, match=f"not the token of task '{task.id}'"):
        ledger.task(task.id, "guess")
    with pytest.raises(KeyError, match="knows no task 'nobody'"):
        ledger.task("nobody", "guess")
    assert not ledger.complete(task.id, "guess")
    assert not ledger.extend(task.id, "guess", 1)
    with ledger.task(task.id, task.token) as same:
        assert same.id == task.id
    assert state(ledger, task.id) is TaskState.COMPLETED
    assert ledger.counts().late == 0


def test_finished_tasks_are_bounded(make: Make) -> None:
    """The one that finished first goes first, and is counted as given up before its time."""
    ledger = make(max_finished=2)
    tasks = [ledger.start("speech") for _ in range(4)]
    for task in reversed(tasks):
        task.complete()
    assert [state(ledger, task.id) for task in tasks] == [TaskState.COMPLETED, TaskState.COMPLETED, None, None]
    assert (ledger.counts().completed, ledger.counts().evicted) == (4, 2)


def test_active_tasks_are_bounded_and_never_given_up(make: Make, clocks: Clocks) -> None:
    """A start beyond the bound is refused until one ends or times out."""
    ledger = make(max_active=2)
    ledger.start("speech")
    second = ledger.start("speech")
    with pytest.raises(LedgerFull, match="2 active tasks") as refused:
        ledger.start("speech", key="a")
    assert refused.value.max_active == 2
    assert ledger.counts().started == 2
    second.complete()
    ledger.start("speech", key="a")
    clocks.tick(60)
    ledger.start("speech")
    assert ledger.counts().active == 1


def test_tasks_are_listed_newest_first(ledger: TaskLedger) -> None:
    """By state and kind, as far as asked for."""
    ids = []
    for number in range(6):
        task = ledger.start("even" if number % 2 == 0 else "odd")
        ids.append(task.id)
        if number < 4:
            task.fail("x")
    assert [record.id for record in ledger.tasks()] == ids[::-1]
    assert [record.id for record in ledger.tasks("failed", kind="odd")] == [ids[3], ids[1]]
    assert [record.id for record in ledger.tasks(TaskState.FAILED, limit=1)] == [ids[3]]


def test_the_registry_publishes_the_ledger(make: Make, clocks: Clocks) -> None:
    """Active tasks are the entries, and what was put in minus what came out is what is there."""
    ledger = make(warn_at=0.5, max_active=4)
    ledger.start("speech", timeout=10)
    clocks.tick(10)
    ledger.start("speech").fail("x")
    ledger.start("speech").complete()
    ledger.start("speech", key="a")
    with pytest.raises(DuplicateTask):
        ledger.start("speech", key="a")
    clocks.tick(7)
    (stats,) = [stats for stats in registry.stats() if stats.name == ledger.name]
    assert (stats.kind, stats.entries, stats.adds, stats.removes, stats.hits) == ("TaskLedger", 1, 4, 3, 1)
    elsewhere = {} if ledger._store.container_ids else {"elsewhere": 0}
    assert stats.removals == {"completed": 1, "failed": 1, "timed_out": 1, **elsewhere}
    assert (stats.maxsize, stats.ttl, stats.oldest_age, stats.warn_at) == (4, 60, 7, 2)
    assert ledger.stats() == stats


def test_crossing_the_level_warns_once(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """As with every map."""
    ledger = make(warn_at=2)
    for _ in range(3):
        ledger.start("speech")
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        f"map {ledger.name!r} is at 2, its warn_at is 2 (maxsize 10000)"
    ]
    assert ledger.stats().warnings == 1


def test_the_sum_holds_at_every_instant(make: Make) -> None:
    """While threads start, end, extend and ask; of several starts with one key one succeeds."""
    ledger = make()
    barrier = threading.Barrier(5)
    wins: list[str] = []
    stop = threading.Event()

    def work(worker: int) -> None:
        barrier.wait()
        for number in range(25):
            try:
                task = ledger.start("speech", key=f"key {number}")
            except DuplicateTask:
                continue
            wins.append(f"key {number}")
            task.extend(5)
            task.complete()
            ledger.start(f"own {worker}").fail("x")

    def watch() -> None:
        barrier.wait()
        while not stop.is_set():
            check_counts(ledger.counts())

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    watcher = threading.Thread(target=watch)
    for thread in (*threads, watcher):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    watcher.join()
    assert sorted(wins) == sorted({f"key {number}" for number in range(25)})
    counts = ledger.counts()
    assert (counts.started, counts.completed, counts.failed, counts.active) == (50, 25, 25, 0)
    assert counts.duplicates == 75


def test_a_closed_ledger_opens_again_when_it_is_used(ledger: TaskLedger) -> None:
    """Tasks that were under way still are."""
    task = ledger.start("speech")
    ledger.close()
    ledger.close()
    assert task.complete()


def test_a_ledger_inside_its_own_use_is_refused(ledger: TaskLedger) -> None:
    """As a finalizer might use it; the outer use is not harmed."""

    def work() -> None:
        for use in (ledger.counts, lambda: ledger.start("speech")):
            with pytest.raises(RuntimeError, match="in the middle of its own use"):
                use()
        ledger._store._count("late")

    ledger._store._turn(work)
    assert (ledger.counts().late, ledger.counts().started) == (1, 0)


def test_memory_is_flat_over_many_tasks(make: Make, clocks: Clocks, caplog: pytest.LogCaptureFixture) -> None:
    """However they end, and with keys that never come again."""
    caplog.set_level(logging.ERROR)
    ledger = make(max_finished=20, key_ttl=3600)

    def many() -> int:
        for number in range(60):
            task = ledger.start("speech", key=os.urandom(8).hex())
            if number % 3 == 0:
                clocks.tick(60)
            elif number % 3 == 1:
                task.complete("x" * 1000)
            else:
                task.fail("x" * 400)
        del task
        gc.collect()
        return sys.getallocatedblocks()

    many()
    first = many()
    assert min(many(), many()) < first + 50


def test_it_cannot_be_copied_and_shows_no_contents(ledger: TaskLedger) -> None:
    """Contents may be many, and secret."""
    ledger.start("speech", key="secret")
    assert repr(ledger) == f"TaskLedger({ledger.name!r}, timeout=60, keep=3600)"
    with pytest.raises(TypeError, match="cannot be pickled"):
        ledger.__reduce__()
