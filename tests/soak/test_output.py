"""The output folder: made, refused, taken away again, and written to whole or not at all."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from floodmark_sidecar.errors import ExitCode, FloodmarkError, UsageError
from floodmark_soak._output import NoRoomError, Output, write_whole


def test_the_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    """A path that does not exist yet is no obstacle."""
    output = Output(tmp_path / "a" / "b")

    assert output.load.is_dir()
    assert output.captures.is_dir()


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    """The operator may have made it."""
    assert Output(tmp_path).path == tmp_path


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Nobody's results are mixed with another run's."""
    (tmp_path / "result.json").write_text("{}")

    with pytest.raises(UsageError, match="is not empty") as caught:
        Output(tmp_path)

    assert str(tmp_path) in caught.value.message
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    """A file where the folder, or one of its parents, should be."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="a file is in the way"):
        Output(tmp_path / "file" / below)


def test_a_folder_that_cannot_be_made_says_why() -> None:
    """Where the system allows no folder, the system's own words are passed on. /proc refuses everybody, root too."""
    with pytest.raises(UsageError, match="/proc/floodmark cannot be written to: "):
        Output(Path("/proc/floodmark"))


def test_a_run_is_taken_up_and_never_made_by_the_way(tmp_path: Path) -> None:
    """What is in its folder stays, also where nothing comes of it; a folder that is not there has no run."""
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "load").mkdir()
    Output(tmp_path, resume=True).discard()

    assert (tmp_path / "run.json").read_text() == "{}"
    with pytest.raises(UsageError, match="has a run in it") as caught:
        Output(tmp_path)
    assert caught.value.hint.startswith("--resume goes on with it")
    with pytest.raises(UsageError, match="there is no folder"):
        Output(tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    """The first goes on; when it has ended, even by SIGKILL, the folder is free."""
    first = Output(tmp_path / "out")
    with pytest.raises(UsageError, match="another floodmark is at work in the output folder"):
        Output(tmp_path / "out", resume=True)
    first.release()
    first.release()
    Output(tmp_path / "out", resume=True).release()


def test_what_was_made_can_be_taken_away_again(tmp_path: Path) -> None:
    """A run that was never started leaves no folder behind, its parents included."""
    output = Output(tmp_path / "a" / "b")
    output.service_log.write_text("x")

    output.discard()

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_before_stays(tmp_path: Path) -> None:
    """Only what the run made is taken away."""
    output = Output(tmp_path)
    output.service_log.write_text("x")

    output.discard()

    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Writing leaves the new text and no temporary file."""
    file = tmp_path / "result.json"
    file.write_text("old")

    write_whole(file, "new")

    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path: Path) -> None:
    """With no room for the new text the old one stays, nothing half written is left, and the sentence names the disk."""
    file = tmp_path / "result.json"
    file.write_text("old")
    code = f"""
import pathlib, sys
from floodmark_soak._output import NoRoomError, write_whole
try:
    write_whole(pathlib.Path({str(file)!r}), "x" * 100_000)
except NoRoomError as error:
    sys.exit(f"{{int(error.exit_code)}} {{error.message}}")
"""

    def limit_file_size() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=limit_file_size,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr.startswith(f"6 there is no room on the disk of {file}")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_is_an_internal_error(tmp_path: Path) -> None:
    """Any other trouble is told with its reason."""
    with pytest.raises(FloodmarkError, match="cannot be written: No such file") as caught:
        write_whole(tmp_path / "gone" / "result.json", "x")

    assert caught.value.exit_code is ExitCode.INTERNAL
    assert not isinstance(caught.value, NoRoomError)
