"""A chart of a judged trace in plain characters: it works over ssh, in a log and without colours."""

from typing import Final

import numpy as np

from floodmark_sidecar.cli._shown import Curve, Points, Shown, heading
from floodmark_sidecar.cli._text import printable
from floodmark_sidecar.cli._ticks import count_ticks, size_ticks, time_ticks

_ROWS: Final = 14
_ROWS_OF_SUM: Final = 8
"""Of memory as a whole, where it did not decide."""

_MOST: Final = 2
"""Series that decided and are drawn: a chart takes half a screen."""

_LEAST_COLUMNS: Final = 20

_READING: Final = "·"
_FLOOR: Final = "•"
_LINE: Final = "━"
_DELTA: Final = "╌"
_JUMP: Final = "↑"
_PLAIN: Final[dict[int, int | str]] = {**str.maketrans("·•━╌↑│─└┬┤", ".o=-^|-++|"), ord("δ"): "delta"}
"""What stands for each where a terminal has only ASCII."""


def charts(what: Shown, *, width: int, ascii_only: bool = False) -> list[str]:
    """Return the lines of a chart of what decided; where that is not memory as a whole, of both, and which is which."""
    if not what.decisive:
        return chart(what, width=width, ascii_only=ascii_only)
    plain = _PLAIN if ascii_only else {}
    lines, end = [], float(what.readings[0][-1])
    for each in what.decisive[:_MOST]:
        lines += [
            f"  {printable(heading(each)).translate(plain)}",
            *chart(each, width=width, ascii_only=ascii_only, end=end),
        ]
    left = len(what.decisive) - _MOST
    lines += [f"  {left} more that climb {'is' if left == 1 else 'are'} not drawn"] if left > 0 else []
    return [
        *lines,
        f"  {heading(what).translate(plain)}",
        *chart(what, width=width, ascii_only=ascii_only, rows=_ROWS_OF_SUM),
    ]


def chart(
    what: Shown, *, width: int, ascii_only: bool = False, end: float | None = None, rows: int = _ROWS
) -> list[str]:
    """Return the lines of a chart at most *width* characters wide and *rows* high, to *end* seconds or as far as the
    readings go; none where there is nothing to draw.
    """
    x, _ = what.readings
    if len(x) < 2 or x[-1] <= 0:
        return []
    low, high = what.extent
    end = float(x[-1]) if end is None else end
    ticks = (count_ticks if what.counted else size_ticks)(low, high, min(5, rows // 2))
    labels = {round((high - size) / (high - low) * (rows - 1)): label for size, label in ticks}
    margin = max(map(len, labels.values()), default=0) + 1
    columns = max(_LEAST_COLUMNS, width - margin - 2)
    grid = _Grid(columns, rows, end=end, low=low, high=high)
    grid.fill(what.readings)
    if what.fit is not None:
        grid.trace((what.fit.x, what.fit.delta), _DELTA)
        grid.trace((what.fit.x, what.fit.line), _LINE)
    grid.dots(what.floors)
    lines = [
        f"{labels.get(row, ''):>{margin}}{'┤' if row in labels else '│'}{''.join(cells).rstrip()}"
        for row, cells in enumerate(grid.cells)
    ]
    lines += _foot(what, grid, margin, end=end)
    return [line.translate(_PLAIN) if ascii_only else line for line in lines]


def can_be_drawn(encoding: str) -> bool:
    """Say whether *encoding* has all characters of a chart."""
    try:
        "".join(map(chr, _PLAIN)).encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True


class _Grid:
    """Characters over the plane from 0 to *end* seconds and from *low* to *high* bytes; the first row is the top."""

    def __init__(self, columns: int, rows: int, *, end: float, low: float, high: float) -> None:
        self.columns, self._rows, self._end, self._low, self._high = columns, rows, end, low, high
        self.cells = [[" "] * columns for _ in range(rows)]

    def column(self, x: Points) -> list[int]:
        """Return the columns of the times *x*."""
        return np.clip(x / self._end * self.columns, 0, self.columns - 1).astype(int).tolist()  # type: ignore[no-any-return]

    def row(self, y: Points) -> list[int]:
        """Return the rows of the sizes *y*, beyond the grid for what is."""
        rows = np.rint((self._high - y) / (self._high - self._low) * (self._rows - 1))
        return np.clip(rows, -1, self._rows).astype(int).tolist()  # type: ignore[no-any-return]

    def fill(self, curve: Curve) -> None:
        """Draw all there is of *curve* in each column, from the lowest to the highest."""
        columns, rows = self.column(curve[0]), self.row(curve[1])
        for column, row in set(zip(columns, rows, strict=True)):
            self._mark(column, row, _READING)

    def trace(self, curve: Curve, mark: str) -> None:
        """Draw the straight pieces of *curve*, one *mark* a column."""
        first, last = self.column(curve[0][[0, -1]])
        middles = (np.arange(first, last + 1) + 0.5) / self.columns * self._end
        for column, row in enumerate(self.row(np.interp(middles, *curve)), start=first):
            self._mark(column, row, mark)

    def dots(self, curve: Curve) -> None:
        """Draw the points of *curve*."""
        for column, row in zip(self.column(curve[0]), self.row(curve[1]), strict=True):
            self._mark(column, row, _FLOOR)

    def _mark(self, column: int, row: int, mark: str) -> None:
        if 0 <= row < self._rows:
            self.cells[row][column] = mark


def _foot(what: Shown, grid: _Grid, margin: int, *, end: float) -> list[str]:
    axis, below = ["─"] * grid.columns, [" "] * grid.columns
    free = grid.columns
    # From the end, which is told in any case: its label may need the place of the one before.
    for seconds, label in reversed(time_ticks(end, max(2, grid.columns // 12))):
        column = grid.column(np.array([seconds]))[0]
        axis[column] = "┬"
        begin = min(column, grid.columns - len(label))
        if begin + len(label) <= free:
            below[begin : begin + len(label)] = label
            free = begin - 1
    legend = [f"{_READING} readings", f"{_FLOOR} floors"]
    if what.fit is not None:
        legend += [f"{_LINE} slope", f"{_DELTA} growth by δ", f"judged from {_LINE} on"]
    if what.jumps:
        legend.append(f"{_JUMP} jump taken out")
        for column in grid.column(np.array([time for time, _ in what.jumps])):
            axis[column] = _JUMP
    return [
        f"{'':>{margin}}└{''.join(axis)}",
        f"{'':>{margin + 1}}{''.join(below).rstrip()}",
        *(f"{'':>{margin + 1}}{line}" for line in _lines(legend, grid.columns)),
    ]


def _lines(parts: list[str], width: int) -> list[str]:
    """Return *parts* beside each other, in as many lines of at most *width* characters as they need."""
    lines = parts[:1]
    for part in parts[1:]:
        longer = f"{lines[-1]}   {part}"
        lines[-1:] = [longer] if len(longer) <= width else [lines[-1], part]
    return lines
