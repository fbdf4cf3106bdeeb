"""The series beside the sum: every worker, map and count, judged as one family.

Each may fail a run by itself, and a service has dozens. That none of those that do not grow should seem to is asked of
the run, not of each kind, so all of them share one level.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from floodmark_sidecar.judge._counts import LEAST, CountClimb, climbing_counts
from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._holm import p_value, step_down
from floodmark_sidecar.judge._looks import Look
from floodmark_sidecar.judge._maps import MapFinding, examine_maps
from floodmark_sidecar.judge._reasons import short
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._types import FloatArray
from floodmark_sidecar.judge._workers import WorkerFinding, examine_workers

_CHANCE: Final = "among so many series one may seem to grow by chance"


@dataclass(frozen=True)
class Beside:
    """What the series beside the sum show. `chance` says in words which would climb if they were the only one, and do not
    among so many; nothing if there is none.
    """

    workers: tuple[WorkerFinding, ...]
    maps: tuple[MapFinding, ...]
    counts: tuple[CountClimb, ...]
    chance: str


def examine_beside(frame: Frame, settings: Settings, memory: Finding, rows: FloatArray, look: Look | None) -> Beside:
    """Return what workers, maps and counts show beside the service's *memory*, at *look* or at the run's end.

    *rows* is the memory that was judged, by judged row.
    """
    workers = examine_workers(frame, memory, rows, growth=settings.growth)
    maps = examine_maps(frame, settings, memory=memory)
    counts = climbing_counts(frame, start=memory.start)
    alone = len(workers) == 1  # then the sum is the worker's
    climbs = {_worker(one): one.finding for one in workers if one.state == "climbing" and not alone}
    climbs |= {_map(one): one.climb for one in maps if one.climbs}
    climbs |= {one.kind: one.finding for one in counts}
    found = {name: finding for name, finding in climbs.items() if finding is not None}
    p_values = [p_value(finding.slope, above=finding.delta / 2) for finding in found.values()]
    tested = (0 if alone else len(workers)) + len(maps) + _measured(frame)
    sure = dict(zip(found, step_down(p_values, of=tested), strict=True))

    def surely(name: str, finding: Finding | None) -> Finding | None:
        if finding is None or sure.get(name, True):
            return finding
        return replace(finding, state="inconclusive", doubts=(*finding.doubts, _CHANCE))

    def of_worker(one: WorkerFinding) -> Finding | None:
        found = surely(_worker(one), one.finding)
        if found is None or look is None:
            return found
        found = found if alone else look.weigh_memory(found)
        return replace(found, state="inconclusive") if found.state == "steady" else found

    def of_map(one: MapFinding) -> MapFinding:
        found = surely(_map(one), one.climb)
        found = found if found is None or look is None else look.weigh(found)
        return replace(one, values=found) if one.heavier else replace(one, finding=found)

    def climbs_on(one: CountClimb) -> bool:
        return sure[one.kind] and (look is None or look.weigh(one.finding).state == "climbing")

    unsure = [name for name, is_sure in sure.items() if not is_sure]
    return Beside(
        tuple(replace(one, finding=of_worker(one)) for one in workers),
        tuple(of_map(one) for one in maps),
        tuple(one for one in counts if climbs_on(one)),
        f"{', '.join(map(short, unsure))} grew, yet no more surely than one of {tested} series may by chance"
        if unsure
        else "",
    )


def _worker(one: WorkerFinding) -> str:
    return f"worker {one.name}"


def _map(one: MapFinding) -> str:
    return f"map {one.name}"


def _measured(frame: Frame) -> int:
    """Return how many counts were measured; how many processes there are, always is."""
    return sum(kind == "processes" or bool(np.isfinite(frame.column(kind)).any()) for kind in LEAST)
