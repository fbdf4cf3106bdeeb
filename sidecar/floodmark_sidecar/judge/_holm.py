"""Many series tested at once: which of them grow, so that chance alone seldom makes any of them seem to.

Holm's step-down: with *m* series the surest must be sure to 1/m of the level, the next to 1/(m - 1), until one is not.
Whatever the series have to do with each other, the level is that of a single false answer among all of them.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

from floodmark_sidecar.judge._slope import LEVEL, Slope

FALSE: Final = 0.01
"""How many runs in which nothing grows may have any series that seems to, by noise. It is stricter than the interval of one
series, whose level a run's whole evidence backs; noise that wanders for long has thicker tails than a normal one, too.
"""

_NORMAL: Final = NormalDist()
_END: Final = _NORMAL.inv_cdf(1 - LEVEL)
"""Standard errors at which the interval of a slope ends."""


def z_score(slope: Slope, *, above: float) -> float:
    """Return by how many standard errors *slope* is above the rate *above*.

    They are those of the interval's lower half, so that more than `_END` of them are the interval above it.
    """
    error = (slope.estimate - slope.low) / _END
    if error > 0:
        return (slope.estimate - above) / error
    return float("inf") if slope.estimate > above else float("-inf")


def p_value(slope: Slope, *, above: float) -> float:
    """Return how likely noise alone makes a slope look so where growth is no more than the rate *above*: one-sided."""
    return _NORMAL.cdf(-z_score(slope, above=above))


def step_down(p_values: Sequence[float], *, of: int, level: float = FALSE) -> tuple[bool, ...]:
    """Return for each of *p_values* whether it is too small to be chance, when *of* series were tested.

    Series that are not among *p_values* count as those that do not grow. O(n log n).
    """
    sure = [False] * len(p_values)
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[i] * (of - rank) > level:
            break
        sure[i] = True
    return tuple(sure)
