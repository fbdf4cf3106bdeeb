"""What cannot be judged: an honest answer, never a traceback, never `steady` on nothing."""

import json
import math
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.judge import Settings, Trace, TraceError, judge, parse_csv
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB, SHORT, trace_of

KEYS = {
    "verdict",
    "exit_code",
    "shape",
    "growth_class",
    "slope_bytes_per_hour",
    "delta_bytes_per_hour",
    "detectable_bytes_per_hour",
    "longest_life_seconds",
    "hours_to_limit",
    "reasons",
    "ledger",
    "workers",
    "maps",
    "warmup_seconds",
    "floors",
    "coverage",
}


def flat(count: int = len(SHORT.times), **columns: float) -> Trace:
    """Readings that are all alike."""
    names = {"uss_bytes": 45.0 * MIB, **columns}
    return trace_of(SHORT.times[:count], {name: np.full(count, value) for name, value in names.items()})


@pytest.mark.parametrize(
    ("trace", "says"),
    [
        (Trace.from_rows([]), "there are no readings"),
        (flat(1), "too few readings: 1"),
        (flat(23), "too few readings: 23"),
        (flat(100), "too short a run: 50 s"),
        (flat(masked=1), "no reading is left to judge"),
        (Trace.from_rows([{"t": i} for i in range(100)]), "no reading is left to judge"),
    ],
)
def test_too_little_is_inconclusive_and_says_what_is_missing(trace: Trace, says: str) -> None:
    """Where there is nothing to judge the verdict says so, and unknown numbers are null."""
    result = judge(trace).as_dict()

    assert result["verdict"] == "inconclusive"
    assert result["exit_code"] == 3
    assert says in result["reasons"][0]
    assert result["slope_bytes_per_hour"] == {"estimate": None, "low": None, "high": None}
    assert result["warmup_seconds"] is None
    assert result.keys() >= KEYS


def test_a_constant_series_is_steady() -> None:
    """Memory that never moves is steady, with a slope of nothing."""
    verdict = judge(flat())

    assert (verdict.verdict, verdict.shape, verdict.growth_class) == ("steady", "flat", "none")
    assert verdict.as_dict()["slope_bytes_per_hour"]["estimate"] == 0


def test_a_run_that_misses_its_middle_is_not_steady() -> None:
    """A gap counts against coverage, and forbids `steady`."""
    times = np.concatenate([np.arange(0, 45, 0.5), np.arange(95, 140, 0.5)])

    verdict = judge(trace_of(times, {"uss_bytes": np.full(len(times), 45.0 * MIB)}))

    assert verdict.verdict == "inconclusive"
    assert any("cover only" in reason for reason in verdict.reasons)
    assert any("gap of 50 s" in reason for reason in verdict.reasons)


def test_what_to_do_about_a_gap_that_no_run_outlasts() -> None:
    """Another limit on growth would not fill it."""
    times = np.concatenate([np.arange(0, 3600, 15.0), 7 * 86_400 + np.arange(0, 3600, 15.0)])
    values = 45.0 * MIB + np.random.default_rng(1).normal(0, 0.2 * MIB, len(times))

    verdict = judge(trace_of(times, {"uss_bytes": values}))

    assert (verdict.verdict, verdict.hours_to_decide) == ("inconclusive", None)
    assert verdict.next == "judge by itself what ran before the gap, or after it, each in a trace of its own"


BAD_SETTINGS: Final = [
    ({"growth": -1.0}, "growth must be 0 or more (got -1.0)"),
    ({"growth": math.nan}, "growth must be a number (got nan)"),
    ({"growth": "2MiB/day"}, "growth must be a number (got '2MiB/day')"),
    ({"memory": 0}, "memory must be more than 0 (got 0)"),
    ({"memory": math.inf}, "memory must be a number (got inf)"),
    ({"warmup": -1}, "warmup must be 0 or more (got -1)"),
    ({"planned": True}, "planned must be a number (got True)"),
    ({"maps": {"jobs": -1}}, "maps['jobs'] must be 0 or more (got -1)"),
]


@pytest.mark.parametrize(("settings", "said"), BAD_SETTINGS, ids=[said for _, said in BAD_SETTINGS])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], said: str) -> None:
    """In words, with the value, before anything is judged."""
    with pytest.raises(UsageError) as caught:
        Settings(**settings)
    assert str(caught.value) == said


def test_numbers_of_numpy_are_numbers() -> None:
    """As who computes a limit has them."""
    assert Settings(growth=np.float64(2.0), memory=np.int64(5)).memory == 5  # type: ignore[arg-type]


def test_a_leak_is_seen_through_small_gaps() -> None:
    """A tenth of readings that are missing does not hide a leak."""
    leaking = made.short_leak(4, 8 * MIB, stairs=False)
    keep = np.random.default_rng(1).random(len(leaking.t)) > 0.1

    assert judge(trace_of(leaking.t[keep], {"uss_bytes": leaking.y[keep]})).verdict == "climbing"


def test_a_clock_that_jumps_is_not_steady() -> None:
    """Readings of two minutes and one from a year later are not a year of steadiness."""
    times = np.append(SHORT.times, 3e7)

    assert judge(trace_of(times, {"uss_bytes": np.full(len(times), 45.0 * MIB)})).verdict == "inconclusive"


@pytest.mark.parametrize("seed", range(8))
def test_a_clock_that_began_at_nothing_is_not_steady(seed: int) -> None:
    """One time of 1970 before those of an hour: a gap of half a century, and no fault of the judge."""
    times = np.append(-1.69e9, np.arange(0, 3000, 15))
    values = 45.0 * MIB + np.random.default_rng(seed).normal(0, 0.2 * MIB, len(times))

    assert judge(trace_of(times, {"uss_bytes": values})).verdict == "inconclusive"


def test_a_warmup_longer_than_the_run_leaves_nothing() -> None:
    """What the plan calls warm-up is not judged, be it everything."""
    verdict = judge(flat(), Settings(warmup=1000))

    assert verdict.verdict == "inconclusive"
    assert "after warm-up" in verdict.reasons[0]


def test_a_planned_warmup_is_taken_as_it_is() -> None:
    """A plan's warm-up replaces the measured one."""
    verdict = judge(made.short_clean(3).trace(), Settings(warmup=60))

    assert verdict.as_dict()["warmup_seconds"] == 60
    assert verdict.window == (1_700_000_060, 1_700_000_139.5)


@pytest.mark.parametrize("size", [0, 4 * MIB, 12 * MIB])
def test_a_result_is_whole_and_fits_json(size: int) -> None:
    """Every key is there, and no number is one that JSON does not know."""
    result = judge(made.short_leak(2, size, stairs=True).trace()).as_dict()

    assert result.keys() >= KEYS
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert len(result["floors"]) <= 400
    assert all(1_700_000_000 <= t <= 1_700_000_140 for t, _ in result["floors"])


def test_a_steady_verdict_says_what_it_could_not_have_seen() -> None:
    """The reasons of a short run say what its `steady` means a day."""
    verdict = judge(made.short_clean(3).trace())
    text = " ".join(verdict.reasons)

    assert verdict.verdict == "steady"
    assert "MiB/day) on matters: " in text
    assert "MiB/day" in text
    assert "a longer run rules out less by itself" in text


def test_a_climb_says_how_fast_and_how_sure() -> None:
    """The first reason of a climb is its slope with its interval."""
    reason = judge(made.daily(3).line(240 * MIB).trace()).reasons[0]

    assert reason.startswith("memory climbs by 10.0 MiB/h (between ")


def test_verdicts_keep_the_meaning_of_their_limits() -> None:
    """`climbing` has its estimate above δ and its lower limit above δ/2, `steady` its upper limit under δ."""
    for seed in range(12):
        for size in (0, 1 * MIB, 2 * MIB, 5 * MIB):
            result = judge(made.short_leak(seed, size, stairs=False).trace()).as_dict()
            slope, delta = result["slope_bytes_per_hour"], result["delta_bytes_per_hour"]
            if result["verdict"] == "climbing":
                assert slope["estimate"] > delta
                assert slope["low"] > delta / 2
            if result["verdict"] == "steady":
                assert slope["high"] < delta
                assert result["detectable_bytes_per_hour"] <= delta


_SERIES = st.lists(st.floats(min_value=0, max_value=1e15, allow_nan=False), min_size=0, max_size=150)


@settings(max_examples=60, deadline=None)
@given(_SERIES, st.integers(min_value=0, max_value=3), st.integers(min_value=1, max_value=3), st.booleans())
def test_no_series_makes_the_judge_raise(values: list[float], every: int, workers: int, lives: bool) -> None:
    """Whatever finite numbers a trace holds, there is a verdict with reasons that fits JSON."""
    rows = [
        {
            "t": i // workers * 10**every,
            "uss_bytes": value,
            "threads": values[-i],
            "map.a.entries": values[i // 2],
            "map.a.maxsize": 5,
            "worker": f"w{i % workers}",
            "life": 1 + i // 40 if lives else 1,
        }
        for i, value in enumerate(values)
    ]

    result = judge(Trace.from_rows(rows)).as_dict()

    assert result["verdict"] in {"steady", "climbing", "inconclusive"}
    assert result["reasons"]
    json.dumps(result, allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), min_size=30, max_size=80))
def test_no_times_make_the_judge_raise(points: list[tuple[float, float]]) -> None:
    """Whatever the times are, unsorted and repeated ones among them, there is a verdict."""
    judge(Trace.from_rows({"t": t, "uss_bytes": y} for t, y in points))


def test_masked_readings_are_no_gaps() -> None:
    """Censuses that mask a quarter of a run leave enough to judge; masking most of it does not."""
    rows: list[dict[str, object]] = [{"t": t, "uss_bytes": 30 * MIB + t % 3 * 1000} for t in range(160)]
    verdict = judge(Trace.from_rows({**row, "masked": int(t % 16 < 4)} for t, row in enumerate(rows)))

    assert verdict.verdict == "steady", verdict.reasons
    assert verdict.coverage.share > 0.95
    mostly = judge(Trace.from_rows({**row, "masked": int(t % 16 < 12)} for t, row in enumerate(rows)))
    assert mostly.verdict == "inconclusive"


@pytest.mark.parametrize("masked", [range(80, 160), range(80), range(60, 100)], ids=["end", "begin", "middle"])
def test_time_masked_for_long_is_not_covered(masked: range) -> None:
    """Nobody knows what memory did while all readings were masked: at either end of the run, or for a quarter of it."""
    rows = [{"t": t, "uss_bytes": 30 * MIB + t % 3 * 1000, "masked": int(t in masked)} for t in range(160)]
    verdict = judge(Trace.from_rows(rows))

    assert verdict.verdict == "inconclusive"
    assert verdict.coverage.share == pytest.approx(1 - len(masked) / 160, abs=0.02)
    assert verdict.coverage.largest_gap == pytest.approx(len(masked), abs=2)
    assert verdict.coverage.span == pytest.approx(159, abs=1)


def test_a_masked_start_of_a_minute_is_harmless() -> None:
    """A census or two at the ends of a run of half an hour hide little of it."""
    rows = [{"t": t * 5, "uss_bytes": 30 * MIB + t % 3 * 1000, "masked": int(not 12 <= t < 348)} for t in range(360)]

    assert judge(Trace.from_rows(rows)).verdict == "steady"


def test_malloc_that_keeps_more_is_undecided_in_minutes() -> None:
    """Growth that is memory malloc keeps free, with nothing alive growing, is no climb yet in a run of two minutes."""
    grown = [int(t * 8 * 1024) for t in range(140)]
    kept: list[dict[str, object]] = [
        {
            "t": t,
            "uss_bytes": 30 * MIB + grown[t],
            "heap_used_bytes": 6 * MIB,
            "heap_free_bytes": 2 * MIB + grown[t],
            "mmap_bytes": MIB,
            "python_blocks": 147_000,
        }
        for t in range(140)
    ]
    alive = [{**row, "heap_free_bytes": 2 * MIB, "heap_used_bytes": 6 * MIB + grown[t]} for t, row in enumerate(kept)]

    undecided = judge(Trace.from_rows(kept))
    assert undecided.verdict == "inconclusive"
    assert any("malloc keeps" in reason for reason in undecided.reasons)
    assert judge(Trace.from_rows(alive)).verdict == "climbing"


@pytest.mark.parametrize("value", ["1e19", "1e308"])
def test_numbers_beyond_any_memory_are_malformed(value: str) -> None:
    """Sums of them would overflow, and a verdict on them would be worth nothing."""
    with pytest.raises(TraceError, match=r"line 2.*more than 2"):
        parse_csv(["t,uss_bytes", f"1,{value}"], name="huge.csv")
