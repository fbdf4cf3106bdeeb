"""Windows on tracemalloc: what was allocated in a time and is still alive, by line, and what of it goes on growing.

Stands alone, on the standard library, so that a service or a test may use it by itself:

    from floodmark_sidecar.agent import tracemalloc_tools

    with tracemalloc_tools.window() as window:
        for _ in range(3):
            work()
            window.look()
    for group in tracemalloc_tools.growing(window.looks):
        print(group)                            # app/jobs.py:31: 96.0 KiB in 96 blocks

Tracing makes code that allocates several times slower, and reading the traces stops all threads for as long: 0.7 s for a
million blocks. The agent reads them in a forked child; whoever calls this from a service waits.

`tracemalloc` also hooks the allocator that threads may call without the GIL. Such a thread waits for the GIL inside the
hook, and crashes the process if tracing has been stopped when it gets it (before CPython 3.12.9 and 3.13.2, and in every
3.11: https://github.com/python/cpython/issues/128679). So that one hook is taken out as soon as it is in: what is
allocated there belongs to the interpreter, never to an object.
"""

import _tracemalloc  # `tracemalloc` itself would load pickle into the service
import ctypes
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from itertools import pairwise
from operator import call
from typing import Any, Final, TypeAlias, cast

__all__ = [
    "Allocations",
    "Change",
    "Frame",
    "Frames",
    "Group",
    "Place",
    "Trace",
    "Window",
    "alive",
    "by_file",
    "by_line",
    "by_traceback",
    "can_start",
    "changes",
    "growing",
    "start",
    "stop",
    "traces",
    "window",
]

MOST_FRAMES: Final = 65_535
"""The most that the interpreter keeps of one allocation."""

_RAW: Final = 0
"""`PYMEM_DOMAIN_RAW`."""

_library = ctypes.PyDLL(None)

Frame: TypeAlias = tuple[str, int]
"""A file, as its code object names it, and a line."""

Frames: TypeAlias = tuple[Frame, ...]
"""The calls that led to an allocation, the innermost first, as many as were kept."""

Trace: TypeAlias = tuple[int, int, Frames, int]
"""Domain, bytes, frames, and how many frames there were; as the interpreter has it."""

Place: TypeAlias = Callable[[Frames], Frames | None]
"""Says for the frames of an allocation where to count it; None leaves it out."""


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks that were allocated at one *place* and are alive: their bytes, their count, and the bytes of the largest.

    `frames` are the calls of those of them, of one traceback, that have the most bytes.
    """

    place: Frames
    bytes: int
    count: int
    largest: int
    frames: Frames = ()

    def __str__(self) -> str:
        return f"{_shown(self.place)}: {_sized(self.bytes)} in {self.count:,} blocks"


@dataclass(frozen=True, slots=True)
class Change:
    """How much more is alive of one *place* at a later moment than at an earlier one, in bytes and blocks."""

    place: Frames
    bytes: int
    count: int

    def __str__(self) -> str:
        return f"{_shown(self.place)}: {_sized(self.bytes, sign='+')} in {self.count:+,} blocks"


def by_line(frames: Frames) -> Frames | None:
    """Count an allocation at the line that made it."""
    return frames[:1]


def by_file(frames: Frames) -> Frames | None:
    """Count an allocation in the file that made it, with 0 for a line."""
    return ((frames[0][0], 0),)


def by_traceback(frames: Frames) -> Frames | None:
    """Count an allocation at all the calls that led to it, as far as they were kept."""
    return frames


class Allocations:
    """What was alive at one moment, immutable. O(n) of the different tracebacks to filter or to group."""

    __slots__ = ("_sums",)

    def __init__(self, traces: Iterable[Trace]) -> None:
        sums: dict[int, list[Any]] = {}
        for _, size, frames, _ in traces:
            # Equal tracebacks are one object, and an address is found faster than a tuple of texts.
            found = sums.get(id(frames))
            if found is None:
                sums[id(frames)] = [size, 1, size, frames]
            else:
                found[0] += size
                found[1] += 1
                if size > found[2]:  # noqa: PLR1730  a call of `max` here takes half the time again
                    found[2] = size
        others = (each for each in sums.values() if each[3][0][0] != __file__)  # but for what looking at it has made
        self._sums: tuple[tuple[int, int, int, Frames], ...] = tuple(map(tuple, others))

    @property
    def bytes(self) -> int:
        """The bytes of all blocks."""
        return sum(size for size, *_ in self._sums)

    @property
    def count(self) -> int:
        """The number of blocks."""
        return sum(count for _, count, *_ in self._sums)

    def only(self, *patterns: str, anywhere: bool = False) -> "Allocations":
        """Return those made in a file that matches one of *patterns* (as in `fnmatch`), or *anywhere* called from one."""
        return self._those(lambda frames: _matches(frames, patterns, anywhere=anywhere))

    def without(self, *patterns: str, anywhere: bool = False) -> "Allocations":
        """Return all but what `only` returns."""
        return self._those(lambda frames: not _matches(frames, patterns, anywhere=anywhere))

    def by(self, place: Place = by_line) -> list[Group]:
        """Return the blocks grouped by *place*, the most bytes first."""
        found: dict[Frames, list[Any]] = {}
        for size, count, largest, frames in self._sums:
            where = place(frames)
            if where is None:
                continue
            group = found.setdefault(where, [0, 0, 0, -1, ()])
            group[:3] = group[0] + size, group[1] + count, max(group[2], largest)
            if size > group[3]:
                group[3:] = size, frames
        groups = [
            Group(where, size, count, largest, frames) for where, (size, count, largest, _, frames) in found.items()
        ]
        return sorted(groups, key=lambda group: (-group.bytes, group.place))

    def _those(self, wanted: Callable[[Frames], bool]) -> "Allocations":
        found = Allocations(())
        found._sums = tuple(each for each in self._sums if wanted(each[3]))
        return found


class Window:
    """A time in which allocations are traced; `looks` are what was alive at each look, in order of time."""

    def __init__(self, frames: int = 1) -> None:
        self.looks: list[Allocations] = []
        self._was_on = bool(_tracemalloc.is_tracing())
        if not self._was_on:
            start(frames)
        self._before = alive() if self._was_on else Allocations(())

    def look(self) -> Allocations:
        """Return what is alive now, and remember it; all threads stand still meanwhile."""
        self.looks.append(alive())
        return self.looks[-1]

    def survivors(self, place: Place = by_line) -> list[Change]:
        """Return what of the last look is more than when the window was opened, the most bytes first.

        Raises `LookupError` before the first look.
        """
        if not self.looks:
            msg = "nobody has looked into this window"
            raise LookupError(msg)
        return [change for change in changes(self._before, self.looks[-1], place) if change.bytes > 0]

    def close(self) -> None:
        """Stop tracing, unless somebody else had started it. Repeated calls do nothing."""
        if not self._was_on:
            self._was_on = True
            stop()


@contextmanager
def window(frames: int = 1) -> Iterator[Window]:
    """Trace allocations, with so many *frames* each, until the context ends.

    What is traced already goes on being traced, with the frames that it has, and afterwards too. Raises `ValueError`
    for less than one frame or more than `MOST_FRAMES`.
    """
    opened = Window(frames)
    try:
        yield opened
    finally:
        opened.close()


def start(frames: int = 1) -> None:
    """Begin to trace all but the allocator that needs no GIL, with so many *frames* of each allocation.

    In one chain of C, so that no thread runs in between. Raises `ValueError` as `window` does, and `RuntimeError` where
    the interpreter does not show its allocators.
    """
    if not 1 <= frames <= MOST_FRAMES:
        msg = f"a trace has 1 to {MOST_FRAMES} frames (got {frames})"
        raise ValueError(msg)
    if not can_start():
        msg = "this interpreter does not show its allocators"
        raise RuntimeError(msg)
    raw = (ctypes.c_void_p * 5)()
    _library.PyMem_GetAllocator(_RAW, raw)
    steps = (partial(_tracemalloc.start, frames), partial(_library.PyMem_SetAllocator, _RAW, raw))
    deque(map(call, steps), maxlen=0)


def can_start() -> bool:
    """Say whether the interpreter shows its allocators, as `start` needs it."""
    return hasattr(_library, "PyMem_GetAllocator") and hasattr(_library, "PyMem_SetAllocator")


def stop() -> None:
    """Stop tracing; all threads stand still while the traces are forgotten, 16 ms for 300,000 blocks."""
    _tracemalloc.stop()


def alive() -> Allocations:
    """Return what was allocated since tracing began and is alive; nothing where nothing is traced. O(n) of the blocks."""
    return Allocations(traces())


def traces() -> Sequence[Trace]:
    """Return what a snapshot of `tracemalloc` is made of, without its objects: every block that is traced and alive."""
    found: Any = _tracemalloc._get_traces()  # noqa: SLF001  there is no other way to have them as they are
    return cast("Sequence[Trace]", found)


def changes(before: Allocations, after: Allocations, place: Place = by_line) -> list[Change]:
    """Return what is alive more, or less, in *after* than in *before*, the largest growth first, by *place*.

    Any two will do, of one process or of two runs of one program; places that are alike in both are left out.
    """
    first, second = ({group.place: group for group in each.by(place)} for each in (before, after))
    nothing = Group((), 0, 0, 0)
    found = []
    for where in first.keys() | second.keys():
        old, new = first.get(where, nothing), second.get(where, nothing)
        if (old.bytes, old.count) != (new.bytes, new.count):
            found.append(Change(where, new.bytes - old.bytes, new.count - old.count))
    return sorted(found, key=lambda change: (-change.bytes, change.place))


def growing(looks: Sequence[Allocations], place: Place = by_line) -> list[Group]:
    """Return the groups of the last of *looks* that have grown from each look to the next, the fastest first.

    What is under way, and a cache that is full, is there at the first look and swings afterwards; what leaks grows on.
    So the pace of a group is the least that it grew by from one look to the next. Raises `ValueError` for fewer than two
    looks.
    """
    if len(looks) < 2:
        msg = f"growth is told from two looks or more (got {len(looks)})"
        raise ValueError(msg)
    seen = [_bytes_by(each, place) for each in looks]
    found = []
    for group in looks[-1].by(place):
        sizes = [each.get(group.place, 0) for each in seen]
        least = min(later - earlier for earlier, later in pairwise(sizes))
        if least > 0:
            found.append((-least, group.place, group))
    return [group for *_, group in sorted(found, key=lambda each: each[:2])]


def _bytes_by(looked: Allocations, place: Place) -> Mapping[Frames, int]:
    return {group.place: group.bytes for group in looked.by(place)}


def _matches(frames: Frames, patterns: Sequence[str], *, anywhere: bool) -> bool:
    told = frames if anywhere else frames[:1]
    return any(fnmatchcase(file, pattern) for file, _ in told for pattern in patterns)


def _shown(place: Frames) -> str:
    return " < ".join(f"{file}:{line}" if line else file for file, line in place)


def _sized(size: int, *, sign: str = "") -> str:
    number, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if abs(number) < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:{sign}.0f} {unit}" if unit == "B" else f"{number:{sign}.1f} {unit}"
