"""AsyncKeyedLocks: however a hold ends, cancelled, with its loop or in a fork, nothing stays and the next one gets in."""

import asyncio
import gc
import os
from collections import OrderedDict
from collections.abc import Callable

import pytest

from floodmark_caches import AsyncKeyedLocks, LockTimeout
from tests.caches.async_locks.conftest import steps
from tests.caches.conftest import run_python
from tests.caches.fix_owners import owner_of
from tests.caches.fix_threads import SwitchingKey, hammer

LOOPS = 3


def few_hashes(number: int) -> SwitchingKey:
    """A key that shares its hash with another of three."""
    return SwitchingKey(number, hashes=2)


@pytest.mark.parametrize("make", [int, few_hashes], ids=["plain keys", "keys that switch"])
def test_each_key_has_one_holder_in_all_loops(
    locks: AsyncKeyedLocks[object], make: Callable[[int], object], switchy: None
) -> None:
    """Several loops in several threads, several tasks in each; timeouts and cancellations included."""
    inside = [0] * 3
    wrong: list[int] = []
    entered = [0]

    async def work(number: int) -> None:
        for turn in range(60):
            one, two = turn % 3, (turn + number) % 3
            try:
                async with locks.hold(make(one), make(two), timeout=(None, 0, 0.0005, 5)[turn % 4]):
                    inside[one] += 1
                    entered[0] += 1
                    if inside[one] != 1:
                        wrong.append(one)
                    await steps(turn % 2)
                    inside[one] -= 1
            except LockTimeout:
                continue

    async def cancelled() -> None:
        for turn in range(40):
            task = asyncio.create_task(hold_for_ever(turn % 3))
            await steps(turn % 5)
            task.cancel()
            await asyncio.wait([task])

    async def hold_for_ever(key: int) -> None:
        async with locks.hold(make(key)):
            inside[key] += 1
            if inside[key] != 1:
                wrong.append(key)
            try:
                await asyncio.Event().wait()
            finally:
                inside[key] -= 1

    async def main() -> None:
        await asyncio.gather(work(0), work(1), work(2), cancelled())

    hammer(lambda _: asyncio.run(main()), LOOPS)
    assert wrong == []
    assert entered[0] >= LOOPS * 60


@pytest.mark.parametrize("keys", ["a", "ba"])
@pytest.mark.parametrize("from_outside", [False, True], ids=["one loop", "two loops"])
def test_a_cancellation_at_any_step_leaves_nothing(
    locks: AsyncKeyedLocks[object], keys: str, from_outside: bool
) -> None:
    """Before it asks, while it waits, together with the keys, while it holds them, after it: the next one gets in."""
    seen: set[str] = set()

    async def run(number: int) -> None:
        state = "asks"
        let_go = asyncio.Event()

        async def hold() -> None:
            async with locks.hold("a"):
                await let_go.wait()

        async def victim() -> None:
            nonlocal state
            state = "waits"
            async with locks.hold(*keys, timeout=10):
                state = "holds"
                await steps(2)
            state = "is over"

        async def heir() -> None:
            async with locks.hold(*keys):
                pass

        outside = owner_of(locks, "a") if from_outside else None
        tasks = [] if from_outside else [asyncio.create_task(hold())]
        await steps(1)
        middle = asyncio.create_task(victim())
        last = asyncio.create_task(heir())
        for step in range(12):
            if step == 3:
                let_go.set()
                if outside is not None:
                    outside.finish()  # what it hands over waits in our loop until the next step
            if step == number:
                seen.add(state)
                middle.cancel()
            await steps(1)
        await asyncio.wait_for(asyncio.gather(last, *tasks), 10)
        await asyncio.wait([middle])
        assert middle.cancelled() == (state != "is over")
        assert len(locks) == 0

    for number in range(12):
        asyncio.run(run(number))
    assert seen == {"asks", "waits", "holds", "is over"}


def test_a_hand_over_that_comes_with_the_cancellation_is_passed_on(locks: AsyncKeyedLocks[object]) -> None:
    """The waiter owns the key already, and will never know."""

    async def take() -> str:
        async with locks.hold("a"):
            return "got it"

    async def run() -> None:
        hold = locks.hold("a")
        await hold.__aenter__()
        first, second = asyncio.create_task(take()), asyncio.create_task(take())
        await steps(2)
        await hold.__aexit__(None, None, None)
        first.cancel()
        assert await asyncio.wait_for(second, 10) == "got it"
        assert first.cancelled()

    asyncio.run(run())


def test_holds_that_end_inside_a_change_wait_for_its_end(locks: AsyncKeyedLocks[object]) -> None:
    """The collector may end a dropped coroutine anywhere, so in the middle of a `hold` of the same key."""

    class Trap(OrderedDict[object, None]):
        """A line in which the hold at its head ends just when another one joins."""

        def __setitem__(self, hold: object, nothing: None) -> None:
            if "armed" in seen:
                waits.close()
                seen.append("a" in locks)
            super().__setitem__(hold, nothing)

    seen: list[object] = []

    async def take() -> None:
        async with locks.hold("a", timeout=10):
            await asyncio.Event().wait()

    async def run() -> None:
        line = locks._table["a"]
        line.holds = Trap(line.holds)  # type: ignore[arg-type, assignment]
        seen.append("armed")
        async with locks.hold("a", timeout=10):
            with pytest.raises(LockTimeout):
                await asyncio.create_task(ask())

    async def ask() -> None:
        async with locks.hold("a", timeout=0):
            pass

    other = asyncio.new_event_loop()
    waits = take()
    task = other.create_task(waits)
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    other.run_until_complete(steps(2))
    other.close()
    asyncio.run(run())
    assert seen[:2] == ["armed", True]


def test_locks_are_free_in_a_forked_child() -> None:
    """Holders and waiters are the parent's; a hold that was entered before the fork ends in both without harm."""
    run_python(
        """
        import asyncio, os
        from floodmark_caches import AsyncKeyedLocks
        locks = AsyncKeyedLocks("locks")

        async def take(*keys):
            async with locks.hold(*keys, timeout=10):
                return len(locks)

        async def main():
            loop = asyncio.get_running_loop()
            hold = locks.hold("a", "b")
            await hold.__aenter__()
            waiter = asyncio.create_task(take("a"))
            await asyncio.sleep(0)
            pid = os.fork()
            if pid == 0:
                try:
                    assert len(locks) == 0
                    asyncio._set_running_loop(None)
                    new = asyncio.new_event_loop()
                    assert new.run_until_complete(take("a", "b")) == 2
                    ready = len(loop._ready)
                    held = locks.hold("a", timeout=0)
                    new.run_until_complete(held.__aenter__())
                    try:
                        hold.__aexit__(None, None, None).send(None)
                    except StopIteration:
                        pass
                    assert "a" in locks and len(locks) == 1
                    assert len(loop._ready) == ready  # nobody is woken, by a pipe that is the parent's too
                    new.run_until_complete(held.__aexit__(None, None, None))
                    stats = locks.stats()
                    assert stats.entries == 0 and stats.adds == stats.removes
                    os._exit(0)
                finally:
                    os._exit(1)
            assert os.waitpid(pid, 0)[1] == 0
            assert len(locks) == 2
            await hold.__aexit__(None, None, None)
            assert await waiter == 1
            assert len(locks) == 0

        asyncio.run(main())
        """
    )


def test_three_rounds_leave_as_many_objects_as_two(locks: AsyncKeyedLocks[object]) -> None:
    """No hold, line, future or descriptor stays."""
    counts: list[tuple[int, int]] = []

    async def work(number: int) -> None:
        for turn in range(20):
            try:
                async with locks.hold(turn % 3, number % 3, timeout=0.0001):
                    await steps(1)
            except LockTimeout:
                continue

    async def everything() -> None:
        tasks = [asyncio.create_task(work(number)) for number in range(6)]
        await steps(5)
        tasks[0].cancel()
        await asyncio.wait(tasks)

    for _ in range(4):
        asyncio.run(everything())
        gc.collect()
        counts.append((len(gc.get_objects()), len(os.listdir("/proc/self/fd"))))  # noqa: PTH208 - only their number
    assert counts[1][1] == counts[2][1] == counts[3][1]
    assert max(count for count, _ in counts[1:]) - min(count for count, _ in counts[1:]) <= 5
