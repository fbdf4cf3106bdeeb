"""Isolated upward jumps: an arena, a lazy import, a pool that grew. They are taken out, and what remains is judged."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from floodmark_sidecar.judge._curve import CHEAP, Step, fit_curve
from floodmark_sidecar.judge._ranks import median, medians_of_three, robust_sigma
from floodmark_sidecar.judge._types import FloatArray

MOST_ISOLATED: Final = 3
"""With more jumps than these, jumps are how the memory grows, and none is taken out."""

_TIMES_NOISE: Final = 5.0
_ABRUPT: Final = 0.6
"""Share of a jump that one change between floors must make; a ramp over several floors is no jump."""

_GOES_ON: Final = 0.3
"""What rises on by so much of it from floor to floor is no jump: growth has begun."""

BESIDE: Final = 3
"""Floors that tell the level before a jump, and after it."""


def find_jumps(x: FloatArray, y: FloatArray) -> tuple[Step, ...]:
    """Return the rises of *y* from one floor to the next that were never undone, in order of time.

    First those that stand out of the floors' own changes; where these are few, those that a curve with steps finds too,
    as far as they are as abrupt as it says. Falls are never among them: taking falls out makes climbs of sawteeth.
    """
    if len(x) < 2 * BESIDE + 2:
        return ()
    clear = clear_jumps(x, y)
    if len(clear) > MOST_ISOLATED:
        return clear
    found = [*clear]
    for step in fit_curve(x, without(y, clear), price=CHEAP).steps:
        before, after = _beside(y, step.index)
        if (
            after - before > _ABRUPT * step.size
            and not _goes_on(y, step.index)
            and _lowest_after(y, step.index) > before
        ):
            found.append(step)
    return _merged(sorted(found, key=lambda step: step.time))


def without(y: FloatArray, jumps: Sequence[Step]) -> FloatArray:
    """Return *y* with every one of *jumps* taken out."""
    result = y.copy()
    for jump in jumps:
        result[jump.index + 1 :] -= jump.size
    return result


def _merged(steps: list[Step]) -> tuple[Step, ...]:
    """Return *steps* with those that follow each other within two floors made one: a jump may take a while."""
    merged: list[Step] = []
    for step in steps:
        if merged and step.index - merged[-1].index <= 2:
            last = merged.pop()
            larger = max(last, step, key=lambda one: one.size)
            merged.append(Step(larger.index, larger.time, last.size + step.size))
        else:
            merged.append(step)
    return tuple(merged)


def clear_jumps(x: FloatArray, y: FloatArray, *, grain: float = 0.0) -> tuple[Step, ...]:
    """Return only the jumps that stand out of the floors' own changes; *grain* is their noise where most are alike."""
    changes = np.diff(y)
    usual = median(changes)
    noise = robust_sigma(changes - usual) or grain
    if noise == 0:
        return ()
    found: list[Step] = []
    for i in np.flatnonzero(changes - usual > _TIMES_NOISE * noise).tolist():
        if not BESIDE - 1 <= i < len(y) - BESIDE:
            continue
        before, after = _beside(y, i)
        size = after - before - usual * BESIDE
        abrupt = changes[i] - usual > _ABRUPT * size > _ABRUPT * _TIMES_NOISE * noise
        if abrupt and not _goes_on(y, i) and _lowest_after(y, i) > before + size / 2:
            found.append(Step(i, float(x[i] + x[i + 1]) / 2, min(size, float(changes[i] - usual))))
    return _merged(found)


def _lowest_after(y: FloatArray, index: int) -> float:
    """Return the lowest level that *y* comes back to after floor *index*, single low floors aside."""
    after = y[index + 1 :]
    return float(medians_of_three(after).min())


def _goes_on(y: FloatArray, index: int) -> bool:
    """Say whether *y* rises on after the change that follows floor *index*, by much of it from floor to floor."""
    changes = np.diff(y[index : index + BESIDE + 2])
    return median(changes[1:]) > _GOES_ON * float(changes[0])


def _beside(y: FloatArray, index: int) -> tuple[float, float]:
    """Return the levels before and after the change that follows floor *index*."""
    return (
        median(y[max(0, index - BESIDE + 1) : index + 1]),
        median(y[index + 1 : index + 1 + BESIDE]),
    )
