"""Growth that ended before the judged part is said, and at the plan's limit it is not steady."""

import re

import numpy as np
import pytest

from floodmark_sidecar.judge import Settings, Trace, judge
from tests.sidecar.judge.traces import DAYLONG, KIB, MIB, Array, Clock, Maker, daily, trace_of

HOUR = 3600.0
STOPPED = re.compile(
    r"memory grew by (\d+) MiB in the first (\d+) h .*, then stopped: a cache that was full, or a limit"
)


def capped(rate: float, cap: float, **columns: Array) -> Trace:
    """A day from 300 MiB on that grows by *rate* MiB an hour up to *cap* MiB."""
    t = DAYLONG.times
    y = np.minimum(cap, 300 + rate * t / HOUR) * MIB
    return trace_of(t, {"uss_bytes": y + np.random.default_rng(5).normal(0, 300 * KIB, len(t)), **columns})


def test_growth_that_stopped_is_said() -> None:
    """How much, until when, and that growth into swap would not be seen."""
    verdict = judge(capped(20, 512))

    assert verdict.verdict == "steady"
    (found,) = filter(None, map(STOPPED.match, verdict.reasons))
    assert (int(found[1]), int(found[2])) == (212, 10)
    assert "swap_bytes are not in the trace" in found.string


def test_where_swap_was_read_it_is_not_missed() -> None:
    """Swap that was read as nothing has no growth in it."""
    verdict = judge(capped(20, 512, swap_bytes=np.zeros(len(DAYLONG.times))))

    (found,) = filter(None, map(STOPPED.match, verdict.reasons))
    assert "swap" not in found.string


def test_growth_that_stopped_within_the_judged_part_is_said_to_its_end() -> None:
    """A leak that stops after 14 of 24 hours is judged from the twelfth on."""
    verdict = judge(capped(3, 342))

    assert verdict.verdict == "steady"
    assert verdict.memory is not None
    assert verdict.memory.start < 13 * HOUR
    assert any(
        re.match(r"memory grew by 4[12]\.\d MiB in the first 13 h \d+ min, then stopped: a cache", reason)
        for reason in verdict.reasons
    )


def test_growth_that_goes_on_in_jumps_has_not_stopped() -> None:
    """After eight hours of growth there is a jump of 30 MiB: neither a cache nor a limit is told of."""
    t = DAYLONG.times
    y = np.minimum(380, 300 + 10 * t / HOUR) + 30 * (t > 17 * HOUR)
    verdict = judge(trace_of(t, {"uss_bytes": MIB * y + np.random.default_rng(5).normal(0, 300 * KIB, len(t))}))
    (said,) = (reason for reason in verdict.reasons if reason.startswith("memory grew by "))

    assert verdict.verdict == "steady"
    assert re.search(r" in the first (7|8) h .*, and since then only in one jump of (29|30)\.\d MiB$", said)


def test_growth_that_a_restart_ended_is_said_to_end_with_it() -> None:
    """A worker that leaks is replaced by one that does not: no cache is full."""
    t = DAYLONG.times
    y = 180 * MIB + 5 * MIB * np.minimum(t, 12 * HOUR) / HOUR * (t < 12 * HOUR)
    y += np.random.default_rng(5).normal(0, 100 * KIB, len(t))
    verdict = judge(trace_of(t, {"uss_bytes": y}, life=["1" if at < 12 * HOUR else "2" for at in t]))

    assert verdict.verdict == "steady"
    assert any(
        re.fullmatch(r"memory grew by (59|60)[.\d]* MiB until a worker was restarted 12 h into the run: .*", reason)
        for reason in verdict.reasons
    )
    assert not any("cache" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("seed", range(4))
def test_a_start_of_minutes_is_not_said(seed: int) -> None:
    """Every service starts; that is no news."""
    verdict = judge(daily(seed).trace())

    assert verdict.verdict == "steady"
    assert not any("then stopped" in reason for reason in verdict.reasons)


def test_a_start_of_minutes_in_a_run_of_an_hour_is_not_said() -> None:
    """However much of a short run it takes."""
    verdict = judge(Maker(Clock(5400.0, 5.0), 1, 100 * MIB).ramp(20 * MIB, 1500).noise(100 * KIB, 0.5).trace())

    assert verdict.verdict == "steady"
    assert not any("then stopped" in reason for reason in verdict.reasons)


def test_growth_that_would_not_matter_later_is_not_said() -> None:
    """A MiB in the first hours of a day is less than the rest of the day may grow by."""
    verdict = judge(Maker(DAYLONG, 1, 100 * MIB).line(1.2 * MIB, 0.0, 0.4).noise(20 * KIB, 0.0).trace())

    assert verdict.verdict == "steady"
    assert verdict.memory is not None
    assert verdict.memory.start > 8 * HOUR
    assert not any("then stopped" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(("limit", "state"), [(530, "inconclusive"), (512, "inconclusive"), (800, "steady")])
def test_what_stopped_at_the_plans_limit_is_not_steady(limit: int, state: str) -> None:
    """A limit that memory stopped at says nothing of where it would have stopped by itself."""
    verdict = judge(capped(20, 512), Settings(memory=limit * MIB))

    assert verdict.verdict == state
    assert any("the limit may be all that ended it" in reason for reason in verdict.reasons) == (limit < 800)


def test_a_service_that_was_level_near_its_limit_all_along_is_steady() -> None:
    """Nothing grew, so nothing was stopped."""
    assert judge(daily(1).trace(), Settings(memory=215 * MIB)).verdict == "steady"
