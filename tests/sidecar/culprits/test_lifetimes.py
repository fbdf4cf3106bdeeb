"""What samples of entries tell of how long entries stay."""

import random

import pytest

from floodmark_sidecar.culprits._lifetimes import Lifetimes, lifetimes, together
from tests.sidecar.culprits.scripted import MINUTE, capture, container

SAMPLE = 100
SPACE = 1 << 44


def seen(*contents: set[int], every: float = MINUTE) -> Lifetimes | None:
    """Return what is told by captures that found these entries, each by its token, sampled as an agent samples."""
    looks = [
        capture(number * every, [container("app.seen", len(held), tokens=sorted(held)[:SAMPLE])])
        for number, held in enumerate(contents)
    ]
    return lifetimes([(look.t, look.containers[0]) for look in looks])


def test_one_look_tells_nothing() -> None:
    """Nor do two of which one had no sample."""
    assert seen({1, 2, 3}) is None
    assert seen(set(), {1, 2, 3}) is None


def test_nothing_that_was_followed_left() -> None:
    """Entries that only came are followed from their first capture on."""
    assert seen({1, 2}, {1, 2, 3, 4}, {1, 2, 3, 4, 5}) == Lifetimes(
        followed=4, left=0, longest=0.0, span=120.0, rest=60.0, came_per_hour=3 / 120 * 3600
    )


def test_how_long_they_stayed_counts_from_the_capture_before() -> None:
    """One that was in two captures may have come right after the one before, and gone right before the one after."""
    found = seen({1}, {1, 7}, {1, 7}, {1})
    assert found is not None
    assert (found.followed, found.left, found.longest) == (2, 1, 3 * MINUTE)


def test_those_of_the_first_capture_are_as_old_as_the_look() -> None:
    """Nobody knows when they came."""
    found = seen({1, 2}, {1, 2}, {1})
    assert found is not None
    assert (found.left, found.longest) == (1, 2 * MINUTE)


def test_one_that_comes_back_has_not_left() -> None:
    """A key that is taken out and put in again is wanted again."""
    found = seen({1, 2}, {2}, {1, 2})
    assert found is not None
    assert (found.followed, found.left, found.longest) == (2, 0, MINUTE)


def test_a_sample_is_not_taken_for_the_whole() -> None:
    """Entries above the sample of a container that has grown are not looked for: they need not have left."""
    chance = random.Random(1)
    tokens = [chance.randrange(SPACE) for _ in range(20_000)]
    found = seen(*(set(tokens[:size]) for size in (500, 2_000, 8_000, 20_000)))
    assert found is not None
    assert found.left == 0
    assert found.followed > SAMPLE / 4
    assert found.came_per_hour == pytest.approx(19_500 / 180 * 3600, rel=0.15)


def test_a_tenth_that_leaves_is_seen_in_a_sample() -> None:
    """Whatever the container's size, the sample is of it all."""
    chance = random.Random(2)
    tokens = [chance.randrange(SPACE) for _ in range(10_000)]
    found = seen(set(tokens), set(tokens[1_000:]))
    assert found is not None
    assert found.left / found.followed == pytest.approx(0.1, abs=0.08)


def test_several_containers_together() -> None:
    """Workers add up in what was followed; the longest life of any is the longest."""
    one = Lifetimes(10, 2, 30.0, 60.0, 30.0, 100.0)
    other = Lifetimes(20, 0, 0.0, 90.0, 45.0, 80.0)
    assert together([one, None, other]) == Lifetimes(30, 2, 30.0, 90.0, 45.0, 100.0)
    assert together([None]) is None
