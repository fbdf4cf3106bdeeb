"""What work is to own, taken one by one while it is spawned: nothing of it leaks when that fails half way."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from floodmark_caches import Background
from tests.caches.background.conftest import Broken, Thing, interrupt_everywhere, numbers
from tests.caches.conftest import eventually

OWN_FILES = {"_background.py", "_works.py", "_workers.py", "_tasks.py", "_one_step.py"}


class Takes:
    """An iterable that yields things, and raises behind them, each time it is asked."""

    def __init__(self, *things: object) -> None:
        self._things = things

    def __iter__(self) -> Iterator[object]:
        yield from self._things
        raise Broken


@pytest.mark.parametrize("again", [False, True], ids=["generator", "iterable"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_was_taken_before_the_next_failed_is_released(background: Background, count: int, again: bool) -> None:
    """Once each, the last first, and the error comes out; nothing ran."""
    told: list[object] = []
    things = [Thing(told) for _ in range(count)]
    ran: list[int] = []
    with pytest.raises(Broken):
        background.spawn(ran.append, 1, owns=Takes(*things) if again else iter(Takes(*things)))  # type: ignore[arg-type]
    assert told == things[::-1]
    background.spawn(int).result(10)
    assert (ran, background.started) == ([], 1)


def test_what_was_taken_for_a_task_is_released(background: Background) -> None:
    """As for threads; and the coroutine is closed."""
    things = [Thing(), Thing()]

    async def work() -> None:
        pytest.fail("it must not run")

    async def main() -> None:
        with pytest.raises(Broken):
            background.spawn_async(work(), owns=iter(Takes(*things)))  # type: ignore[arg-type]

    asyncio.run(main())
    assert [thing.releases for thing in things] == [1, 1]
    assert numbers(background) == (0, 0, 0, 0, 0)


def test_one_that_cannot_be_released_keeps_none_of_the_others(background: Background) -> None:
    """Whatever stands before and behind it."""
    first, last = Thing(), Thing()
    with pytest.raises(TypeError, match=r"can be owned \(got 3\)"):
        background.spawn(int, owns=(each for each in (first, 3, last)))  # type: ignore[misc]
    assert (first.releases, last.releases) == (1, 1)
    assert (background.started, background.unreleased) == (0, 0)


def test_an_interrupt_loses_nothing_that_a_generator_has_yielded(name: str) -> None:
    """Wherever it comes: what was taken is released once."""
    things: list[Thing] = []

    def taken() -> Iterator[Thing]:
        for _ in range(2):
            things.append(Thing())
            yield things[-1]

    with Background(name, max_workers=2) as background:
        for _ in interrupt_everywhere(OWN_FILES, lambda: background.spawn(int, owns=taken())):
            eventually(lambda: all(thing.releases == 1 for thing in things))
            eventually(lambda: background.active == 0)
    assert len(things) > 20
    assert all(thing.releases == 1 for thing in things)


def test_an_interrupt_behind_the_end_of_the_work_takes_nothing_again(name: str) -> None:
    """It was cancelled, and has released what it owned, before the call that spawned it was over."""

    class Cancelled:
        def submit(self, run: Callable[[], object]) -> Future[object]:
            future: Future[object] = Future()
            future.cancel()
            return future

    background = Background(name, Cancelled())  # type: ignore[arg-type]
    things: list[Thing] = []

    def act() -> None:
        things[:] = [Thing(), Thing()]
        background.spawn(int, owns=things)

    for place in interrupt_everywhere(OWN_FILES, act):
        if place != ("spawn", True):
            assert [thing.releases for thing in things] == [1, 1]
    assert background.active == 0
