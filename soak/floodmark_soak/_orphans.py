"""Processes that leave their parent behind: they come to us instead of to init, and are ended like all others."""

import ctypes
import os
from typing import Final

import psutil

_PR_SET_CHILD_SUBREAPER: Final = 36  # linux/prctl.h; see prctl(2)


class Orphans:
    """What lost its parent somewhere below this process, once `adopt` was called.

    A daemon in a session of its own and with an environment of its own is found by neither; whose child it became can
    always be asked. A child of this process counts as an orphan unless it was there before or was spared, so this is
    for a command that owns its process, not for a library. Not thread-safe.
    """

    def __init__(self) -> None:
        self._adopting = False
        self._spared: set[int] = set()

    def adopt(self) -> None:
        """Become the parent of orphans; where the kernel refuses, none are found."""
        self._spared |= {child.pid for child in psutil.Process().children()}
        self._adopting = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0

    def spare(self, pid: int) -> None:
        """Leave alone a child that somebody here started and waits for."""
        self._spared.add(pid)

    def find(self) -> set[psutil.Process]:
        """Return the living orphans and all below them."""
        self.reap()
        found: set[psutil.Process] = set()
        for child in psutil.Process().children() if self._adopting else ():
            if child.pid not in self._spared:
                found |= {child, *_below(child)}
        return found

    def reap(self) -> None:
        """Let go of orphans that have ended, which would stay as zombies until we do; O(1) when there are none."""
        while self._adopting:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            # Who started a child takes its exit code; only then the next one can be seen.
            if ended is None or ended.si_pid in self._spared:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


orphans: Final = Orphans()
"""Those of this process: the kernel knows but one adopter in a process."""


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []
