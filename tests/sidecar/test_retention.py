"""Which capture files are kept, in real folders."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.capturefile import CaptureFile
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.retention import Retention, RetentionStatus

T = 1_767_225_600.0
KIB = 1024


def write(folder: Path, worker: str, life: int, hour: float, size: int = 100, *, kind: str = "census") -> str:
    """Write a capture file as if it had been taken so many hours on; return its name."""
    name = CaptureFile.at(worker, life, T + hour * 3600, kind=kind).name
    (folder / name).write_bytes(b"x" * size)
    return name


def names(folder: Path) -> set[str]:
    """Return what is in *folder*."""
    return {path.name for path in folder.iterdir()}


def test_within_the_limits_everything_stays(tmp_path: Path) -> None:
    """Also where a limit is just reached."""
    made = {write(tmp_path, "web-0", 1, hour, 512 * KIB) for hour in range(4)}

    assert Retention(tmp_path, most_files=4, most_bytes=2 << 20).apply() == RetentionStatus(4, 2 << 20)
    assert names(tmp_path) == made


def test_the_oldest_between_the_first_and_the_newest_go_by_number(tmp_path: Path) -> None:
    """What has grown since the process began is still known."""
    made = [write(tmp_path, "web-0", 1, hour) for hour in range(10)]

    assert Retention(tmp_path, most_files=5).apply() == RetentionStatus(5, 500)
    assert names(tmp_path) == {made[0], *made[6:]}


def test_the_oldest_between_the_first_and_the_newest_go_by_size(tmp_path: Path) -> None:
    """No more of them than must."""
    made = [write(tmp_path, "web-0", 1, hour, 256 * KIB) for hour in range(8)]

    assert Retention(tmp_path, most_bytes=5 * 256 * KIB + 1).apply().bytes == 5 * 256 * KIB
    assert names(tmp_path) == {made[0], *made[4:]}


def test_every_worker_keeps_its_first_and_its_newest(tmp_path: Path) -> None:
    """Whichever of them began first."""
    made = {
        worker: [write(tmp_path, worker, 1, hour + shift) for hour in range(5)]
        for shift, worker in ((0.0, "web-0"), (5.0, "web-1"))
    }
    Retention(tmp_path, most_files=8).apply()

    assert names(tmp_path) == {made["web-0"][0], *made["web-0"][3:], *made["web-1"]}


def test_a_process_that_has_ended_loses_its_ends_before_one_that_goes_on(tmp_path: Path) -> None:
    """However long ago the one that goes on began."""
    kept = [write(tmp_path, "web-0", 1, hour) for hour in (0, 50)]
    ended = [write(tmp_path, "web-1", life, life) for life in range(1, 9)]
    Retention(tmp_path, most_files=4).apply()

    assert names(tmp_path) == {*kept, *ended[-2:]}


def test_processes_that_last_for_minutes_leave_half_of_the_room(tmp_path: Path) -> None:
    """Else the ends of a thousand lives would leave nothing between those of the present one."""
    for life in range(1, 40):
        for minute in (0, 5):
            write(tmp_path, "web-0", life, life + minute / 60)
    present = [write(tmp_path, "web-0", 40, 40 + minute / 60) for minute in range(10)]
    Retention(tmp_path, most_files=20).apply()

    assert len(names(tmp_path)) == 20
    assert names(tmp_path) >= set(present)


def test_a_trace_window_is_no_end(tmp_path: Path) -> None:
    """Nothing is compared with it."""
    made = [write(tmp_path, "web-0", 1, 0, kind="trace"), *(write(tmp_path, "web-0", 1, hour) for hour in range(1, 6))]
    made.append(write(tmp_path, "web-0", 1, 6, kind="trim"))
    Retention(tmp_path, most_files=4).apply()

    assert names(tmp_path) == {made[1], *made[4:]}


def test_the_newest_stays_however_large_it_is(tmp_path: Path) -> None:
    """What was just asked for is there."""
    write(tmp_path, "web-0", 1, 0)
    newest = write(tmp_path, "web-1", 1, 1, 2 << 20)

    assert Retention(tmp_path, most_bytes=1 << 20).apply().files == 1
    assert names(tmp_path) == {newest}


def test_what_is_not_the_sidecars_is_left(tmp_path: Path) -> None:
    """Notes, what somebody has packed, folders and links: neither counted nor removed."""
    made = [write(tmp_path, "web-0", 1, hour) for hour in range(4)]
    for name in ("notes.txt", f"{made[0]}.gz", f"{made[0]}.bak"):
        (tmp_path / name).write_bytes(b"x" * (2 << 20))
    (tmp_path / CaptureFile.at("web-9", 1, T).name).mkdir()
    (tmp_path / CaptureFile.at("web-8", 1, T).name).symlink_to(tmp_path / "notes.txt")
    before = names(tmp_path)

    assert Retention(tmp_path, most_files=3, most_bytes=1 << 20).apply() == RetentionStatus(3, 300)
    assert before - names(tmp_path) == {made[1]}


def test_what_a_capture_that_was_cut_off_has_left_goes(tmp_path: Path) -> None:
    """An hour later: nobody writes it any more."""
    old, young = (tmp_path / f"{CaptureFile.at('web-0', 1, T + t).name}.77.part" for t in (0, 1))
    other = tmp_path / "notes.77.part"
    for path in (old, young, other):
        path.write_bytes(b"x")
    for path in (old, other):
        os.utime(path, (time.time() - 3700,) * 2)

    assert Retention(tmp_path).apply() == RetentionStatus()
    assert names(tmp_path) == {young.name, other.name}


@contextlib.contextmanager
def _powerless(folder: Path) -> Iterator[None]:
    """Let this process look into *folder*, and remove nothing there: root becomes another user for so long."""
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_file_that_cannot_be_removed_is_counted_and_told_once() -> None:
    """It is not fatal, and the others are tried too; when it can be, all is well again."""
    told: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = [write(folder, "web-0", 1, hour) for hour in range(5)]
        retention = Retention(folder, most_files=3, on_problem=told.append)
        with _powerless(folder):
            found = [retention.apply() for _ in range(2)]
        assert names(folder) == set(made)
        assert retention.apply() == RetentionStatus(3, 300)
        assert names(folder) == {made[0], *made[3:]}

    sentence = "4 capture files that should make room cannot be removed: Permission denied"
    assert found == [RetentionStatus(5, 500, 4, sentence)] * 2
    assert told == [sentence]


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    """In words, not by an exception in the middle of a round."""
    told: list[str] = []
    status = Retention(tmp_path / "nix", on_problem=told.append).apply()

    assert status.problem == "the folder for captures cannot be read: No such file or directory"
    assert told == [status.problem]


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"most_files": 1}, r"at least 2 capture files must be kept \(got 1\)"),
        ({"most_files": -3}, r"\(got -3\)"),
        ({"most_bytes": 1000}, r"must be given at least 1.0 MiB \(got 1000 B\)"),
    ],
)
def test_limits_under_which_nothing_could_be_compared_are_refused(
    tmp_path: Path, limits: dict[str, Any], sentence: str
) -> None:
    """With the value."""
    with pytest.raises(UsageError, match=sentence):
        Retention(tmp_path, **limits)
