"""BoundedMap: a mapping with a bound."""

import gc
import logging
import operator
from collections.abc import Callable

import cachetools
import pytest

from floodmark_caches import BoundedMap, RemovalCause
from tests.caches.conftest import Clock, check_store, eventually

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


def test_one_entry_may_have_a_ttl_of_its_own(name: str, clock: Clock) -> None:
    """Shorter than the map's, longer than the map's, and in a map without one."""
    store = BoundedMap[str, int](name, maxsize=9, ttl=10, timer=clock)
    store.set("short", 1, ttl=2)
    store.set("long", 2, ttl=50)
    store["usual"] = 3
    clock.tick(2)
    assert [*iter(store)] == ["long", "usual"]
    clock.tick(8)
    assert [*iter(store)] == ["long"]
    assert store.expire() == [("short", 1), ("usual", 3)]
    forever = BoundedMap[str, int](f"{name}-forever", maxsize=9, timer=clock)
    forever["stays"] = 1
    forever.set("goes", 2, ttl=5)
    clock.tick(5)
    assert list(forever) == ["stays"]


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), True, "5"])
def test_a_bad_own_ttl_changes_nothing(name: str, ttl: float) -> None:
    """The value is named and the old entry stays."""
    store = BoundedMap[str, int](name, maxsize=9)
    store["a"] = 1
    with pytest.raises((ValueError, TypeError), match=f"ttl .*{ttl!r}"):
        store.set("a", 2, ttl=ttl)
    assert store["a"] == 1


def test_many_own_ttls_that_are_replaced_leave_no_trace(name: str, clock: Clock) -> None:
    """The order of expiry stays as small as the map, however often an entry is put in anew."""
    store = BoundedMap[int, int](name, maxsize=10, timer=clock)
    for number in range(5000):
        store.set(number % 7, number, ttl=1000 - number / 10)
    assert len(store._order._heap) <= 50
    clock.tick(2000)
    assert len(store.expire()) == 7


def test_every_removal_is_told_with_its_cause(name: str, clock: Clock) -> None:
    """Each entry that went is told once, after it went, with why."""
    told: Removals = []
    store = BoundedMap[str, int](
        name, maxsize=2, ttl=5, timer=clock, on_remove=lambda key, value, cause: told.append((key, value, cause))
    )
    store["a"] = 1
    store["a"] = 2
    store["b"] = 3
    store["c"] = 4
    del store["b"]
    clock.tick(5)
    store["d"] = 5
    assert store.pop("c", None) is None
    store["e"] = 6
    store.clear()
    assert told == [
        ("a", 1, RemovalCause.REPLACED),
        ("a", 2, RemovalCause.SIZE),
        ("b", 3, RemovalCause.EXPLICIT),
        ("c", 4, RemovalCause.EXPIRED),
        ("d", 5, RemovalCause.EXPLICIT),
        ("e", 6, RemovalCause.EXPLICIT),
    ]
    assert store.stats().removals == {"explicit": 3, "replaced": 1, "expired": 1, "size": 1}


def test_evictions_before_the_ttl_are_counted(name: str, clock: Clock) -> None:
    """They say that the bound, not the ttl, decides."""
    store = BoundedMap[int, int](name, maxsize=2, ttl=5, timer=clock)
    store.update({number: number for number in range(5)})
    assert store.stats().evicted_before_ttl == 3


def test_a_callback_that_fails_breaks_nothing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; the map has changed as asked, and the next callback is called."""
    told: list[str] = []

    def fail(key: str, value: int, cause: RemovalCause) -> None:
        told.append(key)
        msg = f"no {key}"
        raise RuntimeError(msg)

    store = BoundedMap[str, int](name, maxsize=1, on_remove=fail)
    with caplog.at_level(logging.ERROR, "floodmark.caches"):
        store["a"] = 1
        store["b"] = 2
        store["c"] = 3
    assert told == ["a", "b"]
    assert list(store) == ["c"]
    assert "no a" in caplog.text
    assert "no b" in caplog.text


def test_a_callback_may_use_its_map(name: str) -> None:
    """It runs outside the lock, when the removal is complete."""
    seen: list[object] = []
    store: BoundedMap[str, int] = BoundedMap(
        name, maxsize=1, on_remove=lambda key, value, cause: seen.append((key in store, len(store), store.get("b")))
    )
    store["a"] = 1
    store["b"] = 2
    assert seen == [(False, 1, 2)]


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


def test_a_getsizeof_that_raises_changes_nothing(name: str) -> None:
    """Its error reaches the caller."""
    store = BoundedMap[str, object](name, maxsize=10, getsizeof=len)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="len"):
        store["a"] = 5
    assert len(store) == 0


def test_missing_keys(name: str) -> None:
    """KeyError where a dict raises it, and the defaults where a dict has them."""
    store = BoundedMap[str, int](name, maxsize=10)
    for attempt in (lambda: store["x"], lambda: store.pop("x"), lambda: operator.delitem(store, "x"), store.popitem):
        with pytest.raises(KeyError):
            attempt()
    assert (store.get("x"), store.get("x", default=5), store.pop("x", 6)) == (None, 5, 6)
    assert (store.setdefault("x", 7), store.setdefault("x", 8)) == (7, 7)
    assert store.stats().misses == 4


def test_an_expired_key_is_missing_everywhere(name: str, clock: Clock) -> None:
    """As if it had been removed at that time, whether or not it was released."""
    store = BoundedMap[str, int](name, maxsize=10, ttl=5, timer=clock)
    for _ in range(2):
        store["a"] = 1
        clock.tick(5)
        assert store.get("a") is None
        with pytest.raises(KeyError):
            store["a"]
        with pytest.raises(KeyError):
            del store["a"]
    store["a"] = 1
    clock.tick(5)
    assert store.setdefault("a", 2) == 2
    clock.tick(5)
    with pytest.raises(KeyError, match="empty"):
        store.popitem()
    assert store.stats().removals["expired"] == 4


def test_popitem_takes_the_least_recently_used(name: str) -> None:
    """The pair that would be evicted next."""
    store = BoundedMap[str, int](name, maxsize=10)
    store.update(a=1, b=2)
    assert store["a"] == 1
    assert store.popitem() == ("b", 2)


def test_expire_returns_the_pairs(name: str, clock: Clock) -> None:
    """In the order of expiry, also for a time that is given."""
    store = BoundedMap[str, int](name, maxsize=10, ttl=5, timer=clock)
    store["a"] = 1
    clock.tick(1)
    store["b"] = 2
    assert store.expire() == []
    assert store.expire(clock.now + 4) == [("a", 1)]
    clock.tick(5)
    assert store.expire() == [("b", 2)]


def test_many_expired_entries_are_released_in_batches(name: str, clock: Clock) -> None:
    """No hold of the lock is longer than one batch takes, and none is forgotten."""
    store = BoundedMap[int, int](name, maxsize=3000, ttl=5, timer=clock)
    store.update({number: number for number in range(3000)})
    clock.tick(5)
    gone: list[object] = []
    store._release_batch(clock.now, gone)  # type: ignore[arg-type]
    assert len(gone) == 500
    assert len(store) == 0
    assert store.stats().removals["expired"] == 3000


def test_a_clock_that_goes_backwards_keeps_the_map_whole(name: str, clock: Clock) -> None:
    """Entries live a little longer then, and all of them go in the end."""
    store = BoundedMap[str, int](name, maxsize=10, ttl=5, timer=clock)
    store["a"] = 1
    clock.tick(-100)
    store["b"] = 2
    assert len(store) == 2
    check_store(store)  # type: ignore[arg-type]
    clock.tick(105)
    assert len(store) == 0


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


def test_a_finalizer_may_change_the_map_it_was_in(name: str) -> None:
    """A value whose end removes another key, as a weak reference's callback would."""

    class Tidy:
        def __init__(self, key: str) -> None:
            self.key = key

        def __del__(self) -> None:
            store.pop(self.key, None)

    store: BoundedMap[str, object] = BoundedMap(name, maxsize=2)
    store["b"] = 1
    store["a"] = Tidy("b")
    store["a"] = 2
    eventually(lambda: list(store) == ["a"])


def test_a_finalizer_inside_a_read_may_remove_what_is_read(name: str) -> None:
    """The value is returned all the same: it was live when it was looked up."""
    armed: list[str] = []

    def now() -> float:
        if armed:
            del store[armed.pop()]
        return 0.0

    store: BoundedMap[str, int] = BoundedMap(name, maxsize=2, ttl=5, timer=now)
    reads: list[Callable[[], int | None]] = [lambda: store["a"], lambda: store.get("a")]
    for read in reads:
        store["a"] = 1
        armed.append("a")
        assert read() == 1
        assert "a" not in store


def test_the_collector_may_run_finalizers_in_the_middle_of_everything(name: str) -> None:
    """They use the map, in the very thread that is clearing it or looking at all of it: nothing is told twice."""

    class Tidy:
        def __init__(self, key: int) -> None:
            self.key, self.cycle = key, self

        def __del__(self) -> None:
            if store is not None:
                store.pop(self.key, None)

    told: list[int] = []
    before = gc.get_threshold()
    for use in ("clear", "items", "expire"):
        clock = Clock()
        store: BoundedMap[int, int] | None = BoundedMap(
            f"{name}{use}", maxsize=9000, ttl=5, timer=clock, on_remove=lambda key, value, cause: told.append(key)
        )
        assert store is not None
        store.update({number: number for number in range(9000)})
        told.clear()
        gc.collect()
        gc.set_threshold(400)
        try:
            for number in range(300):
                Tidy(number * 30)
            if use == "clear":
                store.clear()
            elif use == "items":
                assert len(list(iter(store.items()))) > 8600
                store.clear()
            else:
                clock.tick(5)
                store.expire()
        finally:
            gc.set_threshold(*before)
        gc.collect()
        assert sorted(told) == list(range(9000))
        assert store.stats().removes == 9000
        check_store(store)  # type: ignore[arg-type]
        store = None


def test_a_hold_of_the_lock_releases_one_batch_at_most(name: str, clock: Clock) -> None:
    """Whoever it is that releases a great many, the others get in between."""
    store = BoundedMap[int, int](name, maxsize=4000, ttl=5, timer=clock)
    released: list[int] = []

    class Lock:
        def __enter__(self) -> None:
            self.before = len(store._data)
            store._own_lock.acquire()

        def __exit__(self, *error: object) -> None:
            store._own_lock.release()
            released.append(self.before - len(store._data))

    store._lock = Lock()  # type: ignore[assignment]
    uses: list[Callable[[], object]] = [
        store.__len__,
        store.expire,
        lambda: store.currsize,
        lambda: store.pop(3, None),
        lambda: store.set(-1, 0),
        lambda: store.__setitem__(-1, 0),
        lambda: store.setdefault(-2, 0),
        lambda: store.get(5),
        lambda: list(iter(store)),
        lambda: -3 in store,
        lambda: store.get_or_create(-3, int),
        store.stats,
    ]
    for own in (False, True):
        for use in uses:
            for number in range(4000):
                store.set(number, number, ttl=5 if own else None)
            clock.tick(5)
            released.clear()
            use()
            assert max(released, default=0) <= 500
            store.clear()
    for number in range(4000):
        store[number] = number
    clock.tick(5)
    for left in (3500, 3000):
        assert store._tend() == 0
        assert len(store._data) == left


@pytest.mark.parametrize("listened", [False, True], ids=["plain", "with a listener"])
def test_own_ttls_at_the_bound(name: str, clock: Clock, listened: bool) -> None:
    """What expires first makes room first, though it came last; what is given up alive is counted, if it had a ttl."""
    on_remove = (lambda *removed: None) if listened else None
    store = BoundedMap[str, int](name, maxsize=3, timer=clock, on_remove=on_remove)
    store["stays"] = 0
    store.set("long", 1, ttl=50)
    store.set("short", 2, ttl=2)
    clock.tick(2)
    store["a"] = 3
    assert list(store) == ["stays", "long", "a"]
    assert store.stats().removals["expired"] == 1
    store["b"] = 4
    assert store.stats().evicted_before_ttl == 0
    store["c"] = 5
    assert (list(store), store.stats().evicted_before_ttl) == (["a", "b", "c"], 1)
    limited = BoundedMap[str, int](f"{name}-ttl", maxsize=2, ttl=10, timer=clock, on_remove=on_remove)
    limited.set("long", 1, ttl=50)
    for key in "abc":
        limited[key] = 2
    assert (list(limited), limited.stats().evicted_before_ttl) == (["b", "c"], 2)


def test_a_new_value_takes_the_ttl_it_is_given(name: str, clock: Clock) -> None:
    """Not that of the value before it, neither longer nor shorter."""
    store = BoundedMap[str, int](name, maxsize=9, ttl=10, timer=clock)
    for first, then in ((50, None), (2, None), (None, 2), (None, 50), (50, 2)):
        store.set("a", 1, ttl=first)
        store.set("a", 2, ttl=then)
        life = then or 10
        clock.tick(life - 0.5)
        assert store.get("a") == 2
        clock.tick(0.5)
        assert store.get("a") is None
        assert len(store) == 0


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


def test_a_map_that_is_filled_while_a_value_is_weighed(name: str) -> None:
    """A weight is asked for outside the lock, and the key may be there afterwards."""

    def weigh(value: int) -> int:
        assert not store._own_lock._is_owned()  # type: ignore[attr-defined]
        if value == 2:
            store["a"] = 1
        return value

    store: BoundedMap[str, int] = BoundedMap(name, maxsize=9, getsizeof=weigh)
    assert store.setdefault("a", 2) == 1
    assert (store.currsize, store.stats().hits, store.stats().misses) == (1, 1, 0)


def test_a_time_that_is_none_expires_nothing(name: str, clock: Clock) -> None:
    """It is named."""
    store = BoundedMap[str, int](name, maxsize=9, ttl=10, timer=clock)
    store["a"] = 1
    with pytest.raises(ValueError, match=r"time .* nan"):
        store.expire(float("nan"))
    assert list(store) == ["a"]
    assert store.expire(float("inf")) == [("a", 1)]


def test_no_age_at_eviction_is_below_zero(name: str, clock: Clock) -> None:
    """When the clock went back meanwhile, in a map without a ttl, too."""
    store = BoundedMap[str, int](name, maxsize=1, timer=clock)
    for key in "abc":
        store[key] = 1
        clock.tick(-50)
    assert (store.stats().last_evicted_age, store.stats().mean_evicted_age) == (0, 0)


def test_what_is_cleared_had_expired_or_not(name: str, clock: Clock) -> None:
    """Each is told and counted as what it was."""
    told: list[tuple[str, RemovalCause]] = []
    store = BoundedMap[str, int](
        name, maxsize=9, ttl=5, timer=clock, on_remove=lambda key, value, cause: told.append((key, cause))
    )
    store["a"] = 1
    clock.tick(3)
    store["b"] = 2
    clock.tick(2)
    store.clear()
    assert told == [("a", RemovalCause.EXPIRED), ("b", RemovalCause.EXPLICIT)]
    assert store.stats().removals == {"explicit": 1, "replaced": 0, "expired": 1, "size": 0}


def test_a_plain_map_warns_outside_the_lock(name: str) -> None:
    """Handlers are foreign code."""
    locked: list[bool] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            locked.append(store._own_lock._is_owned())  # type: ignore[attr-defined]

    store = BoundedMap[str, int](name, maxsize=3, warn_at=2)
    handler = Handler()
    logging.getLogger("floodmark.caches").addHandler(handler)
    try:
        store["a"] = store["b"] = 1
    finally:
        logging.getLogger("floodmark.caches").removeHandler(handler)
    assert locked == [False]


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


def test_own_ttls_expire_in_their_order_after_many_have_gone(name: str, clock: Clock) -> None:
    """Though the index of expiry was cleared of those in between."""
    store = BoundedMap[int, int](name, maxsize=1000, timer=clock)
    lives = [number * 7919 % 997 + 1 for number in range(600)]
    for number, ttl in enumerate(lives):
        store.set(number, ttl, ttl=ttl)
    for number in range(600):
        if number % 3:
            del store[number]
    assert [life for _, life in store.expire(clock.now + 2000)] == sorted(lives[::3])
