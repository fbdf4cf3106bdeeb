"""Stable names for the places of a service's workers: `web-0` stays `web-0` when its process is replaced. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """One process as the tree shows it; pid and birth (seconds after the machine started) identify it."""

    pid: int
    born: float
    parent_pid: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A process in its slot: the worker's name, and which life of that slot this is (counted from 1)."""

    worker: str
    life: int
    process: Process
    parent: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What one look at the tree changed."""

    started: tuple[Held, ...]
    ended: tuple[Held, ...]


@dataclass(slots=True)
class _Place:
    parent: str
    lives: int


class Slots:
    """The slots of one service. Not thread-safe: owned by whoever looks at the service's tree.

    A new process takes the lowest free index that a process below the same parent held before, else an index that
    nobody ever held: a helper below one worker can so never take the name of that worker's neighbour.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._places: list[_Place] = []
        self._held: dict[int, tuple[int, Held]] = {}

    @property
    def held(self) -> Mapping[int, Held]:
        """The processes that hold a slot now, by pid."""
        return {pid: held for pid, (_, held) in self._held.items()}

    def restore(self, lives: Iterable[tuple[str, int, str, Process | None]]) -> None:
        """Take up an earlier history: (worker, life, parent, process if it still runs), oldest life first."""
        for worker, life, parent, process in lives:
            suffix = worker.removeprefix(f"{self._service}-")
            if not suffix.isdecimal():
                continue
            index = int(suffix)
            while len(self._places) <= index:
                self._places.append(_Place(parent="", lives=0))
            self._places[index] = _Place(parent=parent, lives=max(life, self._places[index].lives))
            if process is not None:
                self._held[process.pid] = (index, Held(worker, life, process, parent))

    def update(self, processes: Iterable[Process]) -> Changes:
        """Give a slot to every one of *processes* (all that run now) and free the slots of those not among them.

        Parents are named before their children; O(processes + slots).
        """
        now = {process.pid: process for process in processes}
        ended = tuple(held for pid, (_, held) in self._held.items() if not _same(held.process, now.get(pid)))
        for held in ended:
            del self._held[held.process.pid]
        fresh = [process for pid, process in now.items() if pid not in self._held]
        started = tuple(self._take(process) for process in sorted(fresh, key=lambda p: (_depth(p, now), p.born, p.pid)))
        return Changes(started=started, ended=ended)

    def _take(self, process: Process) -> Held:
        above = self._held.get(process.parent_pid) if process.parent_pid is not None else None
        parent = above[1].worker if above else ""
        taken = {index for index, _ in self._held.values()}
        free = (i for i, place in enumerate(self._places) if i not in taken and place.parent == parent)
        index = next(free, len(self._places))
        if index == len(self._places):
            self._places.append(_Place(parent=parent, lives=0))
        place = self._places[index]
        place.lives += 1
        held = Held(worker=f"{self._service}-{index}", life=place.lives, process=process, parent=parent)
        self._held[process.pid] = (index, held)
        return held


def _same(known: Process, seen: Process | None) -> bool:
    return seen is not None and seen.born == known.born


def _depth(process: Process, processes: Mapping[int, Process]) -> int:
    depth, seen = 0, {process.pid}
    above = processes.get(process.parent_pid) if process.parent_pid is not None else None
    while above is not None and above.pid not in seen:
        depth += 1
        seen.add(above.pid)
        above = processes.get(above.parent_pid) if above.parent_pid is not None else None
    return depth
