"""Which processes belong together: those of one session, and those that inherited one variable."""

import contextlib
import os
from collections.abc import Iterator

import psutil


def members_of(session: int, marker: str) -> Iterator[psutil.Process]:
    """Yield the living processes of *session* (0 for none) and those with *marker* (`NAME=value`, or empty) in their environment.

    A variable whose value nobody else has finds descendants that made a session of their own. Zombies are gone: whoever
    inherited them has to reap them.
    """
    name, _, value = marker.partition("=")
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            of_session = session and os.getsid(process.pid) == session
            if (of_session or (marker and _has(process, name, value))) and runs(process):
                yield process


def runs(process: psutil.Process) -> bool:
    """Say whether *process* is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _has(process: psutil.Process, name: str, value: str) -> bool:
    return process.pid != os.getpid() and process.environ().get(name) == value
