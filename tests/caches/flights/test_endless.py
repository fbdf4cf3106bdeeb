"""Who would wait for ever is told, with the keys in a row."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from floodmark_caches import BoundedMap, _waits
from tests.caches.flights.conftest import Answers

eager = pytest.param(
    getattr(asyncio, "eager_task_factory", None),
    marks=pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="from Python 3.12 on"),
    id="eager",
)
task_factories = pytest.mark.parametrize("task_factory", [pytest.param(None, id="plain"), eager])


def outcome(task_factory: Any, ask: Callable[[], Awaitable[object]]) -> str:
    """What the one who asks is told; afterwards no task is left."""

    async def main() -> str:
        asyncio.get_running_loop().set_task_factory(task_factory)
        with pytest.raises(RuntimeError, match="for ever") as told:
            await asyncio.wait_for(ask(), 10)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        return str(told.value)

    return asyncio.run(main())


def test_a_factory_that_asks_for_its_own_key_is_told(name: str) -> None:
    """With the key, instead of waiting for itself."""
    store = BoundedMap[str, int](name, maxsize=5)
    with pytest.raises(RuntimeError, match="'a'"):
        store.get_or_create("a", lambda: store.get_or_create("a", lambda: 1))
    assert store.get_or_create("b", lambda: store.get_or_create("a", lambda: 1)) == 1


def test_factories_that_ask_for_each_others_keys_are_told(name: str) -> None:
    """One of them gets the error; none waits for ever."""
    store = BoundedMap[str, int](name, maxsize=5)
    both = threading.Barrier(2)

    def crossed(own: str, other: str) -> int:
        return store.get_or_create(own, lambda: both.wait(10) * 0 + store.get_or_create(other, lambda: 1))

    first = Answers(1, lambda: crossed("a", "b"))
    second = Answers(1, lambda: crossed("b", "a"))
    first.wait()
    second.wait()
    errors = first.errors + second.errors
    assert len(errors) == 2
    assert all(isinstance(error, RuntimeError) and "for ever" in str(error) for error in errors)
    assert (store._flights, _waits._asked) == ({}, {})


def test_an_async_factory_that_asks_for_its_own_key_is_told(name: str) -> None:
    """Instead of a task that waits for itself."""
    store = BoundedMap[str, int](name, maxsize=5)

    async def make() -> int:
        return await store.get_or_create_async("a", make)

    with pytest.raises(RuntimeError, match="'a'"):
        asyncio.run(store.get_or_create_async("a", make))
    assert store._flights == {}


def test_the_keys_on_the_way_are_named(name: str) -> None:
    """Also those that one thread asked for within another's factory, and those of a thread between."""
    store = BoundedMap[str, int](name, maxsize=5)
    with pytest.raises(RuntimeError, match=r"factory for 'b' .* asks for 'a', whose factory asks for 'b'$"):
        store.get_or_create("a", lambda: store.get_or_create("b", lambda: store.get_or_create("a", int)))
    both = threading.Barrier(2)

    def crossed(own: str, between: str, other: str) -> int:
        def make() -> int:
            both.wait(10)
            return store.get_or_create(between, lambda: store.get_or_create(other, int))

        return store.get_or_create(own, make)

    first = Answers(1, lambda: crossed("a", "x", "b"))
    second = Answers(1, lambda: crossed("b", "y", "a"))
    first.wait()
    second.wait()
    texts = {str(error).partition("the factory for ")[2] for error in first.errors + second.errors}
    way = "{!r} would wait for ever: it asks for {!r}, whose factory asks for {!r}"
    way += ", whose factory asks for {!r}, whose factory asks for {!r}"
    assert texts in ({way.format(*"yaxby")}, {way.format(*"xbyax")})


@task_factories
@pytest.mark.parametrize("pause", [False, True], ids=["at once", "later"])
def test_async_factories_that_ask_for_each_others_keys_are_told(name: str, task_factory: Any, pause: bool) -> None:
    """All of them, over however many; and the keys are as good as before."""
    store = BoundedMap[str, int](name, maxsize=5)

    async def ask(number: int) -> int:
        async def make() -> int:
            if pause:
                await asyncio.sleep(0)
            return await ask((number + 1) % 3)

        return await store.get_or_create_async("abc"[number], make)

    text = outcome(task_factory, lambda: ask(0))
    assert "the factory for 'c'" in text
    assert text.endswith("it asks for 'a', whose factory asks for 'b', whose factory asks for 'c'")
    assert store._flights == {}

    async def make() -> int:
        return 1

    assert asyncio.run(store.get_or_create_async("a", make)) == 1


async def _directly(asked: Awaitable[int]) -> int:
    return await asked


async def _gathered(asked: Awaitable[int]) -> int:
    return sum(await asyncio.gather(asked))


async def _in_time(asked: Awaitable[int]) -> int:
    return await asyncio.wait_for(asked, 20)


@task_factories
@pytest.mark.parametrize("wait", [_directly, _gathered, _in_time])
def test_the_tasks_of_an_async_factory_cannot_ask_for_its_key(
    name: str, task_factory: Any, wait: Callable[[Awaitable[int]], Awaitable[int]]
) -> None:
    """Whichever way it waits for them, and from its first step on."""
    store = BoundedMap[str, int](name, maxsize=5)

    async def make() -> int:
        return await wait(store.get_or_create_async("a", make))

    text = outcome(task_factory, lambda: store.get_or_create_async("a", make))
    assert text.endswith("the factory for 'a' would wait for ever: it asks for 'a' itself")
    assert store._flights == {}


def test_two_who_meet_in_the_middle_are_told(name: str) -> None:
    """Both flights are under way before one asks for the other's; all who wait are told, nobody stays."""
    store = BoundedMap[str, int](name, maxsize=5)

    async def make(other: str, back: str) -> int:
        for _ in range(3):
            await asyncio.sleep(0)
        return await store.get_or_create_async(other, partial(make, back, other))

    async def main() -> list[Any]:
        pairs = [("a", "b"), ("b", "a"), ("a", "b")]
        tasks = [store.get_or_create_async(own, partial(make, other, own)) for own, other in pairs]
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        assert len(asyncio.all_tasks()) == 1
        return results

    results = asyncio.run(main())
    assert [type(result) for result in results] == [RuntimeError] * 3
    assert store._flights == {}


def test_what_a_factory_leaves_behind_may_ask_when_it_has_ended(name: str) -> None:
    """A task that outlives the factory is nobody's, and holds neither its value nor its flight up."""
    store = BoundedMap[str, int](name, maxsize=5)
    left: list[asyncio.Task[int]] = []

    async def again() -> int:
        return 2

    async def main() -> tuple[int, int]:
        ended = asyncio.Event()

        async def later() -> int:
            await ended.wait()
            return await store.get_or_create_async("a", again)

        async def make() -> int:
            left.append(asyncio.create_task(later()))
            return 1

        first = await store.get_or_create_async("a", make)
        del store["a"]
        ended.set()
        return first, await left[0]

    assert asyncio.run(main()) == (1, 2)


def test_async_factories_may_share_what_they_need(name: str) -> None:
    """Many ways to one key are no circle."""
    store = BoundedMap[str, int](name, maxsize=5)

    async def base() -> int:
        await asyncio.sleep(0)
        return 1

    async def over_base() -> int:
        await asyncio.sleep(0)
        return await store.get_or_create_async("base", base)

    async def both() -> int:
        names = "left", "right", "base"
        makers = over_base, over_base, base
        asked = (store.get_or_create_async(key, make) for key, make in zip(names, makers, strict=True))
        return sum(await asyncio.gather(*asked))

    assert asyncio.run(store.get_or_create_async("both", both)) == 3
