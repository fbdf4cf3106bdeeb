"""Who would wait for ever is told also where the circle goes through several maps."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from floodmark_caches import BoundedMap, _waits
from tests.caches.conftest import eventually, run_python
from tests.caches.fix_fork import needs_fork
from tests.caches.flights.conftest import Answers, Factory, waiting

WAY = ", whose factory asks for "


def maps(name: str, count: int) -> list[BoundedMap[str, Any]]:
    """Maps that call themselves by a number."""
    return [BoundedMap[str, Any](f"{name}-{number}", maxsize=5) for number in range(count)]


def in_a_circle(stores: list[BoundedMap[str, Any]], ask: Callable[[int, Callable[[], Any]], Any]) -> list[Any]:
    """What each of the threads is told that makes a value of its map, and for that one of the next map."""
    all_inside = threading.Barrier(len(stores))

    def begin(number: int) -> Any:
        def make() -> Any:
            all_inside.wait(10)
            return ask((number + 1) % len(stores), int)

        return ask(number, make)

    answers = [Answers(1, partial(begin, number)) for number in range(len(stores))]
    for each in answers:
        each.wait()
    assert _waits._asked == {}
    assert [store._flights for store in stores] == [{}] * len(stores)
    return [error for each in answers for error in each.errors]


@pytest.mark.parametrize("count", [2, 3])
def test_threads_that_wait_in_a_circle_of_maps_are_told(name: str, count: int) -> None:
    """None of them waits for ever, and the way is named with its maps."""
    stores = maps(name, count)
    errors = in_a_circle(stores, lambda number, make: stores[number].get_or_create("k", make))
    assert [type(error) for error in errors] == [RuntimeError] * count
    texts = set()
    for first in range(count):
        circle = [stores[(first + step) % count].name for step in range(1, count + 1)]
        way = WAY.join(f"'k' of map {each!r}" for each in circle)
        texts.add(f"map {stores[first].name!r}: the factory for 'k' would wait for ever: it asks for {way}")
    assert {str(error) for error in errors} <= texts


def test_a_circle_within_one_thread_is_told(name: str) -> None:
    """Its factories asked one another, over two maps."""
    one, other = maps(name, 2)
    with pytest.raises(RuntimeError, match=rf"asks for 'a' of map '{one.name}'{WAY}'b' of map '{other.name}'$"):
        one.get_or_create("a", lambda: other.get_or_create("b", lambda: one.get_or_create("a", int)))
    assert _waits._asked == {}


def test_a_circle_of_async_factories_names_its_maps(name: str) -> None:
    """As with threads."""
    one, other = maps(name, 2)

    async def first() -> Any:
        return await other.get_or_create_async("k", second)

    async def second() -> Any:
        return await one.get_or_create_async("k", first)

    with pytest.raises(RuntimeError, match=rf"asks for 'k' of map '{one.name}'{WAY}'k' of map '{other.name}'$"):
        asyncio.run(one.get_or_create_async("k", first))


def test_a_wait_that_is_merely_long_is_no_circle(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of threads over three maps, each waiting for the next, past many glances; and what they asked for before."""
    monkeypatch.setattr(_waits, "_GLANCE_SECONDS", 0.001)
    first, second, third = maps(name, 3)
    last = Factory(1)
    leads_third = Answers(1, lambda: third.get_or_create("k", last))
    assert last.inside.wait(10)

    def over_third() -> Any:
        assert second.get_or_create("was", lambda: 1) == 1  # was asked for within the factory, and has ended
        return third.get_or_create("k", int)

    leads_second = Answers(1, lambda: second.get_or_create("k", over_third))
    eventually(lambda: waiting() == 1)
    leads_first = Answers(2, lambda: first.get_or_create("k", lambda: second.get_or_create("k", int)))
    eventually(lambda: waiting() == 3)
    threading.Event().wait(0.02)
    last.go.set()
    for answers in (leads_third, leads_second, leads_first):
        answers.wait()
        assert answers.errors == []
    assert leads_first.values == [1, 1]
    assert _waits._asked == {}


def test_what_a_finalizer_asks_for_in_a_wait_hides_no_circle(name: str) -> None:
    """It runs in the thread that waits, and that one still waits when it has ended."""
    one, other = maps(name, 2)
    before = _waits.asked_before()
    flight = _waits.Flight[int](one.name, "a", leader := _waits.Leader())
    _waits.ask(before, flight)
    assert other.get_or_create("b", lambda: one.get_or_create("c", lambda: 3)) == 3
    assert _waits.asked_before()[0]() is flight
    _waits.ask_no_more(before)
    del leader
    assert _waits._asked == {}


@needs_fork
def test_a_forked_child_may_ask_for_what_its_parent_makes() -> None:
    """In the factory that forked as well: what other threads wait for is the parent's."""
    run_python(
        """
        import os, threading, warnings
        warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
        from floodmark_caches import BoundedMap, _waits
        a, b = (BoundedMap(name, maxsize=5) for name in "ab")
        inside, go = threading.Event(), threading.Event()
        other = threading.Thread(target=b.get_or_create, args=("k", lambda: inside.set() or go.wait(20)))
        other.start()
        inside.wait(10)

        def make():
            pid = os.fork()
            if pid == 0:
                assert not _waits._asked
                os._exit(a.get_or_create("k", lambda: b.get_or_create("k", lambda: 3)))
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        assert a.get_or_create("k", make) == 3
        go.set()
        other.join()
        """
    )
