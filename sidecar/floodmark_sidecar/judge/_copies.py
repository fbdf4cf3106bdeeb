"""Copies of pages that forked workers had in common with their master: memory, yet nothing new is kept in it.

What one process alone owns grows as pages are written to, and what it shares with others falls by as much; resident memory
stays. There is an end to it: no more can be copied than was shared.
"""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._lives import Life
from floodmark_sidecar.judge._ranks import median
from floodmark_sidecar.judge._types import FloatArray

_FIRST: Final = 5
"""Readings of a life that say what it shared at first."""

_LEAST: Final = 1 << 20
"""Bytes of copies in all below which there is no matter of them."""


def copies(
    slots: tuple[tuple[Life, ...], ...], owned: FloatArray, resident: FloatArray, used: FloatArray
) -> FloatArray:
    """Return how many of the bytes *owned* are copies, by judged row: as many as a worker's life shares fewer since it began,
    and no more than it grew by beside what it has in use of its own.

    What is not shared any more may also be gone: pages of files that the kernel dropped. A service of one process shares
    with nobody; nor is anything known without *resident* memory. Where *used* is not known, it is taken as level.
    """
    result = np.zeros(len(owned))
    if len(slots) < 2:
        return result
    shared, beside = resident - owned, owned - np.nan_to_num(used)
    for life in (life for lives in slots for life in lives):
        own, rest = shared[life.rows], beside[life.rows]
        if np.isfinite(own).all():
            lost, grown = median(own[:_FIRST]) - own, rest - median(rest[:_FIRST])
            result[life.rows] = np.maximum(np.minimum(lost, grown), 0.0)
    return result if sum(float(result[lives[-1].rows[-1]]) for lives in slots) > _LEAST else np.zeros(len(owned))
