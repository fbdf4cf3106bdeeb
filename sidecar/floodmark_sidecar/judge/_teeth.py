"""When a service's teeth ended: it rose and fell back again and again, and from some time on it no longer does.

A collector that is switched off, or that cycles resist, ends its teeth as garbage begins to pile up. Floors of teeth are
never quite at their lows, so that floors fall once just where the growth begins: what was before is another regime.
"""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._ranks import median, quantile
from floodmark_sidecar.judge._types import FloatArray

_PARTS: Final = ((20, 1.6), (40, 3.0))
"""Parts of a run, and how many times as far memory goes up and down in a usual part with teeth as in one without. Shorter
parts see teeth that end early; of so few readings noise differs more.
"""

_START: Final = 2
_FEWEST: Final = 2
"""Parts that the run's start takes, and those that teeth must take."""

_LAST: Final = 0.4
"""Share of the run that teeth may take: more than half is left to judge."""

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
    ends = [_end_in(count, x, y, calmer=calmer) for count, calmer in _PARTS]
    return min((end for end in ends if end is not None), default=None)


def _end_in(count: int, x: FloatArray, y: FloatArray, *, calmer: float) -> float | None:
    """Return where teeth end as far as *count* parts of the run tell, of which those without teeth are *calmer*."""
    bounds = np.searchsorted(x, np.linspace(float(x[0]), float(x[-1]), count + 1))
    if np.diff(bounds).min() < 2:
        return None
    parts = np.split(y, bounds[1:-1])
    lows = np.array([part.min() for part in parts])
    swings = np.array([max(_swing(part), _LEAST) for part in parts])
    sizes = np.log(swings)
    last = round(_LAST * count)
    end = min(range(_START + _FEWEST, last + 1), key=lambda at: _unlike(sizes[_START:at]) + _unlike(sizes[at:]))
    teeth, calm = swings[_START:end], swings[end:]
    if teeth.min() <= quantile(calm, _NEARLY_ALL) or median(teeth) <= calmer * median(calm):
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
