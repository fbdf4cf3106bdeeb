"""A trim probe: how much of what the process holds malloc gives back to the kernel when it is asked to.

What comes back was in use by nobody, so a climb that it ends was the allocator's, not a leak:
https://man7.org/linux/man-pages/man3/malloc_trim.3.html
"""

import os
import time
from collections.abc import Callable
from typing import Any

from floodmark_sidecar.agent import _written
from floodmark_sidecar.agent._readings import Readings

NO_TRIM = "its C library has no malloc_trim"
NO_MEMORY = "its memory cannot be read (smaps_rollup)"


def take(path: str, *, service: str, proc: str = "/proc") -> dict[str, Any]:
    """Trim, write what memory was before and after into the new file *path*, and return what `captured` says of it.

    Blocks the calling thread for some milliseconds a GiB that is free. It does not hold the GIL, but each arena's lock
    for a part of the time: a thread that asks that arena for memory waits at most `stall_seconds`. Pages that are needed
    again are faulted in anew. Never raises OSError; why there is none is under `refused`.
    """
    message: dict[str, Any] = {"pid": os.getpid(), "started": time.time()}
    trim, readings = _malloc_trim(), Readings(proc=proc)
    before = readings.memory()
    if trim is None or before["uss_bytes"] is None:
        return {**message, "ended": time.time(), "refused": NO_TRIM if trim is None else NO_MEMORY}
    began = time.perf_counter()
    trim(0)
    took = time.perf_counter() - began
    found = {"kind": "trim", "seconds": took, "before": before, "after": readings.memory()}
    partial = _written.partial(path)
    try:
        _written.write(partial, path, {**_written.head(service, os.getpid(), how="process"), **found})
    except OSError as error:
        _written.remove(partial)
        return {**message, "ended": time.time(), "refused": str(error)}
    return {**message, "ended": time.time(), "stall_seconds": took, "path": path}


def _malloc_trim() -> Callable[[int], int] | None:
    try:
        import ctypes  # noqa: PLC0415  not paid for at import

        return ctypes.CDLL(None).malloc_trim
    except (ImportError, AttributeError, OSError):
        return None
