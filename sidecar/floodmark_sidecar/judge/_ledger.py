"""Where growth went, as far as a trace's columns tell: rows that sum to it, and the class they make of it."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._ranks import rise

_SMALLEST_BLOCK: Final = 16
_LARGEST_BLOCK: Final = 512
"""Bytes. What Python's own allocator hands out; larger objects are in the C heap."""

_MAJORITY: Final = 0.4
_COLUMNS: Final = (
    ("native malloc in use", "heap_used_bytes"),
    ("malloc free but kept", "heap_free_bytes"),
    ("mmap", "mmap_bytes"),
)
_CLASSES: Final = {"native malloc in use": "native", "malloc free but kept": "retention", "mmap": "mmap"}


def ledger(frame: Frame, *, start: float) -> dict[str, float]:
    """Return the growth after *start* seconds by row, in bytes; the rows sum to it. Empty where no column tells."""
    judged = frame.x >= start
    rows = {}
    for row, column in _COLUMNS:
        series = frame.joined(frame.column(column))
        if series is not None:
            rows[row] = rise(series[judged])
    blocks = frame.joined(frame.column("python_blocks"))
    memory, copied = frame.joined(frame.used), frame.joined(frame.copies)
    if memory is None or (blocks is None and not rows):
        return {}
    if copied is not None and frame.copies.any():
        rows["copy-on-write un-sharing"] = rise(copied[judged])
    rest = rise(memory[judged]) - sum(rows.values())
    if blocks is not None:
        # The size of a block is not measured, but bounded: what is over the bounds is not Python's.
        change = rise(blocks[judged])
        ends = sorted((_SMALLEST_BLOCK * change, _LARGEST_BLOCK * change))
        objects = min(max(rest, ends[0]), ends[1])
        rows = {"python objects": objects, **rows}
        rest -= objects
    return {**rows, "unexplained": rest}


def growth_class(frame: Frame, rows: dict[str, float], *, start: float) -> str:
    """Return the class of memory growth after *start* seconds that the ledger's *rows* make most likely."""
    total = sum(rows.values())
    if total <= 0:
        return "unknown"
    judged = frame.x >= start
    blocks, memory = frame.joined(frame.column("python_blocks")), frame.joined(frame.memory)
    if blocks is not None and memory is not None:
        share = rise(blocks[judged]) / max(1.0, float(np.median(blocks[judged])))
        # Python's large objects are in the C heap, but hardly any come without small ones.
        if share > 0.1 * total / float(np.median(memory[judged])):
            return "python"
    named = {row: size for row, size in rows.items() if row in _CLASSES}
    largest = max(named, key=lambda row: named[row], default=None)
    return _CLASSES[largest] if largest is not None and named[largest] > _MAJORITY * total else "unknown"
