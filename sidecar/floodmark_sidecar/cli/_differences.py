"""A difference of two captures on a terminal: which they are, what to know of them, and two short tables."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from rich.table import Table
from rich.text import Text

from floodmark_sidecar.cli._console import Console
from floodmark_sidecar.cli._text import printable
from floodmark_sidecar.culprits import Change, Changes, ContainerChange, Diff, LineChange, Snapshot, TypeChange
from floodmark_sidecar.units import format_bytes, format_duration

_NONE: Final = "-"
"""In the place of a number that a capture does not list."""

_WIDE: Final = 100
"""Columns from which on lines of source have a column of their own."""

_LISTED: Final = (
    f"{_NONE} is not listed: a capture has the types with most bytes, and the heaviest containers of 32 entries or more"
)


def say_diff(found: Diff, files: tuple[Path, Path], stream: TextIO) -> None:
    """Write *found*, the difference of the captures in *files*, to *stream*; it fits narrow terminals."""
    console = Console(stream)
    for word, path, text in (("from", files[0], _process(found.before)), ("to", files[1], _second(found))):
        _say(console, f"{word:<5} {path}: {text}")
    for note in found.notes:
        _say(console, f"note: {note}")
    if found.types is not None:
        _say_table(console, ("types", "# objects", "total size"), found.types)
    if found.lines is not None:
        _say_table(console, ("lines", "blocks", "bytes"), found.lines)
        return
    _say_table(console, ("containers", "entries", "bytes"), found.containers)
    rows: list[TypeChange | ContainerChange] = [
        *(found.types.rows if found.types is not None else ()),
        *found.containers.rows,
    ]
    if any(None in (row.bytes.before, row.bytes.after) for row in rows):
        console.print()
        _say(console, _LISTED, style="dim")


def _say_table(
    console: Console,
    headers: tuple[str, str, str],
    changes: Changes[TypeChange] | Changes[ContainerChange] | Changes[LineChange],
) -> None:
    console.print()
    if not changes.rows:
        _say(console, f"{headers[0]}: nothing changed")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(headers[0], overflow="fold")
    for header in headers[1:]:
        table.add_column(header, justify="right", no_wrap=True)
    beside = console.width >= _WIDE
    if beside and any(row.where and not isinstance(row, LineChange) for row in changes.rows):
        table.add_column("where", overflow="fold")
    arrow = "→" if _can_write("→", console.encoding) else "->"
    for row in changes.rows:
        table.add_row(*_cells(row, arrow, beside=beside)[: len(table.columns)])
    console.print(table)
    if changes.more:
        _say(console, f"and {changes.more:,} more, {_signed(changes.more_bytes)} together", style="dim")


def _cells(row: TypeChange | ContainerChange | LineChange, arrow: str, *, beside: bool) -> list[Text]:
    """Return the cells of *row*, its line of source *beside* the others or below its name; a line has no other name."""
    if isinstance(row, ContainerChange):
        name, number, place = f"{row.path or row.name}{_several(row.containers, arrow)}", row.entries, row.where
    elif isinstance(row, LineChange):
        name, number, place = row.where or row.name, row.count, None
    else:
        name, number, place = row.name, row.count, row.where
    where = printable(place or "")
    style = "red" if row.bytes.by > 0 else "green" if row.bytes.by < 0 else ""
    return [
        Text(printable(name) if beside or not where else f"{printable(name)}\n  {where}"),
        Text(_ends(number, arrow)),
        Text(_signed(row.bytes.by), style),
        Text(where),
    ]


def _say(console: Console, line: str, *, style: str = "") -> None:
    console.print(Text(printable(line), style=style), soft_wrap=not console.is_terminal)


def _process(snapshot: Snapshot) -> str:
    parts = [snapshot.service, None if snapshot.pid is None else f"pid {snapshot.pid}"]
    parts += [None if snapshot.python is None else f"Python {snapshot.python}", _when(snapshot.capture.t)]
    return ", ".join(part for part in parts if part)


def _second(found: Diff) -> str:
    seconds = found.after.capture.t - found.before.capture.t
    apart = f"{format_duration(abs(seconds))} {'later' if seconds >= 0 else 'earlier'}"
    return f"the same process, {apart}" if found.one_process else f"{_process(found.after)}, {apart}"


def _when(t: float) -> str:
    try:
        return f"{datetime.fromtimestamp(t, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"t = {t:g}"


def _several(containers: Change, arrow: str) -> str:
    """Return how many containers a row stands for, where it is more than one."""
    known = [count for count in (containers.before, containers.after) if count is not None]
    return f" ({_ends(containers, arrow)} of them)" if max(known) > 1 else ""


def _ends(change: Change, arrow: str) -> str:
    before, after = (_NONE if count is None else f"{count:,}" for count in (change.before, change.after))
    return before if before == after else f"{before} {arrow} {after}"


def _signed(size: int) -> str:
    return f"{'+' if size > 0 else ''}{format_bytes(size)}"


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True
