"""Verdicts on families of seeded traces: healthy services, leaks, and what only looks like one."""

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace, judge
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import DAYLONG, MIB, Maker

Family = Callable[[int], Trace]


def shares(family: Family, seeds: int) -> dict[str, float]:
    """How often each verdict comes, in shares."""
    counts = Counter(str(judge(family(70_000 + seed)).verdict) for seed in range(seeds))
    return {verdict: counts[verdict] / seeds for verdict in ("steady", "climbing", "inconclusive")}


def day_sawtooth(seed: int) -> Trace:
    daily = made.daily(seed)
    return daily.saw(daily.rng.uniform(5, 30) * MIB, daily.rng.uniform(600, 9000)).trace()


def day_stairs(seed: int) -> Trace:
    daily = made.daily(seed)
    for i in range(12):
        daily.step(10 * MIB / 12, (i + daily.rng.uniform(0.2, 0.8)) / 12)
    return daily.trace()


def late_fill(seed: int) -> Trace:
    return made.short_fill(seed, 9 * MIB, until=0.83).trace()


def day_leak_under_sawtooth(seed: int) -> Trace:
    daily = made.daily(seed).line(10 * MIB)
    return daily.saw(20 * MIB, daily.rng.uniform(600, 5000)).trace()


STEADY: dict[str, Family] = {
    "three minutes, clean": lambda seed: made.short_clean(seed).trace(),
    "three minutes, maps that fill first": lambda seed: made.short_fill(seed, 8 * MIB, until=0.33).trace(),
    "a day, noise": lambda seed: made.daily(seed).trace(),
    "a day, noise of an hour": lambda seed: made.daily(seed, tau=3600).trace(),
    "a day, sawtooth": day_sawtooth,
    "a day, LRU that fills": lambda seed: made.daily(seed).fill(80 * MIB, 0.1).trace(),
    "a day, one step": lambda seed: made.daily(seed).step(12 * MIB, 0.3 + seed % 7 / 10).trace(),
    "a day, shrinking": lambda seed: made.daily(seed).line(-20 * MIB).trace(),
    "workers recycled, no leak": lambda seed: made.recycled(seed, 0, lives=4),
}

CLIMBING: dict[str, Family] = {
    "three minutes, 4 MiB": lambda seed: made.short_leak(seed, 4 * MIB, stairs=False).trace(),
    "three minutes, 6 MiB, tables that double": lambda seed: made.short_leak(seed, 6 * MIB, stairs=True).trace(),
    "three minutes, 12 MiB, tables that double": lambda seed: made.short_leak(seed, 12 * MIB, stairs=True).trace(),
    "a day, 2 δ": lambda seed: made.daily(seed, sigma=0.3 * MIB).line(4 * MIB).trace(),
    "a day, 5 δ": lambda seed: made.daily(seed).line(10 * MIB).trace(),
    "a day, 5 δ under a sawtooth": day_leak_under_sawtooth,
    "a day, staircase": day_stairs,
    "workers recycled, a leak in each life": lambda seed: made.recycled(seed, 8 * MIB / 140, lives=4),
}

NEITHER: dict[str, Family] = {
    "three minutes, a fill that ends late": late_fill,
    "three minutes, a slow fill": lambda seed: made.short_start(seed).fill(10 * MIB, 0.33).trace(),
    "a day, a wave": lambda seed: made.daily(seed).sine(20 * MIB, seed % 20 / 20).trace(),
    "a day, a slow fill": lambda seed: made.daily(seed).fill(60 * MIB, 0.33).trace(),
}


LONG = {
    "a day, noise of an hour",
    "a day, LRU that fills",
    "a day, one step",
    "a day, shrinking",
    "a day, 5 δ",
    "a day, staircase",
    "a day, a slow fill",
}
"""Left out of the quick part, which has a like of each: a day takes ten times as long as three minutes."""


def cases(families: Mapping[str, Family]) -> pytest.MarkDecorator:
    """Run a test with the name of each of *families*."""
    params = [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in families]
    return pytest.mark.parametrize("name", params)


@cases(STEADY)
def test_a_healthy_service_is_steady_and_never_climbing(name: str) -> None:
    """Of traces without a leak most are steady, and none climbs."""
    found = shares(STEADY[name], 10)

    assert found["climbing"] == 0, found
    assert found["steady"] >= 0.75, found


@cases(CLIMBING)
def test_a_leak_climbs_and_is_never_steady(name: str) -> None:
    """Of traces with a leak nearly all climb, and none is steady."""
    found = shares(CLIMBING[name], 10)

    assert found["steady"] == 0, found
    assert found["climbing"] >= 0.85, found


@cases(NEITHER)
def test_what_a_trace_cannot_decide_does_not_climb(name: str) -> None:
    """What may end by itself is no climb, and the reasons say how much longer would decide."""
    found = shares(NEITHER[name], 10)

    assert found["climbing"] <= 0.05, found


def test_a_late_fill_says_what_would_decide() -> None:
    """A fill that ends with the run is inconclusive, with the time that would decide."""
    verdict = judge(late_fill(4))

    assert verdict.verdict == "inconclusive"
    assert verdict.shape == "saturating"
    assert verdict.hours_to_decide is not None
    assert verdict.hours_to_decide * 3600 == pytest.approx(140, rel=0.5)
    assert any("longer should decide" in reason for reason in verdict.reasons)


def test_the_slope_is_that_of_the_leak() -> None:
    """The slope and its interval say how fast the service leaks."""
    verdict = judge(made.daily(3).line(24 * MIB).trace())
    slope = verdict.as_dict()["slope_bytes_per_hour"]

    assert slope["low"] < slope["estimate"] < slope["high"]
    assert slope["estimate"] == pytest.approx(MIB, rel=0.1)


@pytest.mark.parametrize("seconds", [140, 1800, 6 * 3600, 86_400, 30 * 86_400])
def test_everything_scales_with_the_run(seconds: float) -> None:
    """The same picture has the same verdict, be it of minutes or of a month."""
    clock = made.Clock(seconds, seconds / 400)
    days = seconds / 86_400
    leak = 8 * MIB * max(1.0, 3 * days)

    flat = judge(Maker(clock, 5, 100 * MIB).noise(0.2 * MIB, 0.5).trace())
    climbing = judge(Maker(clock, 5, 100 * MIB).noise(0.2 * MIB, 0.5).line(leak).trace())

    assert (flat.verdict, climbing.verdict) == ("steady", "climbing")


def test_a_leak_that_a_fall_hides_is_not_steady() -> None:
    """A leak whose memory fell back once, half-way, is not called steady."""
    fallen = made.short_start(2).line(9 * MIB)
    fallen.y[fallen.u > 0.5] -= 5 * MIB

    assert judge(fallen.trace()).verdict != "steady"


@pytest.mark.parametrize("seed", range(3))
def test_a_leak_that_begins_late_climbs_since_then(seed: int) -> None:
    """Growth that began in the last quarter of a day hardly moves the slope of the whole, and is judged by itself."""
    verdict = judge(made.daily(seed, sigma=0.1 * MIB).line(6 * MIB, 0.75, 1.0).trace())
    memory = verdict.memory

    assert memory is not None
    assert verdict.verdict == "climbing"
    assert memory.onset == pytest.approx(0.75 * 86_400, abs=2400)
    assert memory.slope.low < 6 * MIB / (0.25 * 86_400) < memory.slope.high
    assert "since 17 h" in verdict.reasons[0] or "since 18 h" in verdict.reasons[0]


@pytest.mark.parametrize("seed", range(3))
def test_what_moved_as_much_before_has_no_late_beginning(seed: int) -> None:
    """Memory that wanders by as much as it rose in the end may come down again."""
    swung = made.daily(seed, sigma=0.1 * MIB).line(6 * MIB, 0.75, 1.0)
    swung.y += 3 * MIB * (np.sin(8 * swung.u) + np.sin(13 * swung.u)) * (swung.u < 0.75)

    assert judge(swung.trace()).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("size", "start", "seed", "says"),
    [(4, 0.9, 3, "late"), (8, 0.9, 5, "late"), (2, 0.9, 1, "begun to rise late")],
)
def test_a_rise_that_came_too_late_to_judge_forbids_steady(size: float, start: float, seed: int, says: str) -> None:
    """One rule compares the last third with its noise, the other finds where a line bends; each sees what the other
    misses.
    """
    verdict = judge(made.daily(seed, sigma=0.1 * MIB).line(size * MIB, start, 1.0).trace())

    assert verdict.verdict == "inconclusive"
    assert any(says in reason for reason in verdict.reasons)


@pytest.mark.parametrize("seed", range(3))
def test_three_jumps_all_over_a_day_are_not_steady(seed: int) -> None:
    """Three alike may be the first steps of a staircase."""
    day = made.daily(seed, sigma=0.05 * MIB)
    for at in (0.2, 0.5, 0.8):
        day.step(MIB, at)

    verdict = judge(day.trace())

    assert verdict.verdict == "inconclusive"
    assert "three jumps over the run may be a staircase" in verdict.reasons[0]


@pytest.mark.parametrize("seed", range(3))
def test_memory_that_swung_is_not_steady_by_its_last_half(seed: int) -> None:
    """The last half decides of what filled and stayed, not of what was given back and may come again."""
    assert judge(made.short_start(seed).fill(10 * MIB, 0.15).step(-9 * MIB, 0.1).trace()).verdict == "inconclusive"


def test_swapped_memory_counts() -> None:
    """A leak that is swapped out leaks all the same."""
    leaking = made.daily(3).line(20 * MIB)
    flat = made.daily(3)

    verdict = judge(flat.trace(swap_bytes=leaking.y - flat.y))

    assert verdict.verdict == "climbing"


def test_the_same_trace_has_the_same_verdict_to_the_last_digit() -> None:
    """Nothing in a verdict is left to chance."""
    trace = made.short_leak(5, 5 * MIB, stairs=True).trace()

    assert judge(trace).as_dict() == judge(trace).as_dict()


@pytest.mark.slow
@pytest.mark.parametrize("name", STEADY)
def test_false_climbs_are_rare(name: str) -> None:
    """Of 150 healthy traces a family, at most one climbs."""
    assert shares(STEADY[name], 150)["climbing"] <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIMBING)
def test_leaks_are_hardly_ever_missed(name: str) -> None:
    """Of 60 leaking traces a family, none is steady and nearly all climb."""
    found = shares(CLIMBING[name], 60)

    assert found["steady"] == 0, found
    assert found["climbing"] >= 0.9, found


def test_the_judged_day_is_the_one_asked_about() -> None:
    """The window begins after warm-up and ends with the last reading."""
    verdict = judge(made.daily(3).trace())

    assert verdict.window is not None
    assert verdict.window[0] > 1_700_000_000 + 0.09 * DAYLONG.seconds
    assert verdict.window[1] == 1_700_000_000 + DAYLONG.times[-1]
