"""When growth began: found where a level turns into a climb, and nowhere else."""

import numpy as np
import pytest

from floodmark_sidecar.judge import judge
from floodmark_sidecar.judge._floors import Floors
from floodmark_sidecar.judge._onset import find_onset, goes_on_throughout
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB, Array

N = 64
X = np.arange(float(N))
SEEDS = range(200, 204)


def noisy(y: Array, seed: int = 200) -> Floors:
    return Floors(X, y + np.random.default_rng(seed).normal(0, 0.1, len(y)), 1.0)


def since(start: float) -> Array:
    """Level until *start*, then one a floor."""
    return np.maximum(0.0, X - start)


@pytest.mark.parametrize("start", [8.0, 20.0, 32.0, 46.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_growth_that_began_late_has_its_onset(seed: int, start: float) -> None:
    """To a fiftieth of the run or so, and it goes on ever since."""
    floors = noisy(since(start), seed)

    onset = find_onset(floors)

    assert onset == pytest.approx(start, abs=2)
    assert goes_on_throughout(floors.part(start, N))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "y",
    [
        X,
        0 * X,
        -since(32.0),
        np.abs(X - 32),
        0.4 * X + 0.6 * since(32.0),
        0.4 * X + 0.6 * since(8.0),
        20 * (1 - np.exp(-since(20.0) / 6)),
        np.where(X < 40, 8 * np.sin(X / 4), X - 40),
    ],
    ids=["line", "level", "fall", "back up", "no level before", "no level at first", "fill", "swung as much before"],
)
def test_what_did_not_turn_from_a_level_has_none(seed: int, y: Array) -> None:
    """It had grown or moved as much before, fell, or did not go on."""
    assert find_onset(noisy(y, seed)) is None


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_a_creep_before_is_as_good_as_a_level(level: float) -> None:
    """A tenth of the growth that follows is no reason to look away from it."""
    assert find_onset(noisy(level * X + since(32.0))) == pytest.approx(32, abs=2)


def test_an_onset_moves_with_its_clock_and_not_with_its_level() -> None:
    """Seconds of any length, from any first one; bytes from any level."""
    floors = noisy(since(32.0))
    moved = Floors(600 + 15 * floors.x, 2.0**30 + MIB * floors.y, 15.0)
    onset, later = find_onset(floors), find_onset(moved)

    assert onset is not None
    assert later == pytest.approx(600 + 15 * onset)


def test_too_few_floors_have_none() -> None:
    """Fifteen say neither what was before nor what came after."""
    y = since(32.0)[::4]

    assert find_onset(Floors(X[: len(y) - 1], y[:-1], 1.0)) is None
    assert find_onset(Floors(X[: len(y)], y, 1.0)) is not None


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "y",
    [3 * since(58.0), 20.0 * (X > 32), 0.1 * X + 20.0 * (X > 39), since(20.0) * (X < 30) + 10.0 * (X >= 30)],
    ids=["later yet", "jump", "jump between halves", "ended"],
)
def test_what_does_not_rise_in_both_halves_as_on_the_whole_does_not_go_on(seed: int, y: Array) -> None:
    """It began later yet, was a jump, between two halves that creep, or has ended."""
    assert not goes_on_throughout(noisy(y, seed).part(16, N))


@pytest.mark.parametrize(("first", "goes_on"), [(0.2, False), (0.5, True), (1.0, True), (2.0, True), (5.0, False)])
def test_halves_may_differ_by_a_factor_of_three(first: float, goes_on: bool) -> None:
    """Growth that quickens or slackens by as much is one growth; by more it is not."""
    assert goes_on_throughout(noisy(np.where(X < 32, first * X, first * 32 + X - 32))) is goes_on


@pytest.mark.parametrize("seed", range(200, 202))
def test_a_jump_late_in_a_day_is_no_climb_since(seed: int) -> None:
    """Nor is a rise that had ended hours before the day did."""
    jumped = made.daily(seed, sigma=0.1 * MIB).step(6 * MIB, 0.7)
    ended = made.daily(seed, sigma=0.1 * MIB).line(6 * MIB, 0.6, 0.7)

    assert [judge(one.trace()).verdict == "climbing" for one in (jumped, ended)] == [False, False]
