"""What a small slope hides: staircases that warm-up begins, rises at the very end, and peaks over level lows."""

import numpy as np
import pytest

from floodmark_sidecar.judge import Verdict, judge
from floodmark_sidecar.judge._floors import Floors
from floodmark_sidecar.judge._hidden import hidden_by_wave, jumps_of_run
from tests.sidecar.judge.traces import DAY, MIB, Array, Clock, Maker

WEEK = Clock(7 * DAY, 300.0)
DAYS = WEEK.times / DAY
HOUR = 3600.0
SEEDS = range(3)


def judged(memory: Array, seed: int, clock: Clock = WEEK) -> Verdict:
    made = Maker(clock, seed, 500 * MIB).noise(3 * MIB, 0.0)
    made.y += memory
    return judge(made.trace())


def steps(*days: float, size: float = 100 * MIB) -> Array:
    return np.asarray(size * np.searchsorted(days, DAYS, side="right"), np.float64)


def reason(verdict: Verdict, says: str) -> str:
    (found,) = [reason for reason in verdict.reasons if says in reason]
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_three_steps_of_a_run_are_not_steady(seed: int) -> None:
    """What is called warm-up has the first of them, and the part judged only two."""
    verdict = judged(steps(2, 4, 6), seed)

    assert verdict.verdict == "inconclusive"
    assert "three jumps over the run may be a staircase, 2" in reason(verdict, "staircase")


@pytest.mark.parametrize("seed", range(4))
def test_four_steps_of_a_run_climb(seed: int) -> None:
    """They are judged from the first on, however much they look like a start that slackens."""
    verdict = judged(steps(1.5, 3, 4.5, 6, size=1000 * MIB), seed)

    assert verdict.verdict == "climbing"
    assert verdict.memory is not None
    assert verdict.memory.start < 1.5 * DAY


@pytest.mark.parametrize(
    "days", [(2.0,), (2.0, 5.0), (0.3, 0.68, 3.0), (0.9, 1.5, 2.1)], ids=["one", "two", "at the start", "ended"]
)
def test_a_few_jumps_stay_steady(days: tuple[float, ...]) -> None:
    """One or two come once each; in the first tenth a service starts; and three soon after it have ended."""
    assert judged(steps(*days), 0).verdict == "steady"


def test_jumps_that_double_are_not_isolated() -> None:
    """A table that doubles when it is full jumps ever less often, and ever further."""
    doubling = sum(steps(7 / 2**back, size=400 * MIB / 2**back) for back in (0.3, 1.3, 2.3))

    verdict = judged(np.asarray(doubling, np.float64), 0)

    assert verdict.verdict == "inconclusive"
    assert reason(verdict, "three jumps over the run may be a staircase")


def test_three_jumps_that_matter_to_nobody_stay_steady() -> None:
    """Together they are less than growth that matters: a hundredth of memory a day."""
    assert judged(steps(2, 4, 6, size=8 * MIB), 0).verdict == "steady"


@pytest.mark.parametrize("hours", [1.5, 3.0])
def test_what_ends_far_above_all_before_is_not_steady(hours: float) -> None:
    """One block of readings is too short for floors, and yet a quarter of what there is."""
    verdict = judged(steps() + 2000 * MIB * np.clip((DAYS - 7) * 24 / hours + 1, 0, 1), 0)

    assert verdict.verdict == "inconclusive"
    said = reason(verdict, "too late in the run to judge")
    assert "it ends " in said
    assert f"the last {'2 h' if hours > 2 else '1 h'}" in said


@pytest.mark.parametrize("hours", [3, 6, 12])
def test_a_late_jump_is_not_steady(hours: float) -> None:
    """Floors that are too few after it to see a jump by are enough to see that memory is higher."""
    verdict = judged(steps(7 - hours / 24, size=100 * MIB), 0)

    assert verdict.verdict == "inconclusive"
    assert "it ends " in reason(verdict, "too late in the run to judge")


def test_what_began_late_is_told_where_noise_hides_the_slope() -> None:
    """The rise itself makes the slope unsure."""
    day = Clock(26 * HOUR, 60.0)
    made = Maker(day, 0, 180 * MIB).noise(0.2 * MIB, 0.9).line(300 * MIB, start=23 / 26)

    verdict = judge(made.trace())

    assert verdict.verdict == "inconclusive"
    assert "rises in the last third" in reason(verdict, "the slope of memory is between")


def test_a_last_step_of_little_size_stays_steady() -> None:
    """Less than a tenth of the level comes once, late or early."""
    assert judged(steps(6.9, size=40 * MIB), 0).verdict == "steady"


def test_a_peak_at_the_end_that_came_before_stays_steady() -> None:
    """Nearly all before is above its lows, where peaks are what it has."""
    assert judged(np.where(DAYS % 0.5 > 0.48, 1000.0 * MIB, 0.0), 0).verdict == "steady"


FIVE = Clock(5 * DAY, 60.0)


@pytest.mark.parametrize("minutes", [1.5, 3.0])
def test_short_peaks_that_grow_are_not_steady(minutes: float) -> None:
    """A job of minutes each hour is few of the readings, and kills a service by its peak as well."""
    high = np.where(FIVE.times % HOUR < 60 * minutes, FIVE.times / DAY * 100 * MIB, 0.0)

    assert reason(judged(high, 0, FIVE), "its peaks rose by")


def peaks(growth: float) -> Array:
    """Peaks once an hour that grow by *growth* a day."""
    return np.asarray(FIVE.times % HOUR / HOUR * (50 * MIB + growth * FIVE.times / DAY), np.float64)


def test_peaks_that_grow_over_level_lows_are_not_steady() -> None:
    """What is judged are the lows, and a limit is reached by a peak."""
    verdict = judged(peaks(100 * MIB), 0, FIVE)

    assert verdict.verdict == "inconclusive"
    assert "a peak that keeps growing reaches a limit as well" in reason(
        verdict, "its lows are level, and its peaks rose by 2"
    )


def test_peaks_of_one_height_stay_steady() -> None:
    """Neither do those of a tenth of the level, or less, matter."""
    assert judged(8 * peaks(0.0), 0, FIVE).verdict == "steady"
    assert judged(peaks(8 * MIB), 0, FIVE).verdict == "steady"


def test_peaks_that_fell_again_stay_steady() -> None:
    """The last are above the first, yet below those between: they do not keep growing."""
    height = np.interp(FIVE.times / DAY, [0, 2.05, 2.1, 3.4, 3.45, 5], [50, 50, 400, 400, 200, 200]) * MIB

    assert judged(FIVE.times % HOUR / HOUR * height, 0, FIVE).verdict == "steady"


def test_jumps_lift_peaks_and_lows_alike() -> None:
    """They are told as jumps, and not as peaks."""
    verdict = judged(steps(2, 4.9, size=60 * MIB), 0)

    assert verdict.verdict == "steady"
    assert not any("peaks" in reason for reason in verdict.reasons)


def wave(*, peak: float, climb: float = 0.0) -> Array:
    """One wave over the week, highest at *peak* of it, on a *climb* of so many bytes a day."""
    return np.asarray(100 * MIB * np.cos(2 * np.pi * (DAYS / 7 - peak)) + climb * DAYS, np.float64)


@pytest.mark.parametrize("climb", [0.0, 10 * MIB])
def test_a_wave_seen_once_is_not_steady(climb: float) -> None:
    """What rose for half a run and falls since may rise again, and higher."""
    verdict = judged(wave(peak=0.5, climb=climb), 0)

    assert verdict.verdict == "inconclusive"
    assert "falls since: a climb under such a wave would not show" in reason(verdict, "it rose for 3 d")


def test_what_falls_from_the_start_is_steady() -> None:
    """A service that only gives back has shown no rise that could come again."""
    assert judged(-10 * MIB * DAYS, 0).verdict == "steady"


@pytest.mark.parametrize(
    ("since", "rose", "told"),
    [(0.3, 40.0, True), (0.2, 40.0, False), (0.3, 3.0, False)],
    ids=["wave", "start", "little"],
)
def test_only_a_long_rise_that_matters_is_a_wave(since: float, rose: float, told: bool) -> None:
    """A start of a fifth of a run is given back by many services, and little is of no matter."""
    x = np.arange(101.0)
    y = np.interp(x, [0, 100 * since, 100], [0.0, rose, 0.0])
    whole = Floors(x, y, block=1.0)

    assert bool(hidden_by_wave(whole, whole.part(100 * since, 100.0), high=-0.2, delta=0.1)) is told


@pytest.mark.parametrize(("share", "counted"), [(0.05, 2), (0.2, 3)])
def test_a_jump_in_the_first_tenth_is_a_start(share: float, counted: int) -> None:
    """Processes load what they need then; later it is a step like any other."""
    x = np.arange(64.0)
    noise = np.random.default_rng(1).normal(0, 0.1, 64)
    y = 10.0 * np.searchsorted([63 * share, 31.5, 47.25], x) + noise

    assert len(jumps_of_run(Floors(x, y, 1.0))) == counted
