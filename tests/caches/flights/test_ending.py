"""A cancelled async factory that takes its time to end: its key is not made twice at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from floodmark_caches import BoundedMap, _flights


class Slow:
    """Factories that, once cancelled, end when they are let; `most` is how many were at it at once."""

    def __init__(self) -> None:
        self.begun = self.inside = self.most = 0
        self.go = asyncio.Event()
        self.cleanup: Callable[[], Awaitable[object]] = self.go.wait

    async def __call__(self) -> int:
        """A number for each that was begun; the first is never ready."""
        self.begun += 1
        number = self.begun
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            if number == 1:
                await asyncio.Event().wait()
            await asyncio.sleep(0)
        finally:
            if number == 1:
                await self.cleanup()
            self.inside -= 1
        return number


async def abandoned(store: BoundedMap[str, Any], make: Callable[[], Awaitable[Any]]) -> None:
    """One caller that gives up."""
    caller = asyncio.create_task(store.get_or_create_async("a", make))
    await steps()
    caller.cancel()
    await asyncio.wait([caller])
    assert caller.cancelled()


async def steps(number: int = 5) -> None:
    """Let the loop go round."""
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.fixture
def store(name: str) -> BoundedMap[str, Any]:
    """A map for the loop."""
    return BoundedMap[str, Any](name, maxsize=5)


def in_time(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run it, but not for ever; it leaves no task and no flight."""

    async def run() -> Any:
        result = await asyncio.wait_for(main(), 10)
        await steps()
        assert len(asyncio.all_tasks()) == 1
        assert not _flights._abandoned
        return result

    return asyncio.run(run())


def test_who_comes_while_it_ends_waits_and_starts_anew(store: BoundedMap[str, Any]) -> None:
    """All who come then share one load, and it begins when the old one has ended."""

    async def main() -> list[int]:
        make = Slow()
        await abandoned(store, make)
        others = [asyncio.create_task(store.get_or_create_async("a", make)) for _ in range(3)]
        await steps()
        assert make.begun == 1
        make.go.set()
        numbers = await asyncio.gather(*others)
        assert make.most == 1
        return numbers

    assert in_time(main) == [2] * 3
    assert (store["a"], store._flights) == (2, {})


def test_who_waits_for_the_end_may_be_cancelled(store: BoundedMap[str, Any]) -> None:
    """At once, and the clean-up of the old one is not disturbed."""

    async def main() -> Any:
        make = Slow()
        await abandoned(store, make)
        await abandoned(store, make)
        assert (make.begun, make.inside) == (1, 1)
        make.go.set()
        await steps()
        assert make.inside == 0
        return await store.get_or_create_async("a", make)

    assert in_time(main) == 2


@pytest.mark.parametrize("given", [True, False], ids=["a value", "an error"])
def test_what_it_brings_in_the_end_is_nobodys(store: BoundedMap[str, Any], given: bool) -> None:
    """It was cut short: neither its value nor its error is what the next one gets."""

    async def main() -> Any:
        go = asyncio.Event()

        async def stubborn() -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await go.wait()
                if not given:
                    raise OSError from None
            return "half"

        async def whole() -> str:
            return "whole"

        await abandoned(store, stubborn)
        other = asyncio.create_task(store.get_or_create_async("a", whole))
        await steps()
        go.set()
        return await other

    assert in_time(main) == "whole"
    assert store["a"] == "whole"


def test_its_own_clean_up_does_not_wait_for_its_end(store: BoundedMap[str, Any]) -> None:
    """That would be for ever."""

    async def main() -> list[object]:
        make = Slow()
        got: list[object] = []

        async def cleanup() -> None:
            got.append(await store.get_or_create_async("a", make))

        make.cleanup = cleanup
        await abandoned(store, make)
        await steps(20)
        return got

    assert in_time(main) == [2]


def test_a_clean_up_that_asks_for_who_waits_for_its_end_is_told(store: BoundedMap[str, Any]) -> None:
    """And then ends, so that the other goes on."""

    async def main() -> tuple[Any, list[str]]:
        make = Slow()
        told: list[str] = []
        go = asyncio.Event()

        async def over_a() -> Any:
            return await store.get_or_create_async("a", make)

        async def cleanup() -> None:
            await go.wait()
            try:
                await store.get_or_create_async("b", over_a)
            except RuntimeError as error:
                told.append(str(error))

        make.cleanup = cleanup
        await abandoned(store, make)
        other = asyncio.create_task(store.get_or_create_async("b", over_a))
        await steps()
        go.set()
        return await other, told

    number, told = in_time(main)
    assert number == 2
    assert [text.partition("would wait for ever")[2] for text in told] == [
        ": it asks for 'b', whose factory asks for 'a'"
    ]


def test_a_key_that_is_set_while_it_ends_is_there_at_once(store: BoundedMap[str, Any]) -> None:
    """Nobody waits for what is not needed any more, nor is it taken out by the old one's end."""

    async def main() -> Any:
        make = Slow()
        await abandoned(store, make)
        store["a"] = 7
        value = await store.get_or_create_async("a", make)
        make.go.set()
        return value

    assert in_time(main) == 7
    assert (store["a"], store._flights) == (7, {})
