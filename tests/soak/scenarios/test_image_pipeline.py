"""The bundled service over HTTP, in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .running import SCENARIOS, Running, running, wait_until

QUICK = ("--scan-every", "0.05", "--settle", "0.2")
VARIANTS = pytest.mark.parametrize("variant", ["leaky", "bounded"])


@VARIANTS
def test_every_image_is_moved_once(variant: str, tmp_path: Path) -> None:
    """Half by events, half by the scanner, none twice: every image ends under its task in the archive, whole."""
    sent = {(f"task-{number // 2}", f"{number}.jpg"): os.urandom(300) for number in range(40)}
    with running(variant, tmp_path, *QUICK, "--failures", "0") as service:
        for number, ((task_id, filename), content) in enumerate(sent.items()):
            assert service.post(task_id, filename, event=number % 2 == 0, content=content).status_code == 202
        state = service.wait_for(lambda state: state["totals"]["moved"] >= 40, "40 images moved")
        archive = Path(state["folder"], "archive")
        kept = {(path.parent.name, path.name): path.read_bytes() for path in archive.glob("*/*")}
    assert kept == sent
    assert state["input_files"] == 0
    assert state["totals"] == {
        "accepted": 40,
        "by_event": 20,
        "by_scanner": 20,
        "failed": 0,
        "missing": 0,
        "moved": 40,
        "swept": 0,
    }


@pytest.mark.slow
def test_the_leaky_maps_keep_everything(tmp_path: Path) -> None:
    """Each finder its paths, every task its lock, every dead job's image its flag; the files are swept all the same."""
    with running("leaky", tmp_path, *QUICK, "--failures", "0.3", "--abandon", "1.2", "--pending-ttl", "0.1") as service:
        for number in range(60):
            service.post(f"task-{number}", f"{number}.jpg", event=number % 2 == 0)
        state = service.wait_for(
            lambda state: state["totals"]["moved"] + state["totals"]["swept"] == 60, "all moved or swept"
        )
    lost = state["totals"]["failed"]
    assert 0 < lost < 60
    assert state["input_files"] == 0
    assert state["sizes"]["event_listener.processed"] == 30
    # The scanner also sees the announced images whose jobs died; their flags keep it from scheduling them.
    assert 30 <= state["sizes"]["scanner.processed"] <= 30 + lost
    assert state["sizes"]["scheduler.move_locks"] == 60 - lost
    assert state["sizes"]["scheduler.pending_inference"] == lost


@pytest.mark.slow
def test_the_bounded_maps_do_not(tmp_path: Path) -> None:
    """Processed paths stop at their bound, locks end with the moves, and the flags of dead jobs expire."""
    options = ("--failures", "0.3", "--abandon", "1.2", "--pending-ttl", "1.5", "--processed-bound", "10")
    with running("bounded", tmp_path, *QUICK, *options) as service:
        for number in range(60):
            service.post(f"task-{number}", f"{number}.jpg", event=number % 2 == 0)
        state = service.wait_for(
            lambda state: state["input_files"] == 0 and state["sizes"]["scheduler.pending_inference"] == 0,
            "all files gone and all flags expired",
        )
    assert state["totals"]["failed"] > 0
    assert state["sizes"] == {
        "event_listener.processed": 10,
        "scanner.processed": 10,
        "scheduler.move_locks": 0,
        "scheduler.pending_inference": 0,
    }


def test_the_archive_keeps_the_newest_images(tmp_path: Path) -> None:
    """Beyond its limit the archive deletes the oldest files, and the folders of tasks that have none left."""
    with running("leaky", tmp_path, "--failures", "0", "--archive-limit", "3") as service:
        for number in range(8):
            service.post(f"task-{number}", "image.jpg", event=True)
            wait_until(lambda: _moved(service) > number, "it is moved")  # noqa: B023 called before the next number
        state = service.state()
        tasks = sorted(path.name for path in Path(state["folder"], "archive").iterdir())
    assert tasks == ["task-5", "task-6", "task-7"]
    assert state["archive_files"] == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_nothing_is_left_behind(number: signal.Signals, workers: int, tmp_path: Path) -> None:
    """Each worker has a folder of its own, and takes it away when it is told to end."""
    with running("leaky", tmp_path, "--workers", str(workers), "--settle", "60") as service:
        wait_until(lambda: len(service.folders()) == workers, "each worker has a folder")
        for image in range(20):
            service.post("task", f"{image}.jpg", event=image % 2 == 0)
        service.stop(number)
        assert service.folders() == []


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/tasks/..task/images/a.jpg", 400, "'..task'"),
        ("/tasks/task/images/a@b.jpg", 400, "'a@b.jpg'"),
        (f"/tasks/task/images/{'a' * 121}", 400, "at most 120"),
        ("/tasks/task/images/a.jpg?event=maybe", 400, "'maybe'"),
    ],
)
def test_what_cannot_be_a_file_is_refused(
    path: str, status: int, words: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A name that could leave the input folder, or not be told apart in it, is answered with the name."""
    with running("leaky", tmp_path_factory.mktemp("w")) as service:
        answer = service.client.post(path, content=b"image")
        assert (answer.status_code, words in answer.text) == (status, True)
        assert service.state()["totals"]["accepted"] == 0


def test_an_image_has_a_largest_size(tmp_path: Path) -> None:
    """More than a megabyte is refused before it is written."""
    with running("leaky", tmp_path) as service:
        assert service.post("task", "image.jpg", event=True, content=bytes((1 << 20) + 1)).status_code == 413
        assert service.state()["input_files"] == 0


def test_the_leaky_variant_does_not_know_floodmark(tmp_path: Path) -> None:
    """The whole service can be made with no module of floodmark imported."""
    code = f"""
import sys
from pathlib import Path
from image_pipeline import __main__, app
from image_pipeline.service import Service
from image_pipeline.settings import Settings
Service(Settings(variant="leaky"), Path({str(tmp_path)!r}))
print(sorted(name for name in sys.modules if name.startswith("floodmark")))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=SCENARIOS, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("[]\n", "", 0)


def test_an_unknown_variant_is_a_usage_error(tmp_path: Path) -> None:
    """The command line says which variants there are."""
    command = [sys.executable, "-m", "image_pipeline", "--variant", "fixed"]
    done = subprocess.run(command, cwd=SCENARIOS, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "'fixed'" in done.stderr
    assert "leaky" in done.stderr


def _moved(service: Running) -> int:
    return int(service.state()["totals"]["moved"])
