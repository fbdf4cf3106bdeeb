"""Whether growth lasts: in both halves, to a new high late in the run, and by more than was ever given back."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._curve import Step, largest_steps
from floodmark_sidecar.judge._floors import Floors
from floodmark_sidecar.judge._jumps import without
from floodmark_sidecar.judge._ranks import median, robust_sigma, smoothed
from floodmark_sidecar.judge._slope import theil_sen
from floodmark_sidecar.judge._types import FloatArray

HALF: Final = 0.25
"""Each half must grow at least so many δ."""

GIVEN_BACK: Final = 1.5
"""Growth must be so many times what was given back at most, noise aside."""

WITHOUT_JUMPS: Final = 0.5
"""Growth must still be so many δ when its two largest jumps are taken out, real ones or not."""

_NOISE: Final = 4.0
"""A fall counts as far as it is above so many usual changes between floors."""


@dataclass(frozen=True)
class Lasting:
    """How far growth lasts; rates per second. `halves` are the slopes of either half, `new_high` says whether the last
    quarter goes above all before it, `given_back` is the largest fall less noise, `without_two` the slope without the two
    largest jumps.
    """

    halves: tuple[float, float]
    new_high: bool
    gained: float
    given_back: float
    without_two: float

    @property
    def outlasts(self) -> bool:
        """Whether clearly more was gained than was ever given back."""
        return bool(self.gained > GIVEN_BACK * max(0.0, self.given_back))

    def doubts(self, delta: float) -> list[str]:
        """Return in words why growth of interest from *delta* on may not be one that lasts; nothing means it does."""
        doubts = []
        if min(self.halves) <= HALF * delta:
            half = "first" if self.halves[0] < self.halves[1] else "second"
            doubts.append(f"it does not grow in the {half} half of the judged part")
        if not self.new_high:
            doubts.append("it sets no new high late in the run")
        if not self.outlasts:
            doubts.append("as much was given back at a time as was gained")
        if self.without_two <= WITHOUT_JUMPS * delta:
            doubts.append("two jumps may be all there is to it")
        return doubts


def how_it_lasts(window: Floors, level: FloatArray, *, whole: Floors) -> Lasting:
    """Return how far the growth of *level* over *window* lasts.

    *level* are the window's floors without isolated jumps, *whole* the floors of the whole run.
    """
    middle = (window.x[0] + window.x[-1]) / 2
    late = whole.x > window.x[-1] - (window.x[-1] - window.x[0]) / 4
    smooth = smoothed(without(whole.y, whole.jumps))
    # Second differences know noise from a wave: what changes smoothly has hardly any.
    noise = robust_sigma(np.diff(window.y, 2)) / np.sqrt(3)
    edge = max(3, len(level) // 10)
    return Lasting(
        (
            theil_sen(window.x[window.x <= middle], level[window.x <= middle]),
            theil_sen(window.x[window.x > middle], level[window.x > middle]),
        ),
        bool(late.any() and (late.all() or whole.y[late].max() > whole.y[~late].max())),
        min(
            theil_sen(window.x, level) * float(window.x[-1] - window.x[0]),
            median(level[-edge:]) - median(level[:edge]),
        ),
        float(np.max(np.maximum.accumulate(smooth) - smooth)) - _NOISE * noise,
        theil_sen(window.x, without(level, largest_steps(window.x, level, 2))),
    )


def doubts_of_growth(window: Floors, level: FloatArray, *, whole: Floors, delta: float) -> list[str]:
    """Return in words why the growth of *level* over *window* may not be one that lasts, see `how_it_lasts`."""
    return how_it_lasts(window, level, whole=whole).doubts(delta)


def doubts_of_stairs(window: Floors, jumps: tuple[Step, ...]) -> list[str]:
    """Return in words why growth may not go on that is made of *jumps* for the most part: two of them make most of it,
    they keep to one half, or they have ended.
    """
    edge = max(3, len(window) // 10)
    rise = median(window.y[-edge:]) - median(window.y[:edge])
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
    smooth = smoothed(whole.y)
    fall = float(np.max(np.maximum.accumulate(smooth) - smooth))
    return fall < (float(smooth.max()) - float(smooth[0])) / 4
