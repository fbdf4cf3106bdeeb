"""Teeth that end: found where they do, and nowhere else; what grows from there on is judged from there on."""

import numpy as np
import pytest

from floodmark_sidecar.judge import explain, judge
from floodmark_sidecar.judge._teeth import teeth_end
from tests.sidecar.judge.traces import KIB, MIB, Array, Clock, Maker

CLOCK = Clock(1800.0, 5.0)
SPAN = CLOCK.seconds
SEEDS = range(300, 320)


def toothed(seed: int, *, until: float, height: float = 4 * MIB, period: float = 60.0) -> Maker:
    """Memory with teeth of *period* seconds up to the share *until* of the run, and little noise."""
    made = Maker(CLOCK, seed, 100 * MIB).noise(100 * KIB, 0.5)
    teeth = height * (made.clock.times / period % 1.0)
    made.y = made.y + teeth * (made.clock.times < until * SPAN)
    return made


def end_of(y: Array) -> float | None:
    return teeth_end(CLOCK.times, y)


@pytest.mark.parametrize("until", [0.2, 0.25, 0.33, 0.4])
def test_the_end_of_teeth_is_found(until: float) -> None:
    """To a twentieth of the run, and never before it."""
    found = [end_of(toothed(seed, until=until).y) for seed in SEEDS]

    assert all(end is not None and until - 0.01 <= end / SPAN <= until + 0.06 for end in found)


@pytest.mark.parametrize("until", [0.11, 0.15])
def test_the_end_of_short_teeth_is_found_as_early_as_a_run_is_judged(until: float) -> None:
    """To a twentieth of the run: floors from before would be the run's high."""
    found = [end_of(toothed(seed, until=until, period=23.0).y) for seed in SEEDS]

    assert all(end is not None and until - 0.01 <= end / SPAN <= until + 0.06 for end in found)


@pytest.mark.parametrize("until", [0.1, 0.15])
def test_two_teeth_that_end_as_the_run_has_started_are_found(until: float) -> None:
    """Each is as long as a part, so that it rises through one and falls as the next begins."""
    found = [end_of(toothed(seed, until=until, period=0.05 * SPAN).y) for seed in SEEDS]

    assert all(end is not None and until - 0.03 <= end / SPAN <= until + 0.06 for end in found)


@pytest.mark.parametrize("until", [0.6, 1.0])
def test_teeth_that_go_on_for_half_of_the_run_have_no_end(until: float) -> None:
    """Less than half would be left to judge; teeth all along are the service's own."""
    assert [end_of(toothed(seed, until=until).y) for seed in SEEDS] == [None] * len(SEEDS)


def test_noise_has_no_teeth() -> None:
    """White or with a memory, of fifty not one."""
    series = [Maker(CLOCK, seed, 100 * MIB).noise(MIB, 0.9 * (seed % 2)).y for seed in range(300, 350)]

    assert [end_of(y) for y in series] == [None] * 50


def test_a_little_more_noise_at_first_is_no_teeth() -> None:
    """By a quarter: a service that settles is not another one for that."""
    quiet = [Maker(CLOCK, seed, 100 * MIB).noise(MIB, 0.5) for seed in range(300, 350)]
    loud = [np.where(made.u < 0.3, 1.25, 1.0) * (made.y - made.level) for made in quiet]

    assert [end_of(y) for y in loud] == [None] * 50


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_only_rises_or_only_falls_has_no_teeth(sign: float) -> None:
    """A cache that fills, a load that ends: either goes one way, fast at first."""
    fills = [Maker(CLOCK, seed, 100 * MIB).noise(10 * KIB, 0.5).fill(sign * 20 * MIB, 0.15).y for seed in SEEDS]

    assert [end_of(y) for y in fills] == [None] * len(SEEDS)


def test_teeth_that_end_with_memory_given_back_are_left_in() -> None:
    """What fell below all lows before may fill again, and its growth is no leak's."""
    given_back = [toothed(seed, until=0.3).step(-6 * MIB, 0.3).y for seed in SEEDS]

    assert [end_of(y) for y in given_back] == [None] * len(SEEDS)


def test_few_readings_have_no_parts() -> None:
    """Twenty parts of two readings each are the least."""
    x = np.arange(30.0)

    assert teeth_end(x, x % 3) is None


@pytest.mark.parametrize("seed", SEEDS[:5])
def test_growth_that_begins_as_teeth_end_climbs(seed: int) -> None:
    """The floors fall as the teeth end, and rise from there on: neither half of the run says so alone."""
    made = toothed(seed, until=0.3, height=6 * MIB).line(3 * MIB, 0.3)

    verdict = judge(made.trace())

    assert verdict.verdict == "climbing"
    assert verdict.memory is not None
    assert 0.29 * SPAN <= verdict.memory.start <= 0.45 * SPAN


def test_floors_before_teeth_ended_are_shown() -> None:
    """What is not judged is no secret: the picture has the whole run."""
    verdict = judge(toothed(300, until=0.3).trace())

    assert verdict.verdict == "steady"
    assert verdict.floors[0][0] - verdict.floors[-1][0] < -0.9 * SPAN


def test_an_explanation_says_that_teeth_ended() -> None:
    """It is why so much of the run is left out."""
    verdict = judge(toothed(300, until=0.3).trace())
    (warmup,) = [each for each in explain(verdict).conditions if each.name.startswith("warm-up")]

    assert warmup.value.endswith(", until it no longer gave back in turns")
