"""What a map costs beside its operations: bytes an entry, the pause of a mass expiry, memory after ten million inserts.

Each is measured in a process of its own: `python -m tests.bench.maps._upkeep KIND NAME COUNT` prints one JSON object.
"""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import psutil

from tests.bench.maps._subjects import SUBJECTS, Subject

_TTL: Final = 20.0
_MARKS: Final = 10
_PATIENCE: Final = 30.0
_BACK: Final = 0.9  # of the memory: what is left is the allocator's


def apart(kind: str, name: str, count: int) -> dict[str, Any]:
    """Measure *kind* (`bytes`, `pause` or `flat`) of the subject *name* with *count* entries, in a new process."""
    command = [sys.executable, "-m", __spec__.name, kind, name, str(count)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def bytes_an_entry(subject: Subject, count: int) -> dict[str, Any]:
    """Private memory that an entry takes, keys and values aside."""
    keys = [f"/in/{number:07}.jpg" for number in range(count)]
    gc.collect()
    before = _private()
    made = subject.make(count, 3600.0)
    put = _putter(subject, made)
    for key in keys:
        put(key, 1)
    gc.collect()
    return {"bytes": (_private() - before) / count, "entries": len(keys)}


def pause(subject: Subject, count: int) -> dict[str, Any]:
    """The longest that a service is held up when *count* entries expire while it leaves the map alone, and it then goes
    on using it.

    It is held up by a thread that releases them, while it does other things, or by its own next operation. Before that
    operation it waits for their memory to come back: the share that did, and the seconds from the last expiry on.
    """
    made = subject.make(count + 10, _TTL)
    put = _putter(subject, made, ttl=_TTL)
    empty = _private()
    began = time.monotonic()
    for number in range(count):
        put(number, 1)
    fill = time.monotonic() - began
    full = _private()
    expired = began + _TTL + fill
    beside = _worst(lambda: None, until=expired)
    share = 0.0
    while share < _BACK and time.monotonic() < expired + _PATIENCE:
        beside = max(beside, _worst(lambda: None, until=time.monotonic() + 1.0))
        share = (full - _private()) / (full - empty)
    waited = time.monotonic() - expired
    after = _worst(lambda: (put(-1, 1), made.get(-2)), until=time.monotonic() + 1.0)
    return {
        "worst_seconds": max(beside, after),
        "fill_seconds": fill,
        "freed_share": share,
        "waited_seconds": waited,
    }


def _worst(step: Callable[[], object], *, until: float) -> float:
    """Return the longest time that one *step* took, thread switches included."""
    worst, now = 0.0, time.perf_counter()
    while time.monotonic() < until:
        step()
        last, now = now, time.perf_counter()
        worst = max(worst, now - last)
    return worst


def flat(subject: Subject, count: int) -> dict[str, Any]:
    """Private memory at each tenth of *count* inserts of new keys into a map of a thousandth of their number."""
    made = subject.make(max(1000, count // 1000), 3600.0)
    put = _putter(subject, made)
    sizes = []
    for mark in range(_MARKS):
        for number in range(mark * count // _MARKS, (mark + 1) * count // _MARKS):
            put(number, 1)
        gc.collect()
        sizes.append(_private())
    return {"bytes": sizes, "grown_bytes": sizes[-1] - sizes[0]}


def _putter(subject: Subject, made: Any, *, ttl: float = 3600.0) -> Callable[[Any, Any], None]:
    names = {"m": made, **subject.names}
    if "ttl" in names:
        names["ttl"] = type(names["ttl"])(seconds=ttl)
    lines = [f"with lock: {subject.put}" if subject.locked else subject.put]
    exec("def put(k, v):\n    " + "\n    ".join(lines), names)  # noqa: S102 - our own statements
    put: Callable[[Any, Any], None] = names["put"]
    return put


def _private() -> int:
    return int(psutil.Process().memory_full_info().uss)


KINDS: Final = {"bytes": bytes_an_entry, "pause": pause, "flat": flat}

if __name__ == "__main__":
    _, kind_asked, name_asked, count_asked = sys.argv
    chosen = next(subject for subject in SUBJECTS if subject.name == name_asked)
    sys.stdout.write(json.dumps(KINDS[kind_asked](chosen, int(count_asked))))
