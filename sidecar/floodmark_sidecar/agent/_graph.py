"""A breadth-first walk from the names of a process to its big containers."""

import gc
import sys
from _contextvars import Context
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType, ModuleType
from typing import Any, Final

from floodmark_sidecar.agent import _objects
from floodmark_sidecar.agent._origin import MODULE_DICT
from floodmark_sidecar.agent._originals import Local

BULK: Final = 256
"""Entries above which the elements of a container are looked into only after everything else."""

_TUPLES: Final = {id(tuple): tuple, id(frozenset): frozenset}
_FRAME_OF: Final = {
    id(GeneratorType): GeneratorType.__dict__["gi_frame"].__get__,
    id(CoroutineType): CoroutineType.__dict__["cr_frame"].__get__,
    id(AsyncGeneratorType): AsyncGeneratorType.__dict__["ag_frame"].__get__,
}
FRAMES: Final = {id(FrameType), *_FRAME_OF}
"""Types, by id, of what shows a frame's variables to the collector: a generator and its frame may show the same ones."""


@dataclass(frozen=True)
class Limits:
    """How far a walk goes.

    It visits `nodes` objects at most, some 80 bytes each, pauses after each `pace` of them, and does not look into a
    container of more than `entries`, whose list the interpreter makes in one go. Looking into `frames` makes the
    interpreter keep their variables for as long as they run: only a copy of the process bears that.
    """

    nodes: int = 400_000
    entries: int = sys.maxsize
    frames: bool = True
    pace: int = 4096


def frame_of(value: object) -> FrameType | None:
    """Return *value* if it is a frame, or the suspended frame of a generator or coroutine."""
    if type(value) is FrameType:
        return value
    getter: Callable[[object], FrameType | None] | None = _FRAME_OF.get(id(type(value)))
    return getter(value) if getter is not None else None


def local_names(frame: FrameType) -> dict[str, Any]:
    """Return the local variables of a frame, cells followed; none of a module's frame, whose locals are its globals."""
    if frame.f_code.co_name == "<module>":
        return {}
    try:
        return dict(frame.f_locals)
    except Exception:  # noqa: BLE001  a class body may run in a namespace of any type
        return {}


def _of_module(value: Any) -> list[object]:
    """Return the namespace of a module alone, see `_fork` for what else it may show."""
    return [MODULE_DICT(value)]


def _of_context(value: Any) -> list[object]:
    """Return what a context holds, without the tables it is kept in."""
    return [held for _, held in Context.items(value)]


def _of_local(value: object) -> list[object]:
    """Return what a `threading.local` holds for any thread, without the tables it is kept in, and what else it refers to."""
    return [*_objects.namespaces(value), *gc.get_referents(value)]


def _readers() -> dict[int, Callable[[Any], list[object]]]:
    """Return how to read what those refer to that the collector is not asked about, by the ids of their types."""
    return {
        id(ModuleType): _of_module,
        id(Context): _of_context,
        **{id(kind): _of_local for kind in _objects.family(Local)},
    }


class Walk:
    """One walk for a given set of objects. Call `start` for each group of roots, the preferred ones first.

    Every object is reached from one parent only, by the shortest way from the earliest group that reaches it. Where nothing
    is *wanted* from the start, the walk goes as far as its *limits* allow; `want` says afterwards what it was for.
    """

    def __init__(
        self, wanted: Iterable[object] | None, *, pause: Callable[[], None], limits: Limits | None = None
    ) -> None:
        self._wanted = None if wanted is None else {id(each) for each in wanted}
        self._pause, self._limits = pause, limits or Limits()
        self._kinds = {**_objects.container_types(), **_TUPLES}
        self._readers = _readers()
        self._bulky = _objects.container_types()
        self._objects: list[object] = []
        self._parents = array("q")
        self._seen: set[int] = {id(self._objects), id(self._wanted)}
        self._deferred: list[int] = []
        self._found: dict[int, int] = {}
        self._next = 0
        self._roots = 0

    @property
    def complete(self) -> bool:
        """Whether everything that can be reached was looked at, or everything wanted was found."""
        return self._found_all() or len(self._objects) < self._limits.nodes

    @property
    def visited(self) -> Sequence[object]:
        """Every object that was reached, in the order in which it was."""
        return self._objects

    def want(self, values: Iterable[object]) -> None:
        """Take note of *values*, of those that were visited, so that `chain` leads to them."""
        self._wanted = {id(each) for each in values}
        for index, value in enumerate(self._objects):
            if id(value) in self._wanted:
                self._found.setdefault(id(value), index)

    def bar(self, values: Iterable[object]) -> None:
        """Never go through *values*: other roots, and the walk's own objects."""
        self._seen.update(id(each) for each in values)

    def reached(self, value: object) -> bool:
        """Whether *value* was reached so far."""
        return id(value) in self._seen

    def start(self, roots: Iterable[object]) -> None:
        """Walk from *roots*, which may be barred themselves, leaving the elements of large containers for `finish`."""
        for root in roots:
            self._add(root, -1)
        self._drain()

    def finish(self) -> None:
        """Look into the large containers that were left."""
        while self._deferred and not self._done():
            deferred, self._deferred = self._deferred, []
            for index in deferred:
                self._expand(index)
                if self._done():
                    return
            self._drain()

    def chain(self, value: object) -> list[object]:
        """Return the objects from a root down to *value*, both included; empty if it was not reached."""
        index = self._found.get(id(value), -1)
        chain = []
        while index >= 0:
            chain.append(self._objects[index])
            index = self._parents[index]
        return chain[::-1]

    def _done(self) -> bool:
        return self._found_all() or len(self._objects) >= self._limits.nodes

    def _found_all(self) -> bool:
        return self._wanted is not None and len(self._found) == len(self._wanted)

    def _drain(self) -> None:
        while self._next < len(self._objects) and not self._done():
            index = self._next
            self._next += 1
            if index % self._limits.pace == 0:
                self._pause()
            value = self._objects[index]
            base = self._bulky.get(id(type(value)))
            if base is not None and self._parents[index] >= 0 and base.__len__(value) > BULK:  # type: ignore[attr-defined]
                self._deferred.append(index)
            else:
                self._expand(index)

    def _expand(self, index: int) -> None:
        value, seen = self._objects[index], self._seen
        kind = id(type(value))
        base = self._kinds.get(kind)
        if base is not None and base.__len__(value) > self._limits.entries:  # type: ignore[attr-defined]
            return
        read = self._readers.get(kind)
        below = gc.get_referents(value) if read is None else read(value)
        # A frame that is running or suspended does not show its variables to the collector in every version.
        if kind in FRAMES and self._limits.frames and (frame := frame_of(value)) is not None:
            below.extend(local_names(frame).values())
        is_tracked = gc.is_tracked
        for child in below:
            key = id(child)
            if key not in seen and (is_tracked(child) or type(child) is dict):
                seen.add(key)
                self._add(child, index)

    def _add(self, value: object, parent: int) -> None:
        if self._wanted is not None and id(value) in self._wanted:
            self._found.setdefault(id(value), len(self._objects))
        self._objects.append(value)
        self._parents.append(parent)
