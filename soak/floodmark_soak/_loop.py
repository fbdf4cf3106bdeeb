"""What a function keeps of each call: it is called again and again, and what is there after each round is counted.

Counted, and not estimated: Python's own allocations are traced to the byte, and a leak grows in every round. What fills once, or
is given back later, does not. What grows in steps that are rarer than rounds, as a table that is given more room, is followed for
up to 24 times as many calls more. Standard library alone, so that it may run wherever the tests of a service do.
"""

import _tracemalloc  # as `tracemalloc_tools`
import gc
import os
import sys
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

_MORE: Final = 4
"""A table grows fourfold at most: whoever has so many times the entries has a larger one."""

_LATER: Final = (7, 10, 12, 8, 16, 11, 17, 19)
"""Hundredths of the first stretch that each round of the last one has: not in step with what comes and goes."""

_SLACK: Final = 512
"""Bytes by which our own numbers may move meanwhile."""

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
    """What grew in every round that counts, or in steps: *what* it is (`memory`, `C heap`, `descriptors`, `threads`), a call, and its
    least and most from one round to the next. Memory in bytes.
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

    `memory` is what it kept of traced memory in any case, in bytes a call; `rounds` are those that count, of `calls` each, and
    `more` the calls after them by which growth in steps was followed, 0 where there was none.
    """

    rounds: int
    calls: int
    limit: float
    memory: float
    kept: tuple[Kept, ...]
    lines: tuple[str, ...]
    more: int = 0

    @property
    def text(self) -> str:
        """What to say where something was kept; empty where nothing was."""
        if not self.kept:
            return ""
        what = " and ".join(map(str, self.kept))
        limit = "" if not self.limit else f", where {_size(self.limit)} may be"
        when = f"in each of the last {self.rounds} rounds of {self.calls} calls"
        if self.more:
            when = f"in steps that went on for {self.more:,} calls more"
        head = f"it keeps {what}, {when}{limit}"
        return "\n".join([head, *(f"  {line}" for line in self.lines)])


def loop(
    function: Callable[[], object],
    *,
    calls: int = CALLS,
    rounds: int = ROUNDS,
    limit: float = 0.0,
    tidy: Callable[[], object] = lambda: None,
) -> Loop:
    """Call *function* in *rounds* of *calls* and return what it keeps of each call beyond *limit* bytes.

    The smallest growth from one of the later rounds to the next counts: noise does not come back every time. Where that is none and
    something grew all the same, it is called on, up to 25 times as often in all, and what outgrows all that was there before counts, if
    it does so twice. After each round *tidy* lets go of what others keep of the calls, and garbage is collected. Whatever *function*
    raises goes through. Raises `ValueError` for less than a call or four rounds.
    """
    if calls < 1 or rounds < _LEAST_ROUNDS:
        msg = f"at least 1 call and {_LEAST_ROUNDS} rounds are needed (got {calls} and {rounds})"
        raise ValueError(msg)
    counted = rounds // 2
    so_far = (_WARMUP + rounds) * calls
    readings = Readings()
    # Made before anything counts, so that writing into it keeps nothing.
    rows = [_row() for _ in range(1 + rounds)]

    def play(times: int, row: "array[float]") -> None:
        for _ in range(times):
            function()
        tidy()
        gc.collect()
        _forget()
        _measure(row, readings)

    with tracemalloc_tools.window() as window:
        play(_WARMUP * calls, rows[0])
        window.look()
        _measure(rows[0], readings)
        for row in rows[1:]:
            play(calls, row)
        steps = {
            name: [later[at] - earlier[at] for earlier, later in pairwise(rows[-counted - 1 :])]
            for at, name in enumerate(_MEASURED)
        }
        kept, more = tuple(_kept(steps, calls, limit)), 0
        if not kept and _grew(rows):
            kept, more = _followed(play, readings, rows, so_far, limit)
        window.look()
    before_it, after_it = (look.without(*_OWN) for look in window.looks)
    grown = [change for change in tracemalloc_tools.changes(before_it, after_it) if change.bytes > 0]
    return Loop(
        rounds=counted,
        calls=calls,
        limit=limit,
        memory=next((each.a_call for each in kept if each.what == _MEMORY and more), min(steps[_MEMORY]) / calls),
        kept=kept,
        lines=tuple(map(str, grown[:_MOST_LINES])),
        more=more,
    )


_forget: Final[Callable[[], None]] = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache  # noqa: SLF001 -- its name before 3.13
"""Empties the interpreter's cache of attributes by type, which keeps the name of each that it has: it goes on to fill for long."""


def _row() -> "array[float]":
    return array("d", [0.0] * len(_MEASURED))


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


def _grew(rows: Sequence["array[float]"]) -> bool:
    """Return whether anything that is counted exactly is more after the last of *rows* than after the first."""
    return any(rows[-1][at] > rows[0][at] for at, name in enumerate(_MEASURED) if name != _HEAP)


def _followed(
    play: Callable[[int, "array[float]"], None],
    readings: Readings,
    rows: Sequence["array[float]"],
    calls: int,
    limit: float,
) -> tuple[tuple[Kept, ...], int]:
    """Return what goes on to grow after *rows* and so many *calls*, and how many calls more showed it.

    It must have outgrown all that was there before, and then do so once more: a table that is filled and emptied changes its size as
    well, and may have been at its largest only in the first of the two stretches.
    """
    stretches = [[_row() for _ in _LATER] for _ in range(2)]
    own, ours = _row(), _row()
    more, kept = 0, tuple[Kept, ...]()
    for later in stretches:
        # Without a call since the last row, what there is more is what was computed here.
        _measure(own, readings)
        for at in range(len(_MEASURED)):
            ours[at] += own[at] - rows[-1][at]
        before = calls + more
        more += _MORE * before
        play((_MORE - 1) * before, later[0])
        for row, share in zip(later, _LATER, strict=True):
            play(max(1, before * share // 100), row)
        kept = tuple(_kept_in_steps(rows, ours, later, _MORE * before, limit))
        if not kept:
            break
        rows = [*rows, *later]
    return kept, more


def _kept_in_steps(
    rows: Sequence["array[float]"], ours: "array[float]", later: Sequence["array[float]"], calls: int, limit: float
) -> Iterator[Kept]:
    """Yield what was never again as little in *later*, so many *calls* on, as it was at most in *rows*, but for what is *ours*."""
    for at, name in enumerate(_MEASURED):
        slack, allowed = (_SLACK, limit) if name == _MEMORY else (0, 0.0)
        before = max(row[at] for row in rows) + ours[at] + slack
        least, most = ((extreme(row[at] for row in later) - before) / calls for extreme in (min, max))
        if name != _HEAP and least > allowed:
            yield Kept(name, (least + most) / 2, least, most)


def _size(size: float) -> str:
    return f"{size:.0f} B" if abs(size) < 1024 else f"{size / 1024:.1f} KiB"
