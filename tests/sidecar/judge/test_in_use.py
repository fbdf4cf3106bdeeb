"""What confirms a climb of memory: what Python and malloc have in use, and requests; and what neither ever does alone."""

from dataclasses import replace

import numpy as np
import pytest

from floodmark_sidecar.judge import Verdict, judge
from floodmark_sidecar.judge._delta import MemoryRuler
from floodmark_sidecar.judge._finding import Finding, examine
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._in_use import BY_HEAP, BY_REQUEST, BY_USE, confirmed
from floodmark_sidecar.judge._load import by_requests
from floodmark_sidecar.traces import generate
from tests.sidecar.judge.traces import KIB, MIB, Array, Clock, Maker

HOURS = Clock(6 * 3600.0, 30.0)
COUNT = len(HOURS.times)
RULER = MemoryRuler(100 * MIB, HOURS.seconds)
SEEDS = range(200, 203)
USED = {"python_blocks": 80.0, "heap_used_bytes": 1.0, "mmap_bytes": 1.0}
"""Columns of what is in use, with the bytes of one."""


def live(seed: int, size: float) -> Array:
    """What is in use where it grows by *size* in a straight line."""
    return Maker(HOURS, seed, 10 * MIB).noise(0.03 * MIB, 0.5).line(size).y


def in_arenas(seed: int, used: Array) -> Maker:
    """A service whose allocator takes whole MiB for what is *used*, and keeps them."""
    made = Maker(HOURS, seed, 90 * MIB)
    made.y += MIB * np.ceil(np.maximum.accumulate(used) / MIB)
    return made


def with_use(made: Maker, used: Array | None, column: str = "python_blocks") -> Verdict:
    """Return the verdict where *column* tells of *used* bytes and the others do not move."""
    columns = {name: np.full(len(made.t), 5 * MIB / size) for name, size in USED.items()}
    if used is not None:
        columns[column] = used / USED[column]
    return judge(made.trace(**columns))


@pytest.mark.parametrize(("seed", "column"), list(zip(SEEDS, USED, strict=True)))
def test_what_is_in_use_confirms_a_climb_in_steps_of_the_allocator(seed: int, column: str) -> None:
    """Four steps of a MiB may be chance or a leak; objects in use that grow all the time tell."""
    used = live(seed, 4 * MIB)
    alone, told = with_use(in_arenas(seed, used), None), with_use(in_arenas(seed, used), used, column)

    assert alone.verdict != "climbing"
    assert told.verdict == "climbing"
    assert told.memory is not None
    assert told.memory.confirmed == BY_USE
    assert told.memory.slope.estimate == pytest.approx(4 * MIB / HOURS.seconds, rel=0.15)


def test_the_interval_of_a_climb_in_steps_holds_its_slope() -> None:
    """A slope that is known from four steps of a MiB is known to a part of one, at most."""
    within = []
    for seed in range(200, 206):
        used = live(seed, 4 * MIB)
        memory = with_use(in_arenas(seed, used).noise(50 * KIB, 0.5), used).memory
        assert memory is not None
        assert memory.confirmed == BY_USE
        within.append(memory.slope.low < 4 * MIB / HOURS.seconds < memory.slope.high)

    assert sum(within) >= 4


@pytest.mark.parametrize("column", ["heap_used_bytes", "python_blocks"])
def test_a_part_of_what_is_in_use_tells_as_well(column: str) -> None:
    """A trace of malloc's bytes alone, or of Python's blocks alone, keeps a leak into free room from being steady."""
    level = Maker(HOURS, 200, 120 * MIB).noise(20 * KIB, 0.0)
    used = live(200, 8 * MIB) / (80 if column == "python_blocks" else 1)

    verdict = judge(level.trace(**{column: used}))

    assert verdict.verdict == "inconclusive"
    assert "in room that was free so far" in verdict.reasons[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_in_use_never_climbs_alone(seed: int) -> None:
    """It may grow in room that the service had all the while: that is no climb yet, and it is not steady."""
    level = Maker(HOURS, seed, 120 * MIB).noise(20 * KIB, 0.0)

    verdict = with_use(level, live(seed, 8 * MIB))

    assert verdict.verdict == "inconclusive"
    assert "in room that was free so far" in verdict.reasons[0]
    assert verdict.memory is not None
    assert verdict.memory.confirmed == ""


@pytest.mark.parametrize("seed", SEEDS)
def test_memory_that_rose_by_much_less_than_what_is_in_use_stays_as_it_is(seed: int) -> None:
    """A jump of a MiB is no climb because ten MiB more are in use."""
    jumped = Maker(HOURS, seed, 120 * MIB).noise(20 * KIB, 0.0).step(MIB, 0.5)

    assert with_use(jumped, live(seed, 10 * MIB)).verdict == "inconclusive"


@pytest.mark.parametrize("seed", SEEDS)
def test_level_use_takes_nothing_from_a_climb(seed: int) -> None:
    """Growth that neither Python nor malloc has in use is a leak all the same."""
    verdict = with_use(Maker(HOURS, seed, 100 * MIB).noise(0.05 * MIB, 0.5).line(8 * MIB), live(seed, 0))

    assert verdict.verdict == "climbing"


def test_what_is_in_use_is_the_sum_of_its_parts() -> None:
    """Blocks at eighty bytes, malloc's bytes and mappings; nothing is known where nobody asked."""
    made = Maker(HOURS, 200)
    columns = {name: np.full(COUNT, 1000.0) for name in USED}

    assert np.unique(Frame(made.trace(**columns)).in_use()).tolist() == [82_000.0]
    assert np.isnan(Frame(made.trace()).in_use()).all()


def kept_free(clock: Clock, seed: int) -> Verdict:
    """Return the verdict where an arena comes and goes, and what malloc keeps free grows by five MiB."""
    memory = Maker(clock, seed, 100 * MIB).noise(30 * KIB, 0.5).line(5 * MIB)
    arena = MIB * (np.sin(2 * np.pi * 4.3 * memory.u + seed) > 0)
    free = Maker(clock, seed, 10 * MIB).noise(20 * KIB, 0.5).line(5 * MIB).y
    memory.y = memory.y + arena - MIB * 1.5 * (memory.u > 0.85)
    level = {name: np.full(len(memory.t), 5 * MIB / size) for name, size in USED.items()}
    return judge(memory.trace(heap_free_bytes=free, **level))


def test_what_malloc_keeps_free_confirms_a_climb_of_hours() -> None:
    """Fragmentation grows there and nowhere else; a late fall of memory alone would leave it open."""
    found = [kept_free(HOURS, seed) for seed in SEEDS]

    assert [verdict.verdict for verdict in found] == ["climbing"] * len(SEEDS)
    assert {verdict.memory.confirmed for verdict in found if verdict.memory} == {BY_HEAP}


def test_what_malloc_keeps_free_confirms_nothing_in_minutes() -> None:
    """A heap may still be finding the room that bursts need."""
    assert "climbing" not in {kept_free(Clock(1200.0, 5.0), seed).verdict for seed in SEEDS}


def test_what_fell_back_within_minutes_is_no_climb() -> None:
    """Memory keeps what garbage took until it was collected: that it will take more the next time, nobody knows."""
    clock = Clock(240.0, 2.0)
    garbage = Maker(clock, 200, 20 * MIB).noise(10 * KIB, 0.5).line(8 * MIB)
    memory = Maker(clock, 201, 80 * MIB).noise(10 * KIB, 0.5).line(8 * MIB)
    used = np.where(garbage.u > 0.9, 20 * MIB, garbage.y)

    fell, stayed = with_use(memory, used), with_use(memory, garbage.y)

    assert (fell.verdict, stayed.verdict) == ("inconclusive", "climbing")
    assert "what was in use fell back meanwhile" in fell.reasons[0]


@pytest.mark.parametrize("phase", [0.25, 0.75])
def test_what_comes_and_goes_within_half_a_minute_has_not_fallen_back(phase: float) -> None:
    """Sessions may be at their fewest as the run ends: what is in use beneath them grew all the while."""
    memory = Maker(Clock(240.0, 2.0), 200, 80 * MIB).noise(10 * KIB, 0.5).line(8 * MIB)
    used = memory.y - 60 * MIB + 5 * MIB * np.sin(2 * np.pi * (memory.t / 25 + phase))

    assert with_use(memory, used).verdict == "climbing"


def test_lives_that_end_give_nothing_back() -> None:
    """What a process keeps free ends with it: a worker that is replaced has not fallen back."""
    leaking = generate("L2b", seed=300084, duration=180.0, growth=50 * KIB)

    assert judge(leaking.trace).verdict == "climbing"


def found(y: Array) -> Finding:
    finding = examine(HOURS.times, y, RULER, warmup=0.1 * HOURS.seconds)
    assert finding is not None
    return finding


def test_confirmed_memory_has_its_own_slope_with_all_its_jumps_and_the_others_shape() -> None:
    """What was taken out as chance is growth; whatever spoke against it is gone, and why is said."""
    used = live(200, 3 * MIB)
    memory, other = found(in_arenas(200, used).y), found(used)
    assert (memory.state, other.state) == ("steady", "climbing")
    assert memory.jumps
    doubted = replace(memory, doubts=("it slackens",), hidden=("it rises",), saturating=True)

    climb = confirmed(doubted, other, start=memory.start, why="it is seen")

    assert (climb.state, climb.shape, climb.confirmed) == ("climbing", other.shape, "it is seen")
    assert (climb.jumps, climb.doubts, climb.hidden, climb.saturating) == ((), (), (), False)
    assert climb.delta == memory.delta
    assert climb.slope.estimate == pytest.approx(3 * MIB / HOURS.seconds, rel=0.15)


def test_nothing_is_confirmed_by_what_does_not_climb_or_rises_much_faster() -> None:
    """Memory is what it was: the same object."""
    used = live(200, 4 * MIB)
    memory, other = found(in_arenas(200, used).y), found(used)
    faster = replace(other, slope=replace(other.slope, estimate=3 * other.slope.estimate))
    slow = replace(memory, delta=3 * other.slope.estimate)

    def stays(memory: Finding, other: Finding | None, start: float) -> bool:
        return confirmed(memory, other, start=start, why="it is seen") is memory

    assert stays(memory, None, memory.start)
    assert stays(memory, found(live(200, 0)), memory.start)
    assert stays(memory, faster, memory.start)
    assert stays(slow, other, memory.start)
    assert stays(memory, other, memory.end - 1)


def requests(load: Array) -> Array:
    """Requests so far, where *load* are relative to its usual one."""
    return np.cumsum(np.round(600 * load))


U = HOURS.times / HOURS.seconds
FALLING = {"ever fewer": 1 - 0.8 * U, "half a wave": 1 + 0.7 * np.cos(np.pi * U)}
AGAIN = np.interp(U, [0, 0.3, 0.4, 0.5, 0.7, 1], [1.6, 1.6, 0.5, 1.3, 0.4, 0.2])
"""A load that falls, comes again, and falls away."""


def quiet(seed: int) -> Maker:
    return Maker(HOURS, seed, 100 * MIB).noise(0.1 * MIB, 0.5)


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_a_leak_by_request_climbs_though_it_slackens_over_time(seed: int) -> None:
    """A load that comes in waves and falls away bends memory as a cache that fills does; over requests it is straight."""
    served = requests(AGAIN)
    made = quiet(seed)
    made.y += 20 * MIB * served / served[-1]

    unknown, counted = judge(made.trace()), judge(made.trace(requests_total=served))

    assert unknown.verdict == "inconclusive"
    assert counted.verdict == "climbing"
    assert counted.memory is not None
    assert counted.memory.confirmed == BY_REQUEST


@pytest.mark.parametrize("tau", [0.3, 0.5])
@pytest.mark.parametrize("load", FALLING)
def test_a_cache_that_fills_by_request_slackens_over_requests_too(load: str, tau: float) -> None:
    """Under a load that falls away there is no climb in it."""
    served = requests(FALLING[load])
    made = quiet(200)
    made.y += 20 * MIB * (1 - np.exp(-served / served[-1] / tau))

    assert judge(made.trace(requests_total=served)).verdict == "inconclusive"


def test_a_cache_that_fills_by_the_clock_is_no_climb_by_request() -> None:
    """Where the load falls meanwhile, growth that has nothing to do with requests is not theirs."""
    made = quiet(200).fill(20 * MIB, 0.5)

    assert judge(made.trace(requests_total=requests(FALLING["half a wave"]))).verdict == "inconclusive"


@pytest.mark.xfail(strict=True, reason="requests are asked where time leaves doubts only, not where it leaves none")
def test_a_cache_that_fills_by_request_is_no_climb_over_time() -> None:
    """A load that rises again straightens a fill: over requests it slackens."""
    served = requests(1 + 0.9 * np.cos(2 * np.pi * U))
    made = quiet(200)
    made.y += 20 * MIB * (1 - np.exp(-served / served[-1] / 0.3))

    assert judge(made.trace(requests_total=served)).verdict == "inconclusive"


@pytest.mark.parametrize("load", FALLING)
def test_a_load_that_only_falls_tells_no_leak_by_request_from_a_fill(load: str) -> None:
    """Both are straight over requests then, and bent over time."""
    served = requests(FALLING[load])
    made = quiet(200)
    made.y += 20 * MIB * served / served[-1]

    assert judge(made.trace(requests_total=served)).verdict == "inconclusive"


def over_requests(served: Array) -> Finding | None:
    made = quiet(200).line(8 * MIB)
    frame = Frame(made.trace(requests_total=served))
    return by_requests(frame, made.y, RULER, start=0.1 * HOURS.seconds)


def test_an_even_load_gives_no_second_look() -> None:
    """What requests tell is then what time tells: nothing is asked twice, nor where none came."""
    rng = np.random.default_rng(200)

    assert over_requests(requests(np.ones(COUNT))) is None
    assert over_requests(requests(rng.poisson(20, COUNT) / 20)) is None
    assert over_requests(np.zeros(COUNT)) is None
    assert over_requests(requests(FALLING["ever fewer"])) is not None
    assert over_requests(requests(AGAIN)) is not None


def test_the_slope_over_requests_is_that_of_the_mean_load() -> None:
    """The axis is as long as the run: what each request leaves, times how many came."""
    served = requests(AGAIN)
    made = quiet(200)
    made.y += 20 * MIB * served / served[-1]

    finding = by_requests(Frame(made.trace(requests_total=served)), made.y, RULER, start=0.1 * HOURS.seconds)

    assert finding is not None
    assert finding.slope.estimate * HOURS.seconds == pytest.approx(20 * MIB, rel=0.1)
