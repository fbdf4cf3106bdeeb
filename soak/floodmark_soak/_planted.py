"""A leak on purpose: what `floodmark soak --prove` puts into a service, and must find again.

The agent's thread calls `grow` at each reading. Of all processes of the service one leaks at a time: the first that asks, and another
only when that has not asked for a while.
"""

import fcntl
import os
import sys

LEAK: dict[int, bytes] = {}  # the planted leak

_RATE = float(os.environ.get("FLOODMARK_PLANT_RATE", "0"))
"""Bytes a second."""

_PATIENCE = float(os.environ.get("FLOODMARK_PLANT_PATIENCE", "90"))
"""Seconds, of several readings, after which a process that has not asked is taken for gone."""

_ENTRY = int(max(256, min(8192, _RATE)))
_A_KEY = sys.getsizeof(1 << 20)
_asked: list[float] = []
_due = [0.0]


def grow(now: float) -> None:
    """Leak what is due at *now* (epoch seconds); nothing in a process whose turn it is not."""
    if not _is_my_turn(now):
        _asked.clear()
        return
    if _asked:
        _due[0] += _RATE * max(0.0, now - _asked[0])
    _asked[:] = [now]
    while _held() < _due[0]:
        LEAK[len(LEAK)] = os.urandom(_ENTRY)


def _held() -> int:
    """Return what the leak takes: its entries with what Python adds to each, and its table."""
    return len(LEAK) * (_ENTRY + sys.getsizeof(b"") + _A_KEY) + sys.getsizeof(LEAK)


def _is_my_turn(now: float) -> bool:
    file = os.open(f"{__file__}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        words = os.read(file, 99).split()
        if len(words) == 2 and int(words[0]) != os.getpid() and now - float(words[1]) < _PATIENCE:
            return False
        os.ftruncate(file, 0)
        os.pwrite(file, b"%d %f" % (os.getpid(), now), 0)
        return True
    finally:
        os.close(file)
