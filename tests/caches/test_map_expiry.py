"""When entries of a map go: times of their own, batches, clocks, ages."""

import sys
from collections.abc import Callable

import pytest

from floodmark_caches import BoundedMap, RemovalCause
from tests.caches.conftest import Clock

pytestmark = pytest.mark.usefixtures("alone")

Removals = list[tuple[str, int, RemovalCause]]


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


def test_evictions_before_the_ttl_are_counted(name: str, clock: Clock) -> None:
    """They say that the bound, not the ttl, decides."""
    store = BoundedMap[int, int](name, maxsize=2, ttl=5, timer=clock)
    store.update({number: number for number in range(5)})
    assert store.stats().evicted_before_ttl == 3


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
        store.clear,
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
        delay = store._tend()
        assert delay is not None
        assert delay <= 0
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


def test_no_use_clears_away_more_than_a_batch_of_stale_times(name: str, clock: Clock) -> None:
    """Entries with a ttl of their own that are replaced leave theirs behind; what is left stays in order all the same."""
    store = BoundedMap[int, int](name, maxsize=4000, timer=clock)

    def times() -> int:
        return len(store._order._heap) + len(store._order._old)

    most = 0

    def use(act: Callable[..., object], *args: object, **named: object) -> None:
        nonlocal most
        before = times()
        act(*args, **named)
        most = max(most, before - times())

    for number in range(4000):
        store.set(number, number, ttl=5)
    for number in range(4000):
        use(store.set, number, number, ttl=50 + number % 7)
    clock.tick(5)
    use(store.set, 4000, 4000, ttl=44)  # 4,000 stale times are due
    while times() > 4001:  # the live ones, and that of the key that was evicted
        use(store._tend)
    for number in range(1000, 4000):
        use(store.pop, number)
    for number in range(500):
        use(store.__setitem__, number, number)
    assert most <= 500
    assert times() <= 2 * 501 + 32
    expected = [4000, *sorted(range(500, 1000), key=lambda number: (number % 7, number))]
    assert [key for key, _ in store.expire(clock.now + 60)] == expected


def test_stale_times_do_not_hide_an_entry_that_is_due(name: str, clock: Clock) -> None:
    """More of them than one use takes away: whoever counts or puts in comes to the end of them."""
    store = BoundedMap[int, int](name, maxsize=2000, timer=clock)
    for number in range(1000):
        store.set(number, number, ttl=5)
    for number in range(999):
        store.set(number, number, ttl=50)
    store.set(1000, 0, ttl=4)
    clock.tick(5)
    assert len(store) == 999
    assert store.stats().removals["expired"] == 2


def test_a_map_that_was_large_gives_its_tables_back(name: str, clock: Clock) -> None:
    """Python's tables never shrink by themselves; what is left stays as it was, in its order."""
    store: BoundedMap[int, int] = BoundedMap(name, maxsize=20_000, ttl=10, timer=clock)
    for number in range(10_000):
        store[number] = number
    for number in range(10_000, 20_000):
        store.set(number, number, ttl=5)
    clock.tick(5)
    store.update({-1: 1, -2: 2, -3: 3})
    assert store[-1] == 1
    wide = sys.getsizeof(store._data)
    clock.tick(6)

    while len(store._data) > 3:
        store._tend()
    store._tend()

    assert sys.getsizeof(store._data) < wide / 50
    assert sys.getsizeof(store._order.queue) < wide / 50
    assert sys.getsizeof(store._order._own) < wide / 50
    assert list(store.items()) == [(-2, 2), (-3, 3), (-1, 1)]
    clock.tick(5)
    assert list(store) == []


def test_a_key_that_fails_keeps_the_tables_as_they_are(name: str, clock: Clock) -> None:
    """Its map goes on being tended."""

    class Key:
        broken = False

        def __hash__(self) -> int:
            if self.broken:
                raise OSError
            return 1

    store: BoundedMap[object, int] = BoundedMap(name, maxsize=20_000, ttl=10, timer=clock)
    for number in range(10_000):
        store[number] = number
    clock.tick(5)
    store[Key()] = 1
    clock.tick(6)
    Key.broken = True

    while len(store._data) > 1:
        store._tend()
    store._tend()

    Key.broken = False
    assert len(store) == 1
