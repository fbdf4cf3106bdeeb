"""Medians, quantiles and means are numpy's own to the last digit: a verdict must not hang on who computed them."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from floodmark_sidecar.judge._ranks import means, median, medians_of_three, quantile, row_medians, smoothed
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


@pytest.mark.parametrize("end", range(13, 17))
def test_a_low_at_the_end_is_smoothed_like_one_between(end: int) -> None:
    """Of teeth, whose lows are one reading each, wherever a run ends; backwards, wherever it begins."""
    teeth = np.array([2.0, 3.0, 4.0, 1.0] * 5)[:end]

    assert smoothed(teeth).min() == 2.0
    assert smoothed(teeth[::-1])[::-1].tolist() == smoothed(teeth).tolist()


def test_a_line_is_smoothed_to_itself() -> None:
    """Its ends are where it leads to."""
    line = 3.0 * np.arange(20.0) + 5.0

    assert smoothed(line).tolist() == line.tolist()


@pytest.mark.parametrize("length", range(4))
def test_few_values_have_no_ends_to_smooth(length: int) -> None:
    """Of three the middle one is the median."""
    values = np.array([1.0, 9.0, 2.0])[:length]

    assert smoothed(values).tolist() == ([1.0, 2.0, 2.0] if length == 3 else values.tolist())
