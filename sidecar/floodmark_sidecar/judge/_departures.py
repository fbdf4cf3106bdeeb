"""Workers that ended for good: which are gone, and which only changed their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._reasons import listed, short
from floodmark_sidecar.judge._workers import WorkerFinding
from floodmark_sidecar.units import format_duration

_GONE_BYTES: Final = 0.2
"""Share of the service's memory that workers had which are gone: what is left is another service."""

_SOON: Final = 0.05
_SOONEST: Final = 3.0
_LATEST: Final = 600.0
"""A worker takes the place of another if it begins within so much of the other's life after that ended, or before it: never
more than ten minutes, in which a service is deployed, and never less than three readings.
"""


@dataclass(frozen=True)
class Departures:
    """Workers that ended for good: `gone` had so much of the memory that what is left is another service, `successors` ended
    where as many others began, which is what restarts look like where workers are named by pid; `slots` are the places they
    had in turn. A longer run brings none of them back.
    """

    gone: tuple[WorkerFinding, ...]
    successors: int
    slots: int
    since: float

    def __bool__(self) -> bool:
        return bool(self.gone or self.successors)

    @property
    def counted(self) -> list[str]:
        """Say it in few words."""
        replaced = [f"{self.successors:,}, others in their place"] if self.successors else []
        return [*replaced, *([listed([short(worker.name) for worker in self.gone])] if self.gone else [])]

    @property
    def said(self) -> list[str]:
        """Say who is gone, and what to do where only the names changed."""
        sentences = []
        if self.successors:
            few = self.successors == 1
            ended = "1 worker ended and another" if few else f"{self.successors:,} workers ended and as many others"
            last = f"w0 … w{self.slots - 1:,}" if self.slots > 1 else "w0"
            sentences.append(
                f"{ended} began in {'its' if few else 'their'} place: if {'this is a restart' if few else 'these are restarts'}, "
                f"name workers by slot ({last}) and count `life` up"
            )
        if self.gone:
            one = len(self.gone) == 1
            named = listed([short(worker.name) for worker in self.gone])
            since = f"is gone since {format_duration(self.since)}"
            if not one:
                since = f"are gone, the first since {format_duration(self.since)}"
            sentences.append(
                f"{'worker' if one else 'workers'} {named} {since}: what is left is not the service that began"
            )
        return sentences


def departures(frame: Frame, workers: Sequence[WorkerFinding]) -> Departures:
    """Return which of *workers* ended for good; O(n log n)."""
    replaced = _replaced(frame, workers)
    gone = [worker for worker in workers if worker.gone]
    handed = _missed(frame, [worker for worker in gone if worker.name in replaced])
    missed = _missed(frame, [worker for worker in gone if worker.name not in replaced])
    since = frame.span - min((float(worker.lives[-1].at[-1]) for worker in missed), default=frame.span)
    return Departures(tuple(missed), len(replaced) if handed else 0, len(workers) - len(replaced), since)


def _missed(frame: Frame, gone: Sequence[WorkerFinding]) -> list[WorkerFinding]:
    """Return which of *gone* leave another service behind: one that had much of its memory, or those that began with the
    run, if they had so much together. Who comes and goes with the load does not.
    """
    enough = _GONE_BYTES * max(1.0, float(np.median(frame.present(frame.used))))
    first = [worker for worker in gone if not _late(frame, worker)]
    together = sum(worker.last_bytes for worker in first) > enough
    return [worker for worker in gone if worker.last_bytes > enough or (together and not _late(frame, worker))]


def _replaced(frame: Frame, workers: Sequence[WorkerFinding]) -> set[str]:
    """Return the names of the workers that ended where others began, one for one."""
    ended = sorted((w for w in workers if frame.span - _end(w) > _step(w, _SOONEST)), key=_end)
    begun = sorted((_begin(w) for w in workers if _late(frame, w)), reverse=True)
    replaced = set()
    for worker in ended:
        near = max(_step(worker, _SOONEST), min(_LATEST, _SOON * (_end(worker) - _begin(worker))))
        while begun and begun[-1] < _end(worker) - near:
            begun.pop()
        if begun and begun[-1] <= _end(worker) + near:
            begun.pop()
            replaced.add(worker.name)
    return replaced


def _begin(worker: WorkerFinding) -> float:
    return float(worker.lives[0].at[0])


def _end(worker: WorkerFinding) -> float:
    return float(worker.lives[-1].at[-1])


def _late(frame: Frame, worker: WorkerFinding) -> bool:
    """Say whether a worker began after the run did."""
    return _begin(worker) > max(_step(worker, _SOONEST), _SOONEST * frame.interval)


def _step(worker: WorkerFinding, times: float) -> float:
    """Return how long *times* readings of a worker take."""
    last = worker.lives[-1]
    return times * last.seconds / max(1, len(last.rows) - 1)
