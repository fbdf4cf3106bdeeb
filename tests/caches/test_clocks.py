"""What maps make of their clocks: such as go backwards, jump ahead, fail, or are none."""

import datetime as dt
import math
import time
from collections.abc import Callable

import cachetools
import pytest

from floodmark_caches import BoundedMap, PendingSet, SeenSet, registry
from tests.caches.conftest import Clock, published
from tests.caches.fix_kinds import AnyStore, put, take

pytestmark = pytest.mark.usefixtures("alone")


class Stopped(Clock):
    """A clock that can break."""

    broken = False

    def __call__(self) -> float:
        """The time now, or OSError."""
        if self.broken:
            msg = "the clock is broken"
            raise OSError(msg)
        return super().__call__()


def test_a_clock_that_goes_backwards_breaks_nothing(kind: Callable[..., AnyStore], name: str, clock: Clock) -> None:
    """What was in goes when its time comes again; what came since goes in its own time; no age is below zero."""
    store = kind(name, maxsize=3, ttl=5, timer=clock)
    put(store, "a")
    clock.tick(-100)
    assert "a" in store
    assert store.stats().oldest_age == 0
    put(store, "b")
    clock.tick(4)
    assert sorted(store) == ["a", "b"]
    clock.tick(1)
    assert (len(store), sorted(store)) == (1, ["a"])
    put(store, "c")
    clock.tick(99)
    assert sorted(store) == ["a"]
    if not isinstance(store, PendingSet):
        for key in "de":
            put(store, key)
        clock.tick(-50)
        put(store, "f")
        assert sorted(store) == ["d", "e", "f"]
        stats = store.stats()
        assert (stats.last_evicted_age, stats.mean_evicted_age) == (0, 0)
    clock.tick(60)
    assert len(store) == 0


def test_a_clock_that_jumped_ahead_and_came_back_spoils_no_later_ttl(
    kind: Callable[..., AnyStore], name: str, clock: Clock
) -> None:
    """The entry of that moment stays as long as it said; whatever comes after it lives for its ttl, as in cachetools."""
    store = kind(name, maxsize=10, ttl=5, timer=clock)
    theirs = cachetools.TTLCache[str, str](maxsize=10, ttl=5, timer=clock)
    for key, jump in (("far", 1e9), ("a", -1e9), ("b", 1), ("c", 1)):
        clock.tick(jump)
        put(store, key)
        theirs[key] = key
    for seconds in (3, 1, 1):
        clock.tick(seconds)
        live = [key for key in ("a", "b", "c", "far") if key in theirs]
        assert (len(store), sorted(store)) == (len(live), live)
    assert sorted(store) == ["far"]


def test_a_touch_on_a_clock_that_went_backwards_counts_from_then(name: str, clock: Clock) -> None:
    """The ttl is counted from the touch; when it is over, the key makes room before one that is live."""
    store = SeenSet[str](name, maxsize=2, ttl=5, timer=clock)
    store.add("z")
    store.add("a")
    clock.tick(-100)
    assert store.touch("a")
    clock.tick(4)
    assert sorted(store) == ["a", "z"]
    clock.tick(1)
    store.add("b")
    assert sorted(store) == ["b", "z"]
    clock.tick(5)
    assert (len(store), sorted(store)) == (1, ["z"])
    assert store.stats().removals["expired"] == 2


def test_expired_entries_make_room_first_on_a_clock_that_went_backwards(name: str, clock: Clock) -> None:
    """Though a live one was used less recently."""
    store = BoundedMap[str, int](name, maxsize=2, ttl=5, timer=clock)
    store["a"] = 1
    clock.tick(-100)
    store["b"] = 2
    clock.tick(5)
    store["c"] = 3
    assert list(store) == ["a", "c"]
    assert store.stats().evicted_before_ttl == 0


def test_an_expired_claim_makes_room_on_a_clock_that_went_backwards(name: str, clock: Clock) -> None:
    """A set full of claims, one of which is over, takes another."""
    store = PendingSet[str](name, maxsize=2, ttl=5, timer=clock)
    store.claim("a")
    clock.tick(-100)
    store.claim("b")
    clock.tick(5)
    assert store.claim("c")
    assert sorted(store) == ["a", "c"]


def test_a_clock_that_fails_changes_nothing(kind: Callable[..., AnyStore], name: str) -> None:
    """Nothing goes in or out untold; the map goes on when the clock does."""
    clock = Stopped()
    store = kind(name, maxsize=2, ttl=5, timer=clock)
    put(store, "a")
    before = store.stats()
    clock.broken = True
    for act in (put, take):
        with pytest.raises(OSError, match="broken"):
            act(store, "a")
    if isinstance(store, BoundedMap):
        for use in (store.popitem, store.clear, store.expire, lambda: store.pop("a")):
            with pytest.raises(OSError, match="broken"):
                use()
    clock.broken = False
    after = store.stats()
    assert (after.adds, after.removes, after.removals) == (before.adds, before.removes, before.removals)
    assert list(store) == ["a"]


def test_a_map_whose_clock_fails_is_published_all_the_same(kind: Callable[..., AnyStore], name: str) -> None:
    """All but the age, which nobody can know, and with it every other map."""
    clock = Stopped()
    store = kind(name, maxsize=2, ttl=5, timer=clock)
    other = SeenSet[str](f"{name}-other", maxsize=2)
    put(store, "a")
    clock.broken = True
    seen = published(name)
    assert seen is not None
    assert (seen.entries, seen.oldest_age) == (1, None)
    assert published(other.name) is not None
    clock.broken = False  # for the look inside that follows every test


@pytest.mark.parametrize(
    ("timer", "error", "said"),
    [
        (7, TypeError, "timer must be callable .got 7."),
        (dt.datetime.now, TypeError, "the time from timer must be a number .got datetime"),
        (lambda: math.nan, ValueError, "the time from timer must be finite .got nan."),
        (lambda: math.inf, ValueError, "the time from timer must be finite .got inf."),
    ],
)
def test_a_clock_that_is_none_is_refused(
    kind: Callable[..., AnyStore], name: str, timer: object, error: type[Exception], said: str
) -> None:
    """At once, with what it gave, and the name stays free."""
    with pytest.raises(error, match=said):
        kind(name, maxsize=2, ttl=5, timer=timer)
    assert name not in [stats.name for stats in registry.stats()]
    kind(name, maxsize=2, ttl=5, timer=time.monotonic)
