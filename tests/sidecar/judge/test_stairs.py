"""Levels or a line: what few jumps explain better, what many do not, and that the best levels are the best there are."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark_sidecar.judge import judge
from floodmark_sidecar.judge._stairs import SURE, _of_levels, in_levels, likelihood_of_levels
from tests.sidecar.judge.traces import MIB, Array, Clock, Maker

N = 64
X = np.arange(float(N))
SEEDS = range(200, 210)
SAID = "as few as three jumps would explain it better than growth that goes on"


def noise(seed: int, sigma: float) -> Array:
    return np.random.default_rng(seed).normal(0, sigma, N)


def stairs(sizes: tuple[float, ...], places: tuple[float, ...]) -> Array:
    steps = [size * (place * N <= X) for size, place in zip(sizes, places, strict=True)]
    return np.asarray(np.sum(steps, axis=0), np.float64)


UNLIKE = stairs((1.0, 3.0, 1.7), (0.2, 0.45, 0.75))


def by_hand(y: Array, levels: int) -> float:
    """The least squared error of so many levels of two floors or more, of all there are."""
    errors = []
    for cuts in combinations(range(2, len(y) - 1), levels - 1):
        edges = (0, *cuts, len(y))
        parts = [y[start:end] for start, end in pairwise(edges)]
        if min(map(len, parts)) >= 2:
            errors.append(sum(float(np.sum((part - part.mean()) ** 2)) for part in parts))
    return min(errors, default=np.inf)


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=11))
def test_the_best_levels_are_the_best_of_all_there_are(values: list[int]) -> None:
    """Every number of levels has the error that trying all places finds."""
    y = np.array(values, np.float64)

    found = _of_levels(y - y.mean())

    assert found == pytest.approx([by_hand(y, levels) for levels in range(1, 9)], rel=1e-9, abs=1e-3)


def test_eight_levels_are_the_best_of_all_there_are() -> None:
    """As few floors as are looked at, and all places for each number of levels."""
    y = np.random.default_rng(200).normal(0, 1, 17)

    assert _of_levels(y) == pytest.approx([by_hand(y, levels) for levels in range(1, 9)])


@pytest.mark.parametrize("seed", SEEDS)
def test_three_jumps_of_unlike_size_are_likelier_than_a_line(seed: int) -> None:
    """By far, though a line through them is steep and sure."""
    assert likelihood_of_levels(UNLIKE + noise(seed, 0.3), [X]) > 3.5 * SURE


@pytest.mark.parametrize(("sigma", "most"), [(0.1, 0.0), (0.5, SURE / 5), (1.0, 1.57 * SURE), (3.0, 1.57 * SURE)])
def test_a_line_in_noise_is_no_levels(sigma: float, most: float) -> None:
    """In little noise a line is by far likelier; in as much as half its rise levels are never likelier by twice as much as
    is sure.
    """
    found = [likelihood_of_levels(0.1 * X + noise(seed, sigma), [X]) for seed in range(200, 300)]

    assert max(found) <= most


@pytest.mark.parametrize("jumps", [5, 6, 8, 16])
def test_many_jumps_are_no_end(jumps: int) -> None:
    """A staircase goes on: that four levels beat a line says nothing where eight beat these."""
    found = [likelihood_of_levels(np.floor(X / N * jumps) + noise(seed, 0.05), [X]) for seed in SEEDS]

    assert found == [0.0] * len(SEEDS)


def test_growth_by_request_is_a_line_over_requests() -> None:
    """Requests that came in three bursts make levels over time, and none over themselves."""
    y = UNLIKE + noise(200, 0.3)

    assert likelihood_of_levels(y, [X]) > SURE
    assert likelihood_of_levels(y, [X, UNLIKE + 0.01 * X]) < SURE / 2


def test_neither_units_nor_the_level_matter() -> None:
    """Bytes on top of a gigabyte say the same as shares of one."""
    y = UNLIKE + noise(200, 0.3)

    assert likelihood_of_levels(2.0**30 + MIB * y, [15 * X]) == pytest.approx(likelihood_of_levels(y, [X]), rel=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_three_jumps_are_levels(seed: int) -> None:
    """Nothing grows between them."""
    assert in_levels(UNLIKE + noise(seed, 0.3), [X], sure=SURE)


def test_what_grows_between_three_jumps_is_no_levels() -> None:
    """As rare errors leave it: three of them much, the others less together. Levels are likelier than a line even so."""
    left = [UNLIKE + 0.03 * X + noise(seed, 0.2) for seed in SEEDS]

    assert sum(likelihood_of_levels(y, [X]) > SURE for y in left) > len(SEEDS) / 2
    assert not any(in_levels(y, [X], sure=SURE) for y in left)


def test_what_grows_between_jumps_by_request_is_no_levels() -> None:
    """Though it comes in bursts, and an axis on which nothing happened says nothing."""
    requests = np.cumsum(np.where(X % 16 < 8, 3.0, 0.2))
    y = UNLIKE + 0.06 * requests + noise(200, 0.2)

    assert in_levels(UNLIKE + noise(200, 0.2), [X, np.zeros(N)], sure=SURE)
    assert not in_levels(y, [X, requests], sure=SURE)


def test_too_few_floors_are_no_levels() -> None:
    """Sixteen hold eight levels of two, whatever they are."""
    assert likelihood_of_levels(UNLIKE[::4], [X[::4]]) == 0.0


def test_flat_memory_is_no_levels() -> None:
    """Without any noise both explain all there is."""
    assert likelihood_of_levels(np.full(N, 50.0 * MIB), [X]) == 0.0


@pytest.mark.parametrize("seed", range(201, 204))
def test_three_jumps_in_noise_are_undecided(seed: int) -> None:
    """The verdict says why; a line as steep, in as much noise, climbs."""
    clock = Clock(6 * 3600.0, 30.0)
    jumping = Maker(clock, seed, 100 * MIB).noise(MIB, 0.8)
    rng = jumping.rng
    for place in (0.2 + 0.1 * rng.random(), 0.42 + 0.15 * rng.random(), 0.7 + 0.15 * rng.random()):
        jumping.step(rng.uniform(2, 7) * MIB, place)
    verdict = judge(jumping.trace())
    line = judge(Maker(clock, seed, 100 * MIB).noise(MIB, 0.8).line(15 * MIB).trace())

    assert verdict.verdict == "inconclusive"
    assert any(SAID in reason for reason in verdict.reasons)
    assert line.verdict == "climbing"
