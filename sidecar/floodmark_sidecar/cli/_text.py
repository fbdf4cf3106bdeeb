"""Foreign text, such as the name of a file or a map, made fit to print in a line of its own; and lines folded to a terminal."""

import os
import shutil
import textwrap
from typing import Final, TextIO

LEAST_WIDTH: Final = 40
_DIGITS: Final = 5


def printable(text: str) -> str:
    r"""Return *text* with all that moves a cursor, ends a line or cannot be encoded written as an escape: `\n`, `\x1b`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def width_asked() -> int | None:
    """Return the columns that the variable COLUMNS asks for, None where it asks for none."""
    columns = os.environ.get("COLUMNS", "")
    return max(LEAST_WIDTH, int(columns)) if columns.isdecimal() and len(columns) < _DIGITS else None


def folded(lines: list[str], stream: TextIO) -> str:
    """Return *lines* as a text for *stream*: on a terminal, each is folded at its width, below where its words begin."""
    if not stream.isatty():
        return "\n".join(lines)
    width = max(LEAST_WIDTH, shutil.get_terminal_size().columns)
    return "\n".join(_folded(line, width) for line in lines)


def _folded(line: str, width: int) -> str:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return "\n".join(textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True))
