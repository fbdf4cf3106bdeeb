"""Whether a size that was read a few times grows and goes on growing, and how fast. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median
from typing import Final

_MOST_POINTS: Final = 48
"""The pairs of Theil-Sen grow with the square of the points; beyond this many they tell nothing new."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A size that grew: (epoch second, size) `points`, oldest first, thinned from `count` readings.

    `per_hour` is the median slope over all pairs of points (Theil-Sen).
    """

    points: tuple[tuple[float, float], ...]
    count: int
    per_hour: float

    @property
    def first(self) -> float:
        """The size at first."""
        return self.points[0][1]

    @property
    def last(self) -> float:
        """The size at last."""
        return self.points[-1][1]

    @property
    def seconds(self) -> float:
        """The time from the first point to the last."""
        return self.points[-1][0] - self.points[0][0]


def growth(times: Sequence[float], sizes: Sequence[float], *, known: bool = False) -> Growth | None:
    """Return how *sizes* grew over *times* (epoch seconds, ascending), or None where they do not go on growing.

    What goes on growing rose between the last two readings and between most of them, ends at its highest, and has gained
    more than twice what it ever gave back. A queue that swings or a cache that has filled fails one of these. Where it
    is *known* from better evidence that this grows, only the rate is asked for.
    """
    points = _thinned([*zip(times, sizes, strict=True)])
    if len(points) < 2:
        return None
    slope = median((b - a) / (t - s) for (s, a), (t, b) in combinations(points, 2))
    if slope <= 0 or not (known or _goes_on([size for _, size in points])):
        return None
    return Growth(tuple(points), len(times), slope * 3600)


def _goes_on(sizes: Sequence[float]) -> bool:
    steps = [after - before for before, after in pairwise(sizes)]
    rises = sum(step > 0 for step in steps)
    return (
        steps[-1] > 0
        and rises * 2 > len(steps)
        and sizes[-1] >= max(sizes)
        and sizes[-1] - sizes[0] > 2 * _largest_fall(sizes)
    )


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return *points* without those that another follows at once, and at most `_MOST_POINTS` of them.

    The last census of a run may come right after a periodic one: in so short a time even a leak need not show.
    """
    if len(points) > 2:
        usual = median(after - before for (before, _), (after, _) in pairwise(points))
        points = [point for point, (after, _) in pairwise(points) if after - point[0] > usual / 4] + points[-1:]
    points = [point for point, (after, _) in pairwise(points) if after > point[0]] + points[-1:]
    if len(points) > _MOST_POINTS:
        step = (len(points) - 1) / (_MOST_POINTS - 1)
        points = [points[round(index * step)] for index in range(_MOST_POINTS)]
    return points


def _largest_fall(sizes: Sequence[float]) -> float:
    highest, fall = sizes[0], 0.0
    for size in sizes:
        highest = max(highest, size)
        fall = max(fall, highest - size)
    return fall
