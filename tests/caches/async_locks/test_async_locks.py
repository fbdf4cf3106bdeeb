"""AsyncKeyedLocks: one owner for each key among the tasks of all loops, and no entry without a user."""

import asyncio
import time

import pytest

from floodmark_caches import AsyncKeyedLocks, CachesError, LockTimeout
from tests.caches.async_locks.conftest import steps
from tests.caches.conftest import run_python
from tests.caches.fix_owners import owner_of


def test_an_entry_lives_while_it_is_held(locks: AsyncKeyedLocks[object]) -> None:
    """It is deleted at zero, also after an error; equal keys count once."""

    async def run() -> None:
        async with locks.hold("a", "b", "a"):
            assert len(locks) == 2
            assert "a" in locks
        assert len(locks) == 0
        with pytest.raises(ZeroDivisionError):
            async with locks.hold("a"):
                raise ZeroDivisionError

    asyncio.run(run())
    assert locks.stats().adds == 3


def test_waiters_come_in_the_order_of_their_asking(locks: AsyncKeyedLocks[object]) -> None:
    """A newcomer who asks between a release and the waking of the next one does not get in before it."""
    order: list[int] = []

    async def take(number: int) -> None:
        async with locks.hold("a"):
            order.append(number)
            await steps(1)

    async def run() -> None:
        async with locks.hold("a"):
            tasks = [asyncio.create_task(take(number)) for number in range(5)]
            await steps(2)
            assert locks.stats().hits == 5
        with pytest.raises(LockTimeout):  # nobody has run since the release
            async with locks.hold("a", timeout=0):
                pass
        tasks.append(asyncio.create_task(take(5)))
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert order == [0, 1, 2, 3, 4, 5]


def test_holds_of_several_keys_never_block_each_other(locks: AsyncKeyedLocks[object]) -> None:
    """Whatever the order in which they name them, and whoever came in between."""
    inside: dict[object, int] = dict.fromkeys("abc", 0)

    async def take(keys: str) -> None:
        for turn in range(30):
            async with locks.hold(*keys, timeout=10):
                for key in keys:
                    inside[key] += 1
                assert all(inside[key] == 1 for key in keys)
                await steps(turn % 3)
                for key in keys:
                    inside[key] -= 1

    async def run() -> None:
        await asyncio.gather(*map(take, ["ab", "ba", "bc", "cb", "ca", "ac", "abc", "cba", "a", "b", "c"]))

    asyncio.run(run())


def test_a_hold_has_its_place_in_all_lines_from_the_start(locks: AsyncKeyedLocks[object]) -> None:
    """So who asks later for the key that is free waits behind it, and is let in when it gives up."""
    order: list[str] = []

    async def take(label: str, *keys: str, patience: float | None = None) -> None:
        try:
            async with locks.hold(*keys, timeout=patience):
                order.append(label)
        except LockTimeout:
            order.append(f"{label} gave up")

    async def run() -> None:
        async with locks.hold("a"):
            both = asyncio.create_task(take("both", "a", "b", patience=0.02))
            await steps(1)
            late = asyncio.create_task(take("late", "b"))
            await asyncio.gather(both, late)

    asyncio.run(run())
    assert order == ["both gave up", "late"]


def test_a_timeout_names_the_keys_and_leaves_nothing(locks: AsyncKeyedLocks[object]) -> None:
    """Neither the keys that were free stay held nor the one that was not stays counted."""

    async def run() -> None:
        started = time.monotonic()
        with pytest.raises(LockTimeout, match=r"'a', 'b', 'c'.*0\.03 s") as caught:
            async with locks.hold("a", "b", "c", timeout=0.03):
                pass
        assert time.monotonic() - started >= 0.03
        assert (caught.value.name, caught.value.keys, caught.value.timeout) == (locks.name, ("a", "b", "c"), 0.03)
        assert isinstance(caught.value, (CachesError, TimeoutError))
        assert len(locks) == 1
        async with locks.hold("a", "c", timeout=0):
            pass

    holder = owner_of(locks, "b")
    asyncio.run(run())
    holder.finish()


def test_the_timer_of_a_wait_ends_with_it(locks: AsyncKeyedLocks[object]) -> None:
    """However long the timeout was: it would hold what waited until then."""

    async def run() -> None:
        async with locks.hold("a"):
            waiter = asyncio.create_task(take())
            await steps(2)
        await waiter
        loop = asyncio.get_running_loop()
        assert [timer for timer in loop._scheduled if not timer.cancelled()] == []  # type: ignore[attr-defined]

    async def take() -> None:
        async with locks.hold("a", timeout=1000):
            pass

    asyncio.run(run())


def test_a_task_that_asks_again_for_its_key_gets_an_error(locks: AsyncKeyedLocks[object]) -> None:
    """At once, with the key, and its other keys of that hold are free again; another task waits as ever."""

    async def run() -> None:
        async with locks.hold("a"):
            with pytest.raises(RuntimeError, match="'a' already"):
                async with locks.hold("b", "a"):
                    pass
            assert len(locks) == 1
            other = asyncio.create_task(take())
            await steps(2)
            assert locks.stats().entries == 1
        await other

    async def take() -> None:
        async with locks.hold("a"):
            pass

    asyncio.run(run())


def test_a_key_that_cannot_be_hashed_is_a_mistake(locks: AsyncKeyedLocks[object]) -> None:
    """Said where it is asked for."""
    with pytest.raises(TypeError, match=r"a key must be hashable \(got \[\]\)"):
        locks.hold("a", [])


def test_a_hold_is_entered_once(locks: AsyncKeyedLocks[object]) -> None:
    """A second time it would stand in line twice."""

    async def run() -> None:
        hold = locks.hold("a")
        async with hold:
            with pytest.raises(RuntimeError, match="entered once"):
                await hold.__aenter__()
            assert "a" in locks

    asyncio.run(run())


def test_the_module_does_not_load_asyncio() -> None:
    """Those who have no loop need not pay for it."""
    run_python(
        """
        import sys
        from floodmark_caches import AsyncKeyedLocks
        AsyncKeyedLocks("locks").hold("a")
        assert "asyncio" not in sys.modules
        """
    )
