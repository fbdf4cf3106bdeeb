"""The cells of a trace as numbers, and the error for what is none."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.judge._types import FloatArray

_MOST: Final = 2.0**63
"""No count or size is larger; and beyond, sums of squares overflow."""

LATEST: Final = 1e11
"""Seconds: the year 5138. A larger number is milliseconds since 1970, or less than those."""


class TraceError(UsageError):
    """Raised when a trace cannot be read; `name` is the file, `line` the line in it (or None)."""

    def __init__(self, problem: str, *, name: str, line: int | None = None, hint: str = "") -> None:
        where = name if line is None else f"{name}, line {line}"
        super().__init__(
            f"{where}: {problem}", hint=hint or "a trace is CSV with a header that has at least t and uss_bytes"
        )
        self.name = name
        self.line = line


def to_numbers(values: Sequence[object], *, column: str, name: str, lines: Sequence[int]) -> FloatArray:
    """Return the cells *values* of *column* as numbers, NaN where one is empty or NaN, which is not measured.

    Raises `TraceError` with the line of what is no number, or none that a trace may have. O(n).
    """
    empty = values.count("") + values.count(None)
    cells = values if not empty else [math.nan if cell is None or cell == "" else cell for cell in values]
    try:
        result = np.array(list(map(float, cells)), np.float64)  # type: ignore[arg-type]  # what float() refuses is found below
    except (TypeError, ValueError, OverflowError):
        result = np.array([_number(cell) for cell in values], np.float64)
    suspects = np.flatnonzero(~(result >= 0) | (result > (LATEST if column == "t" else _MOST))).tolist()
    for i in suspects if len(suspects) > empty else ():
        if not is_empty(values[i]) and (problem := _problem(values[i], time=column == "t")):
            msg = f"{column} is {str(values[i])[:60]!r}, {problem}"
            raise TraceError(msg, name=name, line=lines[i])
    return result


def is_empty(cell: object) -> bool:
    """Say whether *cell* has nothing in it: what was not measured."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _number(cell: object) -> float:
    try:
        return float(cell)  # type: ignore[arg-type]  # what float() refuses is the answer
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _problem(cell: object, *, time: bool) -> str:
    number = _number(cell)
    if math.isnan(number):
        return _no_number(str(cell), time=time)
    if not math.isfinite(number):
        return "which is not a finite number"
    if time and number > LATEST:
        times, unit = next(
            (pair for pair in ((1e3, "milli"), (1e6, "micro")) if number / pair[0] <= LATEST), (1e9, "nano")
        )
        return f"which is past the year 5000: t is in seconds, so divide {unit}seconds by {times:.0f}"
    if number > _MOST:
        return "which is more than 2^63"
    return "which is negative" if number < 0 else ""


def _no_number(text: str, *, time: bool) -> str:
    if text.strip().lower().lstrip("+-") == "nan":
        return "which is not a finite number" if time else ""
    if not time:
        written = text.strip()[:1].isdigit()
        return f"which is not a number{': leave out units and separators' if written else ''}"
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return "which is neither seconds nor a date such as 2025-11-22T08:26:40Z"
    return "which is a date where the first is a number of seconds"
