"""Which captures of a service are looked into."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from floodmark_sidecar.assess import Assessment, assess
from floodmark_sidecar.culprits import Culprit
from floodmark_sidecar.judge import Trace, Verdict, judge
from floodmark_sidecar.readings import WorkerReading
from floodmark_sidecar.store import CaptureRow, Life, Reader, Sample, Store
from floodmark_sidecar.traces import generate
from tests.planted.fix_culprits import culprit

T = 1_767_225_600.0


def test_what_to_do_next_is_to_look_at_the_first_culprit() -> None:
    """Captures know more of what grows than readings do; without any, it is what the readings say."""
    climbs = judge(generate("L1", seed=3, duration=600.0, growth=1e6).trace)
    first = replace(culprit("moves"), where="app.py:7", path="app.MOVES", share=0.92)

    def said(*culprits: Culprit, verdict: Verdict = climbs) -> Any:
        return Assessment(verdict, culprits, Trace.from_rows([])).as_dict()["next"]

    assert said(first) == "look at app.py:7 app.MOVES, which explains 92% of the growth"
    assert said(replace(first, path=None, share=None), first) == (
        f"look at app.py:7 {first.name}; it is the first of 2 culprits"
    )
    assert said() == climbs.next
    steady = judge(generate("N1", seed=3, duration=600.0).trace)
    assert said(first, verdict=steady) == (steady.next or None)


def test_files_that_made_room_take_no_place(tmp_path: Path) -> None:
    """Of a hundred captures the first and the last seven are left, and all eight of them are read."""
    with Store(tmp_path / "history.db") as store:
        store.put_sample(Sample("web", T, ((Life("web-0", 1, 1, 1.0, T), WorkerReading("web-0", 1, uss_bytes=1)),)))
        left = []
        for index in range(100):
            path = tmp_path / f"{index:02}.json"
            if index == 0 or index >= 93:
                path.write_text("none")
                left.append(path.name)
            done = store.put_capture("web", CaptureRow(T + index, "web-0", 1, path=str(path)))
        done.result(10)
        with Reader(store.path) as reader:
            found = assess(reader, "web", cwd=None)

    assert [note.split()[2] for note in found.notes] == left


def test_how_captures_were_taken_is_said_once(tmp_path: Path) -> None:
    """Of those that were taken in the process itself there is one note, with how many they are."""
    with Store(tmp_path / "history.db") as store:
        store.put_sample(Sample("web", T, ((Life("web-0", 1, 1, 1.0, T), WorkerReading("web-0", 1, uss_bytes=1)),)))
        for index, how in enumerate(("fork", "process", "process")):
            path = tmp_path / f"{index}.json"
            said = {"how": how, "notes": ["taken in the process itself: gRPC is loaded"]}
            path.write_text(json.dumps({"floodmark_capture": 1, "t": T + index, "containers": [], **said}))
            done = store.put_capture("web", CaptureRow(T + index, "web-0", 1, path=str(path)))
        done.result(10)
        with Reader(store.path) as reader:
            found = assess(reader, "web", cwd=None)

    assert found.notes == ("2 of 3 censuses: taken in the process itself: gRPC is loaded",)


def test_a_native_window_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Those that can be are for the ranking, and what they left in the worker is said."""
    head = {"floodmark_capture": 1, "kind": "native", "t": T, "window_seconds": 1.0, "places": [], "other_bytes": 0}
    with Store(tmp_path / "history.db") as store:
        store.put_sample(Sample("web", T, ((Life("web-0", 1, 1, 1.0, T), WorkerReading("web-0", 1, uss_bytes=1)),)))
        for index, content in enumerate((head, {**head, "places": None})):
            path = tmp_path / f"{index}.native.json"
            path.write_text(json.dumps(content))
            done = store.put_capture("web", CaptureRow(T + index, "web-0", 1, path=str(path), kind="native"))
        done.result(10)
        with Reader(store.path) as reader:
            found = assess(reader, "web", cwd=None)

    assert found.notes == (
        "a native window left memray loaded in web-0 (life 1): some 12 MB of each that the service did not ask for",
        "the capture 1.native.json cannot be read: places of a native window must be a list (got NoneType)",
    )


def test_trims_are_told_and_are_no_captures_to_compare(tmp_path: Path) -> None:
    """One note for all, and each in the result; one that cannot be read is said."""
    with Store(tmp_path / "history.db") as store:
        store.put_sample(Sample("web", T, ((Life("web-0", 1, 1, 1.0, T), WorkerReading("web-0", 1, uss_bytes=1)),)))
        content = {
            "floodmark_capture": 1,
            "kind": "trim",
            "t": T,
            "before": {"uss_bytes": 9},
            "after": {"uss_bytes": 6},
        }
        for index, text in enumerate((json.dumps(content), "[]")):
            path = tmp_path / f"{index}.trim.json"
            path.write_text(text)
            done = store.put_capture("web", CaptureRow(T + index, "web-0", 1, path=str(path), kind="trim"))
        done.result(10)
        with Reader(store.path) as reader:
            found = assess(reader, "web", cwd=None)

    assert found.notes[0] == "the capture 1.trim.json cannot be read: it is not an object"
    assert found.notes[1].startswith("a trim gave back 3 B of the 9 B that web-0 held")
    assert found.as_dict()["trims"] == [found.trims[0].as_dict()]
    assert found.trims[0].returned_bytes == 3
