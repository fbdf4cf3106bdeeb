"""get_or_create: one factory for all who ask at the same time, and nobody waits for ever."""

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from floodmark_caches import BoundedMap
from tests.caches.conftest import Clock, eventually, run_python

pytestmark = pytest.mark.usefixtures("alone")


ERROR = OSError("no net")


class Answers:
    """What threads got: values and errors."""

    def __init__(self, count: int, ask: Callable[[], object]) -> None:
        self.values: list[object] = []
        self.errors: list[BaseException] = []
        self.threads = [threading.Thread(target=self._run, args=(ask,)) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self, ask: Callable[[], object]) -> None:
        try:
            self.values.append(ask())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.errors.append(error)

    def wait(self) -> None:
        """Until all have theirs."""
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


class Factory:
    """Makes a value when it is let, and says that it is at it."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.calls = 0
        self.inside = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> Any:
        """The value; raised if it is an error."""
        self.calls += 1
        self.inside.set()
        assert self.go.wait(10)
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value


def flying(store: BoundedMap[str, Any], factory: Factory, waiters: int = 3) -> Answers:
    """One leader and some that wait for it."""
    answers = Answers(1 + waiters, lambda: store.get_or_create("a", factory))
    assert factory.inside.wait(10)
    eventually(lambda: len(store._waits) == waiters)
    return answers


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
    assert (store._flights, store._waits) == ({}, {})


@pytest.mark.parametrize("bad", [{"factory": 5}, {"ttl": 0}, {"ttl": float("nan")}])
def test_a_bad_argument_changes_nothing(name: str, bad: dict[str, Any]) -> None:
    """The value is named; no flight is left behind."""
    store = BoundedMap[str, int](name, maxsize=5)
    arguments: dict[str, Any] = {"factory": lambda: 1, "ttl": 5} | bad
    with pytest.raises((TypeError, ValueError), match=str(next(iter(bad.values())))):
        store.get_or_create("a", **arguments)
    with pytest.raises(TypeError, match="unhashable"):
        store.get_or_create([], lambda: 1)  # type: ignore[arg-type]
    assert (len(store), store._flights) == (0, {})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
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
        assert store._flights == {}
        await asyncio.sleep(0)
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


def test_an_async_factory_that_asks_for_its_own_key_is_told(name: str) -> None:
    """Instead of a task that waits for itself."""
    store = BoundedMap[str, int](name, maxsize=5)

    async def make() -> int:
        return await store.get_or_create_async("a", make)

    with pytest.raises(RuntimeError, match="'a'"):
        asyncio.run(store.get_or_create_async("a", make))
    assert store._flights == {}


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
