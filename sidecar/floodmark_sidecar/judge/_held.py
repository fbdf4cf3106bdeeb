"""What sessions and bounded maps hold of memory: measured, and taken out, so that growth is judged of the rest.

Memory is fitted to time and to them at once, so what grows along with time itself is nobody's. A map counts only where its
bound holds and fits the limits: it may fill, and then it is done. What one entry takes stays judged: it is one number for
the whole run, and entries that grow are not explained by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from floodmark_sidecar.judge._finding import THOROUGH, Care
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._ranks import means, median, robust_sigma
from floodmark_sidecar.judge._slope import theil_sen
from floodmark_sidecar.judge._types import BoolArray, FloatArray
from floodmark_sidecar.judge._warmup import LEAST

_CERTAIN: Final = 4.0
"""Standard errors from which memory is taken to follow a count at all."""

_AGREE: Final = 2.0
"""By how many times a fit may be off from what one entry was measured to take."""

_SPIKE: Final = 8.0
_SHORT: Final = 0.05
"""A count so many usual deviations away from its median, for so short a share of the run, is a spike."""

_POINTS: Final = 600
"""Blocks of readings that are looked at."""

_LONGER: Final = 8
_MORE: Final = 2.0
"""Of so many blocks together another fit is made, which holds where it finds so many standard errors more."""

_LEVELS: Final = 48
_RETURNED: Final = 0.33
"""Share of their range that sessions must have given back at a time: memory was seen to follow them downwards, too."""


@dataclass(frozen=True)
class Count:
    """A count that may hold memory: its `series` at every instant, the most bytes that one of it may take, and those that
    it was measured to take, if it was.
    """

    kind: Literal["sessions", "map"]
    name: str
    series: FloatArray
    most: float = np.inf
    known: float | None = None


@dataclass(frozen=True)
class Held:
    """What a count holds: `each` bytes of one. `returned` says that many of them were seen to end."""

    kind: Literal["sessions", "map"]
    name: str
    each: float
    returned: bool

    def of(self, frame: Frame) -> FloatArray:
        """Return the bytes that it holds by judged row."""
        column = "sessions" if self.kind == "sessions" else f"map.{self.name}.entries"
        return self.each * np.nan_to_num(frame.column(column))


@dataclass(frozen=True)
class Rest:
    """A series without what is held: its `values` at every instant and by judged row, what was taken out, and how a look at
    it must be widened for that.

    `most_each` is the most that one session may hold where memory was not certainly seen to follow them.
    """

    values: FloatArray
    rows: FloatArray
    held: tuple[Held, ...] = ()
    care: Care = THOROUGH
    most_each: float = np.inf

    @property
    def sessions(self) -> Held | None:
        """What sessions hold, if they do."""
        return next((held for held in self.held if held.kind == "sessions"), None)


def rest_of(frame: Frame, rows: FloatArray, counts: Sequence[Count], *, used: Rest | None = None) -> Rest:
    """Return *rows*, bytes by judged row, without what those of *counts* hold that they certainly follow.

    Least certain ones are left out until all are; readings at the start, where everything grows at once, are not fitted.
    *used* is the same for what is in use, which moves less, and sees more counts at work: what those hold of it they hold
    of *rows* too, if *rows* do not contradict. An allocator may keep what an emptied map gave back.
    """
    series = frame.joined(rows)
    bare = Rest(np.zeros(len(frame.x)) if series is None else series, rows, care=Care(within=frame.within(rows)))
    settled = np.flatnonzero(frame.x >= LEAST * frame.span)
    if series is None or len(settled) < 8:
        return bare
    starts = [int(block[0]) for block in np.array_split(settled, min(len(settled), _POINTS))]
    x, y = means(frame.x, starts), means(series, starts)
    every = left = [
        (count, values)
        for count in counts
        if np.nanmax(values := _usual(means(count.series, starts))) > np.nanmin(values)
    ]
    most_each = np.inf
    while left:
        usual = _known([values for _, values in left])
        fitted = _fit(x[usual], y[usual], [values[usual] for _, values in left])
        if fitted is None:
            return bare
        each, covariance = fitted
        errors = np.sqrt(np.diag(covariance))
        certain = each / errors
        certain[[each[i] > count.most for i, (count, _) in enumerate(left)]] = -np.inf
        if certain.min() > _CERTAIN:
            break
        least = int(certain.argmin())
        if left[least][0].kind == "sessions":
            most_each = max(0.0, float(each[least] + 2 * errors[least]))
        left = [*left[:least], *left[least + 1 :]]
    bare = replace(bare, most_each=most_each)
    if used is not None and {held.name for held in used.held} > {count.name for count, _ in left}:
        seen = [(count, values) for count, values in every if count.name in {held.name for held in used.held}]
        usual = _known([values for _, values in seen])
        fitted = _fit(x[usual], y[usual], [values[usual] for _, values in seen])
        if fitted is not None and _alike(fitted[0], used.held):
            return _without(frame, rows, replace(bare, held=used.held, care=used.care))
    if not left:
        return bare
    each, covariance = _undiluted(x[usual], y[usual], [values[usual] for _, values in left], (each, covariance))
    points = np.flatnonzero(usual)[np.unique(np.linspace(0, np.count_nonzero(usual) - 1, 64).astype(np.intp))]
    trends = np.array([theil_sen(x[points], values[points]) for _, values in left])
    held = tuple(
        Held(count.kind, count.name, _agreed(count.known, float(share)), _returned(values[usual]))
        for share, (count, values) in zip(each, left, strict=True)
    )
    error = float(np.sqrt(trends @ covariance @ trends))
    return _without(frame, rows, replace(bare, held=held, care=Care(error=error)))


def _without(frame: Frame, rows: FloatArray, found: Rest) -> Rest:
    """Return the rest of *rows* when what was *found* to be held is taken out."""
    own = rows - np.sum([held.of(frame) for held in found.held], axis=0)
    values = frame.joined(own)
    care = replace(found.care, within=frame.within(own))
    return replace(found, values=np.zeros(len(frame.x)) if values is None else values, rows=own, care=care)


def _usual(values: FloatArray) -> FloatArray:
    """Return *values* without one short spike's, as NaN: memory that it leaves behind would be laid to it alone."""
    away = values - median(values)
    far = np.abs(away) > _SPIKE * robust_sigma(away)
    return np.where(far, np.nan, values) if np.mean(far) < _SHORT else values


def _known(values: Sequence[FloatArray]) -> BoolArray:
    """Return where all of *values* are known."""
    known: BoolArray = np.isfinite(np.sum(values, axis=0))
    return known


def _alike(fitted: FloatArray, held: Sequence[Held]) -> bool:
    """Say whether what one of each was *fitted* to take is about what it is *held* to."""
    return all(one.each / _AGREE < share < _AGREE * one.each for share, one in zip(fitted, held, strict=True))


def _agreed(known: float | None, fitted: float) -> float:
    """Return what was measured of one where the fit is near it, else the fit: then it was measured in something else."""
    return known if known is not None and known / _AGREE < fitted < _AGREE * known else fitted


def _fit(x: FloatArray, y: FloatArray, counts: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray] | None:
    """Return what one of each of *counts* takes of *y*, time taken out, with their covariance; None where time is all."""
    basis = np.linalg.qr(np.column_stack([np.ones(len(x)), x - x[0]]))[0]
    alone = np.column_stack([values - basis @ (basis.T @ values) for values in counts])
    power = alone.T @ alone
    if np.any(np.diag(power) <= [1e-9 * float(values @ values) for values in counts]):
        return None
    beside = y - basis @ (basis.T @ y)
    inverse = np.asarray(np.linalg.pinv(power), np.float64)
    each: FloatArray = inverse @ (alone.T @ beside)
    left = beside - alone @ each
    noise = float(left @ left)
    alike = float(np.clip(float(left[1:] @ left[:-1]) / max(noise, 1e-9), 0.0, 0.98))
    spread = noise / (len(x) - 2 - len(counts)) * (1 + alike) / (1 - alike)
    return each, inverse * max(spread, 1e-9)


def _undiluted(
    x: FloatArray, y: FloatArray, counts: Sequence[FloatArray], fitted: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return what was *fitted*, or what longer blocks find where that is clearly more.

    Memory may follow the mean of a count that is noisy by itself, as sessions by the minute are: noise in what explains
    weakens a fit (regression dilution), and goes away in means.
    """
    starts = list(range(0, len(x) - _LONGER + 1, _LONGER))
    if len(starts) <= 2 + len(counts):
        return fitted
    longer = _fit(means(x, starts), means(y, starts), [means(values, starts) for values in counts])
    if longer is None:
        return fitted
    more = longer[0] - fitted[0] > _MORE * np.sqrt(np.diag(longer[1]))
    return longer if more.any() and np.all(longer[0] > 0) else fitted


def _returned(values: FloatArray) -> bool:
    usual = np.array([float(np.median(part)) for part in np.array_split(values, min(len(values), _LEVELS))])
    fall = float(np.max(np.maximum.accumulate(usual) - usual))
    return fall >= _RETURNED * float(np.ptp(usual))
