"""How long a run warms up: measured on its floors, never assumed."""

from typing import Final

from floodmark_sidecar.judge._curve import CHEAP, fit_curve
from floodmark_sidecar.judge._floors import FEWEST, Floors
from floodmark_sidecar.judge._jumps import clear_jumps, without

LEAST: Final = 0.1
"""Share of a run that is always left out: the first readings are of a service that starts."""

MOST: Final = 0.5
"""Share of a run that warm-up may take; a ramp that goes on for longer is not called warm-up."""

_SLACKENS: Final = 3.0
"""A start grows so many times as fast as what follows; what slackens less is the run itself."""

_OF_START: Final = 0.03
"""Share of the fastest growth below which a bend is the noise's."""

_SETTLING: Final = 1.5
"""A start that fades has its last knee well before its end."""


def measure_warmup(floors: Floors) -> float:
    """Return the time at which *floors* have warmed up: the last knee in the run's first half where a rise slackens."""
    start, span = float(floors.x[0]), float(floors.x[-1] - floors.x[0])
    least = start + LEAST * span
    if len(floors) < FEWEST:
        return least
    level = without(floors.y, clear_jumps(floors.x, floors.y))
    curve = fit_curve(floors.x, level, stepped=False, price=CHEAP)
    least_slope = _OF_START * max(curve.slopes)
    settled = [
        knee
        for knee, before, after in zip(curve.knees, curve.slopes, curve.slopes[1:], strict=False)
        if before > max(0.0, least_slope) and after < before / _SLACKENS and knee <= start + MOST * span
    ]
    return min(max([least, *(start + _SETTLING * (knee - start) for knee in settled)]), start + MOST * span)
