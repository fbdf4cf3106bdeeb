"""Traces as CSV, the way they are kept in a run's folder and given to `floodmark judge`."""

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from floodmark_sidecar.judge._columns import LABELS, in_order, is_numeric
from floodmark_sidecar.judge._header import check_header, notes_on
from floodmark_sidecar.judge._mixed import NAMES, advice
from floodmark_sidecar.judge._numbers import TraceError, to_numbers
from floodmark_sidecar.judge._sizes import notes_on_sizes
from floodmark_sidecar.judge._times import Times
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._types import FloatArray

if TYPE_CHECKING:
    from _csv import Reader

_AT_ONCE: Final = 1024
"""Rows that are held as text at a time: a month's readings would take gigabytes."""


def parse_csv(lines: Iterable[str], *, name: str) -> Trace:
    """Return the trace in *lines*; *name* is the file's, for errors. O(n), and holds the numbers only.

    Unknown columns and NaN, which is taken for not measured, are in the trace's notes. Raises `TraceError` with the line
    for anything that is not a trace: no header, no `t` or `uss_bytes`, a row with too few or too many cells, a cell that
    is not a finite number of at least 0, text that is not text.
    """
    trace = _parsed(lines, name)
    notes = notes_on_sizes(trace)
    return replace(trace, notes=(*trace.notes, *notes)) if notes else trace


def format_csv(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Yield *rows* as lines of CSV: the header first, then all columns that any row has, in one stable order.

    What the judge does not know is left out, None becomes an empty cell.
    """
    listed = list(rows)
    columns = in_order({"t", "uss_bytes"}.union(*listed))
    yield _line(columns)
    for row in listed:
        yield _line([_cell(row.get(column)) for column in columns])


def _parsed(lines: Iterable[str], name: str) -> Trace:
    times, nans = Times(name), Counter[str]()
    reader = csv.reader(_text(lines, name), strict=True)
    at: list[int] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        check_header(header, name)
        labels: dict[str, list[str]] = {column: [] for column in header if column in LABELS}
        names = {} if "worker" in header else _names(header)
        numbers: dict[str, list[FloatArray]] = {column: [np.empty(0)] for column in header if is_numeric(column)}
        for rows, found in _rows(reader, len(header), name):
            for column, values in zip(header, zip(*rows, strict=True), strict=True):
                if column == "t":
                    numbers[column].append(times.read(values, found))
                elif column in numbers:
                    read = to_numbers(values, column=column, name=name, lines=found)
                    numbers[column].append(read)
                    nans[column] += _nans(values, read)
                elif column in labels:
                    labels[column] += values
                elif column in names:
                    names[column] += map(sys.intern, values)
            at += found
    except csv.Error as error:
        limit = csv.field_size_limit()
        long = f"a cell is longer than {limit:,} characters" if "field limit" in str(error) else str(error)
        msg = f"not readable as CSV ({long})"
        raise TraceError(msg, name=name, line=reader.line_num) from None
    joined = {column: np.concatenate(numbers.pop(column)) for column in list(numbers)}
    trace = Trace.from_columns(joined, labels, len(at), name=name, lines=at)
    notes = (*notes_on(header), *_note_on(nans), *trace.notes)

    def apart(cells: Sequence[str]) -> bool:
        named = Trace.from_columns(joined, {**labels, "worker": cells}, len(at), name=name, lines=at)
        return len(named.workers) > 1 and not named.mixed

    said = trace.mixed and trace.mixed + advice(names, apart)
    return replace(trace, notes=notes, mixed=said)


def _names(header: Sequence[str]) -> dict[str, list[str]]:
    """Return room for the columns of *header* that may name workers, the better ones first."""
    found = [column for column in header if column.lower() in NAMES]
    return {column: [] for column in sorted(found, key=lambda column: NAMES.index(column.lower()))}


def _rows(reader: "Reader", width: int, name: str) -> Iterator[tuple[list[list[str]], list[int]]]:
    """Yield the rows that are not blank, some at a time, with their lines; each must have *width* cells."""
    rows: list[list[str]] = []
    at: list[int] = []
    for row in reader:
        if not row:
            continue
        if len(row) != width:
            msg = f"{len(row)} {'cell' if len(row) == 1 else 'cells'} where the header has {width}"
            raise TraceError(msg, name=name, line=reader.line_num)
        rows.append(row)
        at.append(reader.line_num)
        if len(rows) == _AT_ONCE:
            yield rows, at
            rows, at = [], []
    if rows:
        yield rows, at


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _text(lines: Iterable[str], name: str) -> Iterator[str]:
    number = 0
    try:
        for number, line in enumerate(lines, start=1):
            if "\0" in line:
                msg = "a binary file, not a trace"
                raise TraceError(msg, name=name, line=number)
            yield line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeDecodeError as error:
        problem = _undecoded(error, first=number == 0)
        raise TraceError(problem, name=name, line=number + 1 + _line_ends(error)) from None


def _undecoded(error: UnicodeDecodeError, *, first: bool) -> str:
    if first and error.object[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "text in UTF-16, and a trace is in UTF-8"
    return f"a binary file or not UTF-8 (byte 0x{error.object[error.start]:02x}), not a trace"


def _line_ends(error: UnicodeDecodeError) -> int:
    """Return how many lines end before the bad byte in the block that was being read: none of them was handed out."""
    before = error.object[: error.start]
    return len(before.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")) - 1


def _nans(values: Sequence[str], read: FloatArray) -> int:
    """Return how many of *values*, which are *read*, are NaN in so many letters, and not empty."""
    missing = int(np.count_nonzero(np.isnan(read)))
    return missing and missing - sum(not cell.strip() for cell in values)


def _note_on(nans: "Counter[str]") -> list[str]:
    total = nans.total()
    if not total:
        return []
    which = ", ".join(f"{count:,} of {column}" for column, count in nans.items() if count)
    return [f"NaN is taken for not measured ({which})"]
