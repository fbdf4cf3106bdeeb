"""The time to the plan's memory: it counts from the service's highs, whatever the last reading is."""

import numpy as np
import pytest

from floodmark_sidecar.judge import Settings, Trace, Verdict, judge
from tests.sidecar.judge.traces import DAY, KIB, MIB, trace_of

HOUR = 3600.0
T = np.arange(0.0, DAY, 15.0)
TOOTH = 1500.0


def teeth(*, rows: int = 0, odd: float = 0.0) -> Trace:
    """A day that begins at 120 MiB and grows by a third of a MiB an hour; it gains 5 MiB in 25 minutes and gives them back.

    *rows* are left out at the end, *odd* bytes are on top of one of the last readings.
    """
    noise = np.random.default_rng(1).normal(0, 20 * KIB, len(T))
    y = 120 * MIB + MIB / 3 * T / HOUR + 5 * MIB * (T % TOOTH) / TOOTH + noise
    y[-40] += odd
    keep = slice(0, len(T) - rows)
    return trace_of(T[keep], {"uss_bytes": y[keep]})


def until(limit: int, trace: Trace) -> Verdict:
    """The verdict under a limit in MiB."""
    return judge(trace, Settings(memory=limit * MIB))


def of_limit(verdict: Verdict) -> list[str]:
    """The reasons that are about a limit."""
    return [reason for reason in verdict.reasons if "the limit of" in reason or "allows" in reason]


@pytest.mark.parametrize("rows", [0, 1, 30, 60, 90])
def test_the_time_to_a_limit_is_that_of_the_highs(rows: int) -> None:
    """Wherever in a tooth a run ends: highs are at 133 MiB, and grow by 7 in 21 hours."""
    verdict = until(140, teeth(rows=rows))

    assert verdict.hours_to_limit == pytest.approx(21, abs=1)
    (said,) = of_limit(verdict)
    assert said.startswith("at this rate the limit of 140 MiB is reached in about ")
    assert said.endswith(" from latest highs of 133 MiB")


def test_one_odd_reading_is_no_high() -> None:
    """A reading of 20 MiB more, once, is neither near the limit nor above it."""
    verdict = until(140, teeth(odd=20 * MIB))

    assert verdict.hours_to_limit == pytest.approx(21, abs=1)
    assert len(of_limit(verdict)) == 1


def test_a_limit_that_readings_passed_is_not_foretold() -> None:
    """The highs are above it, though half of a tooth is not: when that was first is what there is to say."""
    verdict = until(131, teeth())

    assert verdict.hours_to_limit == 0
    (said,) = of_limit(verdict)
    assert said.startswith("readings have been above the limit of 131 MiB already, first 18 h ")
    assert said.endswith(" into the run, the highest 133 MiB")


def test_highs_that_are_at_the_limit_are_told_as_such() -> None:
    """No reading is above it, and the next tooth will be."""
    trace = teeth(rows=85)
    verdict = judge(trace, Settings(memory=int(trace.column("uss_bytes").max()) + 40 * KIB))

    assert verdict.hours_to_limit == 0
    assert of_limit(verdict) == ["the latest highs of memory are at the limit of 133 MiB"]


def test_a_level_service_that_was_above_its_limit_says_so() -> None:
    """Its peaks are, and it does not stay there: nothing climbs, and somebody should know."""
    y = 120 * MIB + 5 * MIB * (T % TOOTH) / TOOTH + np.random.default_rng(1).normal(0, 20 * KIB, len(T))
    verdict = until(124, trace_of(T, {"uss_bytes": y}))

    assert (verdict.verdict, verdict.hours_to_limit) == ("steady", None)
    assert verdict.reasons[0].startswith("memory is steady: ")
    assert of_limit(verdict) == [
        "readings have been above the limit of 124 MiB already, first 20 min into the run, the highest 125 MiB"
    ]
