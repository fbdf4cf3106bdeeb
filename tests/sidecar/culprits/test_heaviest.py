"""What weighs most in one capture by itself."""

from typing import Any

import pytest

from floodmark_sidecar.culprits import Heavy, Owner, heaviest
from tests.sidecar.culprits.scripted import START

HEAD: dict[str, Any] = {"floodmark_capture": 1, "t": START}


def located(owner: Owner) -> str:
    return f"{(owner.file or '').removeprefix('/srv/')}:{owner.line or owner.attribute}"


def of(content: dict[str, Any], *, at_most: int = 5) -> tuple[Heavy, ...]:
    return heaviest({**HEAD, **content}, locate=located, at_most=at_most)


def line(file: str, number: int, size: int) -> dict[str, Any]:
    return {"file": file, "line": number, "bytes": size, "count": 3, "largest": 0}


def container(entries: int, size: int, **more: Any) -> dict[str, Any]:
    return {"id": entries, "kind": "dict", "entries": entries, "bytes": size, "entry_bytes": None, **more}


def test_containers_of_a_census_with_what_their_entries_hold() -> None:
    """By their path and line, where they have one; by what they are, where they have none."""
    owner = {"module": "app", "file": "/srv/app.py", "qualname": "", "attribute": "JOBS"}
    rows = [
        container(100, 5_000),
        container(50, 1_000, entry_bytes=100.0, path="app.JOBS", owner=owner),
        container(10, 900),
        container(9, 99_000, path="app.__dict__", owner={**owner, "attribute": "__dict__"}),
    ]
    assert of({"complete": True, "containers": rows}, at_most=2) == (
        Heavy("container", "app.JOBS", "app.py:JOBS", 50, 6_000),
        Heavy("container", "a dict without a name", None, 100, 5_000),
    )


def test_lines_of_a_trace_window() -> None:
    """By what was alive at its end."""
    rows = [line("/srv/a.py", 3, 10), line("<string>", 1, 90), line("/srv/b.py", 4, 50)]
    window = {"kind": "trace", "window_seconds": 30.0, "frames": 1, "lines": rows, "other_bytes": 0}
    assert of(window) == (
        Heavy("line", "<string>:1", "<string>:1", 3, 90),
        Heavy("line", "b.py:4", "b.py:4", 3, 50),
        Heavy("line", "a.py:3", "a.py:3", 3, 10),
    )


def test_functions_of_a_native_window() -> None:
    """By their name and the line that called them; by what was called, where they have none."""
    place = {"allocator": "malloc", "function": "grow", "file": "/srv/a.py", "line": 3, "bytes": 10, "count": 1}
    rows = [place, {**place, "function": None, "file": None, "line": 0, "bytes": 20}]
    assert of({"kind": "native", "window_seconds": 30.0, "places": rows, "other_bytes": 0}) == (
        Heavy("native", "malloc", None, 1, 20),
        Heavy("native", "grow", "a.py:3", 1, 10),
    )


def test_a_trim_has_nothing_that_weighs() -> None:
    """It is no capture of what is alive."""
    assert of({"kind": "trim"}) == ()


def test_what_is_no_capture_is_refused() -> None:
    """With what is wrong."""
    with pytest.raises(ValueError, match="lines of"):
        of({"kind": "trace", "window_seconds": 30.0, "frames": 1, "lines": None, "other_bytes": 0})
