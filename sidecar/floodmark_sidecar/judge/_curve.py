"""A flexible curve through floors: a line with a few knees and upward steps. What is left about it is noise."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._types import FloatArray

_TERMS: Final = 5
_KNEES: Final = 24
"""Places where a knee may be."""

DEAR: Final = 12.0
CHEAP: Final = 6.0
NEVER: Final = 1e9
"""By how much a knee or a step must raise the log-likelihood twice over. For a size and a place among so many floors 8 is
the textbook's price; correlated noise bends too, so that where a knee too many does harm it is dear.
"""

_BESIDE: Final = 3
"""Floors that a step needs on either side of it."""


@dataclass(frozen=True)
class Step:
    """An upward step of `size` between the floors `index` and `index + 1`, at `time`."""

    index: int
    time: float
    size: float


@dataclass(frozen=True)
class Curve:
    """Straight pieces that meet in knees, with steps on top.

    `knees` are the times between the pieces, `slopes` theirs per second. `sigma` is the standard deviation of
    `residuals`, outliers cut and corrected for what the curve took; `likeness` the correlation of neighbours, `inflation` the factor by
    which residuals understate noise.
    """

    knees: tuple[float, ...]
    slopes: tuple[float, ...]
    steps: tuple[Step, ...]
    residuals: FloatArray
    sigma: float
    likeness: float
    inflation: float


def fit_curve(x: FloatArray, y: FloatArray, *, stepped: bool = True, price: float = DEAR) -> Curve:
    """Return the curve that explains *y* best for the fewest knees and, if *stepped*, steps. Needs four points; O(n²)."""
    n = len(x)
    span = float(x[-1] - x[0])
    u = (x - x[0]) / span
    scale = float(np.max(np.abs(y - y[0]))) or 1.0
    z = (y - y[0]) / scale
    places = np.linspace(0, 1, min(_KNEES, n // 3) + 2)[1:-1]
    after = np.arange(_BESIDE, max(_BESIDE, n - _BESIDE + 1) if stepped else _BESIDE)
    terms = np.column_stack([np.maximum(0.0, u[:, None] - places), np.arange(n)[:, None] >= after])
    line = np.column_stack([np.ones(n), u])
    chosen = _choose(line, terms, z, knees=len(places), price=price)
    design = np.column_stack([line, terms[:, chosen]])
    solution = np.linalg.lstsq(design, z, rcond=None)[0]
    residuals = z - design @ solution
    spent = min(2 + 2 * len(chosen), n - 2)
    calm = _calm(residuals)
    independence = _independence(calm, spent)
    inflation = float(np.sqrt(n / (n - spent)))
    sizes = dict(zip(chosen, solution[2:].tolist(), strict=True))
    bends = sorted((places[term], size) for term, size in sizes.items() if term < len(places))
    rises = sorted((int(after[term - len(places)]), size) for term, size in sizes.items() if term >= len(places))
    slopes = np.cumsum([solution[1], *(size for _, size in bends)]) * scale / span
    return Curve(
        tuple(float(x[0] + place * span) for place, _ in bends),
        tuple(slopes.tolist()),
        tuple(Step(at - 1, float(x[at - 1] + x[at]) / 2, size * scale) for at, size in rises),
        residuals * scale,
        float(np.std(calm)) * inflation * scale,
        (1 - independence) / (1 + independence),
        inflation,
    )


def largest_steps(x: FloatArray, y: FloatArray, count: int) -> tuple[Step, ...]:
    """Return the *count* upward steps that, with a line, explain most of *y*, whatever they are worth; O(n²)."""
    n = len(x)
    scale = float(np.max(np.abs(y - y[0]))) or 1.0
    after = np.arange(_BESIDE, max(_BESIDE, n - _BESIDE + 1))
    terms = (np.arange(n)[:, None] >= after).astype(np.float64)
    line = np.column_stack([np.ones(n), (x - x[0]) / (x[-1] - x[0])])
    chosen = _choose(line, terms, (y - y[0]) / scale, knees=0, price=0.0, most=count)
    solution = np.linalg.lstsq(np.column_stack([line, terms[:, chosen]]), (y - y[0]) / scale, rcond=None)[0]
    places = [int(after[term]) for term in chosen]
    return tuple(
        Step(at - 1, float(x[at - 1] + x[at]) / 2, size * scale)
        for at, size in sorted(zip(places, solution[2:].tolist(), strict=True))
        if size > 0
    )


def _choose(
    line: FloatArray, terms: FloatArray, z: FloatArray, *, knees: int, price: float, most: int = _TERMS
) -> list[int]:
    """Return the terms worth their price, the best first; the first *knees* of *terms* are knees, the others steps."""
    n = len(z)
    chosen: list[int] = []
    basis = np.linalg.qr(line)[0]
    left = z - basis @ (basis.T @ z)
    errors = [float(left @ left)]
    for _ in range(min(most, (n - 4) // 3)):
        rest = terms - basis @ (basis.T @ terms)
        norms = np.sum(rest**2, axis=0)
        along = rest.T @ left
        gains = np.where(norms > 1e-9, along**2 / np.maximum(norms, 1e-9), 0.0)
        gains[knees:] *= along[knees:] > 0
        for term in chosen:
            gains[max(0 if term < knees else knees, term - 1) : term + 2] = 0.0
        best = int(np.argmax(gains)) if len(gains) else -1
        if best < 0 or gains[best] <= 1e-12:
            break
        chosen.append(best)
        basis = np.column_stack([basis, rest[:, best] / np.sqrt(norms[best])])
        left = left - basis[:, -1] * float(basis[:, -1] @ left)
        errors.append(float(left @ left))
    effective = max(6.0, n * _independence(_calm(left), 2 + len(chosen)))
    prices = [effective * np.log(max(error, 1e-12 * n) / n) + price * count for count, error in enumerate(errors)]
    return chosen[: int(np.argmin(prices))]


def _calm(residuals: FloatArray) -> FloatArray:
    """Return *residuals* with outliers cut to three standard deviations: a peak that a median slope does not feel."""
    centre = float(np.median(residuals))
    bound = 3 * 1.4826 * float(np.median(np.abs(residuals - centre)))
    return np.clip(residuals - centre, -bound, bound) if bound > 0 else residuals


def _independence(residuals: FloatArray, spent: int) -> float:
    """Return (1 - r)/(1 + r) for the neighbours' correlation r, corrected for its bias in short series; never above 1."""
    n = len(residuals)
    power = float(np.sum(residuals**2))
    if power <= 0:
        return 1.0
    r = float(np.sum(residuals[1:] * residuals[:-1])) / power
    r = float(np.clip(r + (1 + max(r, 0.0) * 3 + spent / 2) / n, 0.0, 0.9))
    return (1 - r) / (1 + r)
