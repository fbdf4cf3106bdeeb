"""get_or_create: one factory for all who ask at the same time."""

import asyncio
import gc
from typing import Any

import pytest

from floodmark_caches import BoundedMap
from tests.caches.conftest import Clock, eventually, run_python
from tests.caches.fix_fork import needs_fork
from tests.caches.flights.conftest import Answers, Factory, flying, waiting

ERROR = OSError("no net")


def test_a_hit_calls_nothing(name: str, clock: Clock) -> None:
    """It reads, counts and refreshes as `get`; a missing value is made, put in, and lives as long as others."""
    store = BoundedMap[str, int](name, maxsize=2, ttl=5, timer=clock)
    assert store.get_or_create("a", lambda: 1) == 1
    store["b"] = 2
    assert store.get_or_create("a", lambda: 9) == 1
    store["c"] = 3
    assert list(store) == ["a", "c"]
    assert (store.stats().hits, store.stats().misses) == (1, 1)
    clock.tick(5)
    assert store.get_or_create("a", lambda: 4, ttl=50) == 4
    clock.tick(40)
    assert list(store.items()) == [("a", 4)]


def test_all_who_ask_at_once_get_one_value(name: str) -> None:
    """One factory runs, outside the lock."""
    store = BoundedMap[str, Any](name, maxsize=5)
    factory = Factory(7)
    answers = flying(store, factory)
    store["b"] = 1
    factory.go.set()
    answers.wait()
    assert (answers.values, factory.calls, store["a"]) == ([7] * 4, 1, 7)
    assert not store._flights


def test_a_failing_leader_wakes_those_who_wait(name: str) -> None:
    """With the same error; the next who asks tries again, and nothing of the failure stays."""
    store = BoundedMap[str, Any](name, maxsize=5)
    error = OSError("no disk")
    factory = Factory(error)
    answers = flying(store, factory)
    factory.go.set()
    answers.wait()
    assert answers.errors == [error] * 4
    assert not store._flights
    assert store.get_or_create("a", lambda: 8) == 8


def test_an_error_leaves_no_garbage(name: str) -> None:
    """Its traceback does not hold the flight that holds it."""
    store = BoundedMap[str, Any](name, maxsize=5)

    def fail() -> int:
        raise ERROR

    async def fail_later() -> int:
        raise ERROR

    gc.collect()
    gc.disable()
    try:
        with pytest.raises(OSError, match="no net"):
            store.get_or_create("a", fail)
        assert not [each for each in gc.get_objects() if type(each).__name__ == "_Flight"]
    finally:
        gc.enable()
    with pytest.raises(OSError, match="no net"):
        asyncio.run(store.get_or_create_async("a", fail_later))
    assert not store._flights


def test_a_value_that_is_too_heavy_is_an_error_for_all(name: str) -> None:
    """With its weight in it."""
    store = BoundedMap[str, Any](name, maxsize=5, getsizeof=lambda value: value)
    factory = Factory(7)
    answers = flying(store, factory)
    factory.go.set()
    answers.wait()
    assert len(answers.errors) == 4
    assert all(isinstance(error, ValueError) and "weighs 7" in str(error) for error in answers.errors)
    assert (len(store), store._flights) == (0, {})


@pytest.mark.parametrize("listened", [False, True], ids=["plain", "with a listener"])
def test_what_is_set_meanwhile_wins(name: str, listened: bool) -> None:
    """The flight's value is older: it is handed out, and not kept, even if what was set has gone again."""
    store = BoundedMap[str, Any](name, maxsize=1, on_remove=(lambda *removed: None) if listened else None)
    store["x"] = 0
    for evicted in (False, True):
        factory = Factory(7)
        answers = flying(store, factory)
        store["a"] = 1
        if evicted:
            store["x"] = 1
        factory.go.set()
        answers.wait()
        assert answers.values == [7] * 4
        assert list(store.items()) == ([("x", 1)] if evicted else [("a", 1)])
        store.clear()


@pytest.mark.parametrize("remove", ["pop", "clear"])
def test_what_is_removed_meanwhile_stays_removed(name: str, remove: str) -> None:
    """The result is handed out, and not kept; who asks after the removal has it made anew."""
    store = BoundedMap[str, Any](name, maxsize=5)
    factory = Factory(7)
    answers = flying(store, factory)
    if remove == "pop":
        store.pop("a", None)
    else:
        store.clear()
    assert store.get_or_create("a", lambda: 8) == 8
    del store["a"]
    factory.go.set()
    answers.wait()
    assert answers.values == [7] * 4
    assert len(store) == 0


def test_a_flight_that_was_overtaken_ends_no_other(name: str) -> None:
    """Who asks while the newer one is under way waits for that one."""
    store = BoundedMap[str, Any](name, maxsize=5)
    older, newer = Factory(7), Factory(8)
    first = flying(store, older, waiters=0)
    store.pop("a", None)
    second = flying(store, newer, waiters=0)
    older.go.set()
    first.wait()
    third = Answers(1, lambda: store.get_or_create("a", lambda: 9))
    eventually(lambda: waiting() == 1 or third.values)
    newer.go.set()
    second.wait()
    third.wait()
    assert (first.values, second.values, third.values, store["a"]) == ([7], [8], [8], 8)


@pytest.mark.parametrize("bad", [{"factory": 5}, {"ttl": 0}, {"ttl": float("nan")}])
def test_a_bad_argument_changes_nothing(name: str, bad: dict[str, Any]) -> None:
    """The value is named; no flight is left behind."""
    store = BoundedMap[str, int](name, maxsize=5)
    arguments: dict[str, Any] = {"factory": lambda: 1, "ttl": 5} | bad
    with pytest.raises((TypeError, ValueError), match=str(next(iter(bad.values())))):
        store.get_or_create("a", **arguments)
    with pytest.raises(TypeError, match="a key must be hashable"):
        store.get_or_create([], lambda: 1)  # type: ignore[arg-type]
    assert (len(store), store._flights) == (0, {})


@needs_fork
def test_the_child_of_a_fork_has_no_flights() -> None:
    """The thread that makes the value is not there; the child makes its own."""
    run_python(
        """
        import os, threading, warnings
        warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
        from floodmark_caches import BoundedMap
        store = BoundedMap("store", maxsize=5)
        inside, go = threading.Event(), threading.Event()
        thread = threading.Thread(target=store.get_or_create, args=("a", lambda: inside.set() or go.wait(20)))
        thread.start()
        inside.wait(10)
        pid = os.fork()
        if pid == 0:
            os._exit(store.get_or_create("a", lambda: 3))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
        go.set()
        thread.join()
        assert store["a"] is True
        """
    )
