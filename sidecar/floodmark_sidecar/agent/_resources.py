"""What a service has open beside memory: threads, asyncio tasks, descriptors, child processes. Runs in the child only."""

import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from types import FrameType
from typing import Any, Final

from floodmark_sidecar.agent import _files, _handles, _shapes, _tasks, _threads
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._origin import Modules

MOST_ROWS: Final = 50
"""Groups of one kind in a capture."""

_ALIKE: Final = 8
"""Files of one folder above which they are shown as one group, by what their names have in common."""
_PACE: Final = 256

_Row = dict[str, Any]


def resources(
    by_type: ByType,
    frames: Mapping[int, FrameType],
    *,
    parent: int,
    proc: str,
    pause: Callable[[], None],
    loaded: Mapping[str, Any] = sys.modules,
) -> tuple[dict[str, list[_Row]], list[tuple[_Row, object]]]:
    """Return the rows of `threads`, `tasks`, `fds` and `children` of the process *parent*, the largest groups first.

    With them, where objects of the service stand for most of a group of descriptors or children: its row, and one such
    object. *by_type* and *frames* are those of the process, as its forked child holds them; descriptors and children are
    the parent's own, by what *proc* says. A kind that may not be read is left out. Time grows with their number.
    """
    modules = Modules(loaded)
    found = {
        "threads": _threads.threads(frames, modules, pause=pause),
        "tasks": _tasks.tasks(by_type, modules, pause=pause),
    }
    handles: list[tuple[_Row, object]] = []
    by_fd, by_pid = _handles.handles(by_type, modules, pause=pause)
    for kind, read, known in (("fds", _fds, by_fd), ("children", _children, by_pid)):
        try:
            groups = read(proc, parent, pause)
        except OSError:
            continue
        found[kind] = [row for row, _ in groups]
        for row, numbers in groups:
            held = [known[number] for number in sorted(numbers) if number in known]
            if held and 2 * len(held) >= len(numbers):
                handles.append((row, held[len(held) // 2]))
    return {kind: sorted(rows, key=lambda row: -row["count"])[:MOST_ROWS] for kind, rows in found.items()}, handles


def _fds(proc: str, parent: int, pause: Callable[[], None]) -> list[tuple[_Row, Sequence[int]]]:
    """Return the descriptors of a process by kind, files by their path without what varies: rows, and their numbers."""
    kinds: dict[str, list[int]] = {}
    folder = f"{proc}/{parent}/fd"
    for number, fd in enumerate(os.listdir(folder)):  # noqa: PTH208  see `_files`
        if number % _PACE == 0:
            pause()
        try:
            kinds.setdefault(_kind(os.readlink(f"{folder}/{fd}")), []).append(int(fd))  # noqa: PTH115  see `_files`
        except OSError:
            continue  # closed meanwhile: the process goes on
    return [({"name": name, "count": len(fds)}, fds) for name, fds in _by_folder(kinds).items()]


def _kind(link: str) -> str:
    """Return what a link in /proc/<pid>/fd says of its descriptor, without what tells it from others of its kind."""
    if link.startswith("/"):
        return _shapes.masked(link)
    kind, _, number = link.partition(":")
    return kind if number.strip("[]").isdigit() else link


def _by_folder(kinds: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Return *kinds* with the files of a folder as one where there are many: their names may be anybody's."""
    folders: dict[str, list[str]] = {}
    for name in kinds:
        if name.startswith("/"):
            folders.setdefault(name.rpartition("/")[0], []).append(name)
    found = dict(kinds)
    for folder, names in folders.items():
        if len(names) > _ALIKE:
            shape = _shapes.shape(name.rpartition("/")[2] for name in names)
            merged = [fd for name in names for fd in found.pop(name)]
            found[f"{folder}/{shape or '…'}"] = merged
    return found


def _children(proc: str, parent: int, pause: Callable[[], None]) -> list[tuple[_Row, Sequence[int]]]:
    """Return the children of a process but for this one, by command and state (`Z`: ended, and not waited for).

    Rows, and their pids.
    """
    own, folder = os.getpid(), f"{proc}/{parent}/task"
    pids: list[int] = []
    for number, thread in enumerate(sorted(os.listdir(folder), key=int)):  # noqa: PTH208  see `_files`
        if number % _PACE == 0:
            pause()
        try:
            pids += [int(pid) for pid in _files.read(f"{folder}/{thread}/children").split()]
        except OSError:
            # The first thread is there as long as the process is: what cannot be read of it, this kernel does not say.
            if number == 0:
                raise
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for number, pid in enumerate(pids):
        if number % _PACE == 0:
            pause()
        try:
            name, state = _command(_files.read(f"{proc}/{pid}/stat"))
        except OSError:
            continue
        if pid != own:
            groups.setdefault((_shapes.masked(name), state), {})[pid] = name
    return [
        # `python3.11` is a name, and `worker-3` one of many.
        ({"name": _common(names.values()) or masked, "state": state, "count": len(names)}, list(names))
        for (masked, state), names in groups.items()
    ]


def _common(names: Collection[str]) -> str | None:
    return next(iter(names)) if len(set(names)) == 1 else None


def _command(stat: str) -> tuple[str, str]:
    """Return command and state of a line of /proc/<pid>/stat; a command may hold anything, parentheses included."""
    before, _, after = stat.rpartition(")")
    return before.partition("(")[2], after.strip()[:1]
