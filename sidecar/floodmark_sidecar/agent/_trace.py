"""A trace window: for a while the interpreter notes where it allocates, and what is alive at the end is told by line.

Tracing makes code that allocates several times slower, so one window is open at a time, and briefly. Reading the
traces would stop the service for a second: that is done in a forked child, as a census is. What is alive at the end may
only be what is under way, so a window is looked into before as well: what goes on growing from look to look stays.
How the traces are read and counted is in `tracemalloc_tools`.
"""

import _tracemalloc  # `tracemalloc` itself would load pickle into the service
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from floodmark_sidecar.agent import _fork, _origin, _safety, capture, tracemalloc_tools
from floodmark_sidecar.agent.tracemalloc_tools import Frames, Group, Place

MOST_SECONDS: Final = 600.0
MOST_FRAMES: Final = 16
MOST_LINES: Final = 300
MOST_TABLE_BYTES: Final = 16 << 20
"""Tables of the traces at which a window ends early: some 300,000 blocks, which take 16 ms to forget."""

_EARLIER: Final = (1 / 3, 2 / 3)
"""The parts of a window after which it is looked into, before its end."""
_MOST_EARLIER: Final = 4 * MOST_LINES
"""Lines of an earlier look: what is first at the end need not have been."""
_LOOK_EVERY: Final = 0.25
_OWN: Final = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120  see `_files`
_NOWHERE: Final = ("<frozen importlib", "<unknown>")
"""Beginnings of file names that name no line anybody could change."""

_OTHER: Final = (("", 0),)
"""The place of all that has no such line."""

Take = Callable[..., dict[str, Any]]
Look = Callable[[], bytes | None]


def take(
    path: str, *, seconds: float, frames: int, notes: list[str], looks: Sequence[tuple[float, bytes]], **how: Any
) -> dict[str, Any]:
    """Write what is alive of the last *seconds* to *path*; *how* and the answer are those of `capture.take`.

    *looks* are what `look` gave earlier, by the seconds since the window was opened.
    """
    content = partial(_survivors, seconds=seconds, frames=frames, notes=notes, looks=looks)
    return capture.take(path, content=content, **how)


def look(**how: Any) -> bytes | None:
    """Return what is alive of each line, for `take` to read; *how* is that of `capture.look`."""
    return capture.look(_alive, **how)


def open_window(
    seconds: object, frames: object, *, take: Take, look: Look, asked: object, proc: str = "/proc"
) -> "Window | str":
    """Open a window of *seconds* in which *frames* of each allocation are kept, or return why none may be opened."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
        return f"a trace window lasts up to {MOST_SECONDS:g} seconds (got {seconds!r:.40})"
    if isinstance(frames, bool) or not isinstance(frames, int) or not 1 <= frames <= MOST_FRAMES:
        return f"a trace has 1 to {MOST_FRAMES} frames (got {frames!r:.40})"
    if _tracemalloc.is_tracing():
        return "the service traces its allocations itself"
    if not tracemalloc_tools.can_start():
        return "this interpreter does not show its allocators"
    # Nobody shall pay for a window that cannot be read at its end.
    why = _safety.refusal(proc=proc, sigchld=signal.getsignal(signal.SIGCHLD))
    return why or Window(seconds, frames, take=take, look=look, asked=asked)


class Window:
    """An open window of *seconds*, begun by making it; *asked* is the id it was asked for by.

    Owned by the agent's thread. *take* is `take` with its path and whatever the window itself does not know, *look* is
    `look` likewise.
    """

    def __init__(self, seconds: float, frames: int, *, take: Take, look: Look, asked: object) -> None:
        self.asked = asked
        self._frames = frames
        self._take, self._look = take, look
        self._notes: list[str] = []
        self._looks: list[tuple[float, bytes]] = []
        self._open = True
        tracemalloc_tools.start(frames)
        self._began = time.monotonic()
        self._until = self._began + seconds
        self._due = [self._began + part * seconds for part in _EARLIER]

    @property
    def next_look(self) -> float:
        """When to `look` and ask again whether it is `over` (monotonic)."""
        return min(*self._due, self._until, time.monotonic() + _LOOK_EVERY)

    def look(self) -> None:
        """Look into the window if that is due; one look that is not to be had is left out."""
        now = time.monotonic()
        if self._due and now >= self._due[0] and _tracemalloc.is_tracing():
            self._due = [due for due in self._due if due > now]
            found = self._look()
            if found is not None:
                self._looks.append((now - self._began, found))

    def over(self) -> bool:
        """Whether its time is over, or its tables have grown as large as they may."""
        if time.monotonic() >= self._until:
            return True
        if _tracemalloc.get_tracemalloc_memory() < MOST_TABLE_BYTES:
            return False
        self._notes.append("the window ended early: more blocks were alive than may be traced")
        return True

    def end(self) -> dict[str, Any]:
        """Read the traces in a forked child, stop tracing, and return the answer to whoever asked."""
        try:
            if not _tracemalloc.is_tracing():
                now = time.time()
                why = "the service stopped the tracing of its allocations"
                return {"pid": os.getpid(), "started": now, "ended": now, "refused": why}
            seconds = time.monotonic() - self._began
            return self._take(seconds=seconds, frames=self._frames, notes=self._notes, looks=self._looks)
        finally:
            self.close()

    def close(self) -> None:
        """Stop tracing; the process holds still while the traces are forgotten. Repeated calls do nothing."""
        if self._open:
            self._open = False
            tracemalloc_tools.stop()


def _traced(pause: Callable[[], None]) -> tuple[list[Group], int]:
    """Return what of each line is alive, most bytes first, and the bytes that no line has; trace no longer. In the child only."""
    traces = tracemalloc_tools.traces()
    # The counting would be traced as well, and take ten times as long.
    tracemalloc_tools.stop()
    pause()
    groups = tracemalloc_tools.Allocations(traces).by(users_line(_origin.Modules(sys.modules)))
    return [group for group in groups if group.place != _OTHER], sum(g.bytes for g in groups if g.place == _OTHER)


def _alive(_: _fork.Heap, pause: Callable[[], None]) -> dict[str, Any]:
    """Return the bytes of each line that are alive, but for its largest block. Runs in the child only."""
    ordered, _other = _traced(pause)
    found: dict[str, Any] = {}
    for group in ordered[:_MOST_EARLIER]:
        ((file, line),) = group.place
        found.setdefault(file, {})[str(line)] = group.bytes - group.largest
    return found


def _survivors(
    _: _fork.Heap,
    pause: Callable[[], None],
    *,
    seconds: float,
    frames: int,
    notes: list[str],
    looks: Sequence[tuple[float, bytes]],
) -> dict[str, Any]:
    """Return the lines whose allocations are alive, the ones with most bytes first. Runs in the child only."""
    started = time.perf_counter()
    ordered, other = _traced(pause)
    modules = _origin.Modules(sys.modules)
    earlier = [json.loads(found) for _, found in looks]
    rows = [_row(group, modules, earlier) for group in ordered[:MOST_LINES]]
    return {
        "kind": "trace",
        "seconds": time.perf_counter() - started,
        "window_seconds": seconds,
        "frames": frames,
        "look_seconds": [at for at, _ in looks],
        "notes": notes,
        "lines": rows,
        "other_bytes": other + sum(group.bytes for group in ordered[MOST_LINES:]),
    }


def _row(group: Group, modules: _origin.Modules, earlier: Sequence[dict[str, Any]]) -> dict[str, Any]:
    ((file, line),) = group.place
    return {
        "file": file,
        "line": line,
        "bytes": group.bytes,
        "count": group.count,
        "largest": group.largest,
        "users": not file.startswith("<") and modules.of_file(file) == _origin.USER,
        "earlier": [found.get(file, {}).get(str(line), 0) for found in earlier],
        "calls": [[_absolute(file), line] for file, line in group.frames] if len(group.frames) > 1 else [],
    }


def users_line(modules: _origin.Modules) -> Place:
    """Return what counts an allocation at its innermost frame in the user's own code, else in a library, else at all.

    Floodmark's do not count.
    """

    def place(frames: Frames) -> Frames | None:
        if any(file.startswith(_OWN) for file, _ in frames):
            return None
        file, line = min(frames, key=lambda frame: modules.of_file(frame[0]))
        return _OTHER if file.startswith(_NOWHERE) else ((_absolute(file), line),)

    return place


def _absolute(file: str) -> str:
    return file if file.startswith("<") else os.path.abspath(file)  # noqa: PTH100  see `_files`
