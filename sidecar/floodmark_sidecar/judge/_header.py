"""The header of a trace: what it must have, what was meant where that is missing, and what of it is not read."""

import difflib
import re
from collections.abc import Sequence
from typing import Final

from floodmark_sidecar.judge._columns import FIELDS, ORDER, is_numeric, known
from floodmark_sidecar.judge._numbers import TraceError

_NEEDED: Final = ("t", "uss_bytes")
_TIMES: Final = frozenset(
    {"time", "timestamp", "ts", "datetime", "date", "_time", "epoch", "seconds", "time_s", "elapsed", "unix"}
)
_MEMORY: Final = re.compile(
    r"(?:process_)?(?P<what>uss|rss|pss|resident|mem|memory)(?:_memory)?(?:_?(?P<unit>[kmg]i?b|bytes))?"
)
_LIKE: Final = 0.8
_NAMED: Final = 8
_SHOWN: Final = 60
"""How much two names have in common to be one misspelt; how many unknown ones are named; characters of each."""


def check_header(header: Sequence[str], name: str) -> None:
    """Raise `TraceError`, with what to rename where that can be guessed, unless *header* is a trace's."""
    if not any(header):
        msg = "the file is empty"
        raise TraceError(msg, name=name, line=1)
    missing = [column for column in _NEEDED if column not in header]
    if missing:
        msg = f"the header has no column {' and no column '.join(missing)}"
        raise TraceError(msg, name=name, line=1, hint=_hint(header, missing))
    twice = next((column for column in header if column and header.count(column) > 1), None)
    if twice is not None:
        msg = f"the header has the column {twice[:_SHOWN]!r} twice"
        raise TraceError(msg, name=name, line=1)


def notes_on(header: Sequence[str]) -> list[str]:
    """Say which columns of *header* are not read, and for which of them another name may have been meant."""
    others = [column for column in header if not known(column)]
    meant = {column: near for column in others if (near := _nearest(column, header))}
    notes = [f"column {column[:_SHOWN]!r} is ignored: {near} may be meant" for column, near in meant.items()]
    rest = [repr(column[:_SHOWN]) for column in others if column not in meant]
    if rest:
        more = f" and {len(rest) - _NAMED} more" if len(rest) > _NAMED else ""
        notes.append(f"ignored, as no columns of a trace: {', '.join(rest[:_NAMED])}{more}")
    return notes


def _nearest(column: str, header: Sequence[str]) -> str | None:
    """Return the column that *column* may be meant for and that *header* has not got."""
    name, _, field = column.rpartition(".")
    if name.startswith("map.") and len(name) > len("map."):
        fields = difflib.get_close_matches(field.lower(), FIELDS, n=1, cutoff=0.6)
        return f"{name}.{fields[0]}" if fields and f"{name}.{fields[0]}" not in header else None
    free = [each for each in ORDER if each not in header]
    word = column.lower().replace(" ", "_").replace("-", "_")
    begun = [each for each in free if word and each.startswith(f"{word}_")]
    return next(iter(begun or difflib.get_close_matches(word, free, n=1, cutoff=_LIKE)), None)


def _hint(header: Sequence[str], missing: Sequence[str]) -> str:
    """Return what to do about the columns that are *missing*; nothing where nobody can say."""
    if len(header) == 1 and (mark := next((mark for mark in ";\t|" if mark in header[0]), "")):
        return f"its cells are separated by {mark!r}: write it with commas, and with a point in decimals"
    if all(_is_number(cell) for cell in header):
        return "its first line is numbers: put a line before it that names the columns, such as t,uss_bytes"
    hints = []
    if "t" in missing and (time := next((each for each in header if each.lower() in {"t", *_TIMES}), None)):
        hints.append(f"rename {time[:_SHOWN]!r} to t")
    if "uss_bytes" in missing:
        hints += _hint_of_memory(header)
    return "; ".join(hints)


def _hint_of_memory(header: Sequence[str]) -> list[str]:
    found = [(each[:_SHOWN], match) for each in header if (match := _MEMORY.fullmatch(each.lower().replace(" ", "_")))]
    found.sort(key=lambda each: each[1]["what"] != "uss")
    for column, match in found[:1]:
        scaled = match["unit"] not in {None, "bytes"}
        first = f"turn {column!r} into bytes and name it uss_bytes" if scaled else f"rename {column!r} to uss_bytes"
        if match["what"] in {"rss", "resident"}:
            first = (
                f"where nothing better is measured, {first}; resident memory also counts pages that are shared and those "
                "of mapped files, so that a climb of it need not be a leak"
            )
        return [first]
    near = next((each for each in header if not is_numeric(each) and _nearest(each, header) == "uss_bytes"), None)
    return [] if near is None else [f"rename {near[:_SHOWN]!r} to uss_bytes"]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
