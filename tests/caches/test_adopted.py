"""Caches of others, adopted: unchanged, behind a lock, and published."""

import copy
import threading
from typing import Any

import cachetools
import pytest

from floodmark_caches import BoundedMap, registry
from floodmark_caches._adopted import Adopted
from tests.caches.conftest import Clock, published
from tests.caches.fix_threads import hammer


def test_it_is_the_cache_itself_behind_a_lock(name: str, clock: Clock) -> None:
    """Its policy, its values and its own methods."""
    cache: cachetools.TTLCache[str, int] = cachetools.TTLCache(maxsize=2, ttl=5, timer=clock)
    adopted = registry.adopt(name, cache)
    adopted.update(a=1, b=2)
    assert (adopted["a"], adopted.get("x"), adopted.get("x", 3), adopted.setdefault("b", 9)) == (1, None, 3, 2)
    adopted["c"] = 3
    assert (sorted(adopted), sorted(cache), adopted.maxsize, adopted.currsize) == (["b", "c"], ["b", "c"], 2, 2)
    assert adopted.ttl == 5
    assert adopted.cache is cache
    assert (adopted.pop("b"), adopted.pop("b", 7)) == (2, 7)
    clock.tick(5)
    assert adopted.expire() in ([("c", 3)], None)  # older versions of cachetools do not say what went
    assert "c" not in cache
    adopted["d"] = 4
    assert adopted.popitem() == ("d", 4)
    adopted["e"] = 5
    del adopted["e"]
    adopted.clear()
    assert (len(adopted), "a" in adopted) == (0, False)
    with pytest.raises(KeyError):
        adopted["a"]
    with pytest.raises(KeyError):
        adopted.pop("a")
    plain = registry.adopt(f"{name}-lru", cachetools.LRUCache[str, int](maxsize=2))
    assert not hasattr(plain, "expire")


def test_every_operation_holds_the_lock(name: str) -> None:
    """The one that was given, or a new one."""

    class Lock:
        depth = entered = 0

        def __enter__(self) -> None:
            self.depth += 1
            self.entered += 1

        def __exit__(self, *error: object) -> None:
            self.depth -= 1

    class Cache(cachetools.LRUCache[str, int]):
        def __getitem__(self, key: str) -> int:
            assert lock.depth == 1
            return super().__getitem__(key)

    lock = Lock()
    adopted = registry.adopt(name, Cache(maxsize=5), lock)
    assert adopted.lock is lock
    operations = [
        lambda: adopted.__setitem__("a", 1),
        lambda: adopted["a"],
        lambda: adopted.get("a"),
        lambda: "a" in adopted,
        lambda: len(adopted),
        lambda: list(iter(adopted)),
        lambda: adopted.currsize,
        lambda: adopted.setdefault("b", 1),
        lambda: adopted.pop("b"),
        lambda: adopted.getsizeof(1),
        adopted.popitem,
        adopted.clear,
    ]
    for number, operation in enumerate(operations, 1):
        operation()
        assert (lock.entered, lock.depth) == (number, 0)
    own = registry.adopt(f"{name}-own", Cache(maxsize=5))
    with own.lock:
        lock.depth = 1
        own["a"] = 1
        assert own["a"] == 1


def test_its_size_and_its_hits_are_published(name: str) -> None:
    """Under its own type, with its own bound."""
    cache: cachetools.TTLCache[str, int] = cachetools.TTLCache(maxsize=50, ttl=9)
    adopted = registry.adopt(name, cache)
    adopted["a"] = 1
    assert [adopted.get(key) for key in "aab"] == [1, 1, None]
    stats = published(name)
    assert stats is not None
    assert (stats.kind, stats.entries, stats.maxsize, stats.ttl) == ("TTLCache", 1, 50, 9)
    assert (stats.hits, stats.misses) == (2, 1)
    assert id(cache._Cache__data) in stats.container_ids  # type: ignore[attr-defined]
    assert repr(adopted) == f"Adopted('{name}', TTLCache, maxsize=50)"


def test_it_is_held_weakly_and_its_name_is_its_own(name: str) -> None:
    """As a map of ours."""
    adopted: object = registry.adopt(name, cachetools.LRUCache[str, int](maxsize=5))
    with pytest.raises(ValueError, match=name):
        BoundedMap(name, maxsize=5)
    with pytest.raises(TypeError, match=name):
        copy.copy(adopted)
    del adopted
    assert published(name) is None


def test_it_works_under_cached(name: str) -> None:
    """With its own statistics there."""
    adopted: Any = registry.adopt(name, cachetools.LRUCache[Any, int](maxsize=2))
    calls = []

    @cachetools.cached(adopted, lock=adopted.lock, info=True)
    def square(number: int) -> int:
        calls.append(number)
        return number * number

    assert [square(2), square(2), square(3)] == [4, 4, 9]
    assert calls == [2, 3]
    info = square.cache_info()
    assert (info.maxsize, info.currsize) == (2, 2)


@pytest.mark.parametrize("bad", [{}, [], 5, None])
def test_only_a_cache_can_be_adopted(name: str, bad: Any) -> None:
    """The type is named, and nothing is registered."""
    with pytest.raises(TypeError, match=type(bad).__name__):
        registry.adopt(name, bad)
    with pytest.raises(TypeError, match=r"lock .* 5"):
        registry.adopt(name, cachetools.LRUCache[str, int](maxsize=2), 5)  # type: ignore[arg-type]
    assert published(name) is None


def test_a_cache_that_cannot_be_read_is_left_out(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line about it, and all the others are still there."""

    def fail() -> float:
        raise OSError(5)

    cache: cachetools.TTLCache[str, int] = cachetools.TTLCache(maxsize=2, ttl=5, timer=fail)
    adopted = registry.adopt(name, cache)
    other = BoundedMap[str, int](f"{name}-other", maxsize=2)
    for _ in range(3):
        assert published(adopted.name) is None
    assert published(other.name) is not None
    assert caplog.text.count("cannot be read") == 1


def test_a_cache_that_is_hammered_stays_whole(name: str, switchy: None) -> None:
    """What cachetools alone does not promise."""
    cache: cachetools.TTLCache[int, int] = cachetools.TTLCache(maxsize=8, ttl=0.002)
    adopted = registry.adopt(name, cache)

    def work(number: int) -> None:
        for turn in range(500):
            adopted[turn % 16] = turn
            adopted.get(turn % 7)
            adopted.pop(turn % 5, None)
            assert len(adopted) <= 8

    hammer(work)


def test_iteration_sees_one_moment(name: str) -> None:
    """What comes and goes meanwhile neither shows nor breaks it."""
    adopted = registry.adopt(name, cachetools.LRUCache[str, int](maxsize=5))
    adopted.update(a=1, b=2)
    seen = []
    for key in adopted:
        adopted[key + "!"] = 3
        seen.append(key)
    assert seen == ["a", "b"]


def test_each_kind_of_read_is_counted_once(name: str) -> None:
    """A membership test is none."""
    adopted = registry.adopt(name, cachetools.LRUCache[str, int](maxsize=5))
    adopted.setdefault("a", 1)
    adopted.setdefault("a", 1)
    assert (adopted["a"], adopted.get("b"), "a" in adopted) == (1, None, True)
    stats = published(name)
    assert stats is not None
    assert (stats.hits, stats.misses) == (2, 2)


def test_the_bound_of_now_is_published(name: str) -> None:
    """Some caches can be told another; and a heap census finds the cache by its id."""
    cache: Any = cachetools.LRUCache[str, int](maxsize=5)
    adopted = registry.adopt(name, cache)
    cache._Cache__maxsize = 7
    stats = published(adopted.name)
    assert stats is not None
    assert (stats.maxsize, stats.container_ids[0]) == (7, id(cache))


def test_what_is_found_of_the_cache(name: str) -> None:
    """Its public methods by their names, and nothing private, which no lock would guard."""
    adopted: Any = registry.adopt(name, cachetools.TTLCache[str, int](maxsize=5, ttl=5))
    bare: Any = Adopted.__new__(Adopted)
    assert adopted.expire.__name__ == "expire"
    with pytest.raises(AttributeError, match="_Cache__data"):
        _ = adopted._Cache__data
    with pytest.raises(AttributeError, match="cache"):
        _ = bare.cache


def test_half_a_cache_and_a_bad_name_are_refused(name: str) -> None:
    """A bound alone does not say how full it is."""

    class Half(dict[str, int]):
        maxsize = 5

    with pytest.raises(TypeError, match="Half"):
        registry.adopt(name, Half())
    with pytest.raises(ValueError, match="name must be"):
        registry.adopt("", cachetools.LRUCache[str, int](maxsize=2))


def test_a_cache_is_adopted_once(name: str) -> None:
    """Under two locks it would have none; the second name stays free, and the cache is, once the first is gone."""
    cache = cachetools.LRUCache[str, int](maxsize=5)
    first: object = registry.adopt(name, cache)
    with pytest.raises(ValueError, match=rf"adopted already, as '{name}'.*got lock=None"):
        registry.adopt(f"{name}-again", cache)
    other = registry.adopt(f"{name}-again", cachetools.LRUCache[str, int](maxsize=5))
    assert other == {}  # as a mapping it equals the first, but is another
    cycle: list[object] = [first]
    cycle.append(cycle)
    del first, cycle
    assert registry.adopt(f"{name}-later", cache).cache is cache


def test_a_cache_is_adopted_again_under_the_lock_that_was_given_for_both(name: str) -> None:
    """Not under another, nor one that was given for the second alone."""
    cache = cachetools.LRUCache[str, int](maxsize=5)
    lock = threading.RLock()
    first = registry.adopt(name, cache, lock)
    second = registry.adopt(f"{name}-b", cache, lock)
    first["a"] = 1
    assert second["a"] == 1
    others: list[Any] = [None, threading.RLock()]
    for bad in others:
        with pytest.raises(ValueError, match="adopted already"):
            registry.adopt(f"{name}-c", cache, bad)
    plain = cachetools.LRUCache[str, int](maxsize=5)
    own = registry.adopt(f"{name}-d", plain)
    for bad in (lock, own.lock):
        with pytest.raises(ValueError, match="adopted already"):
            registry.adopt(f"{name}-e", plain, bad)


def test_what_is_ours_is_not_adopted(name: str) -> None:
    """It has its own lock and its own name, which the error says."""
    ours: list[Any] = [
        BoundedMap[str, int](f"{name}-map", maxsize=5),
        registry.adopt(f"{name}-adopted", cachetools.LRUCache[str, int](maxsize=5)),
    ]
    for each in ours:
        with pytest.raises(TypeError, match=rf"somebody else's .*'{each.name}'.* has its lock and its name already"):
            registry.adopt(name, each)
    assert published(name) is None
