"""Two trace windows compared by line."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from floodmark_sidecar.culprits import Change, Diff, Snapshot, diff, parse_snapshot
from tests.sidecar.culprits.scripted import START


def window(
    t: float, *lines: Sequence[Any], seconds: float = 30.0, frames: int = 1, pid: int = 77, **more: Any
) -> Snapshot:
    """Return a trace window with *lines* of (file, line, bytes, blocks)."""
    rows = [
        {"file": file, "line": number, "bytes": size, "count": count, "largest": 0}
        for file, number, size, count in lines
    ]
    head = {"floodmark_capture": 1, "kind": "trace", "service": "web", "pid": pid, "python": "3.11.7", "t": START + t}
    content = {**head, "window_seconds": seconds, "frames": frames, "lines": rows, "other_bytes": 0, **more}
    return parse_snapshot(content, worker="web-0", life=1)


def compared(before: Snapshot, after: Snapshot, *, at_most: int | None = None) -> Diff:
    return diff(
        before, after, locate=lambda owner: f"{(owner.file or '').removeprefix('/srv/')}:{owner.line}", at_most=at_most
    )


BEFORE = window(0, ("/srv/a.py", 3, 1000, 10), ("/srv/b.py", 9, 500, 5), ("<string>", 1, 10, 1), ("/srv/c.py", 2, 7, 7))
AFTER = window(600, ("/srv/a.py", 3, 4000, 40), ("/srv/d.py", 1, 60, 2), ("<string>", 1, 30, 1), ("/srv/c.py", 2, 7, 7))


def test_lines_are_compared_by_what_was_alive() -> None:
    """The largest growth first; what one of them does not list is no number, and what is alike is left out."""
    found = compared(BEFORE, AFTER)

    assert found.lines is not None
    assert [(row.where or row.name, row.count, row.bytes) for row in found.lines.rows] == [
        ("a.py:3", Change(10, 40), Change(1000, 4000)),
        ("d.py:1", Change(None, 2), Change(None, 60)),
        ("<string>:1", Change(1, 1), Change(10, 30)),
        ("b.py:9", Change(5, None), Change(500, None)),
    ]
    assert (found.types, found.containers.rows, found.one_process) == (None, (), True)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (30.0, False),
        (35.0, False),
        (60.0, "the second was 2.0 times as long"),
        (5.0, "the first was 6.0 times as long"),
    ],
)
def test_windows_of_other_lengths_are_no_even_match(seconds: float, said: str | bool) -> None:
    """What is allocated all the time is more in the longer one, and has not grown."""
    notes = compared(BEFORE, window(60, seconds=seconds)).notes
    assert [note.partition(":")[0] for note in notes if "times as long" in note] == ([said] if said else [])


def test_as_json() -> None:
    """A line goes by where it is; so many others changed are left out by their number."""
    found = compared(BEFORE, AFTER, at_most=1).as_dict()

    (row,) = found["lines"]
    assert row == {
        "name": "a.py:3",
        "where": "a.py:3",
        "count": {"before": 10, "after": 40, "change": 30},
        "bytes": {"before": 1000, "after": 4000, "change": 3000},
    }
    assert found["more"] == {"containers": {"rows": 0, "bytes": 0}, "lines": {"rows": 3, "bytes": -420}}


def test_notes_say_how_long_and_how_deep_both_were() -> None:
    """Of windows that kept as many calls, only how long they were."""
    assert compared(BEFORE, AFTER).notes == (
        "what is shown was allocated in the 30 s of the first and the 30 s of the second, and alive at their ends",
    )
    notes = compared(BEFORE, window(60, seconds=5.0, frames=8, pid=78)).notes
    assert notes[0].startswith("what is shown was allocated in the 30 s of the first and the 5 s of the second")
    assert notes[2].startswith("the first kept 1 calls of each allocation and the second 8:")


def test_a_census_and_a_window_have_nothing_in_common() -> None:
    """Whichever of them comes first."""
    census = parse_snapshot({"floodmark_capture": 1, "t": START, "containers": []})
    for before, after, which in (
        (census, AFTER, "a census and the second a trace window"),
        (AFTER, census, "a trace window and the second a census"),
    ):
        with pytest.raises(ValueError, match=re.escape(f"the first is {which}: only two of one kind can be compared")):
            compared(before, after)


def test_a_trim_is_not_compared() -> None:
    """It has neither types nor lines."""
    with pytest.raises(ValueError, match="it is of kind 'trim', which has neither a census nor traces"):
        parse_snapshot({"floodmark_capture": 1, "t": START, "kind": "trim"})
