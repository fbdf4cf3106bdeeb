"""A census in the process itself, where it cannot be forked: slow on purpose, and of what its modules lead to alone.

The service goes on while it is looked at. Whatever would hold it up is left out: a list of all objects, which one call
of the collector makes in one go; the entries of very large containers; the variables of running functions, which the
interpreter would keep for as long as these run. What was visited is held until the census ends, some seconds at most, so
that an object the service drops meanwhile may be finalised by the agent's thread.
"""

import select
import sys
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from floodmark_sidecar.agent import _census
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._contents import Contents
from floodmark_sidecar.agent._graph import Limits, Walk
from floodmark_sidecar.agent._names import Name, named, search
from floodmark_sidecar.agent._origin import Modules
from floodmark_sidecar.agent._originals import poll

LIMITS: Final = Limits(nodes=100_000, entries=20_000, frames=False, pace=128)
REACH: Final = 4096
"""Entries of one container that a sample is taken from: a dict is read from its beginning on."""

DUTY: Final = 0.1
"""The share of a processor, and of the interpreter's lock, that the census takes while it lasts."""

_TRIES: Final = 5

Row = Callable[[_census.Container, Name | None, Contents], dict[str, Any]]
_Made = TypeVar("_Made")


class StoppedError(Exception):
    """Raised out of a census that must not go on; the text says why."""


class Pace:
    """Gives the interpreter's lock away after each piece of work, for long enough to keep to `DUTY`.

    `longest` is the most CPU seconds that one piece took: nothing else of the process can have waited longer for it. Raises
    `StoppedError` once *cancel* can be read or *deadline* seconds have gone.
    """

    def __init__(self, cancel: int | None, *, deadline: float, clock: Callable[[], float] = time.thread_time) -> None:
        self._poller = poll()
        if cancel is not None:
            self._poller.register(cancel, select.POLLIN)
        self._until = time.monotonic() + deadline
        self._clock, self._last = clock, clock()
        self.longest = 0.0

    def __call__(self) -> None:
        worked = self._clock() - self._last
        self.longest = max(self.longest, worked)
        if self._poller.poll(worked * (1 / DUTY - 1) * 1000):
            msg = "the agent was stopped during the census"
            raise StoppedError(msg)
        if time.monotonic() > self._until:
            msg = "the census took too long and was ended"
            raise StoppedError(msg)
        self._last = self._clock()


def census(row: Row, *, pause: Callable[[], None]) -> dict[str, Any]:
    """Return what a capture file says of the containers that the modules lead to; *row* makes one of each.

    Time and memory grow with the objects visited, `LIMITS.nodes` at most. To be called in a thread of its own.
    """
    started = time.perf_counter()
    modules, walk = Modules(sys.modules), Walk(None, pause=pause, limits=LIMITS)
    search(walk, modules)
    objects = walk.visited
    found, _ = _calm(lambda: _census.biggest(ByType(objects, pause=pause), (), pause=pause, reach=REACH))
    values = [each.value for each in found]
    walk.want(values)
    names = _calm(lambda: named(walk, values, modules, pause=pause))
    contents = Contents(modules)
    containers = []
    for each in found:
        pause()
        containers.append(_calm(lambda each=each: row(each, names.get(id(each.value)), contents)))  # type: ignore[misc]
    return {
        "seconds": time.perf_counter() - started,
        "objects": len(objects),
        "complete": False,
        "types": [],
        "type_owners": {},
        "containers": containers,
    }


def _calm(step: Callable[[], _Made]) -> _Made:
    """Return what *step* gives, which fails where the service has changed a container just while it was read."""
    for _ in range(_TRIES - 1):
        try:
            return step()
        except RuntimeError:
            continue
    return step()
