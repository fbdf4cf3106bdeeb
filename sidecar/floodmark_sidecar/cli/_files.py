"""Traces that lie in files or come from standard input, plain or compressed by gzip."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import IO, Final, TextIO, cast

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.judge import Trace, TraceError, parse_csv, sizes_problem

_GZIP: Final = b"\x1f\x8b"
_LONGEST: Final = 16 << 20
"""Characters of a line. Without an end, what has no line ends, as many a device and what expands to zeros, would fill memory."""


def read_trace(name: str) -> Trace:
    """Return the trace in the file *name*, - for standard input; a file that is gzip by its first bytes is expanded.

    Raises `UsageError` where it cannot be read, and where what is in it is no trace, not in bytes, or of workers without names. Only the numbers are
    held in memory.
    """
    standard = name == "-"
    called = "standard input" if standard else name
    try:
        with open(0 if standard else name, "rb", closefd=not standard) as file, _text_of(file) as text:
            trace = parse_csv(_lines(text, called), name=called)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        msg = f"not readable as gzip ({str(error)[:80]})"
        raise TraceError(msg, name=called, hint="expand it with gunzip to see how much of it is whole") from None
    except OSError as error:
        msg = f"{name or repr(name)} cannot be read: {error.strerror}"
        hint = f"name the traces in it: {name.rstrip('/')}/*.csv" if isinstance(error, IsADirectoryError) else ""
        raise UsageError(msg, hint=hint) from None
    if trace.mixed:
        raise TraceError(trace.mixed, name=called, hint="a trace has one row for each worker and time")
    problem = sizes_problem(trace)
    if problem:
        raise TraceError(problem, name=called, hint="the memory of a trace, uss_bytes and the others, is in bytes")
    return trace


def _text_of(file: io.BufferedReader) -> TextIO:
    packed = file.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
    plain = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file
    return io.TextIOWrapper(plain, encoding="utf-8", newline="")


def _lines(text: TextIO, name: str) -> Iterator[str]:
    number = 0
    while line := text.readline(_LONGEST):
        number += 1
        if len(line) == _LONGEST:
            msg = f"longer than {_LONGEST:,} characters, not a trace"
            raise TraceError(msg, name=name, line=number)
        yield line
