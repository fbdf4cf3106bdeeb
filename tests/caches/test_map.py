"""BoundedMap: a mapping with a bound."""

import operator
from collections.abc import Callable

import cachetools
import pytest

from floodmark_caches import BoundedMap, RemovalCause
from tests.caches.conftest import Clock

pytestmark = pytest.mark.usefixtures("alone")

Removals = list[tuple[str, int, RemovalCause]]


def test_it_gives_up_the_least_recently_used(name: str) -> None:
    """A read refreshes recency."""
    store = BoundedMap[str, int](name, maxsize=2)
    store["a"] = 1
    store["b"] = 2
    assert store["a"] == 1
    store["c"] = 3
    assert list(store.items()) == [("a", 1), ("c", 3)]
    assert store.get("a") == 1
    store["d"] = 4
    assert list(store) == ["a", "d"]
    assert store.stats().removals["size"] == 2


def test_views_refresh_nothing(name: str) -> None:
    """Looking at all entries leaves the order of eviction and the counts as they were."""
    store = BoundedMap[str, int](name, maxsize=3)
    store.update(a=1, b=2)
    assert ("a", 1) in store.items()
    assert ("a", 2) not in store.items()
    assert ("x", 1) not in store.items()
    assert 1 in store.values()
    assert 9 not in store.values()
    assert dict(store.items()) == {"a": 1, "b": 2} == store
    assert list(store.keys()) == ["a", "b"]
    assert (store.stats().hits, store.stats().misses) == (0, 0)


def test_iteration_sees_one_moment(name: str, clock: Clock) -> None:
    """Entries that expire, come and go while one iterates neither show nor break it."""
    store = BoundedMap[str, int](name, maxsize=9, ttl=5, timer=clock)
    store.update(a=1, b=2, c=3)
    seen = []
    for key, value in store.items():
        clock.tick(10)
        store[key + "!"] = 0
        seen.append((key, value))
    assert seen == [("a", 1), ("b", 2), ("c", 3)]


def test_weights_bound_the_map(name: str) -> None:
    """The bound is on the sum of the weights; a weight is taken once, at the insert."""
    store = BoundedMap[str, list[int]](name, maxsize=10, getsizeof=len)
    grows = [0] * 4
    store["a"] = grows
    store["b"] = [0] * 4
    grows.extend([0] * 50)
    assert store.currsize == 8
    store["c"] = [0] * 6
    assert (sorted(store), store.currsize, store.stats().bytes) == (["b", "c"], 10, 10)


def test_weightless_values_stay_bounded_in_number(name: str) -> None:
    """Each entry weighs at least 1, or maxsize would bound nothing."""
    store = BoundedMap[int, bytes](name, maxsize=10, getsizeof=len)
    for number in range(50):
        store[number] = b""
    assert len(store) == 10


@pytest.mark.parametrize("weight", [11, -1, float("nan"), float("inf"), "3", None, True])
def test_a_value_of_impossible_weight_changes_nothing(name: str, weight: object) -> None:
    """Too heavy, negative, not a number: refused with the value, for a new key as for a known one."""
    store = BoundedMap[str, object](name, maxsize=10, getsizeof=lambda value: value)  # type: ignore[arg-type,return-value]
    store["a"] = 3
    attempts: list[Callable[[], object]] = [lambda: store.set("a", weight), lambda: store.setdefault("b", weight)]
    for attempt in attempts:
        with pytest.raises((ValueError, TypeError), match=repr(weight)):
            attempt()
    assert list(store.items()) == [("a", 3)]


def test_a_subclass_may_weigh_in_its_own_way(name: str) -> None:
    """By overriding the method, as with cachetools."""

    class ByLength(BoundedMap[str, str]):
        def getsizeof(self, value: str) -> float:
            return len(value)

    store = ByLength(name, maxsize=10)
    store.update(a="12345", b="123456", c="1234")
    assert (list(store), store.currsize) == (["b", "c"], 10)


def test_missing_keys(name: str) -> None:
    """KeyError where a dict raises it, and the defaults where a dict has them."""
    store = BoundedMap[str, int](name, maxsize=10)
    for attempt in (lambda: store["x"], lambda: store.pop("x"), lambda: operator.delitem(store, "x"), store.popitem):
        with pytest.raises(KeyError):
            attempt()
    assert (store.get("x"), store.get("x", default=5), store.pop("x", 6)) == (None, 5, 6)
    assert (store.setdefault("x", 7), store.setdefault("x", 8)) == (7, 7)
    assert store.stats().misses == 4


def test_popitem_takes_the_least_recently_used(name: str) -> None:
    """The pair that would be evicted next."""
    store = BoundedMap[str, int](name, maxsize=10)
    store.update(a=1, b=2)
    assert store["a"] == 1
    assert store.popitem() == ("b", 2)


def test_missing_may_be_overridden(name: str) -> None:
    """As in a dict: `[]` asks it, `get` does not."""

    class Doubling(BoundedMap[int, int]):
        def __missing__(self, key: int) -> int:
            self[key] = 2 * key
            return self[key]

    store = Doubling(name, maxsize=10)
    assert store.get(4) is None
    assert store[4] == 8
    assert store.get(4) == 8


def test_it_counts_as_a_cache_of_cachetools(name: str) -> None:
    """For isinstance, and under the decorator with its statistics."""
    store = BoundedMap[object, int](name, maxsize=2)
    assert isinstance(store, cachetools.Cache)
    calls = []

    @cachetools.cached(store, info=True)
    def square(number: int) -> int:
        calls.append(number)
        return number * number

    assert [square(2), square(2), square(3), square(4), square(2)] == [4, 4, 9, 16, 4]
    assert calls == [2, 3, 4, 2]
    info = square.cache_info()
    assert (info.maxsize, info.currsize) == (2, 2)


def test_it_behaves_as_ttlcache(name: str, clock: Clock) -> None:
    """Side by side through one story, eviction and expiry included."""
    ours = BoundedMap[int, int](name, maxsize=3, ttl=5, timer=clock)
    theirs: cachetools.TTLCache[int, int] = cachetools.TTLCache(maxsize=3, ttl=5, timer=clock)
    for step in range(400):
        key = step * 7 % 11 % 5
        for store in (ours, theirs):
            if step % 3 == 0:
                store[key] = step
            elif step % 3 == 1:
                store.get(key)
            else:
                store.pop(key, None)
        clock.tick(step % 4)
        assert sorted(ours.items()) == sorted(theirs.items())
        assert (len(ours), ours.currsize) == (len(theirs), theirs.currsize)


def test_warn_at_of_a_weighted_map(name: str) -> None:
    """A fraction is one of the weight, a whole number counts entries."""
    by_weight = BoundedMap[int, int](name, maxsize=100, getsizeof=lambda value: value, warn_at=0.5)
    by_number = BoundedMap[int, int](f"{name}-n", maxsize=100, getsizeof=lambda value: value, warn_at=3)
    for store, warnings in ((by_weight, [0, 1, 1]), (by_number, [0, 0, 1])):
        for number, expected in enumerate(warnings):
            store[number] = 25
            assert store.stats().warnings == expected
    assert (by_weight.stats().warn_at, by_number.stats().warn_at) == (50, 3)
    by_weight.clear()
    by_weight[1] = 1
    by_weight[1] = 80
    assert by_weight.stats().warnings == 2


@pytest.mark.parametrize(("level", "again"), [(20, 18), (5, 4), (1, 0)])
def test_a_level_warns_again_from_a_tenth_below(name: str, level: int, again: int) -> None:
    """And from one entry below at least; not from anything above that."""
    store = BoundedMap[int, int](name, maxsize=40, warn_at=level)

    def warnings_after(size: int) -> int:
        while len(store) > size:
            store.popitem()
        for number in range(level + 2 - len(store)):
            store[1000 * size + number] = 1
        return store.stats().warnings

    assert warnings_after(0) == 1
    assert warnings_after(again + 1) == 1
    assert warnings_after(again) == 2
