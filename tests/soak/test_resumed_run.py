"""Runs that are gone on with: real processes, killed at any moment, and another `floodmark soak` that takes them up."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.soak.conftest import Floodmark, MakePlan, Started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PLANNED = 12
NAMES = {"runner": "soak", "sidecar": "serve", "locust": "floodmark_soak._locust"}


def eventually(condition: Callable[[], Any], seconds: float = 40.0) -> Any:
    """Return what *condition* gives as soon as it is something."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


class Runs:
    """Starts `floodmark soak` into one folder, again and again."""

    def __init__(self, floodmark: Floodmark, plan: Path, output: Path) -> None:
        self.floodmark, self.plan, self.output = floodmark, plan, output

    def start(self, *more: str) -> Started:
        """Begin, or go on."""
        asked = ["soak", self.plan, "--duration", f"{PLANNED}s", "--output", self.output, "--json", *more]
        return self.floodmark.start(asked)

    def through(self, *more: str) -> dict[str, Any]:
        """Run to the end and return the result, which has the exit code."""
        started = self.start(*more)
        code = started.finish()
        assert started.stdout, started.stderr
        result: dict[str, Any] = json.loads(started.stdout)
        assert result["exit_code"] == code
        return result


@pytest.fixture
def runs(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> Runs:
    """Runs of a small service."""
    return Runs(floodmark, make_plan(), tmp_path / "out")


def test_segments_add_up_to_a_run(runs: Runs) -> None:
    """Each ends with 0 while nothing was shown; the last one is judged, and a report says the same again."""
    first = runs.through("--segment", "5s")
    asked = runs.floodmark.start(["report", runs.output, "--json"])
    between = asked.finish()
    second = runs.through("--segment", "5s", "--resume")
    third = runs.through("--segment", "5s", "--resume")

    assert (first["exit_code"], between, second["exit_code"], third["exit_code"]) == (0, 3, 0, 3)
    assert json.loads(asked.stdout)["reasons"][0].endswith("are missing.")
    assert (second["complete"], third["complete"]) == (False, True)
    assert third["duration_seconds"] == pytest.approx(PLANNED, abs=1)
    assert [each["ended"] for each in third["segments"]] == ["segment", "segment", "whole"]
    assert third["longest_life_seconds"] < 8
    assert third["load"]["requests"] > 60
    assert set(third["tools"]) == {"locust", "sidecar", "runner"}
    header, *rows = (runs.output / "readings.csv").read_text().splitlines()
    column = header.split(",").index("segment")
    assert {row.split(",")[column] for row in rows} == {"1", "2", "3"}
    again = runs.floodmark.start(["judge", "--plan", runs.plan, runs.output / "readings.csv"])
    assert again.finish() == 3


@pytest.mark.parametrize("part", NAMES)
def test_whatever_is_killed_the_run_can_be_gone_on_with(runs: Runs, part: str) -> None:
    """By SIGKILL, under load. Nothing of it stays, and what was seen before counts, but for a reading or so."""
    started = runs.start()
    started.wait_for("30 %")
    seen = time.time()
    _kill(runs.floodmark, started, part)
    code = started.finish()
    eventually(lambda: not runs.floodmark.left_behind())
    result = runs.through("--resume")

    assert code == {"runner": -signal.SIGKILL, "sidecar": 6, "locust": 5}[part]
    first, second = result["segments"]
    assert (first["ended"], second["ended"]) == ("killed" if part == "runner" else "failed", "whole")
    assert first["since"] + 3 <= first["until"]
    assert first["until"] >= seen - 2
    assert result["duration_seconds"] == pytest.approx(PLANNED, abs=1)
    assert result["problems"] == []
    assert any(note.startswith("segment 1: ") for note in result["notes"])


def test_two_at_once_are_refused(runs: Runs) -> None:
    """The second says so, and the first does not notice."""
    first = runs.start()
    first.wait_for("under load")
    second = runs.start("--resume")
    assert second.finish() == 2
    assert "another floodmark is at work in the output folder" in second.stderr
    first.signal()
    assert first.finish() == 130


def test_an_interrupted_run_says_that_it_can_be_gone_on_with(runs: Runs) -> None:
    """Ctrl-C is no end: the rest is run another time."""
    first = runs.start()
    first.wait_for("20 %")
    first.signal()
    assert first.finish() == 130
    assert "--resume goes on with it" in first.stderr
    result = runs.through("--resume")
    assert (result["exit_code"], result["interrupted"], result["complete"]) == (3, False, True)
    assert [each["ended"] for each in result["segments"]] == ["interrupted", "whole"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["PLAN", "--resume"], "--resume needs --output"),
        (["PLAN", "--resume", "--output", "none"], "there is no folder"),
        (["PLAN", "--segment", "10ms"], "--segment must be at least 1s (got 10ms)"),
        (["PLAN", "--segment", "soon"], "'soon' is not a duration"),
        (["--builtin", "image-pipeline", "--resume", "--output", "x"], "--builtin without --variant makes runs"),
    ],
)
def test_what_cannot_be_asked_for(floodmark: Floodmark, make_plan: MakePlan, options: list[str], words: str) -> None:
    """Exit 2 with what was asked."""
    plan = make_plan()
    started = floodmark.start(["soak", *(str(plan) if each == "PLAN" else each for each in options)])
    assert started.finish() == 2
    assert words in started.stderr


def test_a_folder_without_a_run_has_no_report(floodmark: Floodmark, tmp_path: Path) -> None:
    """Nor is it changed: a run can still begin there."""
    folder = tmp_path / "empty"
    folder.mkdir()
    started = floodmark.start(["report", folder])
    assert started.finish() == 2
    assert f"there is no run in {folder}: it has no run.json" in started.stderr
    assert list(folder.iterdir()) == []


def _kill(floodmark: Floodmark, started: Started, part: str) -> None:
    if part == "runner":
        started.popen.kill()
        return
    (process,) = [each for each in floodmark.processes() if NAMES[part] in _words(each)]
    process.kill()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
