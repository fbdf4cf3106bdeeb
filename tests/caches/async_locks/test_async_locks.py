"""AsyncKeyedLocks: one owner for each key among the tasks of all loops, and no entry without a user."""

import asyncio
import threading
import time

import pytest

from floodmark_caches import AsyncKeyedLocks, CachesError, LockTimeout, registry
from tests.caches.async_locks.conftest import Holder, steps
from tests.caches.conftest import eventually, run_python


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

    holder = Holder(locks, "b")
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


def test_a_key_goes_over_to_another_loop(locks: AsyncKeyedLocks[object]) -> None:
    """A waiter in one thread is woken by the release in another."""
    holder = Holder(locks, "a")
    got = threading.Event()

    async def take() -> None:
        async with locks.hold("a"):
            got.set()

    thread = threading.Thread(target=lambda: asyncio.run(take()), daemon=True)
    thread.start()
    eventually(lambda: locks.stats().hits == 1)
    assert not got.is_set()
    holder.finish()
    assert got.wait(10)
    thread.join(10)


@pytest.mark.parametrize("timeout", [-1, float("nan"), "5", True])
def test_a_bad_timeout_is_refused_at_once(locks: AsyncKeyedLocks[object], timeout: float) -> None:
    """Before anything is counted, with the value."""
    with pytest.raises((ValueError, TypeError), match=f"timeout .*{timeout!r}"):
        locks.hold("a", timeout=timeout)


def test_holding_nothing_or_the_unhashable_is_a_mistake(locks: AsyncKeyedLocks[object]) -> None:
    """Said where it is asked for."""
    with pytest.raises(TypeError, match="at least one key"):
        locks.hold()
    with pytest.raises(TypeError, match="unhashable"):
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


def test_warn_at_counts_keys_in_use(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Once for each crossing."""
    locks: AsyncKeyedLocks[int] = AsyncKeyedLocks(name, warn_at=3)

    async def run() -> None:
        async with locks.hold(1, 2, 3, 4):
            assert len(locks) == 4

    asyncio.run(run())
    asyncio.run(run())
    assert locks.stats().warnings == 2
    assert caplog.text.count(name) == 2


def test_stats_and_text(locks: AsyncKeyedLocks[object]) -> None:
    """Unbounded, and its table can be found in the heap."""

    async def run() -> None:
        async with locks.hold("secret"):
            stats = next(stats for stats in registry.stats() if stats.name == locks.name)
            assert (stats.kind, stats.entries, stats.maxsize, stats.ttl) == ("AsyncKeyedLocks", 1, None, None)
            assert stats.container_ids == (id(locks._table),)
            assert repr(locks) == f"AsyncKeyedLocks('{locks.name}', entries=1)"

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
