"""The sentences of a verdict: they name what limits a run, what would rule out less, and what to do next."""

import re

import numpy as np
import pytest

from floodmark_sidecar.judge import Settings, Trace, Verdict, judge
from floodmark_sidecar.judge._reasons import per_hour
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
    """2 MiB a day is what was asked, and not what the run could see; a longer run than one of minutes asks by itself."""
    assert "this run could rule out 24.8 KiB/h, if the `[limits] growth` of a plan asks for that" in said(
        judge(quiet(0.0))
    )
    assert "growth from 85.3 KiB/h (2.0 MiB/day) on matters: 2 MiB a day\n" in f"{said(judge(quiet(0.0)))}\n"
    assert "; a longer run rules out less by itself\n" in said(judge(made.short_clean(3).trace()))


@pytest.mark.parametrize("trace", [made.short_clean(3).trace(), quiet(0.0)])
def test_what_a_run_could_rule_out_it_rules_out(trace: Trace) -> None:
    """A plan that asks for it finds the same run steady, in minutes and in a day."""
    verdict = judge(trace)
    assert verdict.memory is not None
    least = max(verdict.memory.slope.high, verdict.memory.detectable)

    assert f"this run could rule out {per_hour(least)}, if the `[limits] growth` of a plan asks" in said(verdict)
    assert judge(trace, Settings(growth=1.001 * least)).verdict == "steady"


def test_what_is_steady_says_no_number_twice_over() -> None:
    """From which growth on it matters is said once, where it comes from beside it."""
    assert said(judge(quiet(0.0))).count("85.3 KiB/h") == 1


def test_growth_that_is_hidden_is_told_beside_what_readings_show() -> None:
    """Readings may grow by less than an allocator's steps would hide: both are in one sentence."""
    verdict = judge(quiet(0.0))
    assert verdict.memory is not None
    most, hidden = per_hour(max(0.0, verdict.memory.slope.high)), per_hour(verdict.memory.detectable)

    assert verdict.memory.slope.high < verdict.memory.detectable
    assert verdict.reasons[0].startswith(f"memory is steady: its readings grow by at most {most} (estimate ")
    assert (
        f"), and the allocator's steps of 1 MiB may hide growth up to {hidden}; this run could rule out "
        in verdict.reasons[0]
    )


def test_growth_that_is_seen_and_not_asked_about_is_told() -> None:
    """1.1 MiB an hour in a service of 20 GiB is under 1 % a day, and 792 MiB in 30 days; a plan makes a climb of it."""
    leak = quiet(1.1, 20_000.0)

    assert said(judge(leak)).startswith(
        "memory is steady: it grows by 1.1 MiB/h, less than the 8.3 MiB/h that matter (1 % of memory a day); if that goes on, 30 days add 7"
    )
    assert judge(leak).reasons[0].endswith("; the `[limits] growth` of a plan can ask for less")
    assert judge(leak, Settings(growth=MIB / HOUR)).verdict == "climbing"


def test_growth_that_only_this_run_leaves_unasked_is_told_as_such() -> None:
    """In two hours an allocator's steps raise δ: growth under it is asked about in a longer run, and by a plan."""
    t = np.arange(0.0, 2 * HOUR, 5.0)
    noise = np.random.default_rng(1).normal(0, 0.05, len(t))
    leak = trace_of(t, {"uss_bytes": MIB * (200 + 0.38 * t / HOUR + noise)})
    reason = judge(leak).reasons[0]

    assert reason.startswith("memory is steady: it grows by ")
    assert "that matter (the least in so short or noisy a run); if that goes on, 24 hours add 9.0 MiB; " in reason
    assert reason.endswith("a longer run asks for less by itself, and the `[limits] growth` of a plan can ask for less")
    assert judge(leak, Settings(growth=0.3 * MIB / HOUR)).verdict == "climbing"


def test_what_memory_gained_is_what_it_did() -> None:
    """Where growth began within the judged part, its slope over all of that would be more than there was."""
    t = np.arange(0.0, 27 * HOUR, 60.0)
    y = 180 + 100 * np.maximum(0.0, t / HOUR - 23) + np.random.default_rng(1).normal(0, 0.3, len(t))
    verdict = judge(trace_of(t, {"uss_bytes": MIB * y}))
    assert verdict.memory is not None
    (found,) = re.findall(r", (\d+) MiB over the .* judged", verdict.reasons[0])

    assert verdict.verdict == "climbing"
    assert verdict.memory.rise > 450 * MIB
    assert int(found) == pytest.approx(380, abs=25)


def test_a_name_of_any_length_is_told_by_its_ends() -> None:
    """A sentence stays one; what programs read has all of the name."""
    long = "web-" + 290 * "x" + "-4"
    parts = {name: (T, MIB * (200 + rate * T / HOUR), [""] * len(T)) for name, rate in ((long, 2.0), ("web-1", 0.0))}
    verdict = judge(made.workers_of(parts))

    assert f"web-{26 * 'x'}…{28 * 'x'}-4 climbs (" in said(verdict)
    assert long not in said(verdict)
    assert verdict.worker == long


def test_falls_that_may_be_restarts_are_told_though_the_last_is_recent() -> None:
    """What leaks is killed after eleven hours, and again after twenty-two: two hours later it has not regained much."""
    noise = np.random.default_rng(1).normal(0, 0.3, len(T))
    verdict = judge(trace_of(T, {"uss_bytes": MIB * (180 + 18 * (T % (11 * HOUR)) / HOUR + noise)}))

    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0].startswith(
        "memory falls by some 197 MiB twice, to about where it began: if these are restarts"
    )
    assert verdict.next.startswith("add the column `life`")


def test_steps_that_only_go_up_are_no_wave() -> None:
    """Three steps of 10 MiB, six hours apart, never come down: their lows have nothing to tell."""
    noise = np.random.default_rng(1).normal(0, 0.2, len(T))
    steps = sum((hour * HOUR < T).astype(float) for hour in (6.0, 12.0, 18.0))
    verdict = judge(trace_of(T, {"uss_bytes": MIB * (180 + 10 * steps + noise)}))

    assert "three jumps over the run may be a staircase" in said(verdict)
    assert "wave" not in said(verdict)


def test_a_service_that_lost_a_worker_is_told_what_to_judge() -> None:
    """No longer run brings it back: the part since then, or a run in which it stays."""
    half = T[T < 12 * HOUR]
    noise = np.random.default_rng(1).normal(0, 0.3, len(T))
    parts = {
        "web-1": (T, MIB * (100 + noise), [""] * len(T)),
        "web-2": (half, MIB * (100 + noise[: len(half)]), [""] * len(half)),
    }
    verdict = judge(made.workers_of(parts))

    assert verdict.verdict == "inconclusive"
    assert verdict.hours_to_decide is None
    assert verdict.next.startswith(
        "judge by itself what ran since, in a trace that begins there; or run it with as many"
    )


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


def test_memory_that_falls_in_a_wave_is_not_called_small() -> None:
    """It rises for half a day and falls for the other: the fall is what was judged, and no slope is small."""
    wave = -np.cos(2 * np.pi * T / DAY) * 40 * MIB
    noise = np.random.default_rng(1).normal(0, 0.3 * MIB, len(T))
    verdict = judge(trace_of(T, {"uss_bytes": 200 * MIB + wave + noise}))
    (reason,) = (reason for reason in verdict.reasons if " such a wave would not show" in reason)

    assert verdict.verdict == "inconclusive"
    assert re.match(r"memory falls by \d\.\d MiB/h \(between -\d\.\d+ and -\d\.\d+ MiB/h\), yet it rose for ", reason)


def test_memory_that_falls_is_told_by_how_much() -> None:
    """That its growth is at most nothing says little."""
    noise = np.random.default_rng(1).normal(0, 0.2 * MIB, len(T))
    verdict = judge(trace_of(T, {"uss_bytes": 400 * MIB - 2 * MIB * T / HOUR + noise}))

    assert verdict.reasons[0].startswith("memory is steady: it falls by 2.0 MiB/h (")
