"""The series behind the charts."""

import numpy as np

from floodmark_sidecar.judge import Trace
from floodmark_soak.report._series import summed, without_masked


def test_a_masked_instant_is_a_gap_in_the_line() -> None:
    """A census makes the worker's own memory read low; the chart shows a gap there, for all workers at once."""
    trace = Trace.from_rows(
        {"t": 100.0 + t, "worker": worker, "uss_bytes": 10, "masked": int(t == 2 and worker == "web-0")}
        for t in range(4)
        for worker in ("web-0", "web-1")
    )

    line = without_masked(summed(trace, trace.column("uss_bytes"), 100.0), trace)

    np.testing.assert_array_equal(line.sizes, [20, 20, np.nan, 20])
