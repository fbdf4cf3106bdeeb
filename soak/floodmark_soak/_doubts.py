"""What keeps a run from being `steady` whatever its readings show: it was not watched, or not under the load of its plan. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from floodmark_sidecar.units import format_duration
from floodmark_soak._load import LoadResult
from floodmark_soak._readings import Watched
from floodmark_soak._tools import Tool

_READ: Final = 0.95
"""Share of the time under load from first to last readings: they begin a little late and end a little early."""

_OMITTED: Final = 0.05
"""Share of the requests for which users may be too late: a leak by request is smaller by as much, which no verdict hangs on."""


def doubts(
    watched: Sequence[Watched], times: Iterable[float], load: LoadResult | None, tools: Sequence[Tool]
) -> list[str]:
    """Return a sentence for each reason to believe no `steady` of a run that has readings at *times* (epoch seconds)."""
    return [*_of_readings(watched, times), *_of_records(watched), *_of_load(load, tools)]


def _of_readings(watched: Sequence[Watched], times: Iterable[float]) -> Iterator[str]:
    """Yield how much of the time under load nobody read. Gaps within a segment are the judge's."""
    found = sorted(set(times))
    whole = read = 0.0
    for each in watched:
        own = found[bisect_left(found, each.since) : bisect_right(found, each.until)]
        whole += each.until - each.since
        if len(own) > 1:
            # A reading stands for an interval on either side.
            read += min(each.until - each.since, (own[-1] - own[0]) * (1 + 2 / (len(own) - 1)))
    if read < _READ * whole:
        yield f"Of {format_duration(whole)} under load, {format_duration(whole - read)} have no readings: nobody knows what grew then."


def _of_records(watched: Sequence[Watched]) -> Iterator[str]:
    lost = [str(each.segment) for each in watched if not each.requests.total]
    if lost:
        yield f"Of the load of segment {', '.join(lost)} nothing is on record: nobody knows what failed or was left out."


def _of_load(load: LoadResult | None, tools: Sequence[Tool]) -> Iterator[str]:
    for tool in tools:
        if tool.is_degraded:
            yield (
                f"The load generator took nearly all of a processor in {tool.busy:.0%} of the readings: it may have asked for less "
                "than planned."
            )
    if load is None:
        return
    if load.omitted_ratio > _OMITTED:
        yield (
            f"The load omitted {load.omitted:,} requests ({load.omitted_ratio:.1%}): its users were too late for them, and "
            f"{_OMITTED:.0%} may be."
        )
    if (load.failure_ratio or 0.0) > load.failure_budget:
        yield (
            f"Of the requests of all segments {load.failure_ratio:.1%} failed, and the budget is {load.failure_budget:.1%}."
        )
