"""A flexible curve through floors: a line with a few knees and upward steps. What is left about it is noise."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._ranks import NORMAL, median
from floodmark_sidecar.judge._types import FloatArray, IntArray

_TERMS: Final = 5
_KNEES: Final = 24
"""Places where a knee may be."""

DEAR: Final = 12.0
CHEAP: Final = 6.0
"""By how much a knee or a step must raise the log-likelihood twice over. For a size and a place among so many floors 8 is
the textbook's price; correlated noise bends too, so that where a knee too many does harm it is dear.
"""

_CUT: Final = 3 * NORMAL
"""Outliers are cut to three standard deviations, in medians of absolute deviations."""

_BESIDE: Final = 3
"""Floors that a step needs on either side of it."""


@dataclass(frozen=True)
class Step:
    """An upward step of `size`, a fall where that is negative, between the floors `index` and `index + 1`, at `time`."""

    index: int
    time: float
    size: float


@dataclass(frozen=True)
class Curve:
    """Straight pieces that meet in knees, with steps on top.

    `knees` are the times between the pieces, `slopes` theirs per second. `sigma` is the standard deviation of `residuals`,
    outliers cut, corrected for what the curve took; `autocorrelation` that of neighbours, `inflation` the factor by which
    residuals understate noise.
    """

    knees: tuple[float, ...]
    slopes: tuple[float, ...]
    steps: tuple[Step, ...]
    residuals: FloatArray
    sigma: float
    autocorrelation: float
    inflation: float


def fit_curve(x: FloatArray, y: FloatArray, *, stepped: bool = True, price: float = DEAR) -> Curve:
    """Return the curve that explains *y* best for the fewest knees and, if *stepped*, steps. Needs four points; O(n²)."""
    n = len(x)
    span = float(x[-1] - x[0])
    u = (x - x[0]) / span
    z, scale = _scaled(y)
    places = np.linspace(0, 1, min(_KNEES, n // 3) + 2)[1:-1]
    after = np.arange(_BESIDE, max(_BESIDE, n - _BESIDE + 1) if stepped else _BESIDE)
    terms = np.concatenate([np.maximum(0.0, u - places[:, None]), _steps(n, after)])
    chosen = _choose(u, terms, z, knees=len(places), price=price)
    solution, residuals = _solve(u, terms[chosen], z)
    sizes = dict(zip(chosen, solution[2:].tolist(), strict=True))
    bends = sorted((places[term], size) for term, size in sizes.items() if term < len(places))
    rises = sorted((int(after[term - len(places)]), size) for term, size in sizes.items() if term >= len(places))
    slopes = np.cumsum([solution[1], *(size for _, size in bends)]) * scale / span
    return _curve(
        tuple(float(x[0] + place * span) for place, _ in bends),
        tuple(slopes.tolist()),
        tuple(Step(at - 1, float(x[at - 1] + x[at]) / 2, size * scale) for at, size in rises),
        residuals,
        scale,
    )


def fit_line(x: FloatArray, y: FloatArray) -> Curve:
    """Return the curve without knees or steps that explains *y* best; O(n)."""
    span = float(x[-1] - x[0])
    z, scale = _scaled(y)
    solution, residuals = _solve((x - x[0]) / span, (), z)
    return _curve((), (float(solution[1]) * scale / span,), (), residuals, scale)


def _scaled(y: FloatArray) -> tuple[FloatArray, float]:
    """Return *y* from its first value on, as shares of the largest difference, and that."""
    change = y - y[0]
    scale = float(np.max(np.abs(change))) or 1.0
    return change / scale, scale


def _steps(n: int, after: IntArray) -> FloatArray:
    """Return a step of 1 over *n* floors for each of *after*, the first floor that is on it."""
    return (np.arange(n) >= after[:, None]).astype(np.float64)


def _solve(u: FloatArray, terms: Iterable[FloatArray], z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how much of 1, *u* and each of *terms* is in *z*, and what is left of that."""
    design = np.column_stack([np.ones(len(u)), u, *terms])
    solution = np.linalg.lstsq(design, z, rcond=None)[0].astype(np.float64)
    return solution, z - design @ solution


def _curve(
    knees: tuple[float, ...], slopes: tuple[float, ...], steps: tuple[Step, ...], residuals: FloatArray, scale: float
) -> Curve:
    """Return the curve of these pieces; *residuals* are in units of *scale*."""
    n = len(residuals)
    spent = min(2 + 2 * (len(knees) + len(steps)), n - 2)
    calm = _calm(residuals)
    independence = _independence(calm, spent)
    inflation = float(np.sqrt(n / (n - spent)))
    return Curve(
        knees,
        slopes,
        steps,
        residuals * scale,
        float(np.std(calm)) * inflation * scale,
        (1 - independence) / (1 + independence),
        inflation,
    )


def largest_steps(x: FloatArray, y: FloatArray, count: int) -> tuple[Step, ...]:
    """Return the *count* upward steps that, with a line, explain most of *y*, whatever they are worth; O(n²)."""
    n = len(x)
    z, scale = _scaled(y)
    after = np.arange(_BESIDE, max(_BESIDE, n - _BESIDE + 1))
    terms = _steps(n, after)
    u = (x - x[0]) / (x[-1] - x[0])
    chosen = _choose(u, terms, z, knees=0, price=0.0, most=count)
    solution, _ = _solve(u, terms[chosen], z)
    places = [int(after[term]) for term in chosen]
    return tuple(
        Step(at - 1, float(x[at - 1] + x[at]) / 2, size * scale)
        for at, size in sorted(zip(places, solution[2:].tolist(), strict=True))
        if size > 0
    )


def _choose(
    u: FloatArray, terms: FloatArray, z: FloatArray, *, knees: int, price: float, most: int = _TERMS
) -> list[int]:
    """Return the terms worth their price beside a line, the best first; the first *knees* of *terms* are knees, the
    others steps.
    """
    n = len(z)
    most = min(most, (n - 4) // 3)
    chosen: list[int] = []
    # Rows of length 1 at right angles: what is taken already. What is left of z is at right angles to them.
    basis = np.empty((2 + most, n))
    basis[0], basis[1] = 1 / np.sqrt(n), _unit(u - u.mean())
    left = z - (basis[:2] @ z) @ basis[:2]
    errors = [float(left @ left)]
    # Of what is left of the terms only the lengths are needed.
    lengths = np.einsum("ij,ij->i", terms, terms) - ((terms @ basis[:2].T) ** 2).sum(axis=1)
    for taken in range(2, 2 + most):
        along = terms @ left
        gains = np.where(lengths > 1e-9, along**2 / np.maximum(lengths, 1e-9), 0.0)
        gains[knees:] *= along[knees:] > 0
        for term in chosen:
            gains[max(0 if term < knees else knees, term - 1) : term + 2] = 0.0
        best = int(np.argmax(gains)) if len(gains) else -1
        if best < 0 or gains[best] <= 1e-12:
            break
        chosen.append(best)
        basis[taken] = _unit(terms[best] - (basis[:taken] @ terms[best]) @ basis[:taken])
        lengths -= (terms @ basis[taken]) ** 2
        left = left - float(basis[taken] @ left) * basis[taken]
        errors.append(float(left @ left))
    effective = max(6.0, n * _independence(_calm(left), 2 + len(chosen)))
    prices = [effective * np.log(max(error, 1e-12 * n) / n) + price * count for count, error in enumerate(errors)]
    return chosen[: int(np.argmin(prices))]


def _unit(vector: FloatArray) -> FloatArray:
    return vector / np.sqrt(vector @ vector)


def _calm(residuals: FloatArray) -> FloatArray:
    """Return *residuals* with outliers cut to three standard deviations: a peak that a median slope does not feel."""
    away = residuals - median(residuals)
    bound = _CUT * median(np.abs(away))
    return np.minimum(np.maximum(away, -bound), bound) if bound > 0 else residuals


def _independence(residuals: FloatArray, spent: int) -> float:
    """Return (1 - r)/(1 + r) for the neighbours' correlation r, corrected for its bias in short series; never above 1."""
    n = len(residuals)
    power = float(np.sum(residuals**2))
    if power <= 0:
        return 1.0
    r = float(np.sum(residuals[1:] * residuals[:-1])) / power
    r = min(max(r + (1 + max(r, 0.0) * 3 + spent / 2) / n, 0.0), 0.9)
    return (1 - r) / (1 + r)
