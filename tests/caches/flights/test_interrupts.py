"""What is raised in the middle: a signal handler may raise between any two lines, and a leader may be stopped."""

import asyncio
import inspect
import itertools
import linecache
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from floodmark_caches import BoundedMap, _waits
from floodmark_caches._expiry import WEIGHT
from floodmark_caches._flights import FlightStore, _TaskFlight
from tests.caches.conftest import Clock, eventually
from tests.caches.flights.conftest import Answers, Factory, flying, waiting

FILES = {"_flights.py", "_waits.py"}


class Interrupt(BaseException):
    """What the signal handler of an application raises."""


class Interrupter:
    """Raises where the chosen line of our own code is about to run, once."""

    def __init__(self, files: set[str], chosen: Callable[[FrameType, int], bool]) -> None:
        self._files = files
        self._chosen = chosen
        self._lines = 0
        self.done = False
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._trace)

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        if Path(frame.f_code.co_filename).name not in self._files:
            return None
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        # The line of a `with` runs again at its end, ahead of the exit: there the interpreter lets no signal in.
        if event == "line" and not line.startswith("with "):
            self._lines += 1
            if self._chosen(frame, self._lines):
                self.done = True
                raise Interrupt
        return self._trace


def line_number(number: int) -> Callable[[FrameType, int], bool]:
    """Choose a line by how many were run."""
    return lambda _, line: line == number


def at_each_line(files: set[str], act: Callable[[], object]) -> Iterator[int]:
    """Interrupt the act at its first line, its second, and so on; what is to hold then is up to the caller."""
    for number in itertools.count(1):
        interrupter = Interrupter(files, line_number(number))
        with suppress(Interrupt), interrupter:
            act()
        if not interrupter.done:
            assert number > 5, "hardly any line was interrupted"
            return
        yield number  # not where the error is handled, for its traceback holds all that it went through


def test_an_interrupted_thread_leaves_no_flight_behind(name: str) -> None:
    """Wherever it is interrupted: neither this thread nor another is kept from the key."""
    store = BoundedMap[str, int](name, maxsize=5)
    for number in at_each_line(FILES, lambda: store.get_or_create("a", lambda: 1)):
        store.pop("a", None) if number % 2 else None
        others = Answers(1, lambda: store.get_or_create("a", lambda: 1))
        others.wait()
        assert (others.values, others.errors) == ([1], [])
        del store["a"]
        assert store.get_or_create("a", lambda: 1) == 1
        del store["a"]
    assert (store._flights, _waits._asked) == ({}, {})


def test_an_interrupted_thread_may_ask_again_at_once(name: str) -> None:
    """It is not told that it asks for the key itself."""
    store = BoundedMap[str, int](name, maxsize=5)
    for _ in at_each_line(FILES, lambda: store.get_or_create("a", lambda: 1)):
        assert store.get_or_create("a", lambda: 1) == 1
        del store["a"]


def test_an_interrupted_task_leaves_no_flight_behind(name: str) -> None:
    """As with threads."""
    store = BoundedMap[str, int](name, maxsize=5)

    async def make() -> int:
        return 1

    async def main() -> None:
        for number in itertools.count(1):
            interrupter = Interrupter(FILES, line_number(number))
            with suppress(Interrupt), interrupter:
                await store.get_or_create_async("a", make)
            assert await asyncio.wait_for(store.get_or_create_async("a", make), 10) == 1
            del store["a"]
            if not interrupter.done:
                assert number > 10
                return

    asyncio.run(main())


def test_a_task_that_was_never_begun_leaves_no_flight_behind(name: str) -> None:
    """Interrupted just behind its making, it is cancelled before its first step; nobody has to ask for its key."""
    store = BoundedMap[str, int](name, maxsize=5)
    lines, first = inspect.getsourcelines(FlightStore._fly_in_task)
    last = first + next(number for number, line in enumerate(lines) if "asyncio.shield" in line)

    async def main() -> None:
        with pytest.raises(Interrupt), Interrupter(FILES, lambda frame, _: frame.f_lineno == last):
            await store.get_or_create_async("a", asyncio.Event().wait)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert store._flights == {}
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_flight_that_no_task_waits_for_is_replaced(name: str) -> None:
    """It is what two interrupts may leave: one before the task was started, one while that was cleared up."""
    store = BoundedMap[str, int](name, maxsize=5)

    async def make() -> int:
        return 1

    async def main() -> int:
        store._flights["a"] = {asyncio.get_running_loop(): _TaskFlight(name, "a")}
        return await store.get_or_create_async("a", make)

    assert asyncio.run(main()) == 1
    assert store._flights == {}


def test_a_leader_that_was_torn_away_is_succeeded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it could not say so: who waits has a look now and then."""
    monkeypatch.setattr(_waits, "_GLANCE_SECONDS", 0.01)
    store = BoundedMap[str, int](name, maxsize=5)
    inside, go = threading.Event(), threading.Event()

    def stopped() -> int:
        inside.set()
        assert go.wait(10)
        raise SystemExit

    def torn() -> bool:
        # Interrupted again where it begins to clear up.
        last = Interrupter(FILES, lambda frame, _: go.is_set() and frame.f_lineno == first_of_the_end)
        with suppress(Interrupt), last:
            store.get_or_create("a", stopped)
        return last.done

    lines, first = inspect.getsourcelines(FlightStore._fly)
    first_of_the_end = first + next(number for number, line in enumerate(lines) if "mine.done = True" in line)
    leader = Answers(1, torn)
    assert inside.wait(10)
    waiters = Answers(2, lambda: store.get_or_create("a", lambda: 8))
    eventually(lambda: waiting() == 2)
    go.set()
    leader.wait()
    waiters.wait()
    assert (leader.values, waiters.values) == ([True], [8, 8])
    assert store._flights == {}


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt, Interrupt])
def test_what_stops_the_leader_stops_nobody_else(name: str, stop: type[BaseException]) -> None:
    """One of those who waited leads next, with its own factory, and the others wait for that one."""
    store = BoundedMap[str, Any](name, maxsize=5)
    stopped, second = Factory(stop()), Factory(8)
    leader = Answers(1, lambda: store.get_or_create("a", stopped))
    assert stopped.inside.wait(10)
    others = Answers(3, lambda: store.get_or_create("a", second))
    eventually(lambda: waiting() == 3)
    stopped.go.set()
    leader.wait()
    assert second.inside.wait(10)
    eventually(lambda: waiting() == 2)
    second.go.set()
    others.wait()
    assert [type(error) for error in leader.errors] == [stop]
    assert (others.values, others.errors, second.calls) == ([8] * 3, [], 1)
    assert (store._flights, _waits._asked) == ({}, {})


def test_a_shared_error_has_the_traceback_of_its_leader(name: str) -> None:
    """And of who raised it last, not of all who did."""
    store = BoundedMap[str, Any](name, maxsize=5)
    error = OSError("no disk")
    factory = Factory(error)
    answers = flying(store, factory, waiters=20)
    factory.go.set()
    answers.wait()
    assert answers.errors == [error] * 21
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names.count("_lead") == names.count("__call__") == 1
    assert len(names) < 21


def weighted(name: str) -> BoundedMap[int, int]:
    """A map with five of six places taken, by weight."""
    store = BoundedMap[int, int](name, maxsize=6, getsizeof=lambda value: value)
    store.update({1: 1, 2: 2, 3: 2})
    return store


CHANGES: dict[str, Callable[[BoundedMap[int, int]], object]] = {
    "set": lambda store: store.set(4, 4),
    "replace": lambda store: store.set(2, 3),
    "setdefault": lambda store: store.setdefault(4, 4),
    "make": lambda store: store.get_or_create(4, lambda: 4),
    "pop": lambda store: store.pop(2),
    "popitem": lambda store: store.popitem(),
    "clear": lambda store: store.clear(),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_an_interrupted_change_leaves_the_weight_right(name: str, change: str) -> None:
    """Wherever it is interrupted, and whether or not the change was made."""
    store = weighted(name)
    for number in at_each_line({"_map.py", "_store.py", *FILES}, lambda: CHANGES[change](store)):
        assert store.currsize == sum(store.values()), f"line {number}"
        store.clear()
        store.update({1: 1, 2: 2, 3: 2})


def test_an_interrupted_release_leaves_the_weight_right(name: str, clock: Clock) -> None:
    """What has expired and was not released yet goes with the next who looks."""
    store = BoundedMap[int, int](name, maxsize=6, ttl=5, getsizeof=lambda value: value, timer=clock)

    def fill() -> None:
        store.update({1: 1, 2: 2, 3: 2})
        clock.tick(5)

    fill()
    for number in at_each_line({"_map.py", "_store.py"}, store.expire):
        assert store._weight == sum(entry[WEIGHT] for entry in store._data.values()), f"line {number}"
        store.clear()
        fill()


def test_a_weight_that_is_wrong_all_the_same_rights_itself(name: str) -> None:
    """When nothing is left to evict nothing is weighed; no set fails for it."""
    store = weighted(name)
    store._weight = 100
    store[4] = 4
    store[5] = 5
    store[6] = 1
    assert (dict(store.items()), store.currsize) == ({5: 5, 6: 1}, 6)
