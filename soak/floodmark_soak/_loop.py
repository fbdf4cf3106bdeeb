"""What a function keeps of each call: it is called again and again, and what is there after each round is counted.

Counted, and not estimated: Python's own allocations are traced to the byte, and a leak grows in every round. What fills once, or
is given back later, does not. Standard library alone, so that it may run wherever the tests of a service do.
"""

import _tracemalloc  # as `tracemalloc_tools`
import gc
import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from floodmark_sidecar.agent import tracemalloc_tools
from floodmark_sidecar.agent._readings import Readings

ROUNDS: Final = 8
CALLS: Final = 50
_WARMUP: Final = 2
"""Rounds that are not counted: caches of the interpreter, of `re` and of the function itself fill in them."""

_LEAST_ROUNDS: Final = 4

_MEMORY: Final = "memory"
_HEAP: Final = "C heap"
_MEASURED: Final = (_MEMORY, _HEAP, "descriptors", "threads")

_OWN: Final = ("*/floodmark_soak/*", "*/floodmark_sidecar/*")
_MOST_LINES: Final = 5

_PER_OBJECT: Final = 1.25
"""Bytes of malloc's for a byte of Python's: a block of 513 bytes takes 528."""

_UNIT: Final = 64
"""Bytes a call of malloc's memory below which its own bins may move by themselves."""


@dataclass(frozen=True)
class Kept:
    """What grew in every round that counts: *what* it is (`memory`, `C heap`, `descriptors`, `threads`), a call, and its least
    and most from one round to the next. Memory in bytes.
    """

    what: str
    a_call: float
    least: float
    most: float

    def __str__(self) -> str:
        if self.what in (_MEMORY, _HEAP):
            return f"{_size(self.a_call)} of {self.what} a call ({_size(self.least)} to {_size(self.most)})"
        return f"{self.a_call:.2g} {self.what} a call ({self.least:.2g} to {self.most:.2g})"


@dataclass(frozen=True)
class Loop:
    """What a function kept: `kept` what grew by more than the limit, `lines` those whose allocations stayed, the most first.

    `memory` is what it kept of traced memory in any case, in bytes a call; `rounds` are those that count, of `calls` each.
    """

    rounds: int
    calls: int
    limit: float
    memory: float
    kept: tuple[Kept, ...]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """What to say where something was kept; empty where nothing was."""
        if not self.kept:
            return ""
        what = " and ".join(map(str, self.kept))
        limit = "" if not self.limit else f", where {_size(self.limit)} may be"
        head = f"it keeps {what}, in each of the last {self.rounds} rounds of {self.calls} calls{limit}"
        return "\n".join([head, *(f"  {line}" for line in self.lines)])


def loop(function: Callable[[], object], *, calls: int = CALLS, rounds: int = ROUNDS, limit: float = 0.0) -> Loop:
    """Call *function* in *rounds* of *calls* and return what it keeps of each call beyond *limit* bytes.

    The smallest growth from one of the later rounds to the next counts: noise does not come back every time. Garbage is
    collected after each round. Whatever *function* raises goes through. Raises `ValueError` for less than a call or four rounds.
    """
    if calls < 1 or rounds < _LEAST_ROUNDS:
        msg = f"at least 1 call and {_LEAST_ROUNDS} rounds are needed (got {calls} and {rounds})"
        raise ValueError(msg)
    counted = rounds // 2
    readings = Readings()
    # Made before anything counts, so that writing into it keeps nothing.
    rows = [array("d", [0.0] * len(_MEASURED)) for _ in range(counted + 1)]

    def play(times: int) -> None:
        for _ in range(times * calls):
            function()
        gc.collect()

    with tracemalloc_tools.window() as window:
        play(_WARMUP + rounds - counted - 1)
        window.look()
        for row in rows:
            play(1)
            _measure(row, readings)
        window.look()
    before, after = (look.without(*_OWN) for look in window.looks)
    grown = [change for change in tracemalloc_tools.changes(before, after) if change.bytes > 0]
    steps = {name: [later[at] - earlier[at] for earlier, later in pairwise(rows)] for at, name in enumerate(_MEASURED)}
    return Loop(
        rounds=counted,
        calls=calls,
        limit=limit,
        memory=min(steps[_MEMORY]) / calls,
        kept=tuple(_kept(steps, calls, limit)),
        lines=tuple(map(str, grown[:_MOST_LINES])),
    )


def _measure(row: "array[float]", readings: Readings) -> None:
    """Write what there is now into *row*; it keeps nothing itself."""
    found = readings.memory()
    row[0] = _tracemalloc.get_traced_memory()[0]
    # Python's larger objects are malloc's, with what it adds to each, and so are the tables of the traces.
    row[1] = (found["heap_used_bytes"] or 0) + (found["mmap_bytes"] or 0)
    row[1] -= _tracemalloc.get_tracemalloc_memory() + _PER_OBJECT * row[0]
    row[2] = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- a name each is enough
    row[3] = len(os.listdir("/proc/self/task"))  # noqa: PTH208 -- as above


def _kept(steps: Mapping[str, Sequence[float]], calls: int, limit: float) -> Iterator[Kept]:
    allowed = {_MEMORY: limit, _HEAP: max(limit, _UNIT)}
    for name, found in steps.items():
        a_call = [size / calls for size in found]
        if min(a_call) > allowed.get(name, 0.0):
            yield Kept(name, sum(a_call) / len(a_call), min(a_call), max(a_call))


def _size(size: float) -> str:
    return f"{size:.0f} B" if abs(size) < 1024 else f"{size / 1024:.1f} KiB"
