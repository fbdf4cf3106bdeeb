"""The release cycle, warm-up and jumps: what has them, and what noise only seems to have."""

from collections.abc import Callable

import numpy as np
import pytest

from floodmark_sidecar.judge._cycle import has_teeth, release_cycle
from floodmark_sidecar.judge._floors import take_floors
from floodmark_sidecar.judge._jumps import clear_jumps, find_jumps
from floodmark_sidecar.judge._warmup import LEAST, measure_warmup
from floodmark_sidecar.traces import generate
from tests.sidecar.judge.traces import DAYLONG, KIB, MIB, Array, Clock, Maker

HOURS = Clock(7200.0, 5.0)
SEEDS = range(200, 230)
X = np.arange(60.0)


def cycle_of(made: Maker) -> float | None:
    return release_cycle(made.t, made.y)


def with_cycle(cycle: Callable[[int], float | None]) -> int:
    """How many of thirty seeds have one."""
    return sum(cycle(seed) is not None for seed in SEEDS)


def family(code: str, seed: int, **parameters: float) -> float | None:
    """The cycle of a family's memory after its start."""
    trace = generate(code, seed=seed, duration=HOURS.seconds, every=HOURS.every, **parameters).trace
    x = trace.t - trace.t[0]
    judged = x > 0.1 * HOURS.seconds
    return release_cycle(x[judged], trace.column("uss_bytes")[judged])


@pytest.mark.parametrize("leak", [0, 20 * MIB])
@pytest.mark.parametrize("period", [60.0, 600.0, 1500.0])
def test_a_sawtooth_of_any_phase_has_its_period(period: float, leak: int) -> None:
    """Wherever in a tooth the run begins, and whatever grows beneath."""
    cycles = [
        cycle_of(Maker(HOURS, seed).saw(9 * MIB, period).noise(0.1 * MIB, 0.5).line(leak)) for seed in range(200, 208)
    ]

    assert cycles == pytest.approx([period] * 8, rel=0.03)


def test_teeth_of_a_few_readings_have_their_period() -> None:
    """What is between two readings is the rise of the tooth for the most part, and no noise."""
    cycles = [cycle_of(Maker(HOURS, seed).saw(9 * MIB, 45.0).noise(0.02 * MIB, 0.5)) for seed in range(200, 208)]

    assert cycles == pytest.approx([45.0] * 8, rel=0.12)


def test_teeth_that_lengthen_have_the_cycle_of_the_long_ones() -> None:
    """Blocks must span the longest teeth but few: the last is three times as long as the first of 400 s."""
    cycles = [family("N3", seed, period=400.0, longer=3.0) or 0.0 for seed in range(200, 206)]

    assert min(cycles) > 2 * 400
    assert max(cycles) < 3 * 400


def test_a_cache_that_is_swept_has_the_cycle_of_its_sweeps() -> None:
    """Expired entries wait for half a TTL of 600 s."""
    cycles = [family("N4", seed, ttl=600.0, sweep=0.5, size=0.2) for seed in range(200, 206)]

    assert cycles == pytest.approx([300] * 6, rel=0.05)


@pytest.mark.parametrize(
    "likeness",
    [0.0, 0.3, 0.6, 0.9, 0.97, 0.997],
)
def test_noise_has_no_cycle(likeness: float) -> None:
    """White or wandering, it has no level that it comes back to: at most two of thirty."""
    assert with_cycle(lambda seed: cycle_of(Maker(HOURS, seed).noise(MIB, likeness))) <= 2


def test_a_bounded_walk_has_no_cycle() -> None:
    """Between two bounds it turns back at either, at no even times."""
    assert with_cycle(lambda seed: family("N7b", seed, width=0.04)) <= 2


def test_waves_and_lines_have_no_cycle() -> None:
    """What rises as slowly as it falls, at even times but to no few, or never falls."""
    assert cycle_of(Maker(HOURS, 200).sine(9 * MIB, 0.3).noise(0.1 * MIB, 0.5)) is None
    assert cycle_of(Maker(HOURS, 200).line(9 * MIB).noise(0.1 * MIB, 0.5)) is None
    assert cycle_of(Maker(HOURS, 200)) is None


@pytest.mark.parametrize("seed", range(200, 203))
def test_even_waves_are_a_cycle_though_nothing_falls_abruptly(seed: int) -> None:
    """A job that comes every ten minutes and takes as long to give memory back as to take it."""
    made = Maker(HOURS, seed).noise(20 * KIB, 0.5)
    made.y += 9 * MIB * np.abs((made.t / 600 + made.rng.random()) % 1 - 0.5)

    assert cycle_of(made) == pytest.approx(600, rel=0.05)


def test_releases_at_uneven_times_are_a_cycle_where_they_are_abrupt() -> None:
    """A collector that runs by allocations has no clock, but falls at once to one level; a mirror image does not."""
    rng = np.random.default_rng(200)
    ends = np.cumsum(rng.choice([150.0, 900.0], 40))
    last = np.concatenate([[0.0], ends])[np.searchsorted(ends, HOURS.times, side="right")]
    length = np.concatenate([ends, [ends[-1]]])[np.searchsorted(ends, HOURS.times, side="right")] - last
    rising = 9 * MIB * (HOURS.times - last) / length
    noise = rng.normal(0, 20 * KIB, len(rising))

    assert release_cycle(HOURS.times, rising + noise) is not None
    assert release_cycle(HOURS.times, (rising + noise)[::-1]) is None


def warmup(made: Maker) -> float:
    """Warm-up as a share of the run."""
    return measure_warmup(take_floors(made.t, made.y)) / HOURS.seconds


@pytest.mark.parametrize("seed", range(200, 206))
def test_a_bend_of_the_noise_is_no_start(seed: int) -> None:
    """A creep that ends, of a hundredth of what grows later, ends no warm-up."""
    made = Maker(HOURS, seed).noise(0.05 * MIB, 0.5).line(0.5 * MIB, 0, 0.3).line(60 * MIB, 0.5, 1.0)

    assert warmup(made) == pytest.approx(LEAST, abs=0.02)


@pytest.mark.parametrize("seed", range(200, 203))
def test_a_start_that_is_much_of_the_growth_is_left_out(seed: int) -> None:
    """Ten MiB in the first fifth, a little after."""
    assert 0.2 < warmup(Maker(HOURS, seed).noise(0.05 * MIB, 0.5).ramp(10 * MIB, 1500)) < 0.4


def noisy(y: Array, seed: int) -> Array:
    return y + np.random.default_rng(seed).normal(0, 0.3, len(y))


def after(start: int, first: float, each: float) -> Array:
    """Level until floor *start*, then *first* at once and *each* from floor to floor."""
    return np.where(start < X, first + each * (X - start - 1), 0.0)


@pytest.mark.parametrize("seed", range(200, 206))
def test_growth_that_begins_with_a_leap_is_no_jump(seed: int) -> None:
    """What rises on by nearly half as much from floor to floor has begun to grow; what does not has jumped."""
    begun, jumped = noisy(after(35, 20, 9), seed), noisy(after(35, 20, 0), seed)

    assert not [jump for jump in clear_jumps(X, begun) + find_jumps(X, begun) if 33 <= jump.index <= 37]
    assert [jump.index for jump in clear_jumps(X, jumped)] == [35]
    assert clear_jumps(X, jumped)[0].size == pytest.approx(20, abs=1.5)


@pytest.mark.parametrize("seed", range(200, 203))
def test_a_jump_that_creeps_on_a_little_is_one(seed: int) -> None:
    """A twentieth of it from floor to floor is not growth that began."""
    assert [jump.index for jump in clear_jumps(X, noisy(after(35, 40, 2), seed))] == [35]


@pytest.mark.parametrize("seed", range(4))
def test_teeth_are_releases_that_come_again_and_again(seed: int) -> None:
    """A sawtooth has teeth; noise has none, whether it wanders or not, nor has a wave, a single release or a few spikes."""
    flat, wanders, once, spikes, grows, saw = (Maker(DAYLONG, seed) for _ in range(6))
    grows.line(5 * MIB).step(-3 * MIB, 0.5).noise(0.3 * MIB, 0.0)
    flat.noise(0.3 * MIB, 0.0)
    wanders.noise(MIB, 0.995)
    wave = Maker(DAYLONG, seed).sine(20 * MIB, 0.1 * seed).noise(0.3 * MIB, 0.0)
    once.line(20 * MIB, 0.0, 0.6).step(-20 * MIB, 0.6).noise(0.3 * MIB, 0.0)
    spikes.teeth(30 * MIB, 12).noise(0.3 * MIB, 0.0)

    assert has_teeth(saw.saw(20 * MIB, 7000).noise(0.3 * MIB, 0.0).y)
    assert not any(has_teeth(made.y) for made in (flat, wanders, wave, once, spikes, grows))
