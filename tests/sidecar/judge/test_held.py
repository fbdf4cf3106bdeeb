"""What sessions and bounded maps hold of memory: how much, when it is taken out, and what is never taken out."""

import numpy as np
import pytest

from floodmark_sidecar.judge import Settings, Trace, judge
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._held import Count, Rest, rest_of
from floodmark_sidecar.judge._maps import bounded
from tests.sidecar.judge.traces import KIB, MIB, Array, Clock, Maker

HOURS = Clock(4 * 3600.0, 20.0)
BOUND = 10_000
EACH = 2 * KIB
"""Bytes that one entry takes."""

SEEDS = range(200, 202)


def quiet(seed: int) -> Maker:
    """Hours of a service that does not grow."""
    return Maker(HOURS, seed, 100 * MIB).noise(0.1 * MIB, 0.5)


def filling(made: Maker, tau: float = 0.3) -> Array:
    """Fill a cache of *BOUND* entries, with a time constant of *tau* runs, and return its entries."""
    entries = np.round(BOUND * (1 - np.exp(-made.u / tau)))
    made.y += EACH * entries
    return entries


def cached(made: Maker, entries: Array, bound: float | Array | None = BOUND, size: Array | None = None) -> Trace:
    """Return the trace with the map `cache`."""
    columns = {"map.cache.entries": entries}
    if bound is not None:
        columns["map.cache.maxsize"] = np.broadcast_to(np.asarray(bound, np.float64), entries.shape)
    if size is not None:
        columns["map.cache.bytes"] = size
    return made.trace(**columns)


def rest(trace: Trace, settings: Settings = Settings()) -> Rest:  # noqa: B008 -- frozen
    """Return what is left of a trace's memory when what its bounded maps hold is taken out."""
    frame = Frame(trace)
    return rest_of(frame, frame.memory, bounded(frame, settings))


def rest_beside(made: Maker, sessions: Array) -> Rest:
    """Return what is left of memory when what *sessions* hold is taken out."""
    frame = Frame(made.trace(sessions=sessions))
    series = frame.joined(frame.column("sessions"))
    assert series is not None
    return rest_of(frame, frame.memory, [Count("sessions", "sessions", series)])


def wave(made: Maker) -> Array:
    """Two waves of sessions."""
    return np.round(200 + 100 * np.sin(4 * np.pi * made.u) + made.rng.normal(0, 3, len(made.t)))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_an_entry_takes_is_fitted_and_the_fill_is_taken_out(seed: int) -> None:
    """A cache of 20 MiB that fills leaves a level service, and the verdict says what one entry takes."""
    made = quiet(seed)
    entries = filling(made)

    found = rest(cached(made, entries))

    assert [held.name for held in found.held] == ["cache"]
    assert found.held[0].each == pytest.approx(EACH, rel=0.05)
    assert np.ptp(found.values) < 1.5 * MIB < np.ptp(made.y) / 10
    verdict = judge(cached(made, entries))
    assert verdict.verdict == "steady"
    assert any(reason.startswith("memory follows the entries of map cache, 2.") for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("bound", "limit"),
    [
        (np.where(HOURS.times < 7200, BOUND, 1.2 * BOUND), None),
        (BOUND * 0.9, None),
        (None, None),
        (1e12, None),
        (BOUND, 15 * MIB),
    ],
    ids=["raised", "exceeded", "none", "fits no memory", "does not fit the plan's limit"],
)
def test_a_bound_that_does_not_end_the_growth_takes_nothing_out(bound: Array | float | None, limit: int | None) -> None:
    """Only what certainly comes to an end within the limits is excused."""
    made = quiet(200)
    trace = cached(made, filling(made), bound)
    settings = Settings(memory=limit)

    found = rest(trace, settings)

    assert found.held == ()
    assert np.array_equal(found.values, trace.column("uss_bytes"))
    assert judge(trace, settings).verdict != "steady"


def test_a_bound_that_fits_the_plans_limit_is_taken_out() -> None:
    """20 MiB fit 25 MiB."""
    made = quiet(200)

    assert rest(cached(made, filling(made)), Settings(memory=25 * MIB)).held


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tau", [0.3, 1.0, 3.0])
def test_a_leak_beside_a_filling_map_climbs(seed: int, tau: float) -> None:
    """However slowly the map fills, growth that its entries do not make is the service's."""
    made = quiet(seed)
    entries = filling(made, tau)
    made.line(6 * MIB)

    verdict = judge(cached(made, entries))

    assert verdict.verdict == "climbing"
    assert verdict.memory is not None
    assert verdict.memory.slope.low < 6 * MIB / HOURS.seconds < verdict.memory.slope.high


@pytest.mark.parametrize("seed", SEEDS)
def test_entries_that_are_as_straight_as_the_leak_tell_nothing(seed: int) -> None:
    """What grows along with time itself is nobody's: nothing is taken out, and it is not steady."""
    made = quiet(seed)
    entries = np.round(0.9 * BOUND * made.u)
    made.y += EACH / 2 * entries
    made.line(8 * MIB)
    trace = cached(made, entries)

    assert rest(trace).held == ()
    assert judge(trace).verdict == "inconclusive"


def test_the_straighter_a_fill_the_less_sure_is_the_slope_of_the_rest() -> None:
    """A fill that hardly bends could be a leak: the error says so."""
    errors = []
    for tau in (0.3, 1.0, 3.0):
        made = quiet(200)
        errors.append(rest(cached(made, filling(made, tau))).care.error)

    assert 0 < 2 * errors[0] < errors[1] < errors[2] / 2


@pytest.mark.parametrize(("share", "wins"), [(0.4, False), (0.6, True), (1.0, True), (1.8, True), (2.5, False)])
def test_measured_bytes_of_an_entry_win_where_the_fit_is_near(share: float, wins: bool) -> None:
    """Within a factor of two both measure the same; beyond it they are of different things, and memory's counts."""
    made = quiet(200)
    entries = filling(made)

    (held,) = rest(cached(made, entries, size=share * EACH * entries)).held

    assert held.each == pytest.approx(share * EACH if wins else EACH, rel=1e-6 if wins else 0.05)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leak_in_the_shape_of_the_fill_is_not_steady_where_bytes_are_measured(seed: int) -> None:
    """A leak that comes with each new entry looks like the cache; its bytes tell that it is not."""
    made = quiet(seed)
    entries = filling(made, 0.5)

    assert judge(cached(made, entries, size=EACH / 1.6 * entries)).verdict != "steady"
    assert judge(cached(made, entries, size=EACH * entries)).verdict == "steady"


@pytest.mark.parametrize("seed", SEEDS)
def test_one_short_spike_does_not_set_what_a_session_holds(seed: int) -> None:
    """Three thousand sessions for minutes, each with five times as much: the waves before and after say what one holds."""
    made = quiet(seed)
    sessions = wave(made)
    made.y += 20_000 * sessions
    spike = (made.u > 0.4) & (made.u < 0.42)
    sessions[spike] += 3000
    made.y[spike] += 3000 * 100_000.0

    (held,) = rest_beside(made, sessions).held

    assert held.each == pytest.approx(20_000, rel=0.05)


def test_what_a_spike_of_sessions_leaves_behind_is_not_theirs() -> None:
    """Even sessions hold nothing that could be told, though memory jumped when there were many for once."""
    made = quiet(200)
    sessions = np.round(100 + made.rng.normal(0, 3, len(made.t)))
    sessions[(made.u > 0.4) & (made.u < 0.42)] += 900
    made.step(4 * MIB, 0.4)

    assert rest_beside(made, sessions).held == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_sessions_that_memory_does_not_follow_hold_little(seed: int) -> None:
    """Nothing is taken out, and what one may hold at the most is far below what would explain a leak."""
    made = quiet(seed)
    found = rest_beside(made, wave(made))

    assert found.held == ()
    assert found.most_each < 1000


@pytest.mark.parametrize(("turn", "returned"), [(1.0, False), (0.6, True)])
def test_sessions_are_returned_where_a_third_of_them_was_seen_to_end(turn: float, returned: bool) -> None:
    """Those that only came may be work under way, or the leak."""
    made = quiet(200)
    sessions = np.round(100 + 200 * np.minimum(made.u / turn, (1.2 - made.u) / (1.2 - turn)) ** 2)
    made.y += 20_000 * sessions

    found = rest_beside(made, sessions)

    assert found.sessions is not None
    assert found.sessions.returned is returned


def test_sessions_and_entries_are_told_apart() -> None:
    """Both are fitted at once: neither is given what the other holds."""
    made = quiet(200)
    sessions = wave(made)
    made.y += 20_000 * sessions
    trace = made.trace(
        sessions=sessions,
        **{"map.cache.entries": filling(made), "map.cache.maxsize": np.full(len(made.t), float(BOUND))},
    )

    verdict = judge(trace)

    assert verdict.evidence is not None
    each = {held.kind: held.each for held in verdict.evidence.rest.held}
    assert each == {"sessions": pytest.approx(20_000, rel=0.05), "map": pytest.approx(EACH, rel=0.05)}
    assert verdict.verdict == "steady"


def test_readings_of_the_start_are_not_fitted() -> None:
    """At the start everything grows at once: what sessions came with then is not what one holds."""
    made = quiet(200).ramp(30 * MIB, 600)
    sessions = wave(made) * np.clip(made.t / 600, 0, 1)
    made.y += 20_000 * sessions

    (held,) = rest_beside(made, np.round(sessions)).held

    assert held.each == pytest.approx(20_000, rel=0.1)


def coming(made: Maker) -> Array:
    """Ever more sessions, of which some come and go."""
    return np.round(100 + 300 * made.u + made.rng.normal(0, 6, len(made.t)))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leak_is_not_laid_to_sessions_that_hold_too_little_for_it(seed: int) -> None:
    """They came and stayed, but memory does not move with those that come and go: it climbs all the same."""
    made = quiet(seed).line(8 * MIB)
    sessions = coming(made)

    assert rest_beside(made, sessions).most_each * 300 < MIB
    assert judge(made.trace(sessions=sessions)).verdict == "climbing"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_in_use_shows_what_noise_of_memory_hides(seed: int) -> None:
    """Memory moves by MiB in which the comings and goings of sessions are lost; Python's blocks follow each."""
    made = Maker(HOURS, seed, 100 * MIB).noise(2 * MIB, 0.9)
    sessions = coming(made)
    made.y += 20_000 * sessions
    blocks = 300_000 + 250 * sessions
    level = np.full(len(made.t), 5.0 * MIB)

    verdict = judge(made.trace(sessions=sessions, python_blocks=blocks, heap_used_bytes=level, mmap_bytes=level))

    assert rest_beside(made, sessions).held == ()
    assert verdict.evidence is not None
    assert verdict.evidence.rest.sessions is not None
    assert verdict.evidence.rest.sessions.each == pytest.approx(20_000, rel=0.01)
    assert verdict.verdict == "inconclusive"
