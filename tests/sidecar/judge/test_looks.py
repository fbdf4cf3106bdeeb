"""A run that is not over may fail, on growth beyond doubt, and never passes."""

from dataclasses import replace

import numpy as np
import pytest

from floodmark_sidecar.judge import Settings, Trace, Verdict, first_failure, judge, looks
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import KIB, MIB, Array, Clock, Maker

HOUR = 3600.0
CLOCK = Clock(6 * HOUR, 30.0)
PLANNED = Settings(planned=6 * HOUR)
REQUESTS = 10.0 * CLOCK.times


def service(seed: int = 1, noise: float = 200 * KIB) -> Maker:
    """Six hours of a service that does nothing but breathe."""
    return Maker(CLOCK, seed).ramp(3 * MIB, 900).noise(noise, 0.5)


def loaded(memory: Maker, **columns: Array) -> Trace:
    """Its trace, under a level load that is counted."""
    return memory.trace(**{"requests_total": REQUESTS, **columns})


def until(trace: Trace, hours: float) -> Trace:
    """The first *hours* of *trace*."""
    return Trace.from_rows(row for row in trace.rows() if float(str(row["t"])) <= trace.t[0] + hours * HOUR)


def test_looks_come_hourly_in_a_day_from_the_tenth_hour_on() -> None:
    """There are thirteen, the last of them two hours before the end."""
    assert [look / HOUR for look in looks(24 * HOUR)] == pytest.approx(range(10, 23))


def test_looks_scale_with_the_run_and_leave_out_runs_of_minutes() -> None:
    """Half an hour has as many as a month; three minutes have none, a quarter of an hour the later ones."""
    assert [len(looks(planned)) for planned in (180, 900, 1800, 30 * 24 * HOUR)] == [0, 7, 13, 13]
    assert looks(1800)[0] == pytest.approx(750)
    assert min(looks(900)) >= 600


def test_a_leak_fails_before_the_end() -> None:
    """The reasons say that memory climbs; the verdict is the first look's that is sure."""
    trace = loaded(service().line(40 * MIB))

    assert first_failure(trace) == pytest.approx(2.5 * HOUR, abs=30)
    verdict = judge(until(trace, 2.6), PLANNED)
    assert (verdict.verdict, verdict.growth_class) == ("climbing", "unknown")
    assert "memory climbs by" in verdict.reasons[0]
    assert verdict.reasons[1] == "the run is not over: 2 h 36 min of 6 h seen"


def test_a_leak_that_begins_later_fails_later() -> None:
    """A leak from the third hour on fails no look until it has gone on for a fifth of the run, and one soon after."""
    found = first_failure(loaded(service().line(60 * MIB, 0.45, 1.0)))

    assert found is not None
    assert (0.45 + 0.18) * 6 * HOUR < found < 5 * HOUR


def test_a_healthy_run_is_never_steady_before_its_end() -> None:
    """What is steady by itself is undecided while more is to come, and the first reason says so; workers likewise."""
    trace = until(loaded(service()), 4)

    early = judge(trace, PLANNED)

    assert judge(trace).verdict == "steady"
    assert early.verdict == "inconclusive"
    assert early.reasons[0] == "the run is not over: 4 h of 6 h seen"
    assert early.hours_to_decide == pytest.approx(2, abs=0.01)
    assert early.as_dict()["workers"]["0"]["verdict"] == "inconclusive"
    assert first_failure(loaded(service())) is None


def test_growth_that_would_do_at_the_end_is_too_little_for_a_look() -> None:
    """A climb that is above δ, and not far above, waits for the end."""
    trace = until(loaded(service().line(4 * MIB)), 4)

    early = judge(trace, PLANNED)

    assert judge(trace).verdict == "climbing"
    assert early.verdict == "inconclusive"
    assert any("only growth beyond doubt counts" in reason for reason in early.reasons)


@pytest.mark.parametrize("grown", [0, 40 * MIB])
def test_the_verdict_at_the_end_is_the_same_as_without_looks(grown: int) -> None:
    """Nothing is spent on looks: the whole run is judged as if there had been none."""
    trace = loaded(service().line(grown))

    assert judge(trace, PLANNED).as_dict() == judge(trace).as_dict()


def test_before_the_first_look_nothing_fails() -> None:
    """However steep: what grows while a service starts, is its start; not even a limit counts yet."""
    trace = until(loaded(service().line(200 * MIB)), 2)

    assert judge(trace).verdict == "climbing"
    for settings in (PLANNED, replace(PLANNED, memory=20 * MIB), replace(PLANNED, planned=30 * 24 * HOUR)):
        assert judge(trace, settings).verdict == "inconclusive"
    early = judge(trace, PLANNED)
    assert early.as_dict()["workers"]["0"]["verdict"] == "inconclusive"
    assert not any("memory climbs" in reason for reason in early.reasons)


@pytest.mark.parametrize(
    ("planned", "hours", "counts"),
    [
        (6.0, 2, "; growth counts from 2 h 22 min on"),
        (24.0, 4, "; growth counts from 9 h 30 min on"),
        (6.0, 4, ""),
    ],
)
def test_an_early_look_says_from_when_growth_counts(planned: float, hours: float, counts: str) -> None:
    """From two fifths of any length on; later, there is nothing to say."""
    verdict = judge(until(loaded(service()), hours), replace(PLANNED, planned=planned * HOUR))

    assert verdict.reasons[0] == f"the run is not over: {hours} h of {'1 d' if planned == 24 else '6 h'} seen{counts}"


def test_a_look_without_the_load_says_that_growth_counts_at_the_end() -> None:
    """It may come with the hour of the day, which is said where there is any."""
    verdict = judge(until(service().trace(), 4), PLANNED)

    assert verdict.reasons[0] == (
        "the run is not over: 4 h of 6 h seen; growth counts only at its end, as nothing in the trace tells of the load"
    )


def test_a_run_of_minutes_has_no_look() -> None:
    """Growth counts only at its end."""
    clock = made.short_clean(3)
    verdict = judge(clock.trace(requests_total=50 * clock.t), Settings(planned=300))

    assert verdict.reasons[0] == "the run is not over: 2 min 20 s of 5 min seen; growth counts only at its end"


def test_a_limit_that_is_passed_fails_at_a_look() -> None:
    """A service that stays above the plan's memory has failed, steady or not."""
    trace = until(loaded(service()), 4)

    assert judge(trace, replace(PLANNED, memory=40 * MIB)).verdict == "climbing"
    assert judge(trace, replace(PLANNED, memory=90 * MIB)).verdict == "inconclusive"


@pytest.mark.parametrize("settings", [Settings(memory=40 * MIB), Settings(maps={"jobs": 5_000})])
def test_a_limit_that_is_passed_says_from_when_it_counts(settings: Settings) -> None:
    """Of memory and of a map; it counts from the first look on, whether or not the load is told of."""
    clock = service()
    trace = clock.trace(**{"map.jobs.entries": np.full(len(clock.t), 9_000.0)})
    said = "a limit that is passed counts from 2 h 22 min on: what a service takes while it starts it may give back"
    early, due = (judge(until(trace, hours), replace(settings, planned=6 * HOUR)) for hours in (2, 4))

    assert (early.verdict, due.verdict) == ("inconclusive", "climbing")
    assert said in early.reasons
    assert said not in due.reasons
    assert not any("a limit that is passed" in reason for reason in judge(until(trace, 2), PLANNED).reasons)


def test_a_look_does_not_see_the_future() -> None:
    """Whatever comes after the look that fails a run, it fails there; rows, workers and maps of later do not matter."""
    trace = loaded(service().line(40 * MIB))
    rows = trace.rows()
    for row in rows:
        if float(str(row["t"])) > trace.t[0] + 2.5 * HOUR:
            row.update({"uss_bytes": 1, "requests_total": 0, "worker": "late", "life": "9", "map.new.entries": 5})

    assert first_failure(Trace.from_rows(rows), PLANNED) == first_failure(trace, PLANNED) == pytest.approx(2.5 * HOUR)


def test_a_trace_that_ends_before_a_look_has_no_failure() -> None:
    """What was not seen is not looked at; of nothing there is nothing to say."""
    trace = loaded(service().line(40 * MIB))

    assert first_failure(until(trace, 2.4), PLANNED) is None
    assert first_failure(Trace.from_rows([])) is None


def test_pauses_between_segments_are_no_part_of_the_run() -> None:
    """A look is due after so much running time, however long the machine stood still."""
    t = np.where(CLOCK.times < HOUR, CLOCK.times, CLOCK.times + 10 * HOUR)
    segment = ["1" if time < HOUR else "2" for time in CLOCK.times]
    memory = service().line(60 * MIB).y

    trace = made.trace_of(t, {"uss_bytes": memory, "requests_total": REQUESTS}, segment=segment)

    found = first_failure(trace, PLANNED)
    assert found is not None
    assert 2.5 * HOUR <= found < 5 * HOUR


def test_growth_under_a_load_that_nobody_counted_waits_for_the_end() -> None:
    """Half a day of a service that follows the sun looks like a leak; and a map as well."""
    memory, entries = service().line(40 * MIB), np.linspace(0, 90_000, len(CLOCK.times))

    early = judge(until(memory.trace(**{"map.cache.entries": entries}), 4), PLANNED)

    assert early.verdict == "inconclusive"
    assert any("nothing in the trace tells of the load" in reason for reason in early.reasons)
    assert judge(until(loaded(service(), **{"map.cache.entries": entries}), 4), PLANNED).verdict == "climbing"


def test_growth_with_a_load_that_grows_waits_for_the_end() -> None:
    """Requests that come ever faster may hold what grew; where sessions are counted these are asked instead."""
    memory, faster = service().line(40 * MIB), REQUESTS * (1 + CLOCK.times / CLOCK.seconds)

    early = judge(until(loaded(memory, requests_total=faster), 4), PLANNED)
    counted = loaded(memory, requests_total=faster, sessions=np.full(len(REQUESTS), 20.0))

    assert early.verdict == "inconclusive"
    assert any("requests came ever faster" in reason for reason in early.reasons)
    assert judge(until(counted, 4), PLANNED).verdict == "climbing"


def test_pages_that_become_a_workers_own_wait_for_the_end() -> None:
    """Memory that grows while what is resident does not is copied, not new; where both grow, it is a leak."""
    memory = service().line(40 * MIB)
    resident = np.full(len(REQUESTS), 120.0 * MIB)

    copied = judge(until(loaded(memory, rss_bytes=resident), 4), PLANNED)
    leaked = judge(until(loaded(memory, rss_bytes=memory.y + 50 * MIB), 4), PLANNED)

    assert (copied.verdict, leaked.verdict) == ("inconclusive", "climbing")
    assert any("pages that they had in common" in reason for reason in copied.reasons)


def test_what_malloc_keeps_waits_for_the_end() -> None:
    """Free memory that an allocator holds on to may have an end that a look has not seen."""
    memory = service().line(40 * MIB)
    kept = {"heap_free_bytes": memory.y - memory.y.min(), "heap_used_bytes": np.full(len(REQUESTS), 9.0 * MIB)}

    early = judge(until(loaded(memory, **kept), 4), PLANNED)

    assert judge(loaded(memory, **kept)).verdict == "climbing"
    assert early.verdict == "inconclusive"
    assert any("a look before the end cannot tell" in reason for reason in early.reasons)


def test_a_look_says_when_the_plans_memory_is_used_up() -> None:
    """A climb that is too little for a look still gets to the limit, and may do so before the run's end."""
    trace = until(loaded(service().line(4 * MIB)), 4)

    soon = judge(trace, replace(PLANNED, memory=trace_end(trace) + MIB * 3 // 2))
    late = judge(trace, replace(PLANNED, memory=trace_end(trace) + 100 * MIB))

    assert (soon.verdict, late.verdict) == ("inconclusive", "inconclusive")
    assert soon.hours_to_limit == pytest.approx(1.5, abs=0.5)
    assert said_of_limit(soon).endswith(", before the planned end")
    assert late.hours_to_limit is not None
    assert not said_of_limit(late).endswith(", before the planned end")


def test_a_look_at_what_does_not_climb_says_nothing_of_the_limit() -> None:
    """Noise, and a start that goes on, get nowhere."""
    for memory in (service(), service().ramp(40 * MIB, 8 * HOUR)):
        early = judge(until(loaded(memory), 4), replace(PLANNED, memory=200 * MIB))
        assert early.hours_to_limit is None
        assert said_of_limit(early) == ""


def test_a_climb_says_when_the_plans_memory_is_used_up() -> None:
    """At the end, too, and only where a plan limits it; what is beyond the limit is said once."""
    trace = loaded(service().line(40 * MIB))

    assert said_of_limit(judge(trace)) == ""
    whole = judge(trace, Settings(memory=200 * MIB))
    assert whole.hours_to_limit == pytest.approx((200 * MIB - trace_end(trace)) / (40 * MIB / 6), rel=0.1)
    assert said_of_limit(whole).startswith("at this rate the limit of 200 MiB is reached in about 1")
    beyond = judge(trace, Settings(memory=60 * MIB))
    assert beyond.hours_to_limit == 0
    assert sum("60.0 MiB" in reason for reason in beyond.reasons) == 1


def trace_end(trace: Trace) -> int:
    """What the service has at the end."""
    return int(np.median(trace.column("uss_bytes")[-20:]))


def said_of_limit(verdict: Verdict) -> str:
    """The reason that is about the limit, if there is one."""
    return next((reason for reason in verdict.reasons if reason.startswith("at this rate")), "")
