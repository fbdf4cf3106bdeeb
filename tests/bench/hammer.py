"""Thousands of captures of a process whose threads fight for every lock that a fork can meet: `python -m tests.bench.hammer`.

The process takes them itself, one after another, while its threads churn the allocators of Python and of C (with the
interpreter's lock given away), start and end threads, log and hold locks of their own. A child that hangs is ended at its
deadline, and counted.
"""

import argparse
import ctypes
import json
import logging
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.agent import _fork
from tests.bench.heading import heading, say

DEADLINE: Final = 20.0
"""Seconds after which a child counts as hung: it has milliseconds of work."""

_SWITCH: Final = 0.0005
"""Seconds after which a thread gives the interpreter's lock away: often, so that a fork meets each of them in the middle."""

_SAY_EVERY: Final = 500
_HEAP: Final = 30_000
_LOOKED_AT: Final = 5_000


def main() -> None:
    """Take the captures in a process of their own, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.hammer", description="take captures until one hangs")
    parser.add_argument("--captures", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--report", type=Path, default=Path("reports/hammer.md"), help="the Markdown file to write")
    parser.add_argument("--within", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.captures < 1:
        parser.error(f"--captures must be at least 1 (got {options.captures})")
    if options.within:
        sys.stdout.write(json.dumps(hammered(options.captures)))
        sys.stdout.flush()
        os._exit(0)  # the threads never end
    head = heading("tests.bench.hammer", "bench-hammer")
    command = [sys.executable, "-m", "tests.bench.hammer", "--within", "--captures", str(options.captures)]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(render(head, found), encoding="utf-8")
    say(f"wrote {options.report}")


def hammered(captures: int) -> dict[str, Any]:
    """Take so many *captures* of this process under load, and return how they went; its threads go on."""
    heap = [{"key": number, "text": str(number)} for number in range(_HEAP)]
    _fork.prepare()
    sys.setswitchinterval(_SWITCH)
    workers = [_churn, _churn, _churn_in_c, _churn_in_c, _spawn, _log, _hold]
    for worker in workers:
        threading.Thread(target=worker, daemon=True).start()
    descriptors = _count("/proc/self/fd")
    failures: Counter[str] = Counter()
    seconds, stalls = [], []
    for number in range(captures):
        began = time.perf_counter()
        outcome = _fork.run(_census, deadline=DEADLINE, cpu_seconds=15)
        seconds.append(time.perf_counter() - began)
        stalls.append(outcome.stall_seconds)
        if outcome.failure is not None:
            failures[outcome.failure] += 1
        if (number + 1) % _SAY_EVERY == 0:
            say(f"{number + 1:,} of {captures:,} captures, {failures.total()} failed")
    return {
        "captures": captures,
        "threads": len(workers),
        "objects": len(heap),
        "failures": dict(failures),
        "seconds": sum(seconds),
        "median_seconds": statistics.median(seconds),
        "worst_seconds": max(seconds),
        "median_stall_seconds": statistics.median(stalls),
        "worst_stall_seconds": max(stalls),
        "descriptors_left": _count("/proc/self/fd") - descriptors,
        "children_left": len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
    }


def render(head: Mapping[str, str], found: Mapping[str, Any]) -> str:
    """Return the report."""
    failed = sum(found["failures"].values())
    about = (
        f"{found['captures']:,} forked children of a process with {found['objects']:,} dicts and {found['threads']} threads that "
        "churn malloc (two of them in C, without the interpreter's lock), start threads, log, and hold locks. Each child "
        f"allocates, counts types and answers; one that has not answered after {DEADLINE:.0f} s counts as hung."
    )
    stalls = f"{_ms(found['median_stall_seconds'])}, {_ms(found['worst_stall_seconds'])}"
    lines = [
        *("# Captures under fire", "", *(f"- {name}: {value}" for name, value in head.items()), "", about, ""),
        *("| | |", "|---|---|", f"| failed | {failed} of {found['captures']:,} |"),
        *(f"| … {reason} | {count} |" for reason, count in sorted(found["failures"].items())),
        f"| all together | {found['seconds']:.0f} s |",
        f"| one, median and worst | {_ms(found['median_seconds'])}, {_ms(found['worst_seconds'])} |",
        f"| the process stood still, median and worst | {stalls} |",
        f"| descriptors and children left behind | {found['descriptors_left']}, {found['children_left']} |",
    ]
    return "\n".join(lines) + "\n"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _count(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


def _census(heap: _fork.Heap) -> bytes:
    counts = Counter(type(each).__name__ for each in heap.objects[:_LOOKED_AT])
    return json.dumps(counts).encode()


def _churn() -> None:
    while True:
        _ = [bytes(2000) for _ in range(200)], {number: str(number) for number in range(300)}, sum(range(3000))


def _churn_in_c() -> None:
    lib = ctypes.CDLL(None)
    malloc: Callable[[int], int] = lib.malloc
    lib.malloc.restype, lib.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    lib.free.restype, lib.free.argtypes = None, [ctypes.c_void_p]
    pick, held = random.Random(threading.get_native_id()), [0] * 64
    while True:
        slot = pick.randrange(len(held))
        lib.free(held[slot])
        held[slot] = malloc(pick.randrange(16, 200_000))


def _spawn() -> None:
    while True:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()


def _log() -> None:
    log = logging.getLogger("hammer")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    while True:
        log.error("%s", "work")


def _hold() -> None:
    lock = threading.RLock()
    while True:
        with lock:
            time.sleep(0.001)


if __name__ == "__main__":
    main()
