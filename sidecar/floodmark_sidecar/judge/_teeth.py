"""When a service's teeth ended: it rose and fell back again and again, and from some time on it no longer does.

A collector that is switched off, or that cycles resist, ends its teeth as garbage begins to pile up. Floors of teeth are
never quite at their lows, so that floors fall once just where the growth begins: what was before is another regime.
"""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._ranks import median, quantile
from floodmark_sidecar.judge._types import FloatArray

_PARTS: Final = 20
_START: Final = 2
_FEWEST: Final = 2
_LAST: Final = 8
"""Parts of a run, those that its start takes, those that teeth must take, and the last that they may: more than half is
left to judge.
"""

_CALMER: Final = 1.6
"""How many times as far memory goes up and down in a usual part with teeth as in one without."""

_NEARLY_ALL: Final = 0.9
"""Quantile of the parts without teeth that each with teeth is above: one peak is no tooth."""

_GIVEN_BACK: Final = 0.25
"""Share of a tooth that the first low without teeth may be below all before: readings do not meet the lows of short teeth."""

_LEAST: Final = 1.0
"""Bytes: a part in which nothing moved is as calm as one in which a byte did."""


def teeth_end(x: FloatArray, y: FloatArray) -> float | None:
    """Return the time from which the readings *y* at the sorted times *x* have no more teeth; None if they had none, if they
    go on, or if memory fell below its earlier lows as they ended: then something was given back. O(n).
    """
    bounds = np.searchsorted(x, np.linspace(float(x[0]), float(x[-1]), _PARTS + 1))
    if np.diff(bounds).min() < 2:
        return None
    parts = np.split(y, bounds[1:-1])
    lows = np.array([part.min() for part in parts])
    swings = np.array([max(_swing(part), _LEAST) for part in parts])
    sizes = np.log(swings)
    end = min(range(_START + _FEWEST, _LAST + 1), key=lambda at: _unlike(sizes[_START:at]) + _unlike(sizes[at:]))
    teeth, calm = swings[_START:end], swings[end:]
    if teeth.min() <= quantile(calm, _NEARLY_ALL) or median(teeth) <= _CALMER * median(calm):
        return None
    return float(x[bounds[end]]) if lows[end] > lows[_START:end].min() - _GIVEN_BACK * median(teeth) else None


def _swing(part: FloatArray) -> float:
    """Return how far *part* goes both up and down: a cache that fills only rises, a load that ends only lets it fall."""
    fall = np.max(np.maximum.accumulate(part) - part)
    rise = np.max(part - np.minimum.accumulate(part))
    return float(min(fall, rise))


def _unlike(sizes: FloatArray) -> float:
    """Return the squared differences of *sizes* from their mean."""
    return float(np.sum((sizes - sizes.mean()) ** 2))
