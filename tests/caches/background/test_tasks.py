"""Background as tasks: the same promises, whenever a task is cancelled and whatever becomes of its loop."""

import asyncio
import contextlib
import gc
import logging
import threading
import weakref
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

import pytest

from floodmark_caches import AsyncKeyedLocks, Background, KeyedLocks
from tests.caches.background.conftest import Broken, Manager, Thing, fail, numbers
from tests.caches.conftest import fresh_name


def test_a_task_that_returns(background: Background) -> None:
    """Its result is the task's; what it owns is released in the loop's thread."""
    seen: list[int] = []

    class Mine(Thing):
        def release(self) -> None:
            super().release()
            seen.append(threading.get_ident())

    async def work() -> int:
        await asyncio.sleep(0)
        assert background.active == 1
        return 7

    async def main() -> None:
        assert await background.spawn_async(work(), owns=Mine()) == 7

    asyncio.run(main())
    assert seen == [threading.get_ident()]
    assert numbers(background) == (1, 0, 1, 0, 0)


def test_a_task_that_raises_is_logged_once(background: Background, caplog: pytest.LogCaptureFixture) -> None:
    """By us, though nobody ever asks the task for its exception."""
    manager = Manager()

    async def work() -> None:
        raise Broken

    async def main() -> None:
        task = background.spawn_async(work(), owns=manager)
        await asyncio.wait([task])
        del task
        gc.collect()

    asyncio.run(main())
    gc.collect()
    assert isinstance(manager.exits[0], Broken)
    assert numbers(background) == (1, 0, 0, 1, 0)
    (record,) = caplog.records
    assert record.name == "floodmark.caches"
    assert "work failed" in record.getMessage()


@pytest.mark.parametrize("how", ["plain", "within", "owner of a lock"])
def test_a_cancellation_at_any_step_releases_everything(background: Background, how: str) -> None:
    """Before its first step, at each of its awaits, after its last: once each, and no coroutine is left unawaited."""
    locks: AsyncKeyedLocks[str] = AsyncKeyedLocks(fresh_name())
    outcomes: list[str] = []

    @asynccontextmanager
    async def around() -> Any:
        await asyncio.sleep(0)
        try:
            yield
        finally:
            told.append("left")

    async def work() -> str:
        told.append("begun")
        async with locks.hold("a"):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return "done"

    async def main(number: int) -> None:
        thing, manager = Thing(), Manager()
        within: Any = {"plain": (), "within": around, "owner of a lock": lambda: locks.hold("b")}[how]
        task = background.spawn_async(work(), owns=[thing, manager], within=within)
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert thing.releases == 1
        assert len(manager.exits) == 1
        assert isinstance(manager.exits[0], asyncio.CancelledError) == task.cancelled()
        assert len(locks) == 0
        outcomes.append("cancelled" if task.cancelled() else task.result())

    for number in range(8):
        told: list[str] = []
        asyncio.run(main(number))
        if how == "within" and "begun" in told:
            assert told == ["begun", "left"]
    assert outcomes[0] == "cancelled"
    assert outcomes[-1] == "done"
    assert background.cancelled == outcomes.count("cancelled") > 1
    assert background.started == 8


def test_a_coroutine_without_a_loop_is_closed(background: Background) -> None:
    """No loop runs, the background is closed, it is no coroutine: what it owns is free and nothing is left unawaited."""
    thing = Thing()

    async def work() -> None:
        pytest.fail("it must not run")

    with pytest.raises(RuntimeError, match="no running event loop"):
        background.spawn_async(work(), owns=thing)

    async def main() -> None:
        with pytest.raises(TypeError, match=r"only a coroutine .*function"):
            background.spawn_async(work, owns=thing)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="within takes"):
            background.spawn_async(work(), owns=thing, within=3)  # type: ignore[arg-type]
        background.close()
        with pytest.raises(RuntimeError, match="closed"):
            background.spawn_async(work(), owns=thing)

    asyncio.run(main())
    gc.collect()
    assert thing.releases == 4
    assert background.started == 0


def test_a_coroutine_whose_managers_cannot_be_entered_is_closed(
    background: Background, caplog: pytest.LogCaptureFixture
) -> None:
    """It never begins, and is not left unawaited; a plain manager will do as well."""
    locks: KeyedLocks[str] = KeyedLocks(fresh_name())

    async def work() -> int:
        return len(locks)

    async def main() -> None:
        assert await background.spawn_async(work(), within=lambda: locks.hold("a")) == 1
        with pytest.raises(Broken):
            await background.spawn_async(work(), within=fail)  # type: ignore[arg-type]

    asyncio.run(main())
    gc.collect()
    assert numbers(background) == (2, 0, 1, 1, 0)


def test_a_task_is_held_until_it_is_done(background: Background) -> None:
    """Nobody else holds it, not even what it waits for: the collector would take it."""
    seen: list[str] = []

    async def work() -> None:
        waits: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        reference.append(weakref.ref(waits))
        await waits
        seen.append("done")

    reference: list[weakref.ref[asyncio.Future[None]]] = []

    async def main() -> None:
        background.spawn_async(work())
        await asyncio.sleep(0)
        gc.collect()
        future = reference[0]()
        assert future is not None
        future.set_result(None)
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert seen == ["done"]


def test_tasks_of_a_closed_loop_are_given_up(background: Background, caplog: pytest.LogCaptureFixture) -> None:
    """With the next task at the latest: they count as cancelled, what they own is free, and the loop can go."""
    things = [Thing(), Thing()]
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("in its finally")

    def abandon() -> weakref.ref[asyncio.AbstractEventLoop]:
        loop = asyncio.new_event_loop()

        async def begin(number: int) -> None:
            task = background.spawn_async(work(), owns=things[number])
            task._log_destroy_pending = False  # type: ignore[attr-defined]

        loop.run_until_complete(begin(0))
        loop.run_until_complete(asyncio.sleep(0))
        asyncio._set_running_loop(loop)
        with contextlib.suppress(StopIteration):
            begin(1).send(None)  # it never comes to its first step
        asyncio._set_running_loop(None)
        loop.close()
        return weakref.ref(loop)

    async def other() -> None:
        await background.spawn_async(asyncio.sleep(0))

    loop = abandon()
    assert background.active == 2
    asyncio.run(other())
    assert [thing.releases for thing in things] == [1, 1]
    assert ended == ["in its finally"]
    assert numbers(background) == (3, 0, 1, 0, 2)
    gc.collect()
    assert loop() is None


def test_a_hammer_from_all_sides(  # noqa: C901 - three kinds of callers, side by side
    background: Background, caplog: pytest.LogCaptureFixture, switchy: None
) -> None:
    """Work that returns, raises and is cancelled, from several threads and a loop at once: all sums are right."""
    caplog.set_level(logging.CRITICAL)
    things: list[Thing] = []
    wrong: list[object] = []
    barrier = threading.Barrier(3)

    def owned() -> Thing:
        thing = Thing()
        things.append(thing)
        return thing

    def work(number: int) -> None:
        barrier.wait(10)
        for turn in range(60):
            future: Future[Any] = background.spawn(fail if turn % 3 == 0 else int, owns=[owned(), owned()])
            if turn % 2:
                future.cancel()
            stats = background.stats()
            if stats.adds != stats.entries + sum(stats.removals.values()):
                wrong.append(stats)

    async def coroutine(turn: int) -> None:
        await asyncio.sleep(0)
        if turn % 3 == 0:
            raise Broken

    async def main() -> None:
        barrier.wait(10)
        under_way = []
        for turn in range(60):
            under_way.append(background.spawn_async(coroutine(turn), owns=owned()))
            if turn % 4 == 0:
                under_way[-1].cancel()
            if turn % 5 == 0:
                await asyncio.sleep(0)
        await asyncio.wait(under_way)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(2)]
    for thread in threads:
        thread.start()
    asyncio.run(main())
    for thread in threads:
        thread.join(30)
    background.close()
    assert wrong == []
    assert [thing.releases for thing in things] == [1] * len(things)
    assert background.started == 180
    assert numbers(background)[1:] == (0, background.completed, background.failed, background.cancelled)
    assert background.completed + background.failed + background.cancelled == 180
