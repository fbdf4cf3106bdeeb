"""Traces as CSV, the way they are kept in a run's folder and given to `floodmark judge`."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

from floodmark_sidecar.judge._columns import LABELS, in_order, is_number
from floodmark_sidecar.judge._trace import Trace, TraceError

_KNOWN = {"t", "masked", *LABELS}


def parse_csv(lines: Iterable[str], *, name: str) -> Trace:
    """Return the trace in *lines*; *name* is the file's, for errors. Unknown columns are ignored.

    Raises `TraceError` with the line for anything that is not a trace: no header, no `t` or `uss_bytes`, a row with too
    few or too many cells, a cell that is not a finite number of at least 0, text that is not text.
    """
    reader = csv.reader(_text(lines, name), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        _check(header, name)
        wanted = [i for i, column in enumerate(header) if column in _KNOWN or is_number(column)]
        rows, at = [], []
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                msg = f"{len(row)} cells where the header has {len(header)}"
                raise TraceError(msg, name=name, line=reader.line_num)
            rows.append([row[i] for i in wanted])
            at.append(reader.line_num)
    except csv.Error as error:
        msg = f"not readable as CSV ({error})"
        raise TraceError(msg, name=name, line=reader.line_num) from None
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in wanted]
    cells = {header[i]: column for i, column in zip(wanted, columns, strict=True)}
    return Trace.from_cells(cells, len(rows), name=name, lines=at)


def format_csv(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Yield *rows* as lines of CSV: the header first, then all columns that any row has, in one stable order.

    What the judge does not know is left out, None becomes an empty cell.
    """
    listed = list(rows)
    columns = in_order({"t", "uss_bytes"}.union(*listed))
    yield _line(columns)
    for row in listed:
        yield _line([_cell(row.get(column)) for column in columns])


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
    except UnicodeDecodeError:
        msg = "a binary file or not UTF-8, not a trace"
        raise TraceError(msg, name=name, line=number + 1) from None


def _check(header: list[str], name: str) -> None:
    if not any(header):
        msg = "the file is empty"
        raise TraceError(msg, name=name, line=1)
    missing = [column for column in ("t", "uss_bytes") if column not in header]
    if missing:
        msg = f"the header has no column {' and no column '.join(missing)}"
        raise TraceError(msg, name=name, line=1)
    twice = next((column for column in header if column and header.count(column) > 1), None)
    if twice is not None:
        msg = f"the header has the column {twice[:60]!r} twice"
        raise TraceError(msg, name=name, line=1)
