"""Several workers, their lives, and what their sum shows."""

import numpy as np
import pytest

from floodmark_sidecar.judge import judge
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB, SHORT, Array, workers_of

COUNT = len(SHORT.times)


def one(y: Array, life: str = "1", part: slice = slice(None)) -> tuple[Array, Array, list[str]]:
    """One worker's part of a trace, of a single life."""
    return SHORT.times[part], y[part], [life] * len(SHORT.times[part])


@pytest.mark.parametrize("seed", range(3))
def test_one_leaking_worker_of_four_makes_the_service_climb_and_is_named(seed: int) -> None:
    """The service's verdict is its sum's; the worker that leaks alone is named."""
    parts = {f"web-{i}": one(made.short_start(10 * seed + i).y) for i in range(4)}
    parts["web-2"] = one(made.short_start(10 * seed + 2).line(8 * MIB).y)

    verdict = judge(workers_of(parts))

    assert verdict.verdict == "climbing"
    assert verdict.worker == "web-2"
    workers = verdict.as_dict()["workers"]
    assert workers["web-2"]["verdict"] == "climbing"
    assert {workers[f"web-{i}"]["verdict"] for i in (0, 1, 3)} <= {"steady", "inconclusive"}


def test_a_worker_alone_is_the_service() -> None:
    """What is said of the only worker is what is said of the sum, number for number."""
    said = judge(workers_of({"web-0": one(made.short_start(2).line(8 * MIB).y)})).as_dict()

    assert said["verdict"] == said["workers"]["web-0"]["verdict"] == "climbing"
    assert said["workers"]["web-0"]["slope_bytes_per_hour"] == said["slope_bytes_per_hour"]


def test_a_leak_in_every_life_climbs_though_the_sum_does_not() -> None:
    """Workers that are replaced before it shows are climbing, and the reasons say what hides it."""
    verdict = judge(made.recycled(1, 8 * MIB / 140, lives=4, workers=2))

    assert verdict.verdict == "climbing"
    assert any("recycling hides" in reason for reason in verdict.reasons)
    assert verdict.longest_life_seconds == pytest.approx(35, abs=1)
    assert any("longest life" in reason for reason in verdict.reasons)


def test_restarts_that_start_higher_are_no_leak() -> None:
    """Memory that moves from life to life, and not within one, is not growth."""
    life = (SHORT.times // 35).astype(int)
    y = 45 * MIB + life * 5 * MIB + np.random.default_rng(1).normal(0, 0.1 * MIB, COUNT)

    verdict = judge(workers_of({"w": (SHORT.times, y, [str(number) for number in life])}))

    assert verdict.verdict == "steady"


def test_a_worker_that_comes_late_is_not_growth() -> None:
    """Scaling up moves the sum, and is no leak."""
    late = slice(COUNT // 2, None)

    verdict = judge(workers_of({"a": one(made.short_start(1).y), "b": one(made.short_start(2).y, part=late)}))

    assert verdict.verdict != "climbing"


def test_a_shrinking_worker_does_not_hide_a_leaking_one() -> None:
    """A service is not steady because one worker gives back what another takes."""
    parts = {"a": one(made.short_start(1).line(-6 * MIB).y), "b": one(made.short_start(2).line(6 * MIB).y)}

    verdict = judge(workers_of(parts))

    assert verdict.verdict != "steady"
    assert any("worker b climbs" in reason for reason in verdict.reasons)


def test_a_dead_worker_is_not_a_steady_one() -> None:
    """A worker that is gone for most of the run leaves a service that nobody has judged."""
    gone = slice(0, COUNT // 2)

    verdict = judge(workers_of({"a": one(made.short_start(1).y, part=gone), "b": one(made.short_start(2).y)}))

    assert verdict.verdict == "inconclusive"
    assert verdict.as_dict()["workers"]["a"]["gone"] is True
    assert any("worker a is gone" in reason for reason in verdict.reasons)


def test_lives_too_short_to_judge_are_not_steady() -> None:
    """Where no life lasts for ten readings there is nothing to say."""
    life = (SHORT.times // 2).astype(int)

    verdict = judge(workers_of({"w": (SHORT.times, np.full(COUNT, 45.0 * MIB), [str(number) for number in life])}))

    assert verdict.verdict == "inconclusive"
    assert verdict.reasons == ("no worker lives long enough to say how its memory grows",)


def test_a_masked_reading_of_one_worker_leaves_out_the_instant_for_all() -> None:
    """A sum needs every part: where one worker is masked, none is counted."""
    parts = {"a": one(made.short_start(1).y), "b": one(made.short_start(2).y)}
    rows = workers_of(parts).rows()
    for row in rows:
        if row["worker"] == "a" and 40 <= float(str(row["t"])) - 1_700_000_000 < 42:
            row.update(masked=1, uss_bytes=1)

    verdict = judge(type(workers_of(parts)).from_rows(rows))

    assert verdict.coverage.masked == 4
    assert verdict.coverage.readings == COUNT - 4
    assert min(size for _, size in verdict.floors) > 80 * MIB


def test_segments_join_without_their_pauses() -> None:
    """Segments are lives of their own, and the hours between them are no part of the run."""
    leaking = made.short_start(1).line(8 * MIB)
    times = np.where(SHORT.times < 70, SHORT.times, SHORT.times + 5000)
    segments = ["1" if time < 70 else "2" for time in SHORT.times]

    verdict = judge(made.trace_of(times, {"uss_bytes": leaking.y}, segment=segments))

    assert verdict.coverage.span == pytest.approx(140, abs=1)
    assert verdict.longest_life_seconds == pytest.approx(70, abs=1)
    assert verdict.verdict == "climbing"
