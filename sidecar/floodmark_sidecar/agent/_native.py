"""A native window: for a while memray notes which C function asks for memory, and on which line of Python's that was.

Only when somebody asks for it. memray puts its own functions in the place of the allocator's in every library of the
process, and stays loaded, some 12 MB, when the window is over. What was asked for in the window and not given back is read
from its file in a forked child, as symbols of libraries are looked up for that.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.agent import _fork, _origin, _safety, _written, capture

MOST_SECONDS: Final = 600.0
MOST_ROWS: Final = 60
"""Places that are told; looking up the names of one takes some milliseconds."""
_MOST_CALLS: Final = 12
_RECORDED: Final = ".memray"
"""What the name of the file ends with that memray writes, before what marks it as unfinished."""

_PLUMBING: Final = (
    "<unknown>",
    "operator new",
    "_PyMem_",
    "PyMem_",
    "PyObject_Malloc",
    "PyObject_Calloc",
    "PyObject_Realloc",
)
"""Beginnings of the names of what only passes on a request for memory."""
_ALLOCATORS: Final = frozenset(
    {
        "malloc",
        "calloc",
        "realloc",
        "memalign",
        "posix_memalign",
        "aligned_alloc",
        "valloc",
        "pvalloc",
        "mmap",
        "_PyObject_Malloc",
    }
)

_OWN: Final = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120  see `_files`

_left_alone: list[Any] = []
"""Trackers of the process that this one was forked from: memray has taken them out, and to end one writes to its file."""

Take = Callable[..., dict[str, Any]]
Call = tuple[str, str, int]
"""Function, file and line of a call; memray has `<unknown>` and 0 where it knows none."""


def take(path: str, *, seconds: float, recorded: str, **how: Any) -> dict[str, Any]:
    """Write what memray *recorded* of the last *seconds* and is still there to *path*; else as `capture.take`."""
    return capture.take(path, content=partial(_left, seconds=seconds, recorded=recorded), **how)


def open_window(seconds: object, path: str, *, take: Take, asked: object, proc: str = "/proc") -> "Window | str":
    """Open a window of *seconds* whose result goes to *path*, or return why none may be opened."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
        return f"a native window lasts up to {MOST_SECONDS:g} seconds (got {seconds!r:.40})"
    # Nobody shall pay for a window that cannot be read at its end.
    why = _safety.refusal(proc=proc, sigchld=signal.getsignal(signal.SIGCHLD))
    if why is not None:
        return why
    try:
        import memray  # noqa: PLC0415  an extra, and heavy
    except ModuleNotFoundError:
        return "memray is not installed where the service runs (its environment needs floodmark[native])"
    except Exception as error:  # noqa: BLE001  its part in C may not fit this interpreter
        return f"memray cannot be loaded where the service runs: {type(error).__name__}"
    recorded = _written.partial(f"{path}{_RECORDED}")
    try:
        tracker = memray.Tracker(
            destination=memray.FileDestination(Path(recorded)),
            native_traces=True,
            file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS,
        )
        tracker.__enter__()
    except Exception as error:  # noqa: BLE001  the service itself may be run by memray
        _written.remove(recorded)
        return f"memray does not track: {type(error).__name__} ({str(error)[:120]})"
    return Window(seconds, tracker, recorded, take=take, asked=asked)


class Window:
    """An open window of *seconds*, begun before it was made; *asked* is the id it was asked for by.

    Owned by the agent's thread. *take* is `take` with its path and whatever the window itself does not know.
    """

    def __init__(self, seconds: float, tracker: Any, recorded: str, *, take: Take, asked: object) -> None:
        self.asked = asked
        self._take, self._recorded, self._pid = take, recorded, os.getpid()
        self._tracker: Any = tracker
        self._began = time.monotonic()
        self._until = self._began + seconds

    @property
    def next_look(self) -> float:
        """When to ask again whether it is `over` (monotonic)."""
        return self._until

    def look(self) -> None:
        """Do nothing: what memray has recorded can only be read when it has ended."""

    def over(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() >= self._until

    def end(self) -> dict[str, Any]:
        """Stop tracking, read what was recorded in a forked child, and return the answer to whoever asked."""
        try:
            seconds = time.monotonic() - self._began
            self._stop()
            return self._take(seconds=seconds, recorded=self._recorded)
        finally:
            self.close()

    def close(self) -> None:
        """Stop tracking and remove what was recorded; in a forked child leave both alone. Repeated calls do nothing."""
        self._stop()
        if os.getpid() == self._pid:
            _written.remove(self._recorded)

    def _stop(self) -> None:
        tracker, self._tracker = self._tracker, None
        if tracker is not None and os.getpid() != self._pid:
            _left_alone.append(tracker)
        elif tracker is not None:
            tracker.__exit__(None, None, None)


@dataclass(frozen=True)
class _Place:
    """Where memory was asked for: the allocator's function, the one in C that called it, and a line of Python's."""

    allocator: str
    function: str | None
    file: str | None
    line: int


def _left(_: _fork.Heap, pause: Callable[[], None], *, seconds: float, recorded: str) -> dict[str, Any]:
    """Return where what was not given back had been asked for, the most bytes first. Runs in the child only."""
    import memray  # noqa: PLC0415  loaded by now

    started = time.perf_counter()
    modules = _origin.Modules(sys.modules)
    places: dict[_Place, dict[str, Any]] = {}
    other = 0
    with memray.FileReader(recorded) as reader:
        records = sorted(reader.get_leaked_allocation_records(merge_threads=True), key=lambda record: -record.size)
        for record in records:
            pause()
            if len(places) >= MOST_ROWS:
                other += record.size
                continue
            python: Sequence[Call] = record.stack_trace()
            if any(file.startswith(_OWN) for _, file, _ in python):
                continue
            calls: Sequence[Call] = record.hybrid_stack_trace()
            allocator = memray.AllocatorType(record.allocator).name.lower()
            place = _place(allocator, calls, python, modules)
            row = places.setdefault(place, {"bytes": 0, "count": 0, "calls": _shown(calls)})
            row["bytes"] += record.size
            row["count"] += record.n_allocations
    rows = [{**vars(place), "users": _is_users(place, modules), **row} for place, row in places.items()]
    return {
        "kind": "native",
        "seconds": time.perf_counter() - started,
        "window_seconds": seconds,
        "notes": [],
        "places": sorted(rows, key=lambda row: -row["bytes"]),
        "other_bytes": other,
    }


def _place(allocator: str, calls: Iterable[Call], python: Sequence[Call], modules: _origin.Modules) -> _Place:
    names = {name for name, *_ in python}
    first = next((name for name, *_ in calls if name not in _ALLOCATORS and not name.startswith(_PLUMBING)), None)
    if not python:
        return _Place(allocator, first, None, 0)
    _, file, line = min(python, key=lambda call: modules.of_file(call[1]))
    return _Place(allocator, None if first in names else first, _absolute(file), line)


def _shown(calls: Iterable[Call]) -> list[str]:
    """Return the calls that led to an allocation, innermost first, those without a name left out."""
    named = [(name, file, line) for name, file, line in calls if name != "<unknown>"]
    return [f"{name} ({file}:{line})" if file.endswith(".py") else name for name, file, line in named[:_MOST_CALLS]]


def _is_users(place: _Place, modules: _origin.Modules) -> bool:
    return place.file is not None and not place.file.startswith("<") and modules.of_file(place.file) == _origin.USER


def _absolute(file: str) -> str:
    return file if file.startswith("<") else os.path.abspath(file)  # noqa: PTH100  see `_files`
