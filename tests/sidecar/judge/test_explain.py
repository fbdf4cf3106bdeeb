"""Explanations: the judge's conditions and what would change a verdict."""

import json
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest

from floodmark_sidecar.judge import Condition, Explanation, Settings, Trace, Verdict, explain, judge
from floodmark_sidecar.traces import generate
from floodmark_sidecar.units import format_duration
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB, SHORT


def leak() -> Trace:
    """Grows by 8 MiB in a short run."""
    return made.short_leak(1, 8 * MIB, stairs=False).trace()


def noisy() -> Trace:
    """Noise hides what matters."""
    return generate("N2", seed=3, duration=300.0).trace


def growing_map() -> Trace:
    """Memory is steady, and a map without a bound grows."""
    clock = made.short_clean(3)
    return clock.trace(**{"map.jobs.entries": np.linspace(0, 4000, len(clock.t))})


def few() -> Trace:
    """Too few readings to judge."""
    return made.trace_of(np.arange(10.0), {"uss_bytes": np.full(10, 50.0 * MIB)})


def family(code: str) -> Trace:
    """Ten minutes of a family of traces, a leak of one MiB a minute."""
    return generate(code, seed=2, duration=600.0, growth=MIB / 60 * (code[0] != "N")).trace


FAMILIES = ("N3", "N6a", "N9", "N14b", "N17", "L4", "L8", "L18", "B2")
TRACES: dict[str, Callable[[], Trace]] = {
    "clean": lambda: made.short_clean(3).trace(),
    "leak": leak,
    "noisy": noisy,
    "map": growing_map,
    "few": few,
    "fill": lambda: made.short_fill(4, 9 * MIB, until=0.83).trace(),
    "recycled": lambda: made.recycled(3, 40_000.0, lives=4, workers=2),
    **{code: partial(family, code) for code in FAMILIES},
}


@cache
def verdict_on(name: str) -> Verdict:
    """The verdict on a trace."""
    return judge(TRACES[name]())


def found(explanation: Explanation, name: str) -> Condition:
    """The one condition of that name."""
    (condition,) = [each for each in explanation.conditions if each.name == name]
    return condition


@pytest.mark.parametrize("name", TRACES)
def test_the_verdict_follows_from_its_conditions(name: str) -> None:
    """Steady is what meets all that steady needs, climbing what climbs alone or meets all that a climb of memory needs."""
    verdict = verdict_on(name)
    conditions = explain(verdict).conditions

    def met(state: str) -> bool:
        return all(each.met for each in conditions if each.speaks_of(state))

    alone = any(each.alone and each.met is False for each in conditions)
    assert (verdict.verdict == "steady") == met("steady")
    assert (verdict.verdict == "climbing") == (alone or met("climbing"))


@pytest.mark.parametrize("name", TRACES)
def test_every_other_verdict_has_a_way_to_it(name: str) -> None:
    """For steady and for climbing, whichever the verdict is not, a sentence says what is missing."""
    verdict = verdict_on(name)
    changes = explain(verdict).changes

    for other in ("steady", "climbing"):
        memory_climbs = other == "climbing" and verdict.memory is not None and verdict.memory.state == "climbing"
        if other != verdict.verdict and not memory_climbs:
            assert any(change.startswith(f"{other} if ") for change in changes)


def test_the_judge_looks_in_this_order() -> None:
    """Coverage, lives, floors, warm-up, jumps, slope, δ, limits, persistence, load, maps, workers, counts."""
    names = [each.name for each in explain(verdict_on("L18")).conditions]
    order = [
        "number of readings",
        "workers and their lives",
        "floors, the lows that are judged",
        "warm-up, which is not judged",
        "isolated jumps taken out",
        "slope of memory",
        "smallest growth that matters, δ",
        "upper limit of the slope",
        "detection limit",
        "lower limit of the slope",
        "slopes of the two halves",
        "signs of a hidden climb",
        "load",
        "map results",
        "workers",
        "counts",
    ]

    assert [name for name in names if name in order] == order


def test_noise_says_how_far_off_each_limit_is_and_how_long_it_takes() -> None:
    """An inconclusive run says what steady and climbing lack, with both numbers, and how much longer to run."""
    changes = explain(verdict_on("noisy")).changes

    steady, climbing, longer = changes
    assert steady.split("; and ") == [
        "steady if the upper limit of the slope, 123 MiB/h, were under δ = 54.6 MiB/h",
        "the detection limit, 99.4 MiB/h, were at most δ = 54.6 MiB/h",
    ]
    assert climbing.split("; and ") == [
        "climbing if the slope, 19.4 MiB/h, were above δ = 54.6 MiB/h",
        "the lower limit of the slope, -36.3 MiB/h, were above δ/2 = 27.3 MiB/h",
    ]
    assert longer == "a run some 12 min 55 s longer should decide"


@pytest.mark.parametrize("name", TRACES)
def test_every_way_is_told_in_lines(name: str) -> None:
    """One condition a line of at most 110 columns, the first behind what it is the way to, the others behind `and` or `or`."""
    for way in explain(verdict_on(name)).ways:
        assert way.lines[0][0] == way.begin
        assert {word for word, _ in way.lines[1:]} <= {"and", "or"}
        assert all(len(way.begin) + len(condition) < 110 for _, condition in way.lines)


def test_a_leak_is_not_asked_for_a_hidden_climb() -> None:
    """What climbs openly hides nothing: `steady` lacks the limit of its slope, and that is all."""
    explanation = explain(verdict_on("leak"))

    assert found(explanation, "signs of a hidden climb").met is None
    assert [condition.split(",")[0] for _, condition in explanation.ways[0].lines] == ["the upper limit of the slope"]


def test_a_climb_of_memory_says_what_it_hangs_on() -> None:
    """A climbing verdict ends where its slope does, and every condition of a climb is met."""
    explanation = explain(verdict_on("leak"))

    assert found(explanation, "lower limit of the slope").met is True
    assert found(explanation, "upper limit of the slope").met is False
    assert explanation.changes[-1].startswith("no longer climbing if the slope, ")


def test_a_map_that_climbs_alone_is_what_the_verdict_hangs_on() -> None:
    """Memory is steady: only the map's entries would have to be otherwise."""
    explanation = explain(verdict_on("map"))
    condition = found(explanation, "map jobs")

    assert (condition.met, condition.alone, condition.needed_for) == (False, True, "steady")
    assert condition.value.endswith("while judged, without a bound")
    assert explanation.changes[-1].startswith("no longer climbing if the map jobs, 4,000 entries")
    assert "slope" not in explanation.changes[-1]


def test_what_could_not_be_judged_says_by_which_rule() -> None:
    """Ten readings are fewer than the judge takes, and the run is too short."""
    explanation = explain(verdict_on("few"))

    assert found(explanation, "number of readings") == Condition(
        "number of readings", "10", "at least 24", False, "any"
    )
    assert found(explanation, "length of the run").met is False
    assert explanation.changes[0].startswith("steady if the number of readings, 10, were at least 24; and the length")


def test_the_plans_limits_are_named() -> None:
    """A memory limit that is passed climbs alone, and warm-up and δ are the plan's."""
    settings = Settings(growth=MIB / 60, memory=20 * MIB, warmup=30.0)
    explanation = explain(judge(made.short_clean(3).trace(), settings))

    assert explanation.verdict == "climbing"
    assert found(explanation, "memory at the end").alone
    assert found(explanation, "memory at the end").threshold == "at most the plan's 20.0 MiB"
    assert found(explanation, "warm-up, which is not judged").threshold == "the plan's"
    assert found(explanation, "smallest growth that matters, δ").threshold == "the plan's"


@pytest.mark.parametrize(
    ("trace", "why"),
    [
        (made.daily(1).trace(), ""),
        (made.daily(1).ramp(200 * MIB, 30_000.0).trace(), ", until its growth slackened"),
        (made.daily(1).ramp(200 * MIB, 45_000.0).trace(), ", half of the run, as its growth slackened"),
        (made.daily(1).line(40 * MIB, 0.7).trace(), ", until its growth began"),
    ],
)
def test_a_warm_up_that_no_start_takes_has_a_reason(trace: Trace, why: str) -> None:
    """Half of a run, or more of it."""
    verdict = judge(trace)
    condition = found(explain(verdict), "warm-up, which is not judged")

    assert verdict.memory is not None
    assert condition.value == f"{format_duration(verdict.memory.start)}{why}"
    assert condition.threshold == ("measured" if "began" in why else "measured, from 10% to 50% of a run")


def test_persistence_is_told_as_it_was_measured() -> None:
    """A leak that ends early has a second half that does not grow, by its number and threshold."""
    explanation = explain(judge(made.short_fill(1, 30 * MIB, until=0.5).trace(), Settings(warmup=SHORT.seconds / 10)))
    halves = found(explanation, "slopes of the two halves")

    assert halves.met is False
    assert halves.threshold.startswith("above 0.25 δ = ")


@pytest.mark.parametrize("name", TRACES)
def test_an_explanation_is_json(name: str) -> None:
    """Conditions and changes survive JSON without a number that it does not know."""
    told = explain(verdict_on(name)).as_dict()

    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert set(told["conditions"][0]) == {"name", "value", "threshold", "met", "needed_for"}
    assert {found["needed_for"] for found in told["conditions"]} <= {"steady", "climbing", "both", None}
    assert told["conditions"][0]["needed_for"] == "both"


@pytest.mark.parametrize("growth", [0.0, 1e-300])
def test_growth_of_nothing_asks_for_the_longest_run(growth: float) -> None:
    """A δ that no run can resolve is inconclusive, and the time it would take stays a number."""
    verdict = judge(noisy(), Settings(growth=growth))

    assert verdict.verdict == "inconclusive"
    assert verdict.hours_to_decide == pytest.approx(3650 * 24)
    assert "a run some 3650 d longer should decide" in explain(verdict).changes


def test_sessions_before_a_long_gap_hold_nothing_that_is_known() -> None:
    """A single reading after the start of a run says nothing of sessions: no division by nothing, and no verdict."""
    t = np.append(np.arange(30.0), 1000.0)
    trace = made.trace_of(t, {"uss_bytes": 5e7 + t * 1000, "sessions": t % 7})

    assert judge(trace).verdict == "inconclusive"
