"""A leak on purpose: what `floodmark soak --prove` puts into a service, and must find again.

The agent's thread calls `grow` at each reading. Of all processes of the service one leaks at a time: the first that asks, and another
only when that has not asked for a while, as the parent of forked workers. The file beside this one says whose turn it is, since when,
and how many bytes all of them have leaked.
"""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator

LEAK: dict[int, bytes] = {}  # the planted leak

_RATE = float(os.environ.get("FLOODMARK_PLANT_RATE", "0"))
"""Bytes a second."""

_PATIENCE = float(os.environ.get("FLOODMARK_PLANT_PATIENCE", "10"))
"""Seconds, of several readings, after which a process that has not asked is taken for gone."""

_ENTRY = int(max(256, min(8192, _RATE)))
_A_KEY = sys.getsizeof(1 << 20)
_asked: list[float] = []
_due = [0.0]


def grow(now: float) -> None:
    """Leak what is due at *now* (epoch seconds); nothing in a process whose turn it is not."""
    with _turn() as file:
        words = os.read(file, 99).split()
        pid, then, leaked = (float(word) for word in words) if len(words) == 3 else (0.0, 0.0, 0.0)
        if pid not in (0, os.getpid()) and now - then < _PATIENCE:
            _asked.clear()
            return
        due = _RATE * max(0.0, now - _asked[0]) if _asked else 0.0
        os.ftruncate(file, 0)
        os.pwrite(file, b"%d %f %f" % (os.getpid(), now, leaked + due), 0)
    _asked[:] = [now]
    _due[0] += due
    while _held() < _due[0]:
        LEAK[len(LEAK)] = os.urandom(_ENTRY)


def _held() -> int:
    """Return what the leak takes: its entries with what Python adds to each, and its table."""
    return len(LEAK) * (_ENTRY + sys.getsizeof(b"") + _A_KEY) + sys.getsizeof(LEAK)


@contextlib.contextmanager
def _turn() -> Iterator[int]:
    """Yield the descriptor of the file that says whose turn it is, which nobody else has meanwhile."""
    file = os.open(f"{__file__}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)
