"""Memory that C code asks for and loses: named by its function and the line that called it, where a native window saw them."""

from collections.abc import Sequence
from typing import Any

import pytest

from floodmark_sidecar.culprits import Culprit, NativeWindow, parse_native_window, rank
from tests.sidecar.culprits.scripted import START, captures, locate, verdict

MB = 1 << 20
SECONDS = 36.0
"""The length of every window: what is left of it is a hundredth of an hour's growth."""

_PLACE: dict[str, Any] = {
    "allocator": "malloc",
    "function": "f",
    "file": "/srv/a.py",
    "line": 1,
    "bytes": 1,
    "count": 1,
}


def place(
    function: str | None, size: int, *, file: str | None = "/srv/app.py", line: int = 12, **more: Any
) -> dict[str, Any]:
    return {**_PLACE, "function": function, "file": file, "line": line, "bytes": size, "count": 100, **more}


def window(*places: dict[str, Any], t: float = 300.0, worker: str = "web-0", **more: Any) -> NativeWindow:
    file = {"floodmark_capture": 1, "kind": "native", "t": START + t, "window_seconds": SECONDS, "other_bytes": 0}
    return parse_native_window({**file, "places": list(places), **more}, worker=worker, life=1)


def named(
    windows: Sequence[NativeWindow],
    *,
    slope: float = 100.0 * MB,
    since: float = 0.0,
    growth: str = "native",
    objects: int = 0,
) -> tuple[Culprit, ...]:
    """Return the ranking of a service that climbs outside Python and has *windows*."""
    judged = verdict(
        "climbing",
        slope=slope,
        since=since,
        growth_class=growth,
        ledger={"native malloc in use": 9 * MB, "mmap": MB, "python objects": objects},
    )
    return rank([], None, judged, locate=locate, natives=windows, shown=lambda file: file.removeprefix("/srv/"))


def test_the_function_is_named_with_the_line_that_called_it() -> None:
    """What it asked for an hour, its share of the climb, and the calls."""
    calls = ["malloc", "jpeg_create", "ImagingEncode", "save (app.py:12)"]
    (culprit,) = named([window(place("jpeg_create", MB, calls=calls))])

    assert (culprit.kind, culprit.name, culprit.where, culprit.path) == ("native", "jpeg_create", "app.py:12", None)
    assert (culprit.bytes_per_hour, culprit.share) == (100.0 * MB, 1.0)
    assert culprit.evidence == (
        "1.0 MiB in 100 blocks of malloc that were asked for here in 36 s were not given back, 100% of what was not, in a "
        "native window of web-0; by the calls malloc < jpeg_create < ImagingEncode < save (app.py:12)"
    )


def test_what_a_window_saw_is_told_beside_what_has_a_name() -> None:
    """Containers make a third of the climb, the ledger says that most is malloc's, and somebody has asked who."""
    seen = captures("app.jobs", [1000, 2000, 3000, 4000], entry_bytes=500.0)
    ledger = {"native malloc in use": 9 * MB, "mmap": 0, "python objects": 4 * MB}
    judged = verdict("climbing", slope=100.0 * MB, growth_class="python", ledger=ledger)
    found = rank(seen, None, judged, locate=locate, natives=[window(place("inflateInit2_", MB // 2))], shown=str)

    assert {each.name for each in found} >= {"jobs", "inflateInit2_"}


def test_what_is_left_open_is_said() -> None:
    """Beside a place that makes less than three fifths of the climb."""
    first, second = named([window(place("jpeg_create", MB // 2))])
    assert (first.name, second.name) == ("jpeg_create", "malloc")
    assert first.bytes_per_hour == second.bytes_per_hour == 50.0 * MB
    assert "a native window (floodmark capture --native 30s) tells" in second.evidence


def test_what_comes_and_goes_is_not_named() -> None:
    """Nor small change: of what memory grows by it is too much, or too little."""
    (culprit,) = named([window(place("buffer", 4 * MB), place("table", MB // 50, line=3))])
    assert culprit.name == "malloc"


@pytest.mark.parametrize(
    ("function", "file", "name"), [(None, "/srv/app.py", "app.py:12"), (None, None, "malloc"), ("f", None, "f")]
)
def test_what_is_not_known_is_left_out(function: str | None, file: str | None, name: str) -> None:
    """A thread of C has no line, a stripped library no function."""
    (culprit,) = named([window(place(function, MB, file=file))])
    assert culprit.name == name
    assert culprit.where == (None if file is None else "app.py:12")


def test_windows_add_up_by_worker() -> None:
    """Two of one worker are a longer one, those of two workers are of the whole service."""
    one = window(place("f", MB))
    assert named([one, window(t=600.0)])[-1].bytes_per_hour == 50.0 * MB
    assert named([one, window(place("f", MB), worker="web-1")], slope=200.0 * MB)[0].bytes_per_hour == 200.0 * MB


def test_windows_before_the_judged_part_are_left_aside() -> None:
    """What a service asks for at first it keeps."""
    assert [each.name for each in named([window(place("f", MB))], since=400.0)] == ["malloc"]


def test_python_that_climbs_needs_no_native_window() -> None:
    """Its objects have names of their own."""
    assert named([window(place("f", MB))], growth="python", objects=9 * MB) == ()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "census"}, "not a native window of format 1: its kind is 'census'"),
        ({"floodmark_capture": 2}, "not a native window"),
        ({"window_seconds": 0}, "window_seconds of the window must be more than 0"),
        ({"places": None}, "places of a native window must be a list"),
        ({"places": [7]}, "place 0 must be an object"),
        ({"places": [{**_PLACE, "bytes": -1}]}, "bytes of place 0 must be a whole number"),
        ({"places": [{**_PLACE, "function": 3}]}, "function of place 0 must be a text"),
        ({"places": [{**_PLACE, "calls": 3}]}, "calls of place 0 must be a list"),
        ({"other_bytes": None}, "other_bytes of the window must be a whole number"),
    ],
)
def test_a_file_that_is_none(change: dict[str, Any], why: str) -> None:
    """The sentence says what is wrong."""
    whole = {
        "floodmark_capture": 1,
        "kind": "native",
        "t": START,
        "window_seconds": 1.0,
        "places": [],
        "other_bytes": 0,
    }
    assert parse_native_window(whole, worker="web-0", life=1).places == ()
    with pytest.raises(ValueError, match=why):
        parse_native_window(whole | change, worker="web-0", life=1)
