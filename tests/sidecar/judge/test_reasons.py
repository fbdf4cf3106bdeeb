"""The sentences of a verdict: they name what limits a run, what would rule out less, and what to do next."""

import numpy as np
import pytest

from floodmark_sidecar.judge import Settings, Trace, Verdict, judge
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import DAY, MIB, Array, trace_of

HOUR = 3600.0
T = np.arange(0.0, DAY, 60.0)


def quiet(growth: float, level: float = 200.0, columns: dict[str, Array] | None = None) -> Trace:
    """A day of a service of *level* MiB that grows by *growth* MiB an hour, with next to no noise."""
    noise = np.random.default_rng(1).normal(0, 0.3, len(T))
    return trace_of(T, {"uss_bytes": MIB * (level + growth * T / HOUR + noise), **(columns or {})})


def said(verdict: Verdict) -> str:
    """All reasons."""
    return "\n".join(verdict.reasons)


def test_an_allocators_steps_are_not_called_noise() -> None:
    """A quiet day's limit is a MiB that an allocator takes at a time; a noisy one's is noise."""
    noisy = made.daily(3, sigma=3 * MIB).trace()

    assert "from the allocator's steps of 1 MiB; " in said(judge(quiet(0.0)))
    assert "MiB/day) from noise; " in said(judge(noisy))
    assert "noise hides growth under" in said(judge(noisy, Settings(growth=MIB / DAY)))
    assert "the allocator's steps of 1 MiB hide growth" in said(judge(quiet(0.0), Settings(growth=MIB / DAY / 10)))


def test_a_quiet_day_says_that_a_plan_may_ask_for_less() -> None:
    """2 MiB a day is what was asked, and not what the run could see; a run of minutes can only be longer."""
    assert "this run could rule out 24.8 KiB/h, if the `[limits] growth` of a plan asks for that" in said(
        judge(quiet(0.0))
    )
    assert "growth from 85.3 KiB/h (2.0 MiB/day) on matters: 2 MiB a day\n" in f"{said(judge(quiet(0.0)))}\n"
    assert "only a longer run can rule out less" in said(judge(made.short_clean(3).trace()))


def test_growth_that_is_seen_and_not_asked_about_is_told() -> None:
    """1.1 MiB an hour in a service of 20 GiB is under 1 % a day, and 792 MiB in 30 days; a plan makes a climb of it."""
    leak = quiet(1.1, 20_000.0)

    assert said(judge(leak)).startswith(
        "memory is steady: it grows by 1.1 MiB/h, less than the 8.3 MiB/h asked about; if that goes on, 30 days add 7"
    )
    assert judge(leak).reasons[0].endswith("; the `[limits] growth` of a plan can ask for less")
    assert judge(leak, Settings(growth=MIB / HOUR)).verdict == "climbing"


def test_growth_that_only_this_run_leaves_unasked_is_told_as_such() -> None:
    """In two hours an allocator's steps raise δ: for growth under it, it takes a longer run, and no plan."""
    t = np.arange(0.0, 2 * HOUR, 5.0)
    noise = np.random.default_rng(1).normal(0, 0.05, len(t))
    reason = judge(trace_of(t, {"uss_bytes": MIB * (200 + 0.38 * t / HOUR + noise)})).reasons[0]

    assert reason.startswith("memory is steady: it grows by ")
    assert reason.endswith("asked about; if that goes on, 24 hours add 9.0 MiB; only a longer run can ask for less")


def test_what_joined_lives_gained_is_not_added_up() -> None:
    """No process ever had it; how fast each life grows is what there is to say."""
    reason = judge(made.recycled(3, 40_000.0, lives=4, workers=2)).reasons[0]

    assert reason.startswith("memory climbs within lives by ")
    assert "judged" not in reason


@pytest.mark.parametrize(
    ("columns", "step"),
    [
        ({"map.jobs.entries": 100 * T}, "give map jobs a bound or a TTL"),
        ({"threads": np.round(8 + T / HOUR)}, "see what starts threads and never ends them"),
        ({"python_blocks": 1e5 + T}, "Python objects grow: `floodmark soak` names their types"),
        ({"heap_used_bytes": 1e8 + MIB * T / HOUR, "python_blocks": 0 * T + 1e5}, "malloc's memory outside Python's"),
        ({"mmap_bytes": 1e7 + MIB * T / HOUR}, "large blocks that malloc maps"),
        ({}, "add python_blocks or heap_used_bytes, which tell what grows"),
    ],
)
def test_a_climb_says_where_to_look(columns: dict[str, Array], step: str) -> None:
    """By the map, the count or the class of memory that grows; else by what the trace lacks."""
    verdict = judge(quiet(1.0, columns=columns))

    assert verdict.verdict == "climbing"
    assert verdict.next.startswith(step)


def test_a_limit_that_is_passed_says_so() -> None:
    """Nothing grows: the service is larger than its plan."""
    assert judge(quiet(0.0), Settings(memory=100 * MIB)).next.startswith("have the service hold less")


def test_a_steady_service_needs_nothing() -> None:
    """No next step."""
    verdict = judge(quiet(0.0))

    assert (verdict.verdict, verdict.next) == ("steady", "")
    assert verdict.as_dict()["next"] is None


def test_readings_that_never_differ_are_told() -> None:
    """An idle service has them, and a meter that stands still."""
    verdict = judge(trace_of(T, {"uss_bytes": np.full(len(T), 200.0 * MIB)}))

    assert verdict.verdict == "steady"
    assert (
        f"all {len(T):,} readings are 200 MiB: the service was idle, or what was read is not its memory"
        in verdict.reasons
    )


def test_memory_that_falls_is_told_by_how_much() -> None:
    """That its growth is at most nothing says little."""
    noise = np.random.default_rng(1).normal(0, 0.2 * MIB, len(T))
    verdict = judge(trace_of(T, {"uss_bytes": 400 * MIB - 2 * MIB * T / HOUR + noise}))

    assert verdict.reasons[0].startswith("memory is steady: it falls by 2.0 MiB/h (")
