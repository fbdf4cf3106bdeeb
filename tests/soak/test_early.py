"""Looks at a run before its end."""

import sqlite3
from dataclasses import dataclass, field
from typing import Any

import pytest

from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.judge import judge
from floodmark_sidecar.traces import generate
from floodmark_soak._early import Early

HOUR = 3600.0
CLIMBING = judge(generate("L1", seed=3, duration=600.0, growth=1e6).trace)
STEADY = judge(generate("N1", seed=3, duration=600.0).trace)


@dataclass
class Scripted:
    """Looks that come to what the test says; under way until it lets them."""

    value: Any = STEADY
    taken: int = 0
    done: bool = True
    early: Early = field(init=False)

    def begin(self) -> "Scripted":
        """Begin a look."""
        self.taken += 1
        return self

    def result(self) -> Any:
        """Return what it came to, or raise it."""
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    def at(self, hours: float, *, seen: float = 0.0) -> "Scripted":
        """Make the looks of a run of so many hours."""
        self.early = Early(self.begin, planned=hours * HOUR, seen=seen * HOUR)
        return self


def test_a_day_is_looked_at_each_hour_from_the_tenth_on() -> None:
    """Once each, however often it is asked; and not at its end."""
    looks = Scripted().at(24)
    for quarter in range(24 * 4 + 1):
        looks.early.found(quarter * HOUR / 4)
    assert looks.taken == 13


def test_growth_beyond_doubt_is_told_once() -> None:
    """And then nobody looks any more: a run that goes on all the same has been told."""
    looks = Scripted(CLIMBING).at(24)
    assert looks.early.found(9 * HOUR) is None
    assert looks.early.found(10 * HOUR) == "growth beyond doubt after 10 h of 1 d"
    assert [looks.early.found(hour * HOUR) for hour in range(11, 24)] == [None] * 13
    assert looks.taken == 1


def test_looks_of_earlier_segments_are_not_taken_again() -> None:
    """A run that goes on at its fifteenth hour is looked at next at its sixteenth."""
    looks = Scripted(CLIMBING).at(24, seen=15.0)
    assert looks.early.found(15.5 * HOUR) is None
    assert looks.early.found(16 * HOUR) is not None


def test_a_look_that_takes_long_is_waited_for_and_not_doubled() -> None:
    """What was due meanwhile is taken after it."""
    looks = Scripted(CLIMBING, done=False).at(24)
    assert [looks.early.found(hour * HOUR) for hour in (10, 11, 12)] == [None] * 3
    looks.done = True
    assert looks.early.found(12.5 * HOUR) is not None
    assert looks.taken == 1


@pytest.mark.parametrize("error", [FloodmarkError("gone"), OSError("disk"), sqlite3.OperationalError("locked")])
def test_a_look_that_fails_shows_nothing(error: Exception) -> None:
    """The next one is taken."""
    looks = Scripted(error).at(24)
    assert looks.early.found(10 * HOUR) is None
    looks.value = CLIMBING
    assert looks.early.found(11 * HOUR) is not None


def test_a_short_run_is_not_looked_at() -> None:
    """Minutes tell nothing beyond doubt."""
    looks = Scripted(CLIMBING).at(0.1)
    assert [looks.early.found(second) for second in range(0, 360, 30)] == [None] * 12
    assert looks.taken == 0
