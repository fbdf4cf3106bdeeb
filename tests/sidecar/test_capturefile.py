"""The names of capture files: written, read back, and told from others."""

import pytest

from floodmark_sidecar.capturefile import CaptureFile


@pytest.mark.parametrize("worker", ["web-0", "a.life9.b", "worker 3"])
def test_a_name_is_read_back(worker: str) -> None:
    """Whatever the worker's own name has in it; packed or not."""
    file = CaptureFile.at(worker, 12, 1_767_225_600.1239)

    assert file.name == f"{worker}.life12.20260101T000000123Z.json"
    assert CaptureFile.named(file.name) == CaptureFile.named(f"{file.name}.gz") == file


@pytest.mark.parametrize(
    "name", ["", "web-0.json", ".life1.20260101T000000123Z.json", "web-0.life1.2026Z.json", "a.txt"]
)
def test_other_names_are_no_captures(name: str) -> None:
    """They say nothing of a worker."""
    assert CaptureFile.named(name) is None


def test_stamps_sort_by_time() -> None:
    """To the millisecond, over the years."""
    times = [1e9, 1e9 + 0.001, 1.5e9, 1.8e9]

    assert [CaptureFile.at("w", 1, t).stamp for t in times] == sorted(CaptureFile.at("w", 1, t).stamp for t in times)


def test_a_trace_window_is_told_from_a_census() -> None:
    """By its name alone; both are read back."""
    census, trace = (CaptureFile.at("web-0", 1, 1e9, kind=kind) for kind in ("census", "trace"))

    assert trace.name == census.name.replace(".json", ".trace.json")
    assert [CaptureFile.named(file.name) for file in (census, trace)] == [census, trace]


def test_a_file_that_is_still_written_is_known() -> None:
    """It is no capture yet; others with the same ending are not ours."""
    name = CaptureFile.at("web-0", 1, 1e9).name

    assert CaptureFile.named(f"{name}.12.part") is None
    assert [CaptureFile.is_unfinished(each) for each in (f"{name}.12.part", name, "a.12.part")] == [True, False, False]
