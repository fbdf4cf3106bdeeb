"""get_or_create_async: one task for all tasks of an event loop that ask at the same time."""

import asyncio
import threading
from typing import Any

import pytest

from floodmark_caches import BoundedMap
from tests.caches.flights.conftest import Answers


def test_tasks_that_ask_at_once_get_one_value(name: str) -> None:
    """The factory runs in a task of its own; a hit runs none."""
    store = BoundedMap[str, int](name, maxsize=5)
    calls: list[object] = []

    async def make() -> int:
        calls.append(asyncio.current_task())
        await asyncio.sleep(0)
        return 7

    async def main() -> list[int]:
        return await asyncio.gather(*(store.get_or_create_async("a", make) for _ in range(5)))

    assert asyncio.run(main()) == [7] * 5
    assert asyncio.run(main()) == [7] * 5
    assert (len(calls), store._flights) == (1, {})


@pytest.mark.parametrize("steps", range(5))
def test_a_cancelled_waiter_cancels_nobody_else(name: str, steps: int) -> None:
    """Not the leader's value, nor the others; wherever it is cancelled, the one who started it included."""
    store = BoundedMap[str, int](name, maxsize=5)

    async def make() -> int:
        for _ in range(2):
            await asyncio.sleep(0)
        return 7

    async def main() -> list[Any]:
        tasks = [asyncio.create_task(store.get_or_create_async("a", make)) for _ in range(3)]
        for _ in range(steps):
            await asyncio.sleep(0)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(main())
    assert isinstance(first, asyncio.CancelledError) or first == 7
    assert others == [7, 7]
    assert (store["a"], store._flights) == (7, {})


@pytest.mark.parametrize("steps", range(4))
def test_with_the_last_waiter_the_work_is_cancelled(name: str, steps: int) -> None:
    """Wherever they are; who asks next has it made anew."""
    store = BoundedMap[str, int](name, maxsize=5)
    ends: list[str] = []

    async def make() -> int:
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("ended")
        return 7

    async def soon() -> int:
        return 8

    async def main() -> int:
        tasks = [asyncio.create_task(store.get_or_create_async("a", make)) for _ in range(3)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert store._flights == {}
        assert len(asyncio.all_tasks()) == 1
        return await store.get_or_create_async("a", soon)

    assert asyncio.run(main()) == 8
    assert ends == (["ended"] if steps else [])


def test_an_async_failure_reaches_all(name: str) -> None:
    """The same error, and the next who asks tries again; a value too heavy included."""
    store = BoundedMap[str, Any](name, maxsize=5, getsizeof=lambda value: value)

    async def fail() -> int:
        msg = "no net"
        raise OSError(msg)

    async def heavy() -> int:
        return 9

    async def light() -> int:
        return 2

    async def main() -> list[Any]:
        results = []
        for make in (fail, heavy, light):
            asked = (store.get_or_create_async("a", make) for _ in range(3))
            results.append([str(each) for each in await asyncio.gather(*asked, return_exceptions=True)])
        return results

    failed, refused, made = asyncio.run(main())
    assert failed == ["no net"] * 3
    assert all("weighs 9" in each for each in refused)
    assert made == ["2"] * 3


def test_what_is_set_while_a_task_flies_wins(name: str) -> None:
    """As with threads."""
    store = BoundedMap[str, int](name, maxsize=5)

    async def make() -> int:
        store["a"] = 1
        return 7

    assert asyncio.run(store.get_or_create_async("a", make)) == 7
    assert store["a"] == 1


def test_event_loops_do_not_wait_for_each_other(name: str) -> None:
    """A loop that stands still holds up no other."""
    store = BoundedMap[str, int](name, maxsize=5)
    inside, go = threading.Event(), threading.Event()

    async def slow() -> int:
        inside.set()
        await asyncio.to_thread(go.wait, 10)
        return 1

    async def quick() -> int:
        return 2

    answers = Answers(1, lambda: asyncio.run(store.get_or_create_async("a", slow)))
    assert inside.wait(10)
    assert asyncio.run(store.get_or_create_async("a", quick)) == 2
    go.set()
    answers.wait()
    assert answers.values == [1]
    assert store["a"] == 2
