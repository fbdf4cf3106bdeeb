"""Few restarts, or some that nobody told of: what runs now decides, and no fall hides a leak."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from floodmark_sidecar.judge import Condition, Settings, Trace, explain, judge
from tests.sidecar.judge.traces import MIB, Array, trace_of, workers_of

HOUR = 3600.0
EVERY = 120.0


def life(hours: float, rate: float, *, until: float = 1e9, since: float = 0.0) -> Array:
    """A process that starts at 160 MiB, warms up by 40, and grows by *rate* MiB an hour from the age *since* to *until*."""
    age: Array = np.arange(0.0, hours * HOUR, EVERY)
    grown = rate * np.clip(age / HOUR - since, 0.0, until - since)
    level: Array = (160 + 40 * (1 - np.exp(-age / 600)) + grown) * MIB
    return level


def cache(hours: float, tau: float) -> Array:
    """A process whose cache of 60 MiB fills with a time constant of *tau* hours."""
    age = np.arange(0.0, hours * HOUR, EVERY)
    return life(hours, 0.0) + 60.0 * MIB * (1 - np.exp(-age / HOUR / tau))


def service(lives: Sequence[Array], *, workers: int = 1, told: bool = True, **columns: Array) -> Trace:
    """A service whose *lives* follow each other in each worker; their restarts are in the trace if they are *told*."""
    rng = np.random.default_rng(4)
    values = np.concatenate(lives)
    number = [str(i + 1) for i, each in enumerate(lives) for _ in each]
    t = np.tile(np.arange(len(values)) * EVERY, workers)
    y = np.concatenate([values + rng.normal(0, 0.4 * MIB, len(values)) for _ in range(workers)])
    worker = [f"web-{i}" for i in range(workers) for _ in values]
    labels = {"worker": worker, "life": number * workers} if told else {"worker": worker}
    return trace_of(t, {"uss_bytes": y, **columns}, **labels)


@pytest.mark.parametrize("before", [20.0, 36.0, 60.0])
def test_a_leak_that_came_with_a_deploy_climbs(before: float) -> None:
    """However long the life before was steady; what is judged, and what was before, is said."""
    verdict = judge(service([life(before, 0.0), life(16.0, 2.0)]))

    assert verdict.verdict == "climbing"
    assert verdict.memory is not None
    assert verdict.memory.slope.estimate * 3600 == pytest.approx(2 * MIB, rel=0.1)
    assert any("restart" in reason and "before it, memory was steady" in reason for reason in verdict.reasons)
    assert verdict.window is not None
    assert verdict.window[0] >= 1_700_000_000 + before * HOUR


def test_a_last_life_that_leaks_is_not_outvoted_by_those_before() -> None:
    """One of three lives hardly moves the slope of all, and it is the one that runs."""
    verdict = judge(service([life(24.0, 0.0), life(24.0, 0.0), life(8.0, 2.0)]))

    assert verdict.verdict == "climbing"


def test_a_leak_that_ended_with_a_deploy_is_steady_and_told() -> None:
    """What runs now is steady at an age at which the life before climbed."""
    verdict = judge(service([life(20.0, 2.0), life(16.0, 0.0)]))

    assert verdict.verdict == "steady"
    assert any("before it, memory climbed by 2.0 MiB/h" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("rate", [0.0, 2.0])
def test_workers_that_are_replaced_together_are_judged_together(rate: float) -> None:
    """A deploy restarts all workers."""
    verdict = judge(service([life(12.0, 2.0 - rate), life(12.0, rate)], workers=3))

    assert verdict.verdict == ("climbing" if rate else "steady")


def test_a_rolling_deploy_is_over_when_the_last_worker_is_replaced() -> None:
    """Until then there are processes of either kind."""
    parts = {}
    for i in range(4):
        before, after = life(12.0 + i, 0.0), life(16.0 - i, 2.0)
        t: Array = np.arange(0.0, 28 * HOUR, EVERY)
        noise = np.random.default_rng(i).normal(0, 0.4 * MIB, len(t))
        parts[f"web-{i}"] = (t, np.concatenate([before, after]) + noise, ["1"] * len(before) + ["2"] * len(after))
    verdict = judge(workers_of(parts))

    assert verdict.verdict == "climbing"
    assert verdict.evidence is not None
    assert verdict.evidence.frame.t[0] - 1_700_000_000 == 15 * HOUR


def test_growth_that_began_late_in_the_last_life_has_the_time_of_the_run() -> None:
    """Not that since the restart."""
    verdict = judge(service([life(24.0, 0.0), life(48.0, 3.0, since=30.0)]))

    assert verdict.verdict == "climbing"
    assert "memory climbs since 2 d 6 h into the run" in verdict.reasons[0]


def test_a_life_too_young_to_have_grown_is_not_steady() -> None:
    """The life before grew from its second day on, which the last one has not reached; then it has."""
    lives = [life(48.0, 3.0, since=24.0), life(24.0, 3.0, since=24.0)]
    verdict = judge(service(lives))

    assert verdict.verdict == "inconclusive"
    assert any("too short to tell" in reason for reason in verdict.reasons)
    assert verdict.hours_to_decide == pytest.approx(24, abs=0.2)
    assert judge(service([lives[0], life(48.0, 3.0, since=24.0)])).verdict == "climbing"
    assert judge(service([lives[0], life(48.0, 0.0)])).verdict == "steady"


def test_a_life_of_a_small_part_of_the_run_is_not_steady_for_it() -> None:
    """Six hours after two days are no verdict on the service, however steady; and it says how many are."""
    lives = [life(24.0, 2.0), life(24.0, 0.2), life(6.0, 0.0)]
    verdict = judge(service(lives))

    assert verdict.verdict == "inconclusive"
    assert verdict.hours_to_decide == pytest.approx(18, abs=0.2)
    assert judge(service([*lives[:2], life(24.0, 0.0)])).verdict == "steady"


def test_a_cache_that_fills_in_each_life_alike_is_no_climb() -> None:
    """The last life grows, and so did the one before at that age, until its cache was full."""
    verdict = judge(service([life(20.0, -1.0), life(40.0, 2.0, until=14.0), life(12.0, 2.0, until=14.0)]))

    assert verdict.verdict == "inconclusive"
    assert any("as it did in the life before at that age" in reason for reason in verdict.reasons)


def test_a_climb_within_lives_of_which_none_climbs_is_doubted() -> None:
    """Caches that fill ever more slowly in two lives are one cache, not a leak."""
    assert judge(service([cache(36.0, 6.0), cache(36.0, 6.0)])).verdict != "climbing"
    assert judge(service([life(36.0, 1.0), life(36.0, 1.0)])).verdict == "climbing"


def test_a_climb_that_the_last_life_does_not_share_says_so() -> None:
    """A life of a sixth of the run does not make it steady; that it is so by itself is worth knowing."""
    verdict = judge(service([life(60.0, 2.0), life(12.0, 0.0)]))

    assert verdict.verdict == "climbing"
    assert any("since the restart 2 d 12 h into the run memory is steady by itself" in why for why in verdict.reasons)


def test_load_that_fell_with_the_restart_does_not_make_it_steady() -> None:
    """What the service would do under the load before is not known."""
    lives = [life(20.0, 2.0), life(20.0, 0.0)]
    rates = np.repeat([1000.0, 100.0], [len(each) for each in lives])
    requests = np.concatenate([np.cumsum(part) for part in np.split(rates, 2)])

    assert judge(service(lives, requests_total=requests)).verdict == "inconclusive"


def test_a_look_before_the_end_is_not_decided_by_the_last_life() -> None:
    """Only growth beyond doubt of all of it fails a run early."""
    verdict = judge(service([life(36.0, 0.0), life(16.0, 2.0)]), Settings(planned=100 * HOUR))

    assert verdict.verdict == "inconclusive"


def test_the_explanation_says_which_lives_were_judged() -> None:
    """Beside the length of what was judged."""
    found = explain(judge(service([life(36.0, 0.0), life(16.0, 2.0)]))).conditions

    (restarts,) = [each for each in found if each.name == "restarts"]
    assert isinstance(restarts, Condition)
    assert "since the restart 1 d 12 h into the run" in restarts.value


@pytest.mark.parametrize("rate", [1.0, 5.0, 20.0])
def test_a_leak_between_restarts_nobody_told_of_is_not_steady(rate: float) -> None:
    """Each gives back what was leaked: the trace may be of either, and says what would tell."""
    verdict = judge(service([life(12.0, rate)] * 6, told=False))

    assert verdict.verdict == "inconclusive"
    (why,) = [reason for reason in verdict.reasons if "`life` column" in reason]
    assert "every 12 h" in why
    assert f"climbs by {rate:.1f} MiB/h" in why or f"climbs by {rate * 1024:.0f} KiB/h" in why or rate == 1.0
    assert verdict.hours_to_decide is None
    assert judge(service([life(12.0, rate)] * 6)).verdict == "climbing"


def test_restarts_nobody_told_of_without_a_leak_are_steady() -> None:
    """What a start takes, and the next one too, is no growth."""
    assert judge(service([life(12.0, 0.0)] * 6, told=False)).verdict == "steady"


def test_one_restart_nobody_told_of_is_named_where_it_leaves_doubts() -> None:
    """Told of it the run would be steady."""
    verdict = judge(service([life(12.0, 0.0)] * 2, told=False))

    assert verdict.verdict == "inconclusive"
    assert any(
        "if that is a restart, add a `life` column; judged so, memory is steady" in why for why in verdict.reasons
    )


def small(hours: float) -> Array:
    """A process of which less than a tenth is a start."""
    level: Array = life(hours, 0.0) - 0.6 * (life(hours, 0.0) - 160 * MIB)
    return level


@pytest.mark.parametrize(
    ("hours", "verdict", "told"),
    [([12.0] * 2, "steady", True), ([6.0] * 4, "inconclusive", True), ([12.0] * 6, "steady", False)],
)
def test_small_falls_are_told_where_they_may_explain_something(
    hours: Sequence[float], verdict: str, told: bool
) -> None:
    """A run that is not decided, or is said to fall, may do nothing but start anew; they change no verdict."""
    found = judge(service([small(each) for each in hours], told=False))

    assert found.verdict == verdict
    why = [reason for reason in found.reasons if "`life` column" in reason]
    assert [each.endswith("add a `life` column; judged so, memory is steady") for each in why] == [True] * told


def test_falls_within_lives_that_are_told_are_no_restarts() -> None:
    """A trace with a `life` column has all there were."""
    trace = replace(service([life(12.0, 5.0)] * 14, told=False), lives_known=True)

    assert judge(trace).verdict == "steady"


def test_where_requests_are_counted_on_it_is_the_same_process() -> None:
    """They are counted from nought in each life, so what fell was given back."""
    lives = [life(12.0, 5.0)] * 14
    requests: Array = 1000.0 * np.arange(1.0, 1.0 + sum(map(len, lives)))

    assert judge(service(lives, told=False, requests_total=requests)).verdict == "steady"
    each = np.concatenate([1000.0 * np.arange(1, 1 + len(part)) for part in lives])
    assert judge(service(lives, told=False, requests_total=each)).verdict == "climbing"


def test_requests_that_are_counted_anew_tell_of_restarts() -> None:
    """As a `life` column does, which a note asks for all the same. One odd reading is none, nor is what a rate does."""
    lives = [life(12.0, 0.0)] * 3
    counts: Array = np.concatenate([100.0 * np.arange(len(part)) for part in lives])
    odd: Array = 100.0 * np.arange(float(len(counts)))
    odd[[500, 700, -1]] = 3.0
    gaps = np.where(np.arange(len(counts)) % 3 == 0, counts, np.nan)

    for requests in (counts, gaps):
        trace = service(lives, told=False, requests_total=requests)
        assert trace.lives_known
        assert [int(np.argmax(trace.life == i)) for i in range(3)] == [0, len(lives[0]), 2 * len(lives[0])]
        assert trace.notes == ("requests_total falls 2 times, taken for restarts: a `life` column would tell",)
        assert judge(trace).verdict == "steady"
    rate = np.random.default_rng(1).poisson(100, len(counts)).astype(np.float64)
    for requests in (odd, rate, odd[::-1]):
        assert not service(lives, told=False, requests_total=requests).lives_known


def test_each_worker_counts_for_itself() -> None:
    """One that is replaced leaves the others in their lives."""
    counts = np.concatenate([np.arange(360.0), np.arange(360.0), np.arange(720.0)])
    trace = service([life(24.0, 0.0)], workers=2, told=False, requests_total=counts)

    assert {worker: sorted(set(trace.life[trace.worker == worker].tolist())) for worker in (0, 1)} == {
        0: [0, 1],
        1: [0],
    }
    assert trace.notes[1:] == ("requests_total falls once, and is taken for a restart: a `life` column would tell",)


def test_most_of_memory_gone_at_once_is_a_restart_without_a_start_to_be_seen() -> None:
    """A service that is killed at its limit again and again leaks, whatever its floors say."""
    t = np.arange(0.0, 24 * HOUR, 30.0)
    verdict = judge(trace_of(t, {"uss_bytes": MIB * (200 + 100 * t / HOUR % 312)}))

    assert verdict.verdict == "inconclusive"
    assert any("`life` column; judged so, it climbs by 100 MiB/h" in why for why in verdict.reasons)


def test_rows_out_of_order_are_no_lives() -> None:
    """A trace that is put right knows no more of restarts than before."""
    trace = service([life(12.0, 5.0)] * 6, told=False)
    rows = [{"t": row["t"], "uss_bytes": row["uss_bytes"]} for row in reversed(trace.rows())]

    assert not Trace.from_rows(rows).lives_known
    assert judge(Trace.from_rows(rows)).verdict == "inconclusive"
    assert Trace.from_rows(trace.rows()).lives_known


def test_what_falls_to_a_level_well_above_the_beginning_is_no_restart() -> None:
    """A process that starts anew does so as the first one did."""
    first = life(12.0, 5.0) - 60 * MIB * np.exp(-np.arange(360) / 30)
    verdict = judge(service([first, *[life(12.0, 5.0)] * 13], told=False))

    assert verdict.verdict == "steady"


def test_what_falls_and_stays_there_is_no_restart() -> None:
    """A process that starts rises again."""
    verdict = judge(service([life(12.0, 0.0), np.full(360, 100.0 * MIB)], told=False))

    assert not any("`life`" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("size", [20.0, 80.0])
def test_a_sawtooth_is_no_restart(size: float) -> None:
    """A collector's teeth, and entries that expire together, are given back without a start that follows."""
    t = np.arange(0.0, 24 * HOUR, 30.0)
    noise = np.random.default_rng(1).normal(0, 0.4, len(t))
    verdict = judge(trace_of(t, {"uss_bytes": MIB * (100 + size * (t / HOUR % 1) + noise)}))

    assert verdict.verdict == "steady"


def test_a_job_that_gives_back_what_it_took_is_no_restart() -> None:
    """A nightly job falls to where the run began."""
    t = np.arange(0.0, 72 * HOUR, EVERY)
    noise = np.random.default_rng(1).normal(0, 0.4, len(t))
    verdict = judge(trace_of(t, {"uss_bytes": MIB * (200 + 300.0 * (t % (24 * HOUR) < HOUR / 2) + noise)}))

    assert verdict.verdict == "steady"
    assert not any("`life`" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("seed", range(4))
def test_wide_noise_is_no_row_of_restarts(seed: int) -> None:
    """Readings of a service whose memory moves by an eighth of it all the time fall by as much, and are no starts."""
    t = np.arange(0.0, 24 * HOUR, 58.0)
    y = MIB * (200 - 40 * np.exp(-t / 600) + np.random.default_rng(seed).normal(0, 25, len(t)))

    assert not any("restarts" in reason for reason in judge(trace_of(t, {"uss_bytes": y})).reasons)


def test_smaller_falls_that_may_be_restarts_are_told() -> None:
    """A nightly job may give back a third as well: `steady` stays, with what it would be of restarts."""
    tooth = (500 + 8 * np.arange(0.0, 24.0, EVERY / HOUR)) * MIB
    verdict = judge(service([tooth] * 10, told=False))

    assert verdict.verdict == "steady"
    assert any(
        "if these are restarts, add a `life` column; judged so, it climbs by 8.0" in one for one in verdict.reasons
    )


@pytest.mark.parametrize(("step", "decided"), [(0.0, "steady"), (60.0, "inconclusive")])
def test_lives_that_each_begin_higher_are_not_steady(step: float, decided: str) -> None:
    """What workers are forked with grows, though none of them does; and waiting tells no more."""
    verdict = judge(service([life(24.0, 0.0) + i * step * MIB for i in range(6)], workers=2))

    assert verdict.verdict == decided
    if step:
        assert any("begin 480 MiB higher than the first, all workers together" in one for one in verdict.reasons)
        assert verdict.hours_to_decide is None
