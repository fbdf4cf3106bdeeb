"""Falls that may be restarts, in a trace that tells of no lives: what such a trace shows if they are.

A process that ends gives back all that it took since it began, between two readings, and the next one starts as it did.
A cache that is emptied may do the same: which of them it was, only a `life` column tells.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._ranks import robust_sigma
from floodmark_sidecar.judge._reasons import per_hour
from floodmark_sidecar.judge._restarts import Restarts
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._types import FloatArray
from floodmark_sidecar.judge._verdict import Verdict
from floodmark_sidecar.units import format_bytes, format_duration

_LEAST: Final = 0.1
"""Share of its memory that a process which ends takes along at least: a start alone loads more than that."""

_LEAST_TOLD: Final = 0.04
"""The same where a run is not decided or falls as a whole: what may explain that is worth a sentence, and changes no verdict."""

_BESIDE: Final = 5
"""Readings on either side whose median is the level there."""

_AT_ONCE: Final = 0.5
"""Share of a fall that is between two readings."""

_TIMES_NOISE: Final = 4.0
"""A fall is so many times the usual change between readings: levels of noise alone never differ by as much."""

_NEAR: Final = 0.25
"""Share of a fall by which its end may be above where the run began; a new process regains more than that."""

_MOST_OF_IT: Final = 0.5
"""Share of its memory that nothing but the end of a process gives back at once; a smaller fall is one if a start follows."""

_STARTS: Final = 2.0
"""A process that starts grows so many times as fast as it does later."""

_MOSTLY: Final = 0.9
"""Quantile of a stretch that stands for how far it rises."""

_REGULAR: Final = 0.1
"""Share by which most intervals differ at most from the median, where falls are said to come every so often."""


@dataclass(frozen=True)
class _Reset:
    """A fall of one worker's memory that may be a restart: by `size` bytes, `time` is that of the first reading after it."""

    time: float
    size: float


def judge_as_restarts(whole: Verdict, judged: Callable[[Trace], Verdict]) -> Evidence | None:
    """Return the evidence of *whole* with what it would be if its falls were restarts; None where that changes nothing.

    *judged* judges the same trace with lives. A trace that has them, or climbs anyway, needs none of this. Falls that may as
    well be a job's or a cache's leave a verdict as it is, and are told.
    """
    evidence = whole.evidence
    if evidence is None or evidence.frame.trace.lives_known or whole.verdict == "climbing":
        return None
    puzzles = whole.verdict == "inconclusive" or evidence.memory.slope.high < 0
    resets = _resets_of(evidence.frame, _LEAST)
    if puzzles and not any(found for found, _ in resets):
        resets = [(found, False) for found, _ in _resets_of(evidence.frame, _LEAST_TOLD)]
    sure = any(surely for _, surely in resets)
    falls = [found if surely or not sure else [] for found, surely in resets]
    if not any(falls):
        return None
    found = judged(_with_lives(evidence.frame, falls))
    memory = found.memory
    if memory is None or found.verdict == "inconclusive" or (found.verdict == whole.verdict and not puzzles):
        return None
    if found.verdict == "steady":
        return replace(evidence, restarts=Restarts(f"{_said(falls)} judged so, memory is steady"))
    if memory.state != "climbing":
        return None
    said = f"{_said(falls)} judged so, it climbs by {per_hour(memory.slope.estimate)}"
    return replace(evidence, restarts=Restarts(said, unclear=sure or whole.verdict == "inconclusive"))


def _resets_of(frame: Frame, least: float) -> list[tuple[list[_Reset], bool]]:
    """Return for each worker the falls by a share of *least* or more that may be restarts, and whether they can hardly be
    anything else; O(n).
    """
    requests = frame.column("requests_total")
    found = []
    for lives in frame.slots:
        rows = np.concatenate([life.rows for life in lives])
        times = np.concatenate([frame.t[np.searchsorted(frame.x, life.at)] for life in lives])
        found.append(_falls(times, frame.used[rows], requests[rows], least))
    return found


def _falls(times: FloatArray, values: FloatArray, requests: FloatArray, least: float) -> tuple[list[_Reset], bool]:
    drops = values[:-1] - values[1:]
    # Requests are counted from nought in each life: where they go on, so does the process.
    suspects = np.flatnonzero((drops >= _AT_ONCE * least * values[:-1]) & ~(requests[1:] >= requests[:-1])) + 1
    began = float(np.median(values[:_BESIDE]))
    noise = robust_sigma(drops) if len(drops) else 0.0
    cuts, sizes, shares = [0], [], []
    for i in suspects[(suspects >= _BESIDE) & (suspects <= len(values) - _BESIDE)].tolist():
        above, below = float(np.median(values[i - _BESIDE : i])), float(np.median(values[i : i + _BESIDE]))
        size = above - below
        near = below - began <= _NEAR * size
        large = size > 0 and size >= max(least * above, _TIMES_NOISE * noise)
        if large and i - cuts[-1] >= _BESIDE and drops[i - 1] >= _AT_ONCE * size and near:
            cuts.append(i)
            sizes.append(size)
            shares.append(size / above)
    stretches = [values[cut:end] for cut, end in pairwise([*cuts[1:], len(values)])]
    again = [_regained(stretch) / size for size, stretch in zip(sizes, stretches, strict=True)]
    if len(again) > 1 and max(again[:-1]) >= _NEAR:
        # The last has not had the time of the one before it.
        again[-1] *= max(1.0, (cuts[-1] - cuts[-2]) / len(stretches[-1]))
    found = [
        _Reset(float(times[cut]), size)
        for cut, size, share in zip(cuts[1:], sizes, again, strict=True)
        if share >= _NEAR
    ]
    return found, bool(found) and (bool(np.median(shares) >= _MOST_OF_IT) or _begin_with_start(stretches))


def _regained(stretch: FloatArray) -> float:
    """Return how far memory rises again in a *stretch*."""
    return float(np.quantile(stretch, _MOSTLY) - np.median(stretch[:_BESIDE]))


def _begin_with_start(stretches: list[FloatArray]) -> bool:
    """Say whether memory rises faster at the beginning of *stretches* than later, as of a process that starts."""
    long = [stretch for stretch in stretches if len(stretch) >= 4 * _BESIDE]
    start = later = 0.0
    for stretch in long:
        tenth = max(_BESIDE, len(stretch) // 10)
        rise = float(np.median(stretch[tenth : tenth + _BESIDE]) - np.median(stretch[:_BESIDE]))
        start += rise
        later += max(_regained(stretch) - rise, 0.0) * tenth / (_MOSTLY * len(stretch) - tenth - _BESIDE // 2)
    return 2 * len(long) > len(stretches) and start > _STARTS * later


def _with_lives(frame: Frame, falls: list[list[_Reset]]) -> Trace:
    """Return the trace with a new life after each fall."""
    trace = frame.trace
    life = trace.life.copy()
    for lives, own in zip(frame.slots, falls, strict=True):
        rows = trace.worker == lives[0].slot
        life[rows] = np.searchsorted([fall.time for fall in own], trace.t[rows], side="right")
    labels = tuple(str(number + 1) for number in range(max(map(len, falls)) + 1))
    return replace(trace, life=life, lives=labels, lives_known=True)


def _said(falls: list[list[_Reset]]) -> str:
    """Say how memory falls, and what would tell what that is."""
    own = max(falls, key=len)
    size = format_bytes(float(np.median([fall.size for fall in own])))
    whose = "memory falls" if len(falls) == 1 else "a worker's memory falls"
    if len(own) == 1:
        return f"{whose} by {size} at once, to about where it began: if that is a restart, add a `life` column;"
    apart = np.diff([fall.time for fall in own])
    usual = float(np.median(apart))
    regular = len(apart) > 1 and float(np.median(np.abs(apart - usual))) <= _REGULAR * usual
    often = "twice" if len(own) == 2 else f"{len(own)} times"
    how = f"every {format_duration(usual)}" if regular else often
    return f"{whose} by some {size} {how}, to about where it began: if these are restarts, add a `life` column;"
