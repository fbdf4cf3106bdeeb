"""What judging takes of the sidecar's memory."""

import asyncio
import tracemalloc

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace
from tests.bench.history import DAY, keep
from tests.sidecar.http.conftest import Site

MIB = 1 << 20


def judging(site: Site) -> tuple[Trace, int, int]:
    """Return the trace that was judged, what the verdict holds, and the most that was held while it was made; bytes."""
    site.state.assessments.forget("web")
    tracemalloc.start()
    try:
        assessment = asyncio.run(site.state.assessments.get("web"))
        return assessment.trace, *tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_judging_takes_no_more_of_two_days_than_of_one(site: Site) -> None:
    """A sidecar grows with the history that it judges, and that is a day of it at most."""
    keep(site.store, range(DAY))
    _, held, peak = judging(site)
    keep(site.store, range(DAY, 2 * DAY))
    trace, held_later, peak_later = judging(site)
    assert peak < 20 * MIB
    assert peak_later < 1.1 * peak
    assert held_later < 1.1 * held
    assert np.ptp(trace.t) <= 86400


@pytest.mark.slow
def test_of_a_day_with_more_readings_some_are_judged(site: Site) -> None:
    """As many as a day has by default, over the whole of it."""
    keep(site.store, range(2 * DAY), every=7.5)
    trace, _, _ = judging(site)
    assert DAY - 1 <= len(trace) <= DAY
    assert np.ptp(trace.t) > 86000
