"""What the kernel says about a service's processes, asked from outside through psutil.

A process may end, or be another user's, between any two questions: the answer is then None, never an exception.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import psutil

from floodmark_sidecar.readings import OutsideReading
from floodmark_sidecar.slots import Process

_T = TypeVar("_T")

_ENDED: Final = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
_MAX_COMMAND: Final = 300


@dataclass(frozen=True, slots=True)
class Tree:
    """Processes below each other, parents first, and by the pid of a parent how many of its children wait to be waited for."""

    processes: tuple[Process, ...]
    zombies: Mapping[int, int]


class Probe:
    """Reads process trees and single processes. Not thread-safe: owned by one sampler.

    *proc* is where the kernel's process files are mounted (a host's, inside a container); psutil holds it for the
    whole Python process, so that every `Probe` of one process has the same.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        if hasattr(psutil, "PROCFS_PATH"):
            psutil.PROCFS_PATH = str(proc)
        self._known: dict[int, tuple[psutil.Process, float]] = {}

    def find(self, pid: int) -> Process | None:
        """Return the process of *pid*, or None when it has ended; a zombie has, its memory is gone."""
        try:
            return self._described(psutil.Process(pid))
        except (psutil.Error, ValueError, OverflowError):
            return None

    def tree(self, roots: Iterable[Process], *, childless: Collection[int] = ()) -> Tree:
        """Return those of *roots* that still run and everything below them, and what has ended there.

        New children of the pids in *childless*, and all below those, are left out; processes among *roots* never are.
        One pass over the machine's processes for each root that is not below an earlier one.
        """
        asked = {process.pid: process for process in roots}
        seen: dict[int, Process] = {}
        zombies: dict[int, int] = {}
        for root in asked.values():
            if root.pid in seen:
                continue
            handle = self._handle(root)
            top = self._described(handle) if handle else None
            if handle is None or top is None:
                continue
            seen[top.pid] = top
            hidden = set(childless)
            for child in _ask(lambda: handle.children(recursive=True)) or []:  # noqa: B023 - asked at once
                parent = _ask(child.ppid)
                if child.pid not in asked and parent in hidden:
                    hidden.add(child.pid)
                elif found := self._described(child):
                    seen[found.pid] = found
                elif parent is not None and _ask(child.status) in _ENDED:
                    zombies[child.pid] = parent
        return Tree(tuple(seen.values()), Counter(zombies.values()))

    def read(self, process: Process, *, children: int | None = None, zombies: int | None = None) -> OutsideReading:
        """Return the numbers of one process, each None where the kernel does not say; those given are passed through."""
        handle = self._handle(process)
        if handle is None:
            return OutsideReading()
        with handle.oneshot():
            full = _ask(handle.memory_full_info)
            plain = full or _ask(handle.memory_info)
            return OutsideReading(
                uss_bytes=getattr(full, "uss", None),
                swap_bytes=getattr(full, "swap", None),
                rss_bytes=getattr(plain, "rss", None),
                pss_bytes=getattr(full, "pss", None),
                fds=_ask(handle.num_fds),
                threads=_ask(handle.num_threads),
                children=children,
                zombies=zombies,
            )

    def command(self, process: Process) -> str:
        """Return the command line of *process*, cut to a readable length, or "" when it may not be read."""
        handle = self._handle(process)
        words = _ask(handle.cmdline) if handle else None
        text = " ".join(words or ()).encode("utf-8", "replace").decode()
        return text if len(text) <= _MAX_COMMAND else f"{text[: _MAX_COMMAND - 1]}…"

    def cwd(self, process: Process) -> Path | None:
        """Return the working directory of *process*, or None."""
        handle = self._handle(process)
        text = _ask(handle.cwd) if handle else None
        return Path(text) if text else None

    def forget(self, process: Process) -> None:
        """Drop what is kept about a process that has ended."""
        self._known.pop(process.pid, None)

    def _handle(self, process: Process) -> psutil.Process | None:
        """Return psutil's handle of exactly this life of the pid: the kernel gives a dead process' number away again."""
        known = self._known.get(process.pid)
        if known is None or known[1] != process.born:
            found = self.find(process.pid)
            if found is None or found.born != process.born:
                return None
            known = self._known[process.pid]
        return known[0] if _ask(known[0].is_running) else None

    def _described(self, handle: psutil.Process) -> Process | None:
        try:
            with handle.oneshot():
                if handle.status() in _ENDED:
                    return None
                known = self._known.get(handle.pid)
                if known is None or known[0] != handle:
                    # Seconds since boot: as a time of day, psutil's answer moves when the system clock is set.
                    known = handle, round(handle.create_time() - psutil.boot_time(), 2)
                    self._known[handle.pid] = known
                return Process(pid=handle.pid, born=known[1], parent_pid=handle.ppid())
        except (psutil.Error, OSError):
            return None


def _ask(question: Callable[[], _T]) -> _T | None:
    try:
        return question()
    except (psutil.Error, OSError, NotImplementedError, AttributeError):
        return None
