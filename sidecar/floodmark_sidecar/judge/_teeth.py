"""When a service's teeth ended: it rose and fell back again and again, and from some time on it no longer does.

A collector that is switched off, or that cycles resist, ends its teeth as garbage begins to pile up. Floors of teeth are
never quite at their lows, so that floors fall once just where the growth begins: what was before is another regime.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._ranks import median, quantile
from floodmark_sidecar.judge._types import FloatArray


@dataclass(frozen=True)
class _Parts:
    """`count` parts of a run, the first after the share `shift` of one, of which the first `start` are not asked; in a usual part
    with teeth memory goes up and down `calmer` times as far as in one without.
    """

    count: int
    calmer: float
    start: int
    shift: float = 0.0


_PARTS: Final = (_Parts(20, 1.6, 2), _Parts(40, 3.0, 2), _Parts(20, 3.0, 0, 0.5))
"""Shorter parts see teeth that end early; of so few readings noise differs more. Shifted ones see a tooth as long as a part,
that rises through one and falls as the next begins.
"""

_FEWEST: Final = 2
"""Parts that teeth must take."""

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
    ends = [_end_in(parts, x, y) for parts in _PARTS]
    return min((end for end in ends if end is not None), default=None)


def _end_in(parts: _Parts, x: FloatArray, y: FloatArray) -> float | None:
    """Return where teeth end as far as *parts* tell."""
    count, start = parts.count, parts.start
    times = x[0] + (np.arange(count + 1) + parts.shift) * float(x[-1] - x[0]) / count
    bounds = np.searchsorted(x, np.minimum(times, x[-1]))
    if np.diff(bounds[:count]).min() < 2:
        return None
    each = np.split(y[bounds[0] :], bounds[1:count] - bounds[0])
    lows = np.array([part.min() for part in each])
    swings = np.array([max(_swing(part), _LEAST) for part in each])
    sizes = np.log(swings)
    last = round(_LAST * count)
    end = min(range(start + _FEWEST, last + 1), key=lambda at: _unlike(sizes[start:at]) + _unlike(sizes[at:]))
    teeth, calm = swings[start:end], swings[end:]
    if teeth.min() <= quantile(calm, _NEARLY_ALL) or median(teeth) <= parts.calmer * median(calm):
        return None
    # The last part with teeth may reach beyond their end.
    return float(x[bounds[end]]) if lows[end] > lows[start : end - 1].min() - _GIVEN_BACK * median(teeth) else None


def _swing(part: FloatArray) -> float:
    """Return how far *part* goes both up and down: a cache that fills only rises, a load that ends only lets it fall."""
    fall = np.max(np.maximum.accumulate(part) - part)
    rise = np.max(part - np.minimum.accumulate(part))
    return float(min(fall, rise))


def _unlike(sizes: FloatArray) -> float:
    """Return the squared differences of *sizes* from their mean."""
    return float(np.sum((sizes - sizes.mean()) ** 2))
