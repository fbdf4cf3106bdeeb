"""Which workers of a service carry its growth, in words."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from floodmark_sidecar.judge import _reasons as say
from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._workers import WorkerFinding

_MOST: Final = 0.5
"""Share of the service's growth that workers must carry to be named for it."""

_ALIKE: Final = 2.0
"""By how many times the fastest of workers may grow faster than the slowest, and all grow alike."""


def climbers(workers: Sequence[WorkerFinding]) -> dict[str, Finding]:
    """Return what the workers that climb show, by name, the fastest first; none where there is only one worker."""
    found = [(w.name, w.finding) for w in workers if w.finding is not None and w.state == "climbing"]
    found.sort(key=lambda each: -each[1].slope.estimate)
    return dict(found) if len(workers) > 1 else {}


def carriers(memory: Finding, workers: Sequence[WorkerFinding]) -> str:
    """Say which of *workers* carry the climb of *memory*; nothing where that cannot be told."""
    rates = [finding.slope.estimate for finding in climbers(workers).values()]
    return who_climbs(workers) if rates and sum(rates) >= _MOST * memory.slope.estimate else ""


def who_climbs(workers: Sequence[WorkerFinding]) -> str:
    """Say which of *workers* climb, and how many others are steady: `worker w4 climbs (1.0 MiB/h), the other 9 are steady`."""
    found = {name: finding.slope.estimate for name, finding in climbers(workers).items()}
    rates = list(found.values())
    if len(found) == len(workers):
        every = "both workers" if len(found) == 2 else f"all {len(found):,} workers"
        if rates[0] <= _ALIKE * rates[-1]:
            return f"{every} climb alike (about {say.per_hour(float(np.median(rates)))} each)"
        return f"{every} climb, {say.short(next(iter(found)))} the fastest ({say.per_hour(rates[0])})"
    if len(found) == 1:
        said = f"worker {say.short(next(iter(found)))} climbs ({say.per_hour(rates[0])})"
    else:
        said = f"workers {with_rates(workers)} climb"
    others, steady = len(workers) - len(found), sum(worker.state == "steady" for worker in workers)
    if not steady:
        return said
    if steady < others:
        return f"{said}, {steady:,} of the other {others:,} {'is' if steady == 1 else 'are'} steady"
    return f"{said}, the other {'is' if others == 1 else f'{others:,} are'} steady"


def with_rates(workers: Sequence[WorkerFinding]) -> str:
    """Return the names of those of *workers* that climb, each with its rate."""
    found = climbers(workers)
    return say.listed(
        [f"{say.short(name)} ({say.per_hour(finding.slope.estimate)})" for name, finding in found.items()]
    )
