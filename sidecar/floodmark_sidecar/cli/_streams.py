"""Standard streams that may be closed, full or read by nobody: no reason for a command to end with another code."""

import contextlib
import io
import os
import sys
from typing import Final, TextIO

from floodmark_sidecar.cli._text import printable

_FAILING: Final = {"strict", "surrogateescape", "surrogatepass"}
"""Ways to write what an encoding does not have that fail for most of it."""


def open_closed() -> None:
    """Put the null device in the place of a standard stream that was closed before the command began."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 -- open until the end


def write_anything(stream: TextIO) -> None:
    """Let what the encoding of *stream* does not have, such as δ in ASCII, be written as an escape.

    In the locale C the interpreter lets only bytes that it could not decode pass (`surrogateescape`), which fails for δ as well.
    """
    if isinstance(stream, io.TextIOWrapper) and stream.errors in _FAILING:
        stream.reconfigure(errors="backslashreplace")


def complain(sentence: str) -> None:
    """Write *sentence* to standard error, its control characters as escapes; if that is full or gone, nobody is told."""
    with contextlib.suppress(OSError):
        sys.stderr.write("\n".join(map(printable, f"floodmark: {sentence}".split("\n"))) + "\n")
        sys.stderr.flush()


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
