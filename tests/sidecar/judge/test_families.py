"""What bounds and sessions may explain, on labelled traces, and what they may not excuse."""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest

from floodmark_sidecar.judge import Settings, Trace, judge
from floodmark_sidecar.judge._delta import MemoryRuler
from floodmark_sidecar.judge._finding import Care, examine
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._held import Count, Rest, rest_of
from floodmark_sidecar.traces import generate
from tests.sidecar.judge.traces import MIB, Clock, Maker

Array = npt.NDArray[np.float64]
DAY = 86_400.0
SEEDS = range(200, 204)
EACH = [pytest.param(seed, marks=[pytest.mark.slow] if seed > 201 else []) for seed in SEEDS]
"""The quick part tries two of them."""


def _leak(code: str, seed: int, duration: float = DAY, **parameters: float) -> Trace:
    twin = judge(generate(code, seed=seed, duration=duration, **parameters).trace)
    assert twin.memory is not None
    return generate(code, seed=seed, duration=duration, growth=2 * twin.memory.delta, **parameters).trace


def _leaking_wave(seed: int) -> Trace:
    """A day's wave of sessions, and twice δ beside it."""
    trace = generate("N8a", seed=seed).trace
    clean = judge(trace)
    assert clean.memory is not None
    grown = 2 * clean.memory.delta * (trace.t - trace.t[0])
    return replace(trace, columns={**trace.columns, "uss_bytes": trace.column("uss_bytes") + grown})


@pytest.mark.parametrize("seed", EACH)
def test_a_bound_that_is_raised_ends_nothing(seed: int) -> None:
    """A map that is full and whose bound is lifted again and again grows as if it had none."""
    verdict = judge(_leak("B3", seed))
    assert verdict.verdict == "climbing"
    assert [found.name for found in verdict.maps if found.raised] == ["sessions_cache"]


def test_the_entries_of_a_raised_bound_say_so() -> None:
    """In a short run too, where memory alone may tell or not."""
    for seed in SEEDS:
        reasons = judge(_leak("B3", seed, duration=600.0)).reasons
        assert any("sessions_cache" in reason and "its bound was raised meanwhile, to" in reason for reason in reasons)


@pytest.mark.parametrize("seed", EACH)
def test_descriptors_that_come_with_sessions_are_no_climb_of_their_own(seed: int) -> None:
    """Sessions that stay open may be work that is under way: undecided, and said."""
    verdict = judge(generate("N9", seed=seed).trace)
    assert verdict.verdict == "inconclusive"
    assert any("sessions" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("seed", EACH)
def test_memory_that_comes_and_goes_with_sessions_is_steady(seed: int) -> None:
    """A day's wave of load is explained by the sessions, which were seen to end; what they hold is said."""
    verdict = judge(generate("N8a", seed=seed).trace)
    assert verdict.verdict == "steady"
    assert any(reason.startswith("memory follows the sessions, ") for reason in verdict.reasons)


@pytest.mark.parametrize("seed", EACH)
def test_a_wave_that_ends_low_is_steady_where_memory_went_down_with_it(seed: int) -> None:
    """The load fell to less than half, and what each request leaves was seen while there were many."""
    assert judge(generate("N8a", seed=seed, peak=0.25).trace).verdict == "steady"


def _with_sessions(seed: int, wave: Array, *, objects: bool = True) -> Trace:
    """Return a service whose sessions hold 50 kB each: of Python's *objects*, or of what no column tells."""
    trace = generate("N1", seed=seed).trace
    sessions = np.round(100 + 300 * wave + np.random.default_rng(seed).normal(0, 6, len(trace)))
    held = 50_000 * (sessions - 100)
    kept = {name: values for name, values in trace.columns.items() if name not in {"fds", "tasks", "threads"}}
    memory = trace.column("uss_bytes") + held
    blocks = np.round(trace.column("python_blocks") + objects * held / 80)
    return replace(trace, columns={**kept, "sessions": sessions, "uss_bytes": memory, "python_blocks": blocks})


@pytest.mark.parametrize("seed", EACH)
def test_sessions_excuse_growth_as_far_as_they_are_returned(seed: int) -> None:
    """While they only come, memory that is theirs is undecided; when they have gone, and it with them, it is steady."""
    u = np.linspace(0, 1, len(generate("N1", seed=seed).trace))
    coming, gone = judge(_with_sessions(seed, u)), judge(_with_sessions(seed, np.minimum(u, 2 * (1 - u))))
    assert (coming.verdict, gone.verdict) == ("inconclusive", "steady")
    assert any("sessions grew as well and did not fall again" in reason for reason in coming.reasons)


@pytest.mark.parametrize("seed", [201, 205])
def test_sessions_that_stay_are_a_doubt_wherever_their_memory_is(seed: int) -> None:
    """Stacks of threads, or an allocator of its own: neither Python nor malloc has it in use."""
    u = np.linspace(0, 1, len(generate("N1", seed=seed).trace))

    assert judge(_with_sessions(seed, u, objects=False)).verdict == "inconclusive"


MORNING: Final = Clock(11 * 3600.0, 60.0)
"""From the quietest hour of a day to its busiest."""


def _morning(seed: int, *, leak: float = 0.0) -> tuple[Maker, Array]:
    """Return a service that needs 30 MiB more by noon, leaks *leak* by then, and the load's wave."""
    made = Maker(MORNING, seed, 180 * MIB).noise(0.2 * MIB, 0.9).line(leak)
    load = (1 - np.cos(2 * np.pi * made.t / DAY)) / 2
    made.y += 30 * MIB * load
    return made, load


def _requests(made: Maker, load: Array) -> Array:
    return np.cumsum(made.rng.poisson(60 + 540 * load)).astype(np.float64)


@pytest.mark.parametrize("seed", EACH)
def test_memory_that_rises_with_the_rate_of_requests_is_undecided(seed: int) -> None:
    """A morning is no leak, whatever is counted of it."""
    made, load = _morning(seed)
    sessions = made.rng.poisson(5 + 100 * load).astype(np.float64)
    requests = _requests(made, load)

    counted = made.trace(requests_total=requests, sessions=sessions)

    assert judge(counted).verdict == "inconclusive"
    assert judge(counted, Settings(planned=DAY)).verdict == "inconclusive"
    bare = judge(made.trace(requests_total=requests))
    assert bare.verdict == "inconclusive"
    assert any("memory follows their rate" in reason for reason in bare.reasons)


def test_a_leak_by_request_is_no_memory_that_requests_hold() -> None:
    """It follows all requests so far, and not how fast they come."""
    made = Maker(MORNING, 1, 180 * MIB).noise(0.2 * MIB, 0.9)
    requests = _requests(made, (1 - np.cos(2 * np.pi * made.t / DAY)) / 2)
    made.y += 200.0 * requests

    assert judge(made.trace(requests_total=requests)).verdict == "climbing"


def test_sessions_that_are_counted_in_noise_hold_what_their_mean_does() -> None:
    """A noisy count explains too little of memory reading by reading: it is asked over stretches."""
    made = Maker(Clock(6 * 3600.0, 20.0), 3, 180 * MIB).noise(0.2 * MIB, 0.9)
    load = (1 - np.cos(4 * np.pi * made.u)) / 2
    made.y += 30 * MIB * load
    sessions = made.rng.poisson(5 + 30 * load).astype(np.float64)

    found = _rest(Frame(made.trace(sessions=sessions))).sessions

    assert found is not None
    assert found.each == pytest.approx(1.0 * MIB, rel=0.1)


def _rest(frame: Frame) -> Rest:
    sessions = frame.joined(frame.column("sessions"))
    assert sessions is not None
    return rest_of(frame, frame.memory, [Count("sessions", "sessions", sessions)])


def test_what_a_session_holds_is_known_to_some_error_and_the_slope_is_no_surer() -> None:
    """Where sessions trend, the error in what one holds is one of the slope."""
    u = np.linspace(0, 1, len(generate("N1", seed=1).trace))
    frame = Frame(_with_sessions(1, u))
    found, turned = (_rest(Frame(_with_sessions(1, wave))) for wave in (u, np.minimum(u, 2 * (1 - u))))
    assert found.sessions is not None
    assert turned.sessions is not None
    # Sessions that come all along trend by 300 a run, and what is taken out by as many times what one holds.
    error = found.care.error * frame.span / 300
    assert 500 < error < 5000
    assert abs(found.sessions.each - 50_000) < 3 * error
    assert turned.sessions.each == pytest.approx(50_000, rel=0.02)
    assert 0 < 5 * turned.care.error < found.care.error
    ruler = MemoryRuler(50 * 2**20, frame.span)
    plain, wider = (examine(frame.x, found.values, ruler, warmup=None, care=care) for care in (Care(), Care(error=1e3)))
    assert plain is not None
    assert wider is not None
    assert wider.slope.high - wider.slope.estimate > 1.6e3 > plain.slope.high - plain.slope.estimate
    assert wider.slope.se > 1e3 > plain.slope.se


@pytest.mark.parametrize("seed", EACH)
def test_a_leak_under_a_wave_of_sessions_climbs(seed: int) -> None:
    """What they hold hides nothing beside it."""
    assert judge(_leaking_wave(seed)).verdict == "climbing"


@pytest.mark.parametrize("seed", EACH)
def test_a_wave_of_load_that_memory_does_not_follow_is_not_known_to_be_steady(seed: int) -> None:
    """Without sessions to tell, a load that fell has shown nothing."""
    trace = generate("N1", seed=seed).trace
    requests = np.cumsum(np.where(np.arange(len(trace)) < len(trace) / 2, 100.0, 5.0))
    verdict = judge(replace(trace, columns={**trace.columns, "requests_total": requests}))
    assert verdict.verdict == "inconclusive"
    assert any("the load fell" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("seed", range(204, 207))
def test_descriptors_beyond_what_sessions_can_have_climb(seed: int) -> None:
    """Five for each session that came are more than it has sockets."""
    trace = generate("N9", seed=seed, returned=0.0).trace
    sessions = trace.column("sessions")
    columns = {**trace.columns, "fds": np.round(20 + 5 * sessions)}
    verdict = judge(replace(trace, columns=columns))
    assert verdict.verdict == "climbing"
    assert any(reason.startswith("fds climb") for reason in verdict.reasons)


def _with_fds(seed: int, *, leak: float, until: float = 1.0) -> Trace:
    """Recycled workers whose open descriptors are chance, and *leak* more of them by the share *until* of a life."""
    trace = generate("N17", seed=seed).trace
    rng = np.random.default_rng(seed)
    fds = rng.poisson(60, len(trace)).astype(np.float64)
    for slot in range(len(trace.workers)):
        rows = np.flatnonzero(trace.worker == slot)
        for life in np.split(rows, np.flatnonzero(np.diff(trace.life[rows])) + 1):
            fds[life] += leak * np.minimum(1, np.linspace(0, 1 / until, len(life))) + rng.normal(0, 12)
    columns = {name: values for name, values in trace.columns.items() if name not in {"threads", "tasks"}}
    return replace(trace, columns={**columns, "fds": np.maximum(fds, 0)})


@pytest.mark.parametrize("seed", EACH)
def test_what_happens_to_be_open_at_the_ends_of_lives_is_no_climb(seed: int) -> None:
    """Joined over many lives, chance wanders as far as a leak does."""
    assert judge(_with_fds(seed, leak=0)).verdict != "climbing"


@pytest.mark.parametrize("seed", EACH)
def test_what_clients_open_anew_when_a_worker_starts_is_no_climb(seed: int) -> None:
    """Each life begins without them, and has them again after a quarter of its time."""
    assert judge(_with_fds(seed, leak=60, until=0.25)).verdict != "climbing"


def test_of_few_lives_each_must_leak() -> None:
    """A restart that brought more descriptors once is no climb; a leak in each of three lives is."""
    trace = generate("N1", seed=3).trace
    third = len(trace) // 3
    age = np.arange(len(trace)) % third
    life = np.minimum(np.arange(len(trace)) // third, 2)
    verdicts = []
    for rises in ((50, 0, 50), (40, 30, 50)):
        fds = 80 + np.array(rises)[life] * np.minimum(1, age / third)
        columns = {"uss_bytes": trace.column("uss_bytes"), "fds": np.round(fds)}
        verdicts.append(judge(replace(trace, life=life, lives=("1", "2", "3"), columns=columns)).verdict)
    assert verdicts[0] != "climbing"
    assert verdicts[1] == "climbing"


@pytest.mark.parametrize("seed", EACH)
def test_descriptors_that_leak_in_every_life_climb(seed: int) -> None:
    """Though each worker is replaced before it has many."""
    verdict = judge(_with_fds(seed, leak=40))
    assert verdict.verdict == "climbing"
    assert any(reason.startswith("fds climb") for reason in verdict.reasons)


@pytest.mark.parametrize("seed", EACH)
def test_a_map_without_a_bound_that_never_ends_climbs_though_it_slackens(seed: int) -> None:
    """A cache that fills has a bound; the logarithm of time has none."""
    verdict = judge(_leak("L9", seed))
    assert verdict.verdict == "climbing"
    assert any("nothing bounds it: it slackens, and still got" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("seed", EACH)
def test_a_map_without_a_bound_that_has_all_its_keys_does_not_climb(seed: int) -> None:
    """Routes, users, tenants: it filled, and nothing came in the last third."""
    trace = generate("N1", seed=seed).trace
    u = (trace.t - trace.t[0]) / (trace.t[-1] - trace.t[0])
    filled = np.round(5000 * (1 - np.exp(-u / 0.12)))
    verdict = judge(replace(trace, columns={**trace.columns, "map.routes.entries": filled}))
    assert verdict.verdict != "climbing"
