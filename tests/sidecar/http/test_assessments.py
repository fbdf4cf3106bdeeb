"""What judging takes of the sidecar's memory."""

import asyncio
import tracemalloc

import pytest

from tests.bench.history import DAY, keep
from tests.sidecar.http.conftest import Site

MIB = 1 << 20


def judging(site: Site) -> tuple[int, int]:
    """Return what a verdict holds, and the most that was held while it was made; bytes."""
    site.state.assessments.forget("web")
    tracemalloc.start()
    try:
        asyncio.run(site.state.assessments.get("web"))
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_judging_takes_no_more_of_two_days_than_of_one(site: Site) -> None:
    """A sidecar grows with the history that it judges, and that is a day of it at most."""
    keep(site.store, range(DAY))
    held, peak = judging(site)
    keep(site.store, range(DAY, 2 * DAY))
    held_later, peak_later = judging(site)
    assert peak < 20 * MIB
    assert peak_later < 1.1 * peak
    assert held_later < 1.1 * held
