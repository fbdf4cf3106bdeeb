"""Whether a few levels explain growth better than growth that goes on all the time.

Three jumps of unlike size, well apart, make a line that every test of slopes takes for one. So both are fitted: the best
four levels there are (by dynamic programming, exact), and a line over time or over requests. Levels have four times as
many terms, and win by so much more only where there are any. What a leak leaves at rare errors is unlike a line, too: there
levels win, but what grows between three large ones tells that they were not all there was.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from floodmark_sidecar.judge._types import FloatArray

_LEVELS: Final = 4
_MANY: Final = 8
_SHORTEST: Final = 2
"""Floors of a level."""

SURE: Final = 20.0
"""By how much levels must be more likely (twice the log-likelihood) where the series has no jumps of the allocator's own."""

_MORE: Final = 60.0
"""By how much twice as many levels are more likely yet where there are more jumps than three: noise gives them 53 at most."""

_BETWEEN: Final = 6.0
"""By how much levels must be more likely with growth between them than without it, for the growth to go on. With both, of leaks
of 2δ one in a hundred is taken for levels, and of a few jumps that all other tests take for growth three in four are.
"""

_SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of the line's slope that may be growth between levels."""


def in_levels(y: FloatArray, axes: Sequence[FloatArray], *, sure: float) -> bool:
    """Say whether the floors *y* are four levels rather than a line over any of *axes*, by at least *sure* (twice the log of how
    much more likely they are), and do not grow between them. O(n²).
    """
    return likelihood_of_levels(y, axes) > sure and max(_likelihood_of_growth(y, x) for x in axes) <= _BETWEEN


def likelihood_of_levels(y: FloatArray, axes: Sequence[FloatArray]) -> float:
    """Return twice the log of how much more likely the floors *y* are as four levels than as a line over any of *axes*.

    Where many levels are far likelier yet, there is no end to them, and the answer is that of a line: 0. O(n²).
    """
    n = len(y)
    if n <= _SHORTEST * _MANY:
        return 0.0
    lines = []
    for x in axes:
        design = np.column_stack([np.ones(n), x - x[0]])
        left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        lines.append(float(left @ left))
    errors = _of_levels(y - y.mean())
    least = 1e-12 * float(y @ y)
    few, many = errors[_LEVELS - 1] + least, errors[_MANY - 1] + least
    return 0.0 if n * np.log(few / many) > _MORE else float(n * np.log((min(lines) + least) / few))


def _likelihood_of_growth(y: FloatArray, x: FloatArray) -> float:
    """Return twice the log of how much more likely four levels of *y* are with growth over *x* between them than without."""
    u = x - x.mean()
    line = u * float(u @ y / (u @ u or 1.0))
    shares = [y - y.mean() - share * line for share in (0.0, *_SHARES)]
    without, *beside = (_of_levels(left)[_LEVELS - 1] + 1e-12 * float(y @ y) for left in shares)
    return float(len(y) * np.log(without / min(beside)))


def _of_levels(y: FloatArray) -> list[float]:
    """Return the squared error of the best one level, two, and so on up to many."""
    n = len(y)
    sums, squares = (np.append(0.0, np.cumsum(values)) for values in (y, y * y))
    first, last = np.arange(n)[:, None], np.arange(n)[None, :]
    length = last - first + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = squares[last + 1] - squares[first] - (sums[last + 1] - sums[first]) ** 2 / length
    cost[length < _SHORTEST] = np.inf
    best = cost[0]
    errors = [float(best[-1])]
    for _ in range(_MANY - 1):
        best = np.append(np.inf, np.min(best[:-1, None] + cost[1:, :], axis=0)[1:])
        errors.append(float(best[-1]))
    return errors
