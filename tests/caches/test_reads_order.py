"""The order of eviction after reads that took no lock, and their count."""

import random
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

from floodmark_caches import BoundedMap, SeenSet
from tests.caches.conftest import Clock
from tests.caches.fix_threads import hammer


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("listened", [False, True], ids=["plain", "with a listener"])
def test_the_order_of_eviction_is_exact(name: str, listened: bool) -> None:
    """However many reads came between two writes; and every hit is counted, once."""
    store = BoundedMap[int, int](name, maxsize=20, ttl=60, on_remove=(lambda *removed: None) if listened else None)
    model: OrderedDict[int, int] = OrderedDict()
    chance = random.Random(7)
    hits = 0
    for turn in range(2000):
        for _ in range(chance.choice([0, 1, 5, 300])):
            key = chance.randrange(40)
            if key in model:
                model.move_to_end(key)
                hits += 1
            assert store.get(key) == model.get(key)
        key = chance.randrange(40)
        model[key] = turn
        model.move_to_end(key)
        if len(model) > 20:
            model.popitem(last=False)
        store[key] = turn
        assert list(store) == list(model)
        if turn == 200:
            break
    assert store.stats().hits == hits


@pytest.mark.usefixtures("alone")
def test_the_age_at_eviction_is_told(name: str, clock: Clock) -> None:
    """Of the last entry that was given up for room, and of all on average; expiry and removal do not count."""
    for listener in (None, lambda *removed: None):
        store = BoundedMap[str, int](f"{name}{listener is None}", maxsize=1, ttl=50, timer=clock, on_remove=listener)
        assert (store.stats().last_evicted_age, store.stats().mean_evicted_age) == (None, None)
        store["a"] = 1
        clock.tick(2)
        store["b"] = 1
        clock.tick(6)
        store["c"] = 1
        store.pop("c")
        store["d"] = 1
        clock.tick(50)
        assert len(store) == 0
        assert (store.stats().last_evicted_age, store.stats().mean_evicted_age) == (6, 4)
        assert store.stats().evicted_before_ttl == 2
    forever = BoundedMap[str, int](f"{name}-forever", maxsize=1, timer=clock)
    forever["a"] = 1
    clock.tick(3)
    forever["b"] = 1
    stats = forever.stats()
    assert (stats.last_evicted_age, stats.evicted_before_ttl, stats.removals["size"]) == (3, 0, 1)


@pytest.mark.usefixtures("alone")
def test_the_order_is_exact_though_many_threads_read(name: str) -> None:
    """Each in its turn: the order of eviction is that of the reads, whoever made them, and every hit is counted."""
    store = BoundedMap[int, int](name, maxsize=64, ttl=60)
    store.update({number: number for number in range(64)})
    chance = random.Random(3)
    keys = [chance.randrange(64) for _ in range(900)]
    turns = [threading.Semaphore(1), *(threading.Semaphore(0) for _ in range(3))]
    reads: list[Callable[[int], object]] = [
        store.get,
        store.__getitem__,
        lambda key: store.setdefault(key, -1),
        lambda key: store.get_or_create(key, int),
    ]

    def read(number: int) -> None:
        for key in keys[number::4]:
            assert turns[number].acquire(timeout=10)
            assert reads[number](key) == key
            turns[(number + 1) % 4].release()

    hammer(read)
    model = OrderedDict.fromkeys(range(64))
    for key in keys:
        model.move_to_end(key)
    assert list(store) == list(model)
    assert store.stats().hits == 900
    store.update({number: number for number in range(100, 132)})
    assert list(store)[:32] == list(model)[32:]


@pytest.mark.usefixtures("alone")
def test_every_hit_is_counted_once(name: str) -> None:
    """With writers and others who catch up at the same time."""
    store = BoundedMap[int, int](name, maxsize=64, ttl=60)
    seen = SeenSet[int](f"{name}-seen", maxsize=64, ttl=60)
    for number in range(10):
        store[number] = number
        seen.add(number)

    def read(number: int) -> None:
        for turn in range(3000):
            assert store.get(turn % 10) == turn % 10
            seen.add(turn % 10)
            if turn % 50 == 0:
                store[10 + turn % 7] = turn
                store.stats()
                seen.discard(99)
                list(iter(seen))

    hammer(read)
    assert (store.stats().hits, seen.stats().hits) == (12_000, 12_000)
    assert (store.stats().misses, seen.stats().misses) == (0, 10)


@pytest.mark.usefixtures("alone")
def test_what_depends_on_the_order_makes_up_for_reads_first(name: str) -> None:
    """Each way to evict, to look, and to take the oldest."""
    store = BoundedMap[str, int](name, maxsize=2, ttl=60)
    weighed = BoundedMap[str, int](f"{name}-w", maxsize=2, ttl=60, getsizeof=int)
    seen = SeenSet[str](f"{name}-seen", maxsize=2)

    def begin(each: BoundedMap[str, int]) -> None:
        each.clear()
        each.update(a=1, b=1)
        assert each["a"] == 1

    for each in (store, weighed):
        puts: list[Callable[[str, int], object]] = [
            each.__setitem__,
            each.set,
            each.setdefault,
            lambda key, value, each=each: each.get_or_create(key, lambda: value),  # type: ignore[misc]
            lambda key, value, each=each: each.set(key, value, ttl=5),  # type: ignore[misc]
        ]
        for put in puts:
            begin(each)
            put("c", 1)
            assert list(each._data) == ["a", "c"]
        begin(each)
        assert list(each.values()) == [1, 1]
        assert list(each._data) == ["b", "a"]
        begin(each)
        assert each.popitem() == ("b", 1)
    for key in "aba":
        seen.add(key)
    seen.add("c")
    assert list(seen._data) == ["a", "c"]
    assert seen.touch("a")
    seen.add("d")
    assert list(seen._data) == ["a", "d"]


def test_no_read_is_lost_that_comes_while_others_are_made_up_for(name: str) -> None:
    """It stays for the next time."""

    class Key(str):
        __slots__ = ()

        def __hash__(self) -> int:
            if armed:
                armed.pop()
                assert store.get("b") == 2
            return super().__hash__()

    armed: list[int] = []
    store = BoundedMap[str, int](name, maxsize=3)
    store.update(b=2, c=3)
    store[Key("a")] = 1
    assert store["c"] == 3
    assert store[Key("a")] == 1
    armed.append(1)
    assert list(store) == ["b", "c", "a"]
    assert list(store) == ["c", "a", "b"]
    assert store.stats().hits == 3


@pytest.mark.usefixtures("alone")
def test_a_read_from_another_thread_in_the_middle_is_kept(name: str) -> None:
    """It comes between the taking of those before it and their going."""

    class Reads(list[str]):
        def __getitem__(self, index: Any) -> Any:
            taken = super().__getitem__(index)
            if armed:
                self.append(armed.pop())
            return taken

    store = BoundedMap[str, int](name, maxsize=3)
    store.update(a=1, b=2, c=3)
    store._reads = Reads()
    armed = ["b"]
    assert store["a"] == 1
    assert list(store) == ["b", "c", "a"]
    assert list(store) == ["c", "a", "b"]
    assert store.stats().hits == 2
