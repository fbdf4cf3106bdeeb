"""Standard streams that may be closed, full or read by nobody: no reason for a command to end with another code."""

import contextlib
import os
import sys
from typing import TextIO


def open_closed() -> None:
    """Put the null device in the place of a standard stream that was closed before the command began."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 -- open until the end


def flush(stream: TextIO) -> bool:
    """Flush *stream*; False if nobody takes what is in it, and then nothing more is tried, not even at the end."""
    try:
        stream.flush()
    except (OSError, ValueError):
        give_up(stream)
        return False
    return True


def give_up(stream: TextIO) -> None:
    """Let everything that is still written to *stream* go nowhere.

    The interpreter flushes standard streams as it ends, and would end with a code of its own if that failed.
    """
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
