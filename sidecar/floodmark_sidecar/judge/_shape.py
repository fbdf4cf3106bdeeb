"""The shape of growth: whether it goes on as it began, slackens as a filling cache does, or gathers speed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._curve import Step, largest_steps
from floodmark_sidecar.judge._floors import FEWEST, Floors
from floodmark_sidecar.judge._jumps import without
from floodmark_sidecar.judge._slope import theil_sen
from floodmark_sidecar.judge._types import FloatArray

_SLACK: Final = 0.35
"""A last third that grows at less than this share of the first is a fill; exponential fills of a third of a run have .14."""

_MISSING: Final = 0.45
"""What a fill lacks at the end of what its beginning promised must be so many δ over the run: less is noise's doing."""

_BLOCKS: Final = 3.0
"""Blocks that the end must be long: floors of blocks that overlap, as over a release cycle, may be one and the same low."""

_TESTS: Final = (((1 / 3, 2 / 3), 1.64), ((0.9,), 2.2), ((0.85,), 2.2), ((0.8,), 2.2), ((0.75,), 2.2), ((0.7,), 2.2))
"""Where growth may bend, as shares of the run, and by how many standard errors. Of the ends, several are tried."""

_OF_FALLS: Final = 6.0
"""Changes of noise vary twice as much as those of them that fall; three times this is noise's doing still."""

_STRETCHES: Final = 8
"""Parts of a run whose changes say how uneven growth is."""


def slackens(floors: Floors, *, se: float, delta: float) -> bool:
    """Say whether growth slackens: from its first third to its last, or near the end.

    It has to with its isolated jumps and without them: a step found late makes a fill of a leak, one that was missed
    early does too. *se* is the standard error of the slope over all of *floors*. Without evidence the answer is no: a
    line that noise hides is not a fill.
    """
    if len(floors) < FEWEST + 1:
        return False
    return any(
        _slackens(floors, (), test, se=se, delta=delta)
        and (not floors.jumps or _slackens(floors, floors.jumps, test, se=se, delta=delta))
        for test in _TESTS
    )


def _slackens(
    floors: Floors, steps: Sequence[Step], test: tuple[tuple[float, ...], float], *, se: float, delta: float
) -> bool:
    knees, level = test
    if (1 - knees[-1]) * float(floors.x[-1] - floors.x[0]) < _BLOCKS * floors.block:
        return False
    bent = _bend(floors, steps, knees)
    lost = bent.before - bent.after
    if bent.before <= 0 or bent.after >= _SLACK * bent.before or lost * (1 - knees[-1]) <= _MISSING * delta:
        return False
    return lost > level * bent.error(se)


def quickens(floors: Floors, steps: Sequence[Step], *, se: float) -> bool:
    """Say whether the last third grows clearly faster than twice the first."""
    if len(floors) < FEWEST + 1:
        return False
    bent = _bend(floors, steps, (1 / 3, 2 / 3))
    return bent.after > 2 * max(bent.before, 0.0) and bent.after - bent.before > 2 * bent.error(se)


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


@dataclass(frozen=True)
class _Bend:
    """The slopes before the first of `knees` knees and after the last. `design` are the columns they were fitted with:
    a constant, the time as a share of the run, one for each knee, then what else; `about` are the floors about the fit.
    """

    before: float
    after: float
    floors: Floors
    design: FloatArray
    about: FloatArray
    knees: int

    def error(self, se: float) -> float:
        """Return the standard error of the slopes' difference. What noise there is, *se* says: it is that of a plain
        line's slope, whose error over the same floors is known for noise of one. Growth in jumps adds to it.
        """
        u = self.design[:, 1]
        bends = slice(2, 2 + self.knees)
        variance = float(np.linalg.pinv(self.design.T @ self.design)[bends, bends].sum())
        line = 1 / float(np.sum((u - u.mean()) ** 2))
        return float(np.hypot(se * np.sqrt(max(variance, 0.0) / line), self._unevenness()))

    def _unevenness(self) -> float:
        """Return the standard error that the slopes' difference has by chance where growth comes in jumps: few large ones
        in its first third are no fill.

        What the floors change by about the fit over a stretch, beyond what noise does, is of jumps at random: jumps that
        come evenly, as an allocator's, are even over stretches. Noise goes up and down, jumps only up: falls tell how much
        noise there is. Each jump weighs as all that comes after it.
        """
        x, y = self.floors.x, self.floors.y
        over = max(1, len(y) // _STRETCHES)
        falls, changes = np.minimum(np.diff(y), 0.0), self.about[over:] - self.about[:-over]
        per_floor = float(np.mean(changes**2) - _OF_FALLS * np.mean(falls**2)) / over
        weights = np.linalg.pinv(self.design)[2 : 2 + self.knees].sum(axis=0)[::-1].cumsum()[::-1][1:]
        return float(np.sqrt(max(0.0, per_floor) * (weights @ weights)) / (x[-1] - x[0]))


def _bend(floors: Floors, steps: Sequence[Step], knees: tuple[float, ...]) -> _Bend:
    """Fit a line with *knees* (shares of the run) and *steps* to *floors*; nothing where the last knee has no floors."""
    span = float(floors.x[-1] - floors.x[0])
    u = (floors.x - floors.x[0]) / span
    columns = [np.ones(len(u)), u, *(np.maximum(0.0, u - knee) for knee in knees)]
    columns += [(np.arange(len(u)) > step.index).astype(np.float64) for step in steps]
    design = np.array(columns).T
    if np.count_nonzero(columns[1 + len(knees)]) < 3:
        return _Bend(0.0, 0.0, floors, design, np.zeros(len(u)), len(knees))
    solution = np.linalg.lstsq(design, floors.y, rcond=None)[0]
    first = float(solution[1])
    last = first + float(solution[2 : 2 + len(knees)].sum())
    return _Bend(first / span, last / span, floors, design, floors.y - design @ solution, len(knees))
