"""A run in segments, drawn as one that never paused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace
from floodmark_soak.report._record import Record
from floodmark_soak.report._series import pictures
from floodmark_soak.report._watched import without_pauses

MIB = 1 << 20


def record(*segments: tuple[float, float]) -> Record:
    """A record of one worker of 100 MiB that is read each 10 s in *segments* (from, to)."""
    rows = [
        {"t": float(t), "worker": "web-0", "life": number, "segment": number, "uss_bytes": 100 * MIB}
        for number, (begin, end) in enumerate(segments, 1)
        for t in np.arange(begin, end + 1, 10.0)
    ]
    result = {
        "window": [segments[0][0], segments[-1][1]],
        "floors": [[segments[-1][0], 1.0]],
        "culprits": [{"name": "x", "points": [[segments[-1][0] + 20, 5.0]]}],
        "decisive": [{"kind": "count", "name": "fds", "window": None, "floors": [[segments[-1][1], 3]]}],
    }
    captures: list[dict[str, Any]] = [{"t": segments[0][1] + 3.0}, {"t": segments[-1][1]}, {"t": None}]
    return Record("web", "web", result, Trace.from_rows(rows), {}, None, captures, [])


def test_pauses_are_left_out_of_every_time() -> None:
    """What lies in a pause is told at its beginning; a segment begins one reading after the last one of the one before."""
    found = without_pauses(record((1000, 1100), (5000, 5100), (9000, 9050)))
    assert [float(t) for t in found.trace.t[[0, 10, 11, 21, 22, -1]]] == [1000, 1100, 1110, 1210, 1220, 1270]
    assert found.result["window"] == [1000, 1270]
    assert found.result["floors"] == [[1220, 1.0]]
    assert found.culprits[0]["points"] == [[1240, 5.0]]
    assert found.decisive[0]["floors"] == [[1270, 3]]
    assert [each["t"] for each in found.captures] == [1100, 1270, None]


def test_no_two_lives_are_drawn_as_one_sum() -> None:
    """The last reading of one segment and the first of the next are two instants."""
    whole = replace(record((1000, 1100), (5000, 5100)), result={})
    (picture,) = pictures(without_pauses(whole), most=1000)
    assert set(picture.memory.sizes) == {100 * MIB}
    assert picture.memory.t[-1] == pytest.approx(210)
    assert picture.caption.endswith("the floors of each segment continue those of the one before")


def test_a_run_without_pauses_is_as_it_was() -> None:
    """Nothing is touched."""
    whole = record((1000, 1100))
    assert without_pauses(whole) is whole
