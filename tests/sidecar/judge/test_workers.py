"""Several workers, their lives, and what their sum shows."""

import numpy as np
import pytest

from floodmark_sidecar.judge import Settings, Verdict, explain, judge
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import KIB, MIB, SHORT, Array, Clock, workers_of

COUNT = len(SHORT.times)
DAY = Clock(86_400.0, 300.0)
LIFE = ["1"] * len(DAY.times)


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
    """Memory that moves from life to life, and not within one, is not growth, as long as it moves either way."""
    life = (SHORT.times // 35).astype(int)
    y = 45 * MIB + (3 * life % 7) * 5 * MIB + np.random.default_rng(1).normal(0, 0.1 * MIB, COUNT)

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


def day_of(leaks: list[float], *, growth: float | None = None) -> Verdict:
    """The verdict on a day of workers that grow by so many MiB each; the service is large."""
    parts = {}
    for i, leak in enumerate(leaks):
        y = made.Maker(DAY, 70 + i, 120 * MIB).ramp(4 * MIB, 1800).noise(100 * KIB, 0.5).line(leak * MIB).y
        parts[f"w{i}"] = (DAY.times, y, ["1"] * len(y))
    return judge(workers_of(parts), Settings(growth=growth))


def test_a_worker_has_the_delta_it_would_have_alone() -> None:
    """One of ten that leaks less than matters in the sum of all, and more than matters in one, is found and named."""
    verdict = day_of([0, 0, 0, 0, 7, 0, 0, 0, 0, 0])

    assert verdict.memory is not None
    assert verdict.memory.state == "steady"
    assert (verdict.verdict, verdict.worker) == ("climbing", "w4")
    assert verdict.reasons[0].startswith("worker w4 climbs (")
    assert "the other 9 are steady; growth from 85.3 KiB/h on matters in one worker" in verdict.reasons[0]
    assert verdict.as_dict()["workers"]["w4"]["verdict"] == "climbing"
    assert verdict.reasons[1].startswith("the memory of all 10 workers together is steady: its slope is between ")
    steady, ends = explain(verdict).changes
    rate = verdict.reasons[0].partition("(")[2].partition(")")[0]
    climbs = f"the number of workers that climb by themselves, 1 of 10: w4 ({rate}), were 0"
    assert (steady, ends) == (f"steady if {climbs}", f"no longer climbing if {climbs}")


def test_what_does_not_matter_in_one_worker_does_not_matter_in_ten() -> None:
    """Each by itself grows by less than its own δ, and all together by less than theirs."""
    assert day_of([1.0] * 10).verdict == "steady"


def test_a_plans_own_delta_is_that_of_every_worker() -> None:
    """Who says that growth matters from 20 MiB a day on means no less of a single worker."""
    leaks = [0.0, 0, 0, 0, 7, 0, 0, 0, 0, 0]

    assert day_of(leaks, growth=20 * MIB / 86_400).verdict == "steady"


def test_a_few_jumps_of_one_worker_are_none_of_its_growth() -> None:
    """As where it is the only one: three jumps in noise explain it better than growth that goes on."""
    jumping = made.Maker(DAY, 2, 120 * MIB).noise(600 * KIB, 0.8)
    for size, place in ((1.8, 0.25), (2.4, 0.5), (1.6, 0.8)):
        jumping.step(size * MIB, place)
    parts = {f"w{i}": (DAY.times, made.Maker(DAY, i, 120 * MIB).noise(100 * KIB, 0.5).y, LIFE) for i in range(9)}

    verdict = judge(workers_of({**parts, "jumping": (DAY.times, jumping.y, LIFE)}))

    assert verdict.verdict == "steady"
    jumps = next(worker.finding for worker in verdict.workers if worker.name == "jumping")
    assert jumps is not None
    assert jumps.doubts == ("as few as three jumps would explain it better than growth that goes on",)


@pytest.mark.parametrize(("each", "climbs"), [(130, False), (300, True)])
def test_sessions_of_one_worker_may_hold_more_than_those_of_the_others(each: int, climbs: object) -> None:
    """What a session holds is measured of all together, so in one worker it may be twice that, and no more."""
    swinging = np.round(200 + 80 * np.sin(2 * np.pi * 6 * DAY.times / 86_400))
    growing = np.round(200 + 100 * DAY.times / 86_400)
    sessions = [growing if i == 3 else swinging for i in range(10)]
    memory = [
        made.Maker(DAY, i, 100 * MIB).noise(100 * KIB, 0.5).y + (each if i == 3 else 64) * KIB * open_
        for i, open_ in enumerate(sessions)
    ]
    columns = {"uss_bytes": np.concatenate(memory), "sessions": np.concatenate(sessions)}
    names = [f"w{i}" for i in range(10) for _ in DAY.times]

    verdict = judge(made.trace_of(np.tile(DAY.times, 10), columns, worker=names))

    assert (verdict.worker == "w3") is climbs
    assert (verdict.verdict == "climbing") is climbs


def test_what_a_worker_leaks_and_others_give_back_is_undecided() -> None:
    """Load that moves from one worker to another is no growth of the service."""
    verdict = day_of([0, 0, 8, -8])

    assert verdict.verdict == "inconclusive"
    assert any("worker w2 climbs" in reason and "does not grow by as much" in reason for reason in verdict.reasons)


def test_the_worker_that_carries_a_climb_is_named_in_the_reasons() -> None:
    """Which one, how fast, and that the others are steady."""
    reasons = day_of([0, 24, 0, 0]).reasons

    assert reasons[0].startswith("memory climbs by ")
    assert reasons[1].startswith("worker w1 climbs (1.")
    assert reasons[1].endswith("MiB/h), the other 3 are steady")


def test_workers_that_all_climb_are_not_told_apart() -> None:
    """Growth that is in every worker has its place in what they have in common."""
    assert day_of([24, 25, 26, 24]).reasons[1].startswith("all 4 workers climb alike (about 1.")
    assert day_of([80, 20, 20, 20]).reasons[1].startswith("all 4 workers climb, w0 the fastest (3.")
    assert day_of([24, 24]).reasons[1].startswith("both workers climb alike")


def test_of_many_climbing_workers_the_fastest_are_named() -> None:
    """Five names, then how many more; no single worker is the culprit."""
    verdict = day_of([0, 10, 20, 30, 40, 50, 60, 70, 0, 0])

    assert verdict.worker is None
    assert verdict.reasons[1].startswith("workers w7 (2.")
    assert "and 2 more climb, the other 3 are steady" in verdict.reasons[1]


def test_where_no_worker_carries_the_climb_none_is_named() -> None:
    """What is spread so thinly that nearly no worker shows it is said of the service only."""
    clock = SHORT
    noisy = [made.Maker(clock, 300 + i).noise(2.5 * MIB, 0.0).line(2.4 * MIB).y for i in range(12)]

    noisy.append(made.Maker(clock, 9).noise(50 * KIB, 0.0).line(2.4 * MIB).y)

    verdict = judge(workers_of({f"w{i}": (clock.times, y, ["1"] * COUNT) for i, y in enumerate(noisy)}))

    assert verdict.verdict == "climbing"
    assert verdict.as_dict()["workers"]["w12"]["verdict"] == "climbing"
    assert sum(reason.startswith(("worker", "all", "both")) for reason in verdict.reasons) == 0


def named_by_pid(slots: int, lives: int, *, late: float = 60.0, grows: float = 0.0) -> Verdict:
    """The verdict on a day whose workers are restarted in turn, each under a new name, *late* seconds after the last."""
    parts = {}
    for slot in range(slots):
        cuts = [0.0, *(86_400 * (k + slot / slots) / lives for k in range(1, lives)), 90_000.0]
        for k in range(lives):
            there = (DAY.times >= cuts[k] + (late if k else 0)) & (DAY.times < cuts[k + 1])
            t = DAY.times[there]
            y = made.Maker(DAY, 10 * slot + k, 100 * MIB).noise(100 * KIB, 0.5).y[there]
            parts[f"{1000 + 10 * k + slot}"] = (t, y + grows * MIB * (t - t[0]) / 3600, ["1"] * len(t))
    return judge(workers_of(parts))


@pytest.mark.parametrize("late", [60.0, -700.0])
def test_restarts_that_are_named_by_pid_are_one_sentence(late: float) -> None:
    """Workers that end where others begin say so once, with what to do; no longer run of the same names would decide."""
    verdict = named_by_pid(4, 3, late=late)

    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0] == (
        "8 workers ended and as many others began in their place: if these are restarts, "
        "name workers by slot (w0 … w3) and count `life` up"
    )
    assert verdict.hours_to_decide is None
    assert not any("is gone" in reason or "longer should decide" in reason for reason in verdict.reasons)
    assert any(
        "steady if the workers that ended, 8, others in their place, were none" in change
        for change in explain(verdict).changes
    )


def test_a_single_restart_that_is_named_by_pid_is_one_too() -> None:
    """One worker that had all there was."""
    assert named_by_pid(1, 2).reasons[0] == (
        "1 worker ended and another began in its place: if this is a restart, "
        "name workers by slot (w0) and count `life` up"
    )


def test_a_climb_of_workers_that_are_named_by_pid_names_none() -> None:
    """Names that each last for a while are no places to look at."""
    verdict = named_by_pid(4, 3, grows=4)

    assert verdict.verdict == "climbing"
    assert sum(reason.startswith(("worker", "all", "both")) for reason in verdict.reasons) == 0


def test_workers_that_are_gone_without_successors_are_one_sentence() -> None:
    """Who is gone, since when the first, and that another service is left; a longer run brings none of them back."""
    there = DAY.times < 43_200
    parts = {}
    for i in range(10):
        y = made.Maker(DAY, i, 100 * MIB).noise(100 * KIB, 0.5).y
        part = there if i < 8 else np.full(len(there), fill_value=True)
        parts[f"w{i}"] = (DAY.times[part], y[part], ["1"] * int(part.sum()))

    verdict = judge(workers_of(parts))

    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0] == (
        "workers w0, w1, w2, w3, w4 and 3 more are gone, the first since 12 h: what is left is not the service that began"
    )
    assert verdict.hours_to_decide is None


def test_workers_that_come_and_go_with_the_load_leave_the_service() -> None:
    """Of a pool that is larger by day, what is small and came later is no part of the service that began."""
    parts = {f"w{i}": (DAY.times, made.Maker(DAY, i, 100 * MIB).noise(100 * KIB, 0.5).y, ["1"] * 288) for i in range(6)}
    for i in range(3):
        day = (DAY.times > 20_000 + 900 * i) & (DAY.times < 50_000 + 900 * i)
        parts[f"d{i}"] = (DAY.times[day], np.full(int(day.sum()), 60.0 * MIB), ["1"] * int(day.sum()))

    assert not any("gone" in reason or "ended" in reason for reason in judge(workers_of(parts)).reasons)


def test_what_recycling_hides_never_gets_to_the_limit() -> None:
    """Workers that are replaced in turn give back what they took: the sum stays where it is."""
    verdict = judge(made.recycled(1, 8 * MIB / 140, lives=4, workers=2), Settings(memory=100 * MIB))

    assert verdict.verdict == "climbing"
    assert verdict.hours_to_limit is None
    assert not any("at this rate" in reason for reason in verdict.reasons)
