"""Holds whose loops end, are dropped, or never hear."""

import asyncio
import gc
import threading
import weakref

import pytest

from floodmark_caches import AsyncKeyedLocks, _async_locks
from tests.caches.async_locks.conftest import steps


def test_the_waiters_of_a_closed_loop_are_passed_over(locks: AsyncKeyedLocks[object]) -> None:
    """Though their tasks still exist, and however many they are; they may be dropped at any time later."""

    async def take() -> None:
        async with locks.hold("a"):
            pass

    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with locks.hold("a"):
            thread = threading.Thread(target=leave_a_waiter, daemon=True)
            thread.start()
            thread.join(10)
            assert loop.is_closed()
            last = asyncio.create_task(take())
            await steps(2)
            assert locks.stats().hits == 1501
        await asyncio.wait_for(last, 10)

    waiting: list[object] = []

    def leave_a_waiter() -> None:
        for _ in range(1500):
            task = loop.create_task(take())
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            waiting.append(task)
        loop.run_until_complete(steps(2))
        loop.close()

    asyncio.run(run())
    assert len(locks) == 0
    waiting.clear()
    gc.collect()


@pytest.mark.parametrize("keys", ["a", "ba"])
@pytest.mark.parametrize("waits_before", [False, True], ids=["comes later", "waits"])
@pytest.mark.parametrize("timeout", [None, 10.0])
def test_the_holder_of_a_closed_loop_is_passed_over(
    locks: AsyncKeyedLocks[object],
    monkeypatch: pytest.MonkeyPatch,
    keys: str,
    waits_before: bool,
    timeout: float | None,
) -> None:
    """Though its task still exists: by who comes at once, and by who waits, as nobody else may ever come."""
    monkeypatch.setattr(_async_locks, "_LOOK_AGAIN_SECONDS", 0.02)
    loop = asyncio.new_event_loop()

    async def hold() -> None:
        async with locks.hold("a"):
            await asyncio.Event().wait()

    async def take() -> bool:
        async with locks.hold(*keys, timeout=timeout if waits_before else 0):
            return "a" in locks

    async def run() -> bool:
        taker = asyncio.create_task(take())
        await steps(3)
        if waits_before:
            assert not taker.done()
            loop.close()
        return await asyncio.wait_for(taker, 5)

    holding = loop.create_task(hold())
    holding._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.run_until_complete(steps(2))
    if not waits_before:
        loop.close()
    assert asyncio.run(run())
    assert len(locks) == 0
    assert not holding.done()


def test_a_waiter_that_was_never_told_finds_out(
    locks: AsyncKeyedLocks[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a signal handler raised came between the end of the hold ahead and the word to the next."""
    monkeypatch.setattr(_async_locks, "_LOOK_AGAIN_SECONDS", 0.02)

    async def take() -> int:
        async with locks.hold("a"):
            return len(locks)

    async def run() -> int:
        hold = locks.hold("a")
        await hold.__aenter__()
        taker = asyncio.create_task(take())
        await steps(2)
        with monkeypatch.context() as patch:
            patch.setattr(_async_locks._Hold, "wake", lambda self: True)
            await hold.__aexit__(None, None, None)
        return await asyncio.wait_for(taker, 5)

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize("timeout", [None, 100.0])
def test_dropped_loops_take_their_holders_and_waiters_with_them(
    locks: AsyncKeyedLocks[object], timeout: float | None
) -> None:
    """The table keeps no loop alive; what ends the coroutine ends its hold."""
    references: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def take() -> None:
        async with locks.hold("a", timeout=timeout):
            await asyncio.Event().wait()

    def abandon() -> None:
        loop = asyncio.new_event_loop()
        references.append(weakref.ref(loop))
        for _ in range(2):
            task = loop.create_task(take())
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            del task
        loop.run_until_complete(steps(2))
        loop.close()

    abandon()
    gc.collect()
    assert len(locks) == 0
    assert references[0]() is None
