"""When a run would first have failed, had it been looked at on its way."""

from dataclasses import replace

import numpy as np

from floodmark_sidecar.judge._judge import judge
from floodmark_sidecar.judge._looks import looks
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._types import FloatArray


def first_failure(trace: Trace, settings: Settings = Settings()) -> float | None:  # noqa: B008 -- frozen, and made of defaults only
    """Return after how many seconds an early look would first have said `climbing` of *trace*; None if none would.

    A look sees the trace up to its time, and nothing of what came after. The run is as long as the trace, unless
    *settings* say that more was planned. Costs a judgement a look.
    """
    elapsed = _elapsed(trace)
    planned = settings.planned or (float(elapsed[-1]) if len(elapsed) else 0.0)
    for look in looks(planned):
        seen = elapsed <= look
        if seen.all():
            return None
        if judge(trace.part(seen), replace(settings, planned=planned)).verdict == "climbing":
            return look
    return None


def _elapsed(trace: Trace) -> FloatArray:
    """Return the seconds since the first row at each, pauses between segments taken out."""
    steps = np.diff(trace.t, prepend=trace.t[:1])
    steps[1:][np.diff(trace.segment) != 0] = 0.0
    return np.cumsum(steps)
