"""The times of a trace: seconds, or dates as ISO 8601 writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from floodmark_sidecar.judge._numbers import LATEST, TraceError, is_empty, to_numbers
from floodmark_sidecar.judge._types import FloatArray

_SHOWN: Final = 60


class Times:
    """Reads the times of one trace, some at a time; all must be written the way the first one is. Not thread-safe.

    That is seconds, or dates with an offset from UTC, or dates without one, which are taken for UTC.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._first = ""
        self._date: datetime | None = None

    def read(self, values: Sequence[object], lines: Sequence[int]) -> FloatArray:
        """Return *values* in seconds, NaN where one is empty; raises `TraceError` with the line of what is no time. O(n)."""
        if not self._first:
            self._first = next((str(value) for value in values if not is_empty(value)), "")
            self._date = _date(self._first)
        if self._date is None:
            return to_numbers(values, column="t", name=self._name, lines=lines)
        cells = zip(values, lines, strict=True)
        return np.array([np.nan if is_empty(cell) else self._seconds(str(cell), line) for cell, line in cells])

    def _seconds(self, cell: str, line: int) -> float:
        date, first = _date(cell), f"the first, {self._first[:_SHOWN]!r}"
        if date is None:
            problem = f"which is no date as {first}, is"
        elif self._date is not None and (date.tzinfo is None) != (self._date.tzinfo is None):
            problem = f"which has {'no' if date.tzinfo is None else 'an'} offset from UTC, unlike {first}"
        else:
            seconds = (date.replace(tzinfo=UTC) if date.tzinfo is None else date).timestamp()
            if 0 <= seconds <= LATEST:
                return seconds
            problem = "which is before 1970" if seconds < 0 else "which is past the year 5000"
        msg = f"t is {cell[:_SHOWN]!r}, {problem}"
        raise TraceError(msg, name=self._name, line=line)


def _date(text: str) -> datetime | None:
    """Return the date in *text*, None if it is a number or neither."""
    try:
        float(text)
    except ValueError:
        try:
            return datetime.fromisoformat(text.strip())
        except ValueError:
            return None
    return None
