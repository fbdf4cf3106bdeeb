"""How much longer an undecided run should be: by what left it undecided, and no number where time does not decide."""

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace, Verdict, judge
from floodmark_sidecar.judge._wave import wave_period
from tests.sidecar.judge.traces import DAY, MIB, Array, trace_of

HOUR = 3600.0


def memory(t: Array, seed: int = 1, *, noise: float = 0.3) -> Array:
    """A service of 200 MiB with a start of minutes."""
    return MIB * (200 - 40 * np.exp(-t / 600) + np.random.default_rng(seed).normal(0, noise, len(t)))


def waves(days: float, *, leak: float = 0.0, sessions: bool = False) -> Trace:
    """A service whose memory follows the hour of the day, and grows by *leak* MiB an hour besides."""
    t = np.arange(0.0, days * DAY, 120.0)
    hour = np.sin(2 * np.pi * t / DAY)
    columns = {"uss_bytes": memory(t) + MIB * (60 * hour + leak * t / HOUR)}
    return trace_of(t, {**columns, **({"sessions": np.round(50 + 40 * hour)} if sessions else {})})


def length(verdict: Verdict, days: float) -> float:
    """The whole length in days that the verdict on a run of *days* asks for."""
    assert verdict.verdict == "inconclusive"
    assert verdict.hours_to_decide is not None
    return days + verdict.hours_to_decide / 24


@pytest.mark.parametrize("days", [1.0, 2.0, 5.0])
def test_a_daily_wave_takes_ten_days(days: float) -> None:
    """Whatever was seen of it; the reasons name the wave."""
    verdict = judge(waves(days))

    assert length(verdict, days) == pytest.approx(10, rel=0.05)
    assert any(reason.startswith("memory follows a wave of about a day") for reason in verdict.reasons)


@pytest.mark.parametrize(("leak", "decided"), [(0.0, "steady"), (1.0, "climbing")])
def test_ten_days_of_a_daily_wave_decide(leak: float, decided: str) -> None:
    """What is asked for is enough, with a leak and without."""
    assert judge(waves(10.0, leak=leak)).verdict == decided


def test_a_daily_wave_asks_for_sessions_where_there_are_none() -> None:
    """They tell what comes and goes, and with them a day is enough."""
    assert judge(waves(1.0)).next.startswith("add the column `sessions`")
    assert judge(waves(1.0, sessions=True)).verdict == "steady"


@pytest.mark.parametrize("seed", range(8))
def test_noise_and_steps_are_no_waves(seed: int) -> None:
    """Neither what wanders nor a level that changed once, nor growth that began late, has a period."""
    t = np.arange(0.0, DAY, 60.0)
    rng = np.random.default_rng(seed)
    walk = np.zeros(len(t))
    for i, step in enumerate(rng.normal(0, MIB, len(t)).tolist()):
        walk[i] = 0.99 * walk[i - 1] + step
    at = rng.uniform(0.3, 0.7) * DAY

    assert wave_period(t, memory(t, seed) + walk) is None
    assert wave_period(t, memory(t, seed) - 20 * MIB * (t > at)) is None
    assert wave_period(t, memory(t, seed) + MIB * np.maximum(0.0, t - at) / HOUR) is None


@pytest.mark.parametrize("period", [0.11, 0.17, 0.31])
def test_a_period_is_measured(period: float) -> None:
    """A wave, and a saw's teeth, have the period that they were made with, not twice that."""
    t = np.arange(0.0, DAY, 60.0)
    turns = t / (period * DAY)

    for shape in (np.sin(2 * np.pi * turns), turns % 1):
        assert wave_period(t, memory(t) + 30 * MIB * shape) == pytest.approx(period * DAY, rel=0.08)


def test_a_gap_asks_for_as_much_as_makes_it_small() -> None:
    """Six of 24 hours are missing; they are a fifth of 30."""
    t = np.arange(0.0, DAY, 30.0)
    t = t[(t < 9 * HOUR) | (t > 15 * HOUR)]

    assert length(judge(trace_of(t, {"uss_bytes": memory(t)})), 1.0) == pytest.approx(30 / 24, rel=0.1)


def test_a_fill_that_dies_away_asks_for_more_than_twice_the_run() -> None:
    """A cache with a time constant of two hours is full after some nine, and calm for as long after 18."""
    t = np.arange(0.0, 3 * HOUR, 7.0)
    trace = trace_of(t, {"uss_bytes": memory(t) + 120 * MIB * (1 - np.exp(-t / 2 / HOUR))})

    assert 12 < 24 * length(judge(trace), 1 / 8) < 24


def test_noise_takes_longer_where_a_longer_run_is_asked_more() -> None:
    """δ of a short run falls as the run grows: a day of this noise takes four, not two."""
    t = np.arange(0.0, DAY, 58.0)
    days = length(judge(trace_of(t, {"uss_bytes": memory(t, 1, noise=25)})), 1.0)

    assert 3 < days < 6
    longer = np.arange(0.0, 1.2 * days * DAY, 58.0)
    assert judge(trace_of(longer, {"uss_bytes": memory(longer, 1, noise=25)})).verdict == "steady"


def test_a_load_that_fell_away_is_not_waited_for() -> None:
    """More of the same says nothing of what it would have done: no number, and another next step."""
    t = np.arange(0.0, DAY, 60.0)
    half = t > DAY / 2
    requests = np.cumsum(np.where(half, 100.0, 300.0))
    verdict = judge(trace_of(t, {"uss_bytes": memory(t) - 100 * MIB * half, "requests_total": requests}))

    assert verdict.verdict == "inconclusive"
    assert verdict.hours_to_decide is None
    assert verdict.next.startswith("add the column `sessions`")


def test_a_clock_that_jumped_is_not_waited_for() -> None:
    """A gap of 55 years is no share of any run that somebody would make."""
    t = np.arange(0.0, DAY, 60.0)
    verdict = judge(trace_of(np.where(t < DAY / 2, t, t + 55 * 365 * DAY), {"uss_bytes": memory(t)}))

    assert verdict.verdict == "inconclusive"
    assert verdict.hours_to_decide is None


def test_memory_that_is_not_read_is_not_waited_for() -> None:
    """Four readings of five without it: so will those be that follow."""
    t = np.arange(0.0, DAY, 30.0)
    verdict = judge(trace_of(t, {"uss_bytes": np.where(np.arange(len(t)) % 5, np.nan, memory(t))}))

    assert verdict.verdict == "inconclusive"
    assert any("memory is known in only 20%" in reason for reason in verdict.reasons)
    assert verdict.hours_to_decide is None
