"""Building blocks of a signal: noise, starts, sawtooths, steps, peaks. Pure; each draws from the generator it is given."""

import numpy as np

from floodmark_sidecar.traces._run import FloatArray, Run


def correlated(run: Run, rng: np.random.Generator, *, sigma: float, tau: float) -> FloatArray:
    """Return noise of standard deviation *sigma* whose likeness to itself falls by e in *tau* seconds; 0 is white.

    Every reading is the last one's share plus something new, summed up by doubling: O(n log n), no loop over readings.
    """
    likeness = float(np.exp(-run.every / tau)) if tau > 0 else 0.0
    fresh = rng.standard_normal(len(run.t)) * sigma
    fresh[1:] *= np.sqrt(1 - likeness**2)
    shift, weight = 1, likeness
    while shift < len(fresh) and weight > 1e-9:
        fresh[shift:] = fresh[shift:] + weight * fresh[:-shift]
        shift, weight = 2 * shift, weight * weight
    return fresh


def settled(age: FloatArray, seconds: float) -> FloatArray:
    """Return how far a start has come at *age*: 0 at birth, 98 % after *seconds*."""
    return 1 - np.exp(-4 * age / seconds)


def filled(run: Run, tau: float) -> FloatArray:
    """Return how full a cache is whose keys come at random, with a time constant of *tau* runs."""
    return 1 - np.exp(-run.u / tau)


def sawtooth(t: FloatArray, *, period: float, phase: float, longer: float = 1.0) -> FloatArray:
    """Return teeth from 0 to 1 of *period* seconds; the last is *longer* times as long as the first."""
    if longer <= 1:
        return (t / period + phase) % 1.0
    stretch = (longer - 1) / max(float(t[-1]), 1e-9)
    return (np.log1p(stretch * t) / (stretch * period) + phase) % 1.0


def telegraph(run: Run, rng: np.random.Generator, *, mean: float) -> FloatArray:
    """Return a signal that is 0 or 1 and changes at random, every *mean* seconds on average."""
    changes = rng.exponential(mean, max(8, int(3 * run.duration / mean) + 8)).cumsum()
    start = int(rng.integers(2))
    return ((np.searchsorted(changes, run.t) + start) % 2).astype(np.float64)


def stairs(run: Run, places: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return the sum of steps of *sizes* at the *places* (shares of the run)."""
    order = np.argsort(places, kind="stable")
    heights = np.append(0.0, np.cumsum(sizes[order]))
    result: FloatArray = heights[np.searchsorted(places[order], run.u, side="right")]
    return result


def peaks(run: Run, places: FloatArray, sizes: FloatArray, seconds: FloatArray) -> FloatArray:
    """Return peaks of *sizes* at *places* (shares of the run) that fall by e in their *seconds*.

    Each is worked out over eight of its seconds only.
    """
    total = run.zeros
    for place, size, fade in zip(places.tolist(), sizes.tolist(), seconds.tolist(), strict=True):
        at = place * run.duration
        first, last = np.searchsorted(run.t, [at, at + 8 * fade])
        total[first:last] += size * np.exp(-(run.t[first:last] - at) / fade)
    return total


def pulses(run: Run, *, period: float, first: float, length: float) -> FloatArray:
    """Return 1 where a job runs that starts every *period* seconds, *first* into the run, for *length*; 0 elsewhere."""
    since = run.t - first
    return ((since >= 0) & (since % period < length)).astype(np.float64)


def reflected(run: Run, rng: np.random.Generator, *, mixing: float) -> FloatArray:
    """Return a random walk between 0 and 1 that is turned back at either end and crosses in *mixing* seconds."""
    step = float(np.sqrt(run.every / mixing))
    walk = rng.random() + np.cumsum(rng.standard_normal(len(run.t))) * step
    return np.abs((walk + 1) % 2 - 1)


def clamped(run: Run, start: float, stop: float) -> FloatArray:
    """Return a straight rise from 0 at the share *start* of the run to 1 at *stop*."""
    return np.clip((run.u - start) / (stop - start), 0.0, 1.0)


def day(run: Run, *, period: float, peak: float) -> FloatArray:
    """Return a sine of *period* seconds between -1 and 1, at its top at the share *peak* of a period."""
    return np.cos(2 * np.pi * (run.t / period - peak))


def scattered(rng: np.random.Generator, count: int, *, low: float = 0.0, high: float = 1.0) -> FloatArray:
    """Return *count* places in order, spread over *low* to *high* at random but never all in one corner."""
    return low + (high - low) * (np.arange(count) + rng.random(count)) / max(1, count)
