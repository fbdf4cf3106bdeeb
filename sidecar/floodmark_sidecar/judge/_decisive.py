"""The series beside the sum that a verdict is about, where memory of all workers together does not climb: for pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from floodmark_sidecar.judge._climbers import climbers, who_climbs
from floodmark_sidecar.judge._counts import processes
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._lives import Life
from floodmark_sidecar.judge._reasons_beside import count_climb, map_climb
from floodmark_sidecar.judge._slope import slope_dict
from floodmark_sidecar.judge._types import FloatArray, Json


@dataclass(frozen=True, eq=False)
class Decisive:
    """A worker, a map or a count that the reasons name as what climbs: its values `y` at `x`, seconds since the first reading, and
    what they show.

    `y` are bytes of a worker, whose `lives` are joined, and entries or a number of the others, which have none.
    """

    kind: Literal["worker", "map", "count"]
    name: str
    x: FloatArray
    y: FloatArray
    finding: Finding
    lives: tuple[Life, ...] = ()

    def as_dict(self, frame: Frame) -> Json:
        """Return it as in a result, with the times of *frame*: floors are `[t, size]`."""
        found, floors = self.finding, self.finding.as_read(self.finding.floors)
        window = frame.t[np.searchsorted(frame.x, [found.start, found.end])]
        return {
            "kind": self.kind,
            "name": self.name,
            "slope_per_hour": slope_dict(found.slope, 3600),
            "delta_per_hour": found.delta * 3600,
            "window": window.tolist(),
            "floors": np.column_stack([np.interp(floors.x, frame.x, frame.t), floors.y]).tolist(),
        }


def decisive(evidence: Evidence, reasons: Sequence[str]) -> tuple[Decisive, ...]:
    """Return the series that *reasons* are about, workers first, the fastest of them first; none where memory itself climbs.

    O(readings) for each.
    """
    if evidence.memory.state == "climbing":
        return ()
    found = list(_workers(evidence, reasons))
    frame = evidence.frame
    for count in evidence.counts:
        if count_climb(count) in reasons:
            number = count.kind == "processes"
            y = processes(frame) if number else frame.joined(frame.column(count.kind))
            found += [] if y is None else [Decisive("count", count.kind, frame.x, y, count.finding)]
    for each in evidence.maps:
        # What grows in the values of a map is what its bytes have beside its entries: nothing that was read.
        if each.finding is not None and not each.heavier and each.climbs and map_climb(each) in reasons:
            y = frame.joined(frame.column(f"map.{each.name}.entries"))
            found += [] if y is None else [Decisive("map", each.name, frame.x, y, each.finding)]
    return tuple(found)


def _workers(evidence: Evidence, reasons: Sequence[str]) -> list[Decisive]:
    named = climbers(evidence.workers)
    if not named or not any(reason.startswith(who_climbs(evidence.workers)) for reason in reasons):
        return []
    frame, lives = evidence.frame, {worker.name: worker.lives for worker in evidence.workers}
    found = []
    for name, finding in named.items():
        y = frame.joined(evidence.rest.rows, slot=lives[name][0].slot)
        if y is not None:
            here = (frame.x >= lives[name][0].at[0]) & (frame.x <= lives[name][-1].at[-1])
            found.append(Decisive("worker", name, frame.x[here], y[here], finding, lives[name]))
    return found
