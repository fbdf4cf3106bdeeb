"""The shape of growth: whether it goes on as it began, slackens as a filling cache does, or gathers speed."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from floodmark_sidecar.judge._curve import Step, largest_steps
from floodmark_sidecar.judge._floors import FEWEST, Floors
from floodmark_sidecar.judge._jumps import without
from floodmark_sidecar.judge._slope import theil_sen
from floodmark_sidecar.judge._types import FloatArray

_SLACK: Final = 0.35
"""A last third that grows at less than this share of the first is a fill; exponential fills of a third of a run have .14."""

_MISSING: Final = 0.6
"""What a fill lacks at the end of what its beginning promised must be so many δ over the run: less is noise's doing."""

_TESTS: Final = (((1 / 3, 2 / 3), 1.64), ((0.9,), 2.2), ((0.85,), 2.2), ((0.8,), 2.2), ((0.75,), 2.2), ((0.7,), 2.2))
"""Where growth may bend, as shares of the run, and by how many standard errors. Of the ends, several are tried."""


def slackens(floors: Floors, steps: Sequence[Step], *, se: float, delta: float) -> bool:
    """Say whether growth slackens: from its first third to its last, or near the end.

    It has to with its isolated *steps* and without them: a step found late makes a fill of a leak, one that was missed
    early does too. *se* is the standard error of the slope over all of *floors*. Without evidence the answer is no: a
    line that noise hides is not a fill.
    """
    if len(floors) < FEWEST + 1:
        return False
    bare: tuple[Step, ...] = ()
    both = (bare, steps) if steps else (bare,)
    return any(all(_slackens(floors, taken, test, se=se, delta=delta) for taken in both) for test in _TESTS)


def _slackens(
    floors: Floors, steps: Sequence[Step], test: tuple[tuple[float, ...], float], *, se: float, delta: float
) -> bool:
    knees, level = test
    before, after, error = _compare(floors, steps, knees, se=se)
    matters = (before - after) * (1 - knees[-1]) > _MISSING * delta
    return before > 0 and after < _SLACK * before and before - after > level * error and matters


def quickens(floors: Floors, steps: Sequence[Step], *, se: float) -> bool:
    """Say whether the last third grows clearly faster than twice the first."""
    if len(floors) < FEWEST + 1:
        return False
    first, last, error = _compare(floors, steps, (1 / 3, 2 / 3), se=se)
    return last > 2 * max(first, 0.0) and last - first > 2 * error


def late_slope(floors: Floors, level: FloatArray, *, since: float, se: float) -> tuple[float, float]:
    """Return the slope of *level* from *since* on, its largest step taken out, and its standard error.

    One step, late in a run, is no beginning of a climb. *se* is the error of the slope over all of *floors*.
    """
    late = floors.x >= since
    x, y = floors.x[late], level[late]
    if len(x) < 2:
        return 0.0, se
    share = float((floors.x[-1] - floors.x[0]) / (x[-1] - x[0]))
    if len(x) >= FEWEST:
        y = without(y, largest_steps(x, y, 1))
    else:
        changes = np.diff(y)
        y = y - np.append(0.0, np.where(np.arange(len(changes)) >= changes.argmax(), max(changes.max(), 0.0), 0.0))
    return theil_sen(x, y), float(se * share**1.5)


def _compare(
    floors: Floors, steps: Sequence[Step], knees: tuple[float, ...], *, se: float
) -> tuple[float, float, float]:
    """Return the slopes before the first of *knees* (shares of the run) and after the last, and their difference's error.

    A line with these knees and *steps* is fitted. What noise there is, *se* says: it is that of a plain line's slope,
    whose error over the same floors is known for noise of one.
    """
    span = float(floors.x[-1] - floors.x[0])
    u = (floors.x - floors.x[0]) / span
    columns = [np.ones(len(u)), u, *(np.maximum(0.0, u - knee) for knee in knees)]
    if np.count_nonzero(columns[-1]) < 3:
        return 0.0, 0.0, 0.0
    columns += [(np.arange(len(u)) > step.index).astype(np.float64) for step in steps]
    design = np.column_stack(columns)
    solution = np.linalg.lstsq(design, floors.y, rcond=None)[0]
    spread = np.linalg.pinv(design.T @ design)
    bends = slice(2, 2 + len(knees))
    bend, variance = float(solution[bends].sum()), float(spread[bends, bends].sum())
    line = 1 / float(np.sum((u - u.mean()) ** 2))
    return float(solution[1]) / span, float(solution[1] + bend) / span, float(se * np.sqrt(max(variance, 0.0) / line))
