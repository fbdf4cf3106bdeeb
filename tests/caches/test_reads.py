"""Reads take no lock when they find what they look for, and nothing shows it but their speed."""

import signal
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from floodmark_caches import BoundedMap, SeenSet, _store
from floodmark_caches._janitor import Janitor
from tests.caches.conftest import Clock, eventually, run_python
from tests.caches.fix_fork import needs_fork


@pytest.mark.usefixtures("alone")
def test_a_hit_waits_for_nobody(name: str) -> None:
    """Another thread may be in the middle of changing the map."""
    store = BoundedMap[str, int](name, maxsize=5, ttl=60)
    store["a"] = 1
    seen = SeenSet[str](f"{name}-seen", maxsize=5, ttl=60)
    seen.add("a")
    inside, go = threading.Event(), threading.Event()

    def hold() -> None:
        with store._own_lock, seen._own_lock:
            inside.set()
            go.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(10)
    assert (store["a"], store.get("a"), store.get_or_create("a", int), seen.add("a")) == (1, 1, 1, False)
    go.set()
    thread.join()
    assert (store.stats().hits, seen.stats().hits) == (3, 1)


@pytest.mark.usefixtures("alone")
def test_reads_are_made_up_for_in_time(name: str) -> None:
    """A map that is only read keeps no more than a few of the keys it was asked with."""
    store = BoundedMap[str, int](name, maxsize=5, ttl=60)
    seen = SeenSet[str](f"{name}-seen", maxsize=5, ttl=60)
    store["a"] = 1
    seen.add("a")
    for _ in range(2000):
        store.get("a")
        store.setdefault("a", 1)
        seen.add("a")
        assert len(store._reads) + len(seen._reads) < 520
    assert (store.stats().hits, seen.stats().hits) == (4000, 2000)
    for _ in range(2000):
        store.setdefault("a", 1)
        seen.touch("a")
        assert len(store._reads) + len(seen._reads) < 520
    assert (store.stats().hits, seen.stats().hits) == (6000, 4000)


@pytest.mark.usefixtures("alone")
def test_what_was_read_is_not_kept_alive(name: str) -> None:
    """A value goes with its entry, though its read is not made up for."""

    class Value:
        pass

    store = BoundedMap[str, Value](name, maxsize=5, ttl=60)
    removals: list[Callable[[], object]] = [
        lambda: store.pop("a"),
        lambda: store.set("a", Value()),
        lambda: store.__setitem__("a", Value()),
        store.clear,
        store.popitem,
    ]
    for remove in removals:
        store.clear()
        store["a"] = Value()
        value = weakref.ref(store["a"])
        remove()
        assert value() is None


@pytest.mark.usefixtures("alone")
def test_no_finalizer_of_a_value_runs_under_the_lock(name: str, clock: Clock) -> None:
    """Whichever way the value goes: foreign code may want other locks."""
    locked: list[bool] = []

    class Value:
        def __del__(self) -> None:
            locked.append(store._own_lock._is_owned())  # type: ignore[attr-defined]

    store = BoundedMap[int, Value](name, maxsize=2, ttl=60, timer=clock)

    def put(*keys: int, ttl: float | None = None) -> None:
        for key in keys:
            if ttl is None:
                store[key] = Value()
            else:
                store.set(key, Value(), ttl=ttl)

    def late(*steps: Callable[[], object]) -> None:
        clock.tick(100)
        for step in steps:
            step()

    removals: list[Callable[[], object]] = [
        lambda: put(1),
        lambda: put(1, ttl=30),
        lambda: len([store.pop(1)]),
        lambda: put(2, 3, 4),
        lambda: put(5, 6, 7, ttl=40),
        lambda: len([store.popitem()]),
        lambda: late(store.expire),
        lambda: late(lambda: put(2, 3)),
        store.clear,
    ]
    for number, remove in enumerate(removals):
        put(1)
        locked.clear()
        remove()
        assert locked, number
        assert not any(locked), number


@pytest.mark.usefixtures("alone")
def test_a_replaced_key_is_never_missed(name: str) -> None:
    """A reader sees the old value or the new one, whatever a writer is in the middle of."""
    store = BoundedMap[str, int](name, maxsize=5, ttl=60)
    store["a"] = 0
    done = threading.Event()
    missed: list[int] = []

    def read() -> None:
        while not done.is_set():
            if store.get("a") is None:
                missed.append(1)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(5000):
        store["a"] = turn
        if turn % 3 == 0:
            store.set("a", turn, ttl=30)
    done.set()
    for reader in readers:
        reader.join(10)
    assert missed == []
    assert store.stats().misses == 0


@pytest.mark.usefixtures("alone")
def test_a_reader_that_finds_a_gap_looks_again(name: str) -> None:
    """The old entry is out and the new one not yet in: what is being replaced is there all the same."""
    found: list[int | None] = []
    reader = threading.Thread(target=lambda: found.append(store.get("a")))

    class Slow(str):
        __slots__ = ()

        def __hash__(self) -> int:
            if "a" not in store._data and not reader.ident:
                reader.start()
                reader.join(0.2)  # it must wait for us; were it not to, it would be done long before
            return hash("a")

    store = BoundedMap[str, int](name, maxsize=5, ttl=60)
    store["a"] = 1
    store[Slow("a")] = 2
    reader.join(10)
    assert found == [2]
    assert (store.stats().hits, store.stats().misses) == (1, 0)


@pytest.mark.usefixtures("alone")
def test_a_key_whose_equality_fails_later_stops_nobody(name: str) -> None:
    """Its read is not made up for; all others are, and the map works on."""

    class Key:
        broken = False

        def __hash__(self) -> int:
            if self.broken:
                raise OSError(5)
            return 1

    key = Key()
    store = BoundedMap[Any, int](name, maxsize=3)
    for each in ("a", key, "b"):
        store[each] = 1
    assert [store.get(each) for each in (key, "a")] == [1, 1]
    Key.broken = True
    store["c"] = 1
    Key.broken = False
    assert list(store) == ["b", "a", "c"]


@pytest.mark.usefixtures("alone")
def test_an_insert_that_is_interrupted_leaves_the_lock_free(name: str) -> None:
    """By an error of the clock, or by a signal, wherever that comes."""
    clock = Clock()
    failing: list[OSError] = []

    def now() -> float:
        if failing:
            raise failing.pop()
        return clock()

    store = BoundedMap[int, int](name, maxsize=5, ttl=60, timer=now)
    store[1] = 1
    failing.append(OSError("no time"))
    with pytest.raises(OSError, match="no time"):
        store[2] = 2

    class Interrupted(Exception):  # noqa: N818 - what a handler raises
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    try:
        for _ in range(200):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005)
                for turn in range(20_000):
                    store[turn % 9] = turn
            except Interrupted:
                interrupted += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 100
    store[99] = 1
    assert len(store._data) <= 5
    store.clear()
    thread = threading.Thread(target=store.set, args=(1, 1))
    thread.start()
    thread.join(10)
    assert list(store) == [1]


@pytest.mark.usefixtures("alone")
def test_what_an_interrupted_insert_left_over_the_bound_goes_with_the_next(name: str, clock: Clock) -> None:
    """An interrupt may come between an insert and its eviction."""
    store = BoundedMap[int, int](name, maxsize=3, ttl=60, timer=clock)
    store.update({number: number for number in range(3)})
    store._maxsize = 4
    store[3] = 3
    store._maxsize = 3
    store[4] = 4
    assert list(store) == [2, 3, 4]


@needs_fork
@pytest.mark.parametrize("use", ['store["a"]', 'store.get("a")', 'store.__setitem__("b", 1)', 'seen.add("a")'])
def test_any_first_use_after_a_fork_starts_the_janitor(use: str) -> None:
    """A hit and a plain insert, too, though they do not look for it."""
    run_python(
        f"""
        import os
        from floodmark_caches import BoundedMap, SeenSet
        from floodmark_caches._janitor import janitor
        store, seen = BoundedMap("store", maxsize=5, ttl=60), SeenSet("seen", maxsize=5, ttl=60)
        store["a"] = 1
        seen.add("a")
        pid = os.fork()
        assert not janitor.running
        {use}
        if pid == 0:
            os._exit(0 if janitor.running else 1)
        assert janitor.running
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        """
    )


def test_a_map_that_is_only_read_releases_its_keys(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The janitor makes up for its reads."""
    monkeypatch.setattr(_store, "janitor", Janitor())
    store = BoundedMap[str, int](name, maxsize=5, ttl=0.2)
    store["a"] = 1
    assert store["a"] == 1
    eventually(lambda: store._reads == [])


@pytest.mark.usefixtures("alone")
def test_a_read_is_no_life(name: str, clock: Clock) -> None:
    """A key that was read and is gone stays gone, however its read is made up for; put in anew it is the newest."""
    store = BoundedMap[str, int](name, maxsize=3, ttl=5, timer=clock)
    store.update(a=1, b=2)
    assert [store["b"], store["a"]] == [2, 1]
    del store["a"]
    assert ("a" in store, list(store), store.stats().entries) == (False, ["b"], 1)
    store["c"] = 3
    assert [store["b"], store["c"]] == [2, 3]
    del store["c"]
    store["c"] = 4
    assert (list(store), store.get("a"), store.stats().hits) == (["b", "c"], None, 4)
    assert store["c"] == 4
    clock.tick(5)
    assert (store.get("b"), list(store), len(store)) == (None, [], 0)
    assert store.stats().hits == 5


@pytest.mark.usefixtures("alone")
def test_a_key_that_comes_while_one_asks_is_there(name: str) -> None:
    """Another thread puts it in just after the look without the lock: a hit, and the most recently used."""
    waiting: list[Callable[[], object]] = []

    def now() -> float:
        if waiting:
            waiting.pop()()
        return 0.0

    store = BoundedMap[str, int](name, maxsize=3, timer=now)
    seen = SeenSet[str](f"{name}-seen", maxsize=3, timer=now)
    reads: list[Callable[[], object]] = [
        lambda: store["a"],
        lambda: store.get("a"),
        lambda: store.setdefault("a", 9),
        lambda: store.get_or_create("a", lambda: 9),
    ]
    for number, read in enumerate(reads, 1):
        store.clear()
        waiting.append(lambda: store.update(a=1, b=2))
        assert read() == 1
        assert (store.stats().hits, store.stats().misses, list(store)) == (number, 0, ["b", "a"])
    waiting.append(lambda: [seen.add("a"), seen.add("b")])
    assert not seen.add("a")
    assert (seen.stats().hits, seen.stats().misses, list(seen)) == (1, 2, ["b", "a"])


@pytest.mark.usefixtures("alone")
def test_the_next_expiry_is_known_after_each_release(name: str, clock: Clock) -> None:
    """Or every insert would take the long way from there on."""
    store = BoundedMap[int, int](name, maxsize=2, ttl=5, timer=clock)
    releases: list[Callable[[], object]] = [lambda: store.set(3, 3), store.__len__, store._tend]
    for release in releases:
        store.clear()
        store[1] = 1
        clock.tick(3)
        store[2] = 2
        clock.tick(2)
        release()
        assert store._soonest > clock.now or 3 in store  # that one has released one entry, and not looked further
        store[4] = 4
        store[5] = 5
        assert clock.now < store._soonest <= next(iter(store._order.queue.values()))[1]
