"""A run in segments as one that never paused: its times without the pauses in which nobody watched. Pure."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from floodmark_sidecar.judge import Trace
from floodmark_soak.report._record import Record

Floats: TypeAlias = npt.NDArray[np.float64]


def without_pauses(record: Record) -> Record:
    """Return *record* with all of its times as if each segment had begun where the one before it ended.

    The judge counts time so: a slope is one by the hours that were watched.
    """
    told = _clock(record.trace)
    if told is None:
        return record
    result = {**record.result, **_moved(record.result, told)}
    result["decisive"] = [{**each, **_moved(each, told)} for each in record.decisive]
    result["culprits"] = [
        {**each, "points": [[float(told(t)), size] for t, size in each.get("points") or ()]} for each in record.culprits
    ]
    captures = [{**each, "t": float(told(each["t"]))} if each.get("t") else each for each in record.captures]
    return replace(record, trace=replace(record.trace, t=told(record.trace.t)), result=result, captures=captures)


def _clock(trace: Trace) -> Callable[[Any], Any] | None:
    """Return what gives the time without pauses for a time, or for several; None where there was no pause."""
    after = np.flatnonzero(np.diff(trace.segment)) + 1 if len(trace) else np.empty(0, dtype=np.int64)
    if not len(after):
        return None
    ends, begins = trace.t[after - 1], trace.t[after]
    steps = np.diff(trace.t)
    # The first reading of a segment comes as long after the last one of the segment before as any two readings.
    lost = np.cumsum(begins - ends - np.median(steps[steps > 0]))

    def told(t: Any) -> Any:
        at = np.asarray(t, dtype=np.float64)
        passed = np.searchsorted(begins, at, side="right")
        before = np.where(passed > 0, lost[np.maximum(passed - 1, 0)], 0.0)
        # What happened in a pause is told at its beginning.
        following = np.where(passed < len(ends), ends[np.minimum(passed, len(ends) - 1)], np.inf)
        return np.minimum(at, following) - before

    return told


def _moved(judged: dict[str, Any], told: Callable[[Any], Any]) -> dict[str, Any]:
    window, floors = judged.get("window"), judged.get("floors")
    return {
        **({"window": [float(told(t)) for t in window]} if window else {}),
        **({"floors": [[float(told(t)), size] for t, size in floors]} if floors else {}),
    }
