"""The building blocks of a signal."""

import numpy as np
import pytest

from floodmark_sidecar.traces._recycling import recycled_life
from floodmark_sidecar.traces._run import Run
from floodmark_sidecar.traces._signals import correlated, peaks, reflected, sawtooth, stairs, telegraph

RUN = Run(86_400.0, 15.0)


@pytest.mark.parametrize("tau", [0.0, 1.0, 60.0, 3600.0, 20_000.0])
def test_correlated_noise_is_the_recursion_it_stands_for(tau: float) -> None:
    """Each reading is the last one's share plus something new, as a loop would have it."""
    likeness = np.exp(-15 / tau) if tau else 0.0
    fresh = np.random.default_rng(5).standard_normal(len(RUN.t)) * 3.0
    wanted, value = [], fresh[0]
    for i, new in enumerate(fresh.tolist()):
        value = new if i == 0 else likeness * value + new * np.sqrt(1 - likeness**2)
        wanted.append(value)

    assert np.allclose(correlated(RUN, np.random.default_rng(5), sigma=3.0, tau=tau), wanted, atol=1e-6)


def test_growth_is_what_was_asked_for_over_the_second_half() -> None:
    """Any shape is scaled to the mean growth of its second half, and begins at 0."""
    grown = RUN.growing(5 + RUN.u**3, 2.0)

    assert grown[0] == 0
    assert (grown[-1] - grown[RUN.half]) / (RUN.t[-1] - RUN.t[RUN.half]) == pytest.approx(2.0)


def test_teeth_get_longer() -> None:
    """A sawtooth falls once a period; its last tooth is so many times as long as its first."""
    even = np.flatnonzero(np.diff(sawtooth(RUN.t, period=3600.0, phase=0.0)) < 0)
    longer = np.flatnonzero(np.diff(sawtooth(RUN.t, period=1800.0, phase=0.0, longer=3.0)) < 0)

    assert np.all(np.abs(np.diff(RUN.t[even]) - 3600) <= 15)
    assert np.diff(RUN.t[longer])[0] == pytest.approx(1800, rel=0.1)
    assert np.diff(RUN.t[longer])[-1] == pytest.approx(5400, rel=0.1)


def test_a_telegraph_changes_as_often_as_asked() -> None:
    """It is 0 or 1, and changes about once in its mean time."""
    signal = telegraph(RUN, np.random.default_rng(1), mean=600.0)

    assert set(signal.tolist()) == {0.0, 1.0}
    assert np.count_nonzero(np.diff(signal)) == pytest.approx(144, rel=0.3)


def test_stairs_and_peaks_are_where_they_were_put() -> None:
    """Steps stay, in whatever order they are given; a peak fades."""
    steps = stairs(RUN, np.array([0.75, 0.25]), np.array([1.0, 2.0]))
    peak = peaks(RUN, np.array([0.5]), np.array([4.0]), np.array([300.0]))

    assert [steps[int(u * len(RUN.t))] for u in (0.2, 0.3, 0.8)] == [0, 2, 3]
    assert peak.max() == pytest.approx(4, rel=0.05)
    assert peak[RUN.half - 1] == 0
    assert peak[-1] == 0


def test_a_bounded_walk_keeps_to_its_bounds() -> None:
    """It never leaves 0 to 1, and reaches near both."""
    walk = reflected(RUN, np.random.default_rng(2), mixing=3600.0)

    assert walk.min() >= 0
    assert walk.max() <= 1
    assert walk.max() - walk.min() > 0.8


def test_lives_follow_each_other() -> None:
    """Every life begins at age 0, about as long as it was asked to be, the first one shorter."""
    life, age = recycled_life(RUN, np.random.default_rng(3), length=7200.0)
    starts = np.flatnonzero(np.diff(life))

    assert np.all(np.diff(life) >= 0)
    assert np.all(age[starts + 1] < 15)
    assert np.all(np.abs(np.diff(RUN.t[starts]) - 7200) < 1200)
    assert RUN.t[starts[0]] < 8300
