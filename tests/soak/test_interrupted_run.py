"""Ctrl-C and SIGTERM in every phase of a run: exit 130, what was seen is written, nothing is left."""

import json
import signal
from pathlib import Path

import pytest

from tests.soak.conftest import Floodmark, MakePlan, Started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PHASES = {
    "checking the plan": ("steady", "1h"),
    "waiting for the service to be ready": ("unready", "1h"),
    "starting the load": ("steady", "1h"),
    "under load": ("steady", "1h"),
    "taking the last census": ("steady", "2s"),
    "ending the service": ("steady", "2s"),
    "judging": ("steady", "2s"),
}


def start(floodmark: Floodmark, plan: Path, duration: str, output: Path) -> Started:
    return floodmark.start(["soak", plan, "--duration", duration, "--output", output, "--json"])


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_ends_every_phase(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path, phase: str) -> None:
    """One Ctrl-C: the run ends in order, its files say that it was interrupted."""
    mode, duration = PHASES[phase]
    output = tmp_path / "out"
    started = start(floodmark, make_plan(mode, service='start_timeout = "10m"'), duration, output)
    started.wait_for(f": {phase}")

    started.signal(signal.SIGINT)

    assert started.finish() == 130, started.stderr
    assert floodmark.left_behind() == []
    result = json.loads((output / "result.json").read_text())
    assert result == json.loads(started.stdout)
    assert (result["exit_code"], result["interrupted"]) == (130, True)
    assert result["reasons"][0].startswith("The run was interrupted")
    assert "Traceback" not in started.stderr
    for name in ("report.html", "readings.csv", "summary.md", "junit.xml"):
        assert (output / name).exists(), name


def test_an_interrupted_run_keeps_its_readings(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> None:
    """SIGTERM, which CI systems send before they kill, is as good: what was seen is in the files, and how far it came."""
    started = start(floodmark, make_plan(), "40s", tmp_path / "out")
    started.wait_for("10 %")

    started.signal(signal.SIGTERM)

    assert started.finish() == 130
    assert floodmark.left_behind() == []
    result = json.loads(started.stdout)
    assert "of 40 s under load" in result["reasons"][0]
    assert result["duration_seconds"] >= 4
    assert result["load"]["requests"] > 20
    assert len((tmp_path / "out" / "readings.csv").read_text().splitlines()) > 4


def test_a_second_ctrl_c_waits_for_nobody(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> None:
    """A service that ignores SIGTERM is killed, the report is left out, the result is not; and nothing is left."""
    started = start(floodmark, make_plan("stubborn"), "1h", tmp_path / "out")
    started.wait_for("under load")

    started.signal()
    started.wait_for("once more ends it at once")
    started.signal()

    assert started.finish() == 130
    assert floodmark.left_behind() == []
    assert json.loads((tmp_path / "out" / "result.json").read_text())["interrupted"]
    assert not (tmp_path / "out" / "report.html").exists()
    assert not [*(tmp_path / "out").glob("store.sqlite-*")]
