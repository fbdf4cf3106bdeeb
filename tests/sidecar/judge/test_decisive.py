"""The series that a verdict is about, where memory of the whole service does not climb."""

import json

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace, Verdict, judge
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import KIB, MIB, Clock, workers_of

DAY = Clock(86_400.0, 300.0)
CLOCK = made.short_clean(3)


def day_of(leaks: list[float]) -> Verdict:
    """The verdict on a day of as many workers as there are leaks, in MiB a day."""
    parts = {}
    for i, leak in enumerate(leaks):
        y = made.Maker(DAY, 70 + i, 120 * MIB).ramp(4 * MIB, 1800).noise(100 * KIB, 0.5).line(leak * MIB).y
        parts[f"w{i}"] = (DAY.times, y, ["1"] * len(y))
    return judge(workers_of(parts))


@pytest.fixture(scope="module")
def one_of_ten() -> Verdict:
    return day_of([0, 0, 0, 0, 8, 0, 0, 0, 0, 0])


def test_the_worker_that_climbs_alone_is_decisive_with_its_own_memory(one_of_ten: Verdict) -> None:
    """Its readings, and what its own finding says; not the sum."""
    memory = one_of_ten.memory
    assert (one_of_ten.verdict, memory is not None and memory.state) == ("climbing", "steady")

    (found,) = one_of_ten.decisive

    assert (found.kind, found.name) == ("worker", "w4")
    assert found.finding is next(each.finding for each in one_of_ten.workers if each.name == "w4")
    assert 110 * MIB < found.y.min() < found.y.max() < 140 * MIB
    assert len(found.x) == len(DAY.times)


def test_a_result_has_its_floors_and_window_by_the_clock(one_of_ten: Verdict) -> None:
    """What a picture needs beside the readings, as JSON."""
    result = json.loads(json.dumps(one_of_ten.as_dict(), allow_nan=False))

    (told,) = result["decisive"]

    assert (told["kind"], told["name"]) == ("worker", "w4")
    assert told["slope_per_hour"] == result["workers"]["w4"]["slope_bytes_per_hour"]
    assert told["window"] == result["window"]
    assert told["floors"][0][0] >= result["floors"][0][0] - 3600
    assert all(110 * MIB < size < 140 * MIB for _, size in told["floors"])


def test_of_several_the_fastest_comes_first() -> None:
    """As the reasons name them."""
    verdict = day_of([0.0, 0, 6, 0, 9] + [0.0] * 15)

    assert verdict.reasons[0].startswith("workers w4 (")
    assert [found.name for found in verdict.decisive] == ["w4", "w2"]


@pytest.mark.parametrize("leaks", [[0, 24], [24, 25, 26, 24], [0, 0, 0, 0]])
def test_none_is_where_the_sum_decides(leaks: list[float]) -> None:
    """Also where a worker is named that carries it."""
    verdict = day_of(leaks)

    assert verdict.decisive == ()
    assert verdict.as_dict()["decisive"] == []


def test_a_worker_that_leaves_a_verdict_open_is_decisive_too() -> None:
    """What one leaks and another gives back."""
    verdict = day_of([0, 0, 8, -8])

    assert verdict.verdict == "inconclusive"
    assert [found.name for found in verdict.decisive] == ["w2"]


@pytest.mark.parametrize(
    ("column", "kind", "name"),
    [("map.jobs.entries", "map", "jobs"), ("threads", "count", "threads")],
)
def test_a_map_and_a_count_are_decisive_in_entries(column: str, kind: str, name: str) -> None:
    """Their own numbers, where memory is steady."""
    values = np.round(np.linspace(4, 4000, len(CLOCK.t)))

    (found,) = judge(CLOCK.trace(**{column: values})).decisive

    assert (found.kind, found.name) == (kind, name)
    np.testing.assert_array_equal(found.y, values)
    assert found.finding.state == "climbing"


def test_a_map_whose_values_grow_has_no_series_of_its_own() -> None:
    """Its entries hardly do: what they show is not what decided."""
    n = len(CLOCK.t)
    columns = {
        "map.jobs.entries": np.linspace(1000, 1180, n).round(),
        "map.jobs.bytes": np.linspace(1, 40, n) * MIB,
    }
    verdict = judge(CLOCK.trace(**columns))

    assert verdict.verdict == "climbing"
    assert verdict.maps[0].heavier
    assert verdict.maps[0].finding is not None
    assert verdict.decisive == ()


def test_of_a_trace_that_cannot_be_judged_there_is_none() -> None:
    """Nothing was found in it."""
    assert judge(Trace.from_rows([])).decisive == ()
