"""SeenSet says whether a key is new."""

import pytest

from floodmark_caches import SeenSet
from tests.caches.conftest import Clock

pytestmark = pytest.mark.usefixtures("alone")


def test_add_says_whether_the_key_was_new(name: str, clock: Clock) -> None:
    """Once for each ttl, counted as misses and hits."""
    seen = SeenSet[str](name, maxsize=10, ttl=5, timer=clock)
    assert [seen.add("a"), seen.add("a"), seen.add("b")] == [True, False, True]
    clock.tick(5)
    assert seen.add("a")
    assert (seen.stats().misses, seen.stats().hits) == (3, 1)


def test_touch_extends_the_time(name: str, clock: Clock) -> None:
    """Of a known key only, and the order of expiry follows."""
    seen = SeenSet[str](name, maxsize=10, ttl=5, timer=clock)
    seen.add("a")
    clock.tick(1)
    seen.add("b")
    clock.tick(3)
    assert seen.touch("a")
    assert not seen.touch("x")
    clock.tick(2)
    assert [*iter(seen)] == ["a"]
    assert not seen.touch("b")
    clock.tick(3)
    assert len(seen) == 0


def test_touch_without_a_ttl_refreshes_recency(name: str) -> None:
    """The touched key is evicted last."""
    seen = SeenSet[str](name, maxsize=2)
    seen.add("a")
    seen.add("b")
    assert seen.touch("a")
    seen.add("c")
    assert list(seen) == ["a", "c"]


def test_adding_a_known_key_refreshes_recency(name: str) -> None:
    """A key that keeps coming is remembered longest."""
    seen = SeenSet[str](name, maxsize=2)
    for key in "abac":
        seen.add(key)
    assert list(seen) == ["a", "c"]


def test_keys_that_are_forgotten_too_soon_are_counted(name: str, clock: Clock) -> None:
    """The set has begun to repeat work, and says so."""
    seen = SeenSet[int](name, maxsize=10, ttl=3600, timer=clock)
    for number in range(25):
        seen.add(number)
    assert seen.stats().evicted_before_ttl == 15


def test_discard_and_clear(name: str, clock: Clock) -> None:
    """A forgotten key is new again."""
    seen = SeenSet[str](name, maxsize=10, ttl=5, timer=clock)
    seen.add("a")
    assert seen.discard("a")
    assert not seen.discard("a")
    assert seen.add("a")
    clock.tick(5)
    assert not seen.discard("a")
    seen.add("b")
    seen.clear()
    assert len(seen) == 0
    assert seen.add("b")
