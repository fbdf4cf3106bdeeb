"""Medians, quantiles and means are numpy's own to the last digit: a verdict must not hang on who computed them."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from floodmark_sidecar.judge._ranks import means, median, medians_of_three, quantile, row_medians
from tests.sidecar.judge.traces import Array

RNG = np.random.default_rng(5)
LENGTHS = (*range(1, 12), 64, 97, 2016)


def many(length: int) -> list[Array]:
    """Arrays of *length* values: spread out, with many that are alike, and all alike."""
    spread = RNG.normal(0, 1e7, (20, length))
    return [*spread, *np.round(spread / 1e7), np.full(length, 7.0)]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_median_is_numpys(length: int) -> None:
    """Of one row or of many, and the values stay in their order where they are somebody's."""
    rows = np.array(many(length))
    before = rows.copy()

    assert [median(row) for row in rows] == np.median(rows, axis=1).tolist()
    assert np.array_equal(rows, before)
    assert row_medians(rows).tolist() == np.median(before, axis=1).tolist()


@pytest.mark.parametrize("length", LENGTHS)
def test_a_quantile_is_numpys(length: int) -> None:
    """Between two values as well as on one, at the ends too."""
    for values in many(length):
        for share in (0.0, 0.05, 0.1, 0.5, 0.8, 0.95, 1.0, *RNG.random(3).tolist()):
            assert quantile(values, share) == np.quantile(values, share)


@pytest.mark.parametrize("length", [3, 4, 9, 64])
def test_medians_of_three_are_those_of_a_window(length: int) -> None:
    """Each is the middle one of three neighbours."""
    for values in many(length):
        assert medians_of_three(values).tolist() == np.median(sliding_window_view(values, 3), axis=1).tolist()


def test_means_are_of_the_parts_between_starts() -> None:
    """The last part ends with the values."""
    assert means(np.array([1.0, 3.0, 5.0, 7.0, 9.0, 11.0]), [0, 2, 3]).tolist() == [2.0, 5.0, 9.0]
