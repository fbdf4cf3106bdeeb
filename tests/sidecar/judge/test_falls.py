"""Isolated falls are levelled and said; those of a swing are not, and a fall never makes a climb by itself."""

import numpy as np
import pytest

from floodmark_sidecar.judge import Verdict, judge
from floodmark_sidecar.judge._falls import find_falls, levelled, with_falls
from floodmark_sidecar.judge._floors import take_floors
from tests.sidecar.judge.traces import DAY, DAYLONG, MIB, Maker

HOUR = 3600.0


def fallen(seed: int, *falls: tuple[float, float]) -> Maker:
    """A quiet day that falls by each size (in MiB) at its hour."""
    made = Maker(DAYLONG, seed, 200 * MIB).noise(0.3 * MIB, 0.0)
    for size, hour in falls:
        made.step(-size * MIB, hour / 24)
    return made


def said(verdict: Verdict) -> str:
    return "\n".join(verdict.reasons)


def found(made: Maker) -> list[tuple[float, float]]:
    """The hour and the MiB of every fall that is levelled."""
    return [(fall.time / HOUR, -fall.size / MIB) for fall in find_falls(take_floors(made.t, made.y), made.t, made.y)]


@pytest.mark.parametrize("hour", [4, 8, 12, 16, 20, 23])
def test_one_fall_does_not_hide_that_memory_is_steady(hour: int) -> None:
    """Wherever a fall comes, the verdict and what it rules out are those of the day without it, and the fall is said."""
    verdict = judge(fallen(1, (20, hour)).trace())

    assert verdict.verdict == "steady"
    assert verdict.memory is not None
    assert verdict.memory.delta * DAY == pytest.approx(2 * MIB)
    assert "memory fell once and stayed lower, by " in said(verdict)
    assert f" MiB at {hour} h: judged as if it had not" in said(verdict)


def test_two_falls_are_two() -> None:
    """Two falls are levelled each at its place, by its size."""
    times, sizes = zip(*found(fallen(1, (40, 7.3), (25, 15.6))), strict=True)

    assert times == pytest.approx((7.3, 15.6), abs=0.01)
    assert sizes == pytest.approx((40, 25), abs=0.6)
    assert "memory fell twice and stayed lower" in said(judge(fallen(1, (40, 7.3), (25, 15.6)).trace()))


def test_levelling_is_undone_by_the_falls() -> None:
    """Readings that were levelled have their falls again, to the reading."""
    made = fallen(1, (40, 7.3))
    falls = find_falls(take_floors(made.t, made.y), made.t, made.y)

    level = levelled(made.t, made.y, falls)

    assert np.ptp(level) < 4 * MIB
    assert with_falls(made.t, level, falls) == pytest.approx(made.y)


def test_what_is_not_known_of_a_fall_is_not_known_of_the_slope() -> None:
    """The size of a fall is known to the noise between floors, and the interval of the slope is wider by that."""
    with_fall, without = (judge(fallen(1, *falls).trace()).memory for falls in ([(40, 12)], []))

    assert with_fall is not None
    assert without is not None
    assert with_fall.slope.se > 1.1 * without.slope.se


def test_more_falls_than_three_are_none() -> None:
    """With four, falls are how memory goes down."""
    assert found(fallen(1, (30, 5), (30, 10), (30, 15), (30, 20))) == []


def test_the_falls_of_a_sawtooth_are_none() -> None:
    """Memory that grew by a fall before it, or grows back after, swings: levelled, it would climb."""
    for period in (0.4, 0.55, 0.7, 0.9):
        made = Maker(DAYLONG, 3, 200 * MIB).saw(40 * MIB, period * DAY).noise(0.3 * MIB, 0.0)

        assert found(made) == []
        assert judge(made.trace()).verdict == "inconclusive"


def test_a_fall_that_gives_back_what_had_grown_is_none() -> None:
    """Filled for half a day, released, and level since: what the next fill would do has not been seen."""
    made = Maker(DAYLONG, 3, 200 * MIB).line(24 * MIB, 0.0, 0.5).step(-24 * MIB, 0.5).noise(0.3 * MIB, 0.0)

    assert found(made) == []
    assert judge(made.trace()).verdict == "inconclusive"


@pytest.mark.parametrize("seed", range(3))
def test_a_dip_and_a_peak_are_no_falls(seed: int) -> None:
    """What comes back is no fall, nor is what only ends a rise."""
    dip = fallen(seed, (20, 8), (-20, 13))
    peak = fallen(seed, (-20, 8), (20, 13))

    assert found(dip) == []
    assert found(peak) == []


def test_growth_below_where_memory_was_may_fill_what_was_given_back() -> None:
    """A climb on either side of a large fall is none yet: it says why, and when it would be."""
    verdict = judge(fallen(1, (100, 12)).line(24 * MIB).trace())

    assert verdict.verdict == "inconclusive"
    assert "it may only fill what was given back at once before" in said(verdict)
    assert verdict.hours_to_decide == pytest.approx(2.5 * 100 - 21.6, rel=0.1)


def test_a_small_fall_does_not_hide_a_climb() -> None:
    """A leak that goes on far above what one small fall gave back is a climb."""
    assert judge(fallen(1, (5, 12)).line(48 * MIB).trace()).verdict == "climbing"


@pytest.mark.parametrize("seed", range(3))
def test_a_fall_does_not_make_growth_steady(seed: int) -> None:
    """A slope that a fall pulls under δ is not one under δ."""
    verdict = judge(fallen(seed, (30, 12)).line(8 * MIB).trace())

    assert verdict.verdict == "inconclusive"
    assert verdict.memory is not None
    assert verdict.memory.slope.estimate * DAY == pytest.approx(8 * MIB, rel=0.2)


def test_a_result_has_the_floors_as_they_were_read() -> None:
    """Levelling is the judge's own: what it shows of memory is what was read."""
    verdict = judge(fallen(1, (100, 12)).trace())

    floors = np.array(verdict.floors)
    assert floors[0, 1] == pytest.approx(200 * MIB, rel=0.01)
    assert floors[-1, 1] == pytest.approx(100 * MIB, rel=0.01)


@pytest.mark.parametrize("at", [0.2, 0.5, 0.65, 0.95])
def test_a_fall_of_memory_that_never_moves_otherwise_is_one(at: float) -> None:
    """Readings that are all alike have no noise to stand out of; a page is the least that memory moves by."""
    verdict = judge(Maker(DAYLONG, 1, 200 * MIB).step(-20 * MIB, at).trace())

    assert verdict.verdict == "steady"
    assert "by 20.0 MiB at" in said(verdict)


def test_small_swings_beside_it_do_not_hide_a_fall() -> None:
    """An arena that comes and goes is no reason to leave a fall of forty in."""
    made = fallen(1, (40, 16))
    for hour in (7, 19):
        made.step(2 * MIB, hour / 24).step(-2 * MIB, (hour + 3) / 24)

    ((at, size),) = found(made)

    assert (at, size) == pytest.approx((16, 40), abs=1)
