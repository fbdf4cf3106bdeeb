"""Background in threads: what work owns is released, what it raises is logged and counted, and the numbers add up."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from floodmark_caches import AsyncKeyedLocks, Background, KeyedLocks, LockTimeout, PendingSet, registry
from floodmark_caches.ledger import TaskLedger
from tests.caches.background.conftest import Broken, Gate, Inline, Manager, Thing, fail, numbers
from tests.caches.conftest import eventually, fresh_name


def test_work_that_returns(background: Background, caplog: pytest.LogCaptureFixture) -> None:
    """Its future has the result, what it owns is released by then, and it is counted as completed."""
    thing, manager = Thing(), Manager()
    assert background.spawn(divmod, 7, 2, owns=[thing, manager]).result(10) == (3, 1)
    assert background.spawn(int, "11", base=2).result(10) == 3
    assert (thing.releases, manager.exits) == (1, [None])
    assert numbers(background) == (2, 0, 2, 0, 0)
    assert caplog.text == ""


def test_work_that_raises_is_logged_once_and_counted(background: Background, caplog: pytest.LogCaptureFixture) -> None:
    """With the names of the background and of the function and the traceback, never the arguments; the future has it."""
    thing, manager = Thing(), Manager()
    future = background.spawn(fail, "secret", owns=[thing, manager])
    error = future.exception(10)
    assert isinstance(error, Broken)
    assert (thing.releases, manager.exits) == (1, [error])
    assert numbers(background) == (1, 0, 0, 1, 0)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("floodmark.caches", logging.ERROR)
    assert record.getMessage() == f"background {background.name!r}: fail failed"
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert "in fail" in caplog.text


def test_what_is_owned_goes_in_reverse_order_whatever_the_others_do(
    background: Background, caplog: pytest.LogCaptureFixture
) -> None:
    """A release that fails is logged and counted, and neither stops the others nor changes the outcome of the work."""
    told: list[object] = []
    things = [Thing(told), Thing(told, Broken("stuck")), Thing(told)]
    assert background.spawn(int, owns=things).result(10) == 0
    assert told == things[::-1]
    assert background.unreleased == 1
    assert numbers(background) == (1, 0, 1, 0, 0)
    assert "int could not release its Thing" in caplog.text
    assert "stuck" in caplog.text


def test_the_flag_and_the_ledger_entry_of_lost_work_are_ended(
    own: Background, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it raised or never ran: the image can be claimed again, and its task has failed with the reason."""
    pending: PendingSet[str] = PendingSet(fresh_name(), maxsize=10, ttl=300)
    ledger = TaskLedger(fresh_name(), timeout=300, keep=300)
    gate = Gate()
    works: list[Callable[[], object]] = [gate, fail, fail]
    entries = [ledger.start("inference") for _ in works]
    futures = [
        own.spawn(work, owns=[pending.claim(entry.id), entry]) for work, entry in zip(works, entries, strict=True)
    ]
    assert gate.begun.wait(10)
    futures[2].cancel()
    gate.open()
    own.close()
    assert len(pending) == 0
    records = [ledger.get(entry.id) for entry in entries]
    assert [record and record.state for record in records] == ["completed", "failed", "failed"]
    assert [record and record.error_type for record in records] == [None, "Broken", "CancelledError"]
    assert ledger.counts().active == 0


def test_work_that_is_cancelled_before_it_runs(own: Background) -> None:
    """What it owns is released at once, and managers are told so."""
    gate, thing, manager = Gate(), Thing(), Manager()
    running = own.spawn(gate)
    assert gate.begun.wait(10)
    waiting = own.spawn(fail, owns=[thing, manager])
    assert numbers(own) == (2, 2, 0, 0, 0)
    assert waiting.cancel()
    assert thing.releases == 1
    assert isinstance(manager.exits[0], CancelledError)
    assert numbers(own) == (2, 1, 0, 0, 1)
    gate.open()
    assert running.result(10) == "done"
    assert not running.cancel()
    assert thing.releases == 1
    assert len(manager.exits) == 1


def test_work_that_a_given_executor_drops(name: str) -> None:
    """It was shut down with work in its queue: that is cancelled, and what it owned is free."""
    executor = ThreadPoolExecutor(1)
    background = Background(name, executor)
    gate, thing = Gate(), Thing()
    background.spawn(gate)
    assert gate.begun.wait(10)
    background.spawn(fail, owns=thing)
    executor.shutdown(wait=False, cancel_futures=True)
    assert thing.releases == 1
    gate.open()
    background.close()
    assert numbers(background) == (2, 0, 1, 0, 1)


def test_work_that_a_broken_executor_drops(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its threads cannot start: the work failed, and what it owned is free."""
    logging.getLogger("concurrent.futures").disabled = True
    executor = ThreadPoolExecutor(1, initializer=fail)
    background = Background(name, executor)
    manager = Manager()
    future = background.spawn(int, owns=manager)
    error = future.exception(10)
    eventually(lambda: numbers(background) == (1, 0, 0, 1, 0))
    assert manager.exits == [error]
    executor.shutdown()
    logging.getLogger("concurrent.futures").disabled = False


@pytest.mark.parametrize("closed", ["background", "executor"])
def test_work_that_cannot_be_submitted(background: Background, closed: str) -> None:
    """The caller is told; what the work owned is released, and nothing counts as started."""
    if closed == "background":
        background.close()
    elif background._executor is not None:
        background._executor.shutdown()
    else:
        background.spawn(int).result(10)
        assert background._pool is not None
        background._pool.close()
    before = numbers(background)
    thing, manager = Thing(), Manager()
    with pytest.raises(RuntimeError, match=r"closed|shutdown"):
        background.spawn(int, owns=[thing, manager])
    assert thing.releases == 1
    assert isinstance(manager.exits[0], RuntimeError)
    assert numbers(background) == before


def test_work_for_which_no_thread_can_be_started(own: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is told, and it does not run later: with what it owned gone, it must not."""

    def refuse(thread: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    thing, ran = Thing(), list[str]()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            own.spawn(ran.append, "refused", owns=thing)
    assert thing.releases == 1
    assert own.started == 0
    own.spawn(ran.append, "accepted").result(10)
    assert ran == ["accepted"]


def test_an_executor_that_runs_its_work_at_once(name: str) -> None:
    """In the thread that spawns, before the submit is over: everything counts once."""
    background = Background(name, Inline())  # type: ignore[arg-type]
    thing = Thing()
    assert background.spawn(int, owns=thing).result(0) == 0
    assert thing.releases == 1
    assert numbers(background) == (1, 0, 1, 0, 0)


def test_mistakes_release_what_is_owned(background: Background) -> None:
    """What is no function, no manager, or nothing that can be released is named, and nothing starts."""
    thing = Thing()
    with pytest.raises(TypeError, match=r"function must be callable .*5"):
        background.spawn(5, owns=thing)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"release\(\) .*'claim'"):
        background.spawn(int, owns=[thing, "claim"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"release\(\) .*6"):
        background.spawn(int, owns=6)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"lambda: locks\.hold\(key\).*7"):
        background.spawn(int, owns=thing, within=[7])  # type: ignore[list-item]
    assert thing.releases == 3
    assert background.started == 0


def test_a_lock_is_held_within_the_work(background: Background) -> None:
    """It is entered by the worker, for a lock belongs to its thread, and free when the future is done."""
    locks: KeyedLocks[str] = KeyedLocks(fresh_name())
    seen: list[int] = []
    background.spawn(lambda: seen.append(len(locks)), within=lambda: locks.hold("a", "b")).result(10)
    assert seen == [2]
    assert len(locks) == 0
    with locks.hold("a"):
        future = background.spawn(seen.append, 9, within=[lambda: locks.hold("a", timeout=0)], owns=(thing := Thing()))
        assert isinstance(future.exception(10), LockTimeout)
    assert seen == [2]
    assert thing.releases == 1
    assert background.failed == 1


@pytest.mark.parametrize("kind", [KeyedLocks, AsyncKeyedLocks])
@pytest.mark.parametrize("several", [False, True])
def test_a_manager_that_is_made_already_is_refused(
    background: Background, kind: type[KeyedLocks[str] | AsyncKeyedLocks[str]], several: bool
) -> None:
    """With what to write; it is the likeliest mistake, and some of those managers can be called, for another purpose."""
    locks = kind(fresh_name())
    within: Any = [lambda: locks.hold("a"), locks.hold("a")] if several else locks.hold("a")
    thing, ran = Thing(), list[str]()

    async def work() -> None:
        ran.append("task")

    async def spawn() -> None:
        background.spawn_async(work(), within=within, owns=thing)

    with pytest.raises(TypeError, match=r"within takes callables .* as `lambda: locks.hold\(key\)` \(got <"):
        background.spawn(ran.append, "thread", within=within, owns=thing)
    with pytest.raises(TypeError, match=r"within takes callables .* as `lambda: locks.hold\(key\)` \(got <"):
        asyncio.run(spawn())
    assert (background.started, thing.releases, ran, len(locks)) == (0, 2, [], 0)


def test_a_file_is_no_iterable_of_callables(own: Background, tmp_path: Path) -> None:
    """It is named itself, and not its lines."""
    path = tmp_path / "lines"
    path.write_text("line")
    with path.open() as file, pytest.raises(TypeError, match=r"within takes callables .*\(got <_io"):
        own.spawn(int, within=file)  # type: ignore[arg-type]


def test_managers_around_the_work_see_its_error(background: Background, caplog: pytest.LogCaptureFixture) -> None:
    """They nest, the last one is the innermost, and they end before what is owned is released."""
    told: list[object] = []

    @contextmanager
    def around(label: str) -> Iterator[None]:
        try:
            yield
        except Broken:
            told.append(label)
            raise

    thing = Thing(told)
    background.spawn(fail, within=[lambda: around("outer"), lambda: around("inner")], owns=thing).exception(10)
    assert told == ["inner", "outer", thing]


def test_the_numbers_are_in_the_registry(own: Background) -> None:
    """Entries are what is under way, removals the outcomes."""
    gate = Gate()
    own.spawn(gate)
    stats = next(stats for stats in registry.stats() if stats.name == own.name)
    assert (stats.kind, stats.entries, stats.adds, stats.removes) == ("Background", 1, 1, 0)
    assert stats.removals == {"completed": 0, "failed": 0, "cancelled": 0}
    assert repr(own) == f"Background({own.name!r}, active=1)"
    gate.open()
    own.close()
    assert own.stats().removals == {"completed": 1, "failed": 0, "cancelled": 0}


def test_warn_at_counts_what_is_under_way(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also what waits for a thread: the queue is not bounded."""
    with Background(name, max_workers=1, warn_at=3) as background:
        gate = Gate()
        for _ in range(5):
            background.spawn(gate)
        assert background.stats().warnings == 1
        gate.open()
    assert caplog.text.count("its warn_at is 3") == 1


def test_close_waits_for_what_is_under_way(background: Background) -> None:
    """Also for what is in the queue; work may close its own background."""
    gates = [Gate() for _ in range(4)]
    futures = [background.spawn(gate) for gate in gates]
    closer = threading.Thread(target=background.close, daemon=True)
    closer.start()
    eventually(lambda: background._closed)
    assert closer.is_alive()
    for gate in gates:
        gate.open()
    closer.join(10)
    assert not closer.is_alive()
    assert all(future.done() for future in futures)


def test_work_may_close_its_own_background(own: Background) -> None:
    """It does not wait for itself."""
    own.spawn(own.close).result(10)
    with pytest.raises(RuntimeError, match="closed"):
        own.spawn(int)


def test_threads_are_there_only_while_there_is_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """None at the start, as many as are needed and allowed, none when they were idle for a while."""
    monkeypatch.setattr("floodmark_caches._workers._IDLE_SECONDS", 0.02)

    def threads() -> int:
        return sum(thread.name == name for thread in threading.enumerate())

    background = Background(name, max_workers=2)
    assert threads() == 0
    gates = [Gate() for _ in range(3)]
    futures = [background.spawn(gate) for gate in gates]
    assert gates[1].begun.wait(10)
    assert threads() == 2
    for gate in gates:
        gate.open()
    assert [future.result(10) for future in futures] == ["done"] * 3
    eventually(lambda: threads() == 0)
    for _ in range(50):
        assert background.spawn(int).result(10) == 0
        assert threads() <= 1


def test_bad_arguments(name: str) -> None:
    """Each with its value, and the name stays free."""
    with pytest.raises(ValueError, match=r"max_workers must be >= 1 \(got 0\)"):
        Background(name, max_workers=0)
    with pytest.raises(TypeError, match=r"max_workers must be an int \(got 2\.5\)"):
        Background(name, max_workers=2.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"patience must be > 0 seconds \(got 0\)"):
        Background(name, patience=0)
    with pytest.raises(TypeError, match=r"executor must be .* \(got 3\)"):
        Background(name, 3)  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as threads, pytest.raises(TypeError, match=r"its own number \(got 2\)"):
        Background(name, threads, max_workers=2)
    with ProcessPoolExecutor(1) as processes, pytest.raises(TypeError, match="in threads"):
        Background(name, processes)
    with pytest.raises(TypeError, match="warn_at"):
        Background(name, warn_at=0.5)  # type: ignore[arg-type]
    Background(name)


def test_the_arguments_are_checked_against_the_function(background: Background) -> None:
    """By type checkers, which would call the comments here needless; but not together with `owns` or `within`."""
    wrong = [
        background.spawn(divmod, 7, 2, nope=3),  # type: ignore[arg-type]
        background.spawn(divmod, 7),  # type: ignore[call-overload]
        background.spawn(divmod, 7, nope=3, owns=Thing()),
    ]
    assert all(isinstance(future.exception(10), TypeError) for future in wrong)
    right: list[Future[tuple[int, int]]] = [background.spawn(divmod, 7, 2), background.spawn(divmod, 7, 2, owns=())]
    assert [future.result(10) for future in right] == [(3, 1), (3, 1)]
