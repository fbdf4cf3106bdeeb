"""Whether growth lasts: in both halves, to a new high late in the run, and by more than was ever given back."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._curve import Step, largest_steps
from floodmark_sidecar.judge._floors import Floors
from floodmark_sidecar.judge._jumps import find_jumps, without
from floodmark_sidecar.judge._slope import theil_sen
from floodmark_sidecar.judge._types import FloatArray

_HALF: Final = 0.25
"""Each half must grow at least so many δ."""

_GIVEN_BACK: Final = 1.5
"""Growth must be so many times what was given back at most, noise aside."""

_WITHOUT_JUMPS: Final = 0.5
"""Growth must still be so many δ when its two largest jumps are taken out, real ones or not."""

_NOISE: Final = 4.0
"""A fall counts as far as it is above so many usual changes between floors."""


def doubts_of_growth(window: Floors, level: FloatArray, *, whole: Floors, delta: float) -> list[str]:
    """Return in words why the growth of *level* over *window* may not be one that lasts; nothing means it does.

    *level* are the window's floors without isolated jumps, *whole* the floors of the whole run.
    """
    doubts = []
    middle = (window.x[0] + window.x[-1]) / 2
    halves = [theil_sen(window.x[part], level[part]) for part in (window.x <= middle, window.x > middle)]
    if min(halves) <= _HALF * delta:
        doubts.append(
            f"it does not grow in the {'first' if halves[0] < halves[1] else 'second'} half of the judged part"
        )
    late = whole.x > window.x[-1] - (window.x[-1] - window.x[0]) / 4
    if not late.any() or (not late.all() and whole.y[late].max() <= whole.y[~late].max()):
        doubts.append("it sets no new high late in the run")
    smooth = _median_of_three(without(whole.y, find_jumps(whole.x, whole.y)))
    # Second differences know noise from a wave: what changes smoothly has hardly any.
    noise = 1.4826 * float(np.median(np.abs(np.diff(window.y, 2)))) / np.sqrt(3)
    given_back = float(np.max(np.maximum.accumulate(smooth) - smooth)) - _NOISE * noise
    edge = max(3, len(level) // 10)
    gained = min(
        theil_sen(window.x, level) * float(window.x[-1] - window.x[0]),
        float(np.median(level[-edge:]) - np.median(level[:edge])),
    )
    if gained <= _GIVEN_BACK * max(0.0, given_back):
        doubts.append("as much was given back at a time as was gained")
    if theil_sen(window.x, without(level, largest_steps(window.x, level, 2))) <= _WITHOUT_JUMPS * delta:
        doubts.append("two jumps may be all there is to it")
    return doubts


def doubts_of_stairs(window: Floors, jumps: tuple[Step, ...]) -> list[str]:
    """Return in words why growth may not go on that is made of *jumps* for the most part: two of them make most of it,
    they keep to one half, or they have ended.
    """
    edge = max(3, len(window) // 10)
    rise = float(np.median(window.y[-edge:]) - np.median(window.y[:edge]))
    if sum(jump.size for jump in jumps) < rise / 2 or not jumps:
        return []
    start, end = float(window.x[0]), float(window.x[-1])
    sizes = sorted(jump.size for jump in jumps)
    times = [jump.time for jump in jumps]
    doubts = []
    if rise - sum(sizes[-2:]) < 0.25 * rise:
        doubts.append("two jumps make most of it")
    if times[0] > (start + end) / 2 or times[-1] < (start + end) / 2:
        doubts.append("its jumps keep to one half of the judged part")
    if end - times[-1] > 2 * max(np.diff([start, *times])):
        doubts.append("its jumps have ended")
    return doubts


def gave_back_little(whole: Floors) -> bool:
    """Say whether no fall of *whole* took back a quarter of what memory rose by: it filled, and did not swing."""
    smooth = _median_of_three(whole.y)
    fall = float(np.max(np.maximum.accumulate(smooth) - smooth))
    return fall < (float(smooth.max()) - float(smooth[0])) / 4


def _median_of_three(values: FloatArray) -> FloatArray:
    if len(values) < 3:
        return values
    middle = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return np.concatenate([values[:1], middle, values[-1:]])
