"""Workers that are replaced over and over."""

import numpy as np

from floodmark_sidecar.traces._run import FloatArray, Numbers, Run


def recycled_life(run: Run, rng: np.random.Generator, *, length: float) -> tuple[Numbers, FloatArray]:
    """Return the number of the life at each reading and its age in seconds; lives last about *length* seconds.

    The first is cut short at random, so that the workers of a service are not replaced at once.
    """
    count = int(np.ceil(run.duration / (0.85 * length))) + 2
    lengths = length * rng.uniform(0.85, 1.15, count)
    lengths[0] *= float(rng.uniform(0.3, 1.0))
    ends = np.cumsum(lengths)
    life = np.searchsorted(ends, run.t, side="right")
    return life + 1, run.t - np.append(0.0, ends)[life]
