"""Which lives go on at the end of what was seen: what they hold is held, what others held is gone. Pure."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from floodmark_sidecar.culprits._capture import Capture
from floodmark_sidecar.judge import Trace

_MISSED: Final = 2
"""Instants that may lack a worker which is still there."""


def living(captures: Sequence[Capture], trace: Trace | None) -> frozenset[tuple[str, str]]:
    """Return the (worker, life) that had not ended when *captures* and *trace* did.

    A life ends where the next one of its worker begins, or where the readings go on without it.
    """
    newest: dict[str, tuple[float, str]] = {}
    looks = [(capture.worker, capture.t, str(capture.life)) for capture in captures]
    looks += [] if trace is None else _looks(trace)
    for worker, t, life in looks:
        newest[worker] = max((t, life), newest.get(worker, (t, life)))
    times = np.unique(trace.t) if trace is not None else np.empty(0)
    end = times[-1] - _MISSED * np.median(np.diff(times)) if len(times) > 1 else -np.inf
    return frozenset((worker, life) for worker, (t, life) in newest.items() if t >= end)


def _looks(trace: Trace) -> list[tuple[str, float, str]]:
    """Return (worker, time, life) of the last reading of each worker."""
    # Rows are sorted by time, and the first of a reversed list is the last.
    workers, backwards = np.unique(trace.worker[::-1], return_index=True)
    last = len(trace) - 1 - backwards
    return [
        (trace.workers[worker], float(trace.t[row]), trace.lives[trace.life[row]])
        for worker, row in zip(workers.tolist(), last.tolist(), strict=True)
    ]
