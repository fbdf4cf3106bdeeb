"""When growth began, if it began late: a level that turns into a climb."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._floors import FEWEST, Floors
from floodmark_sidecar.judge._slope import theil_sen
from floodmark_sidecar.judge._types import FloatArray

_EARLIEST: Final = 0.1
_LATEST: Final = 0.8
"""Shares of the run, its start aside, between which growth may begin: what comes later is too short to tell from a peak."""

_PLACES: Final = 36

_QUIET: Final = 0.25
"""Before its onset memory grows at most so many times as fast as after."""

_ALIKE: Final = 0.33
"""Share of the steepest that either half and the whole must have."""

_ABOVE: Final = 3.0
"""Growth since the onset is so many times what the level before it ever moved by."""


def find_onset(floors: Floors) -> float | None:
    """Return when *floors* turn upwards for good, None if they do not, or if they had moved as much before."""
    n = len(floors)
    if n < 2 * FEWEST:
        return None
    x, y = floors.x, floors.y
    u = (x - x[0]) / (x[-1] - x[0])
    line = np.column_stack([np.ones(n), u])
    fits = [_fit(np.column_stack([line, np.maximum(0.0, u - place)]), y) for place in _places()]
    best = int(np.argmin([error for error, _ in fits]))
    place, (_, terms) = float(_places()[best]), fits[best]
    before, after = float(terms[1]), float(terms[1] + terms[2])
    if after <= 0 or before > _QUIET * after:
        return None
    early = y[u <= place]
    moved = float(np.ptp(early)) if len(early) else 0.0
    return float(x[0] + place * (x[-1] - x[0])) if after * (1 - place) > _ABOVE * moved else None


def goes_on_throughout(floors: Floors) -> bool:
    """Say whether *floors* since an onset rise in both halves alike, and as they do on the whole: else it came later yet, or
    was a jump, which is between two halves that hardly rise.
    """
    middle = (floors.x[0] + floors.x[-1]) / 2
    parts = (floors.x <= middle, floors.x > middle, floors.x >= floors.x[0])
    slopes = [theil_sen(floors.x[part], floors.y[part]) for part in parts]
    return min(slopes) > _ALIKE * max(slopes)


def _fit(design: FloatArray, y: FloatArray) -> tuple[float, FloatArray]:
    terms: FloatArray = np.asarray(np.linalg.lstsq(design, y, rcond=None)[0], np.float64)
    return float(np.sum((y - design @ terms) ** 2)), terms


def _places() -> FloatArray:
    return np.linspace(_EARLIEST, _LATEST, _PLACES)
