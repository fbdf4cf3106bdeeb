"""A plan run from a test: `floodmark soak` in a process of its own, and its result as an object."""

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class PlanRun:
    """What a run of a plan came to: `result` is the content of result.json, `folder` where the report is."""

    result: dict[str, Any]
    folder: Path

    @property
    def verdict(self) -> str:
        """`steady`, `climbing` or `inconclusive`."""
        return str(self.result["verdict"])

    @property
    def exit_code(self) -> int:
        """What the command ended with."""
        return int(self.result["exit_code"])

    @property
    def culprits(self) -> list[dict[str, Any]]:
        """What grows, the first one first."""
        return list(self.result["culprits"])

    @property
    def text(self) -> str:
        """The verdict in a sentence, with its reasons and the culprits."""
        from floodmark_soak._words import verdict  # noqa: PLC0415 -- rich is loaded for a failure alone

        lines = [verdict(self.result), *(f"  {reason}" for reason in self.result["reasons"][:4])]
        for culprit in self.culprits[:5]:
            share = "" if culprit.get("share") is None else f", {culprit['share']:.0%} of the growth"
            lines.append(f"  {culprit.get('where') or culprit['kind']} {culprit.get('path') or culprit['name']}{share}")
        return "\n".join([*lines, f"  report: {self.folder / 'report.html'}"])

    def properties(self) -> dict[str, Any]:
        """Return what a report of tests may show."""
        slope = self.result.get("slope_bytes_per_hour") or {}
        found = {
            "floodmark_verdict": self.verdict,
            "floodmark_slope_bytes_per_hour": slope.get("estimate"),
            "floodmark_detectable_bytes_per_hour": self.result.get("detectable_bytes_per_hour"),
            "floodmark_report": str(self.folder / "report.html"),
        }
        return {name: value for name, value in found.items() if value is not None}

    def assert_steady(self) -> None:
        """Fail the test unless the run was steady: what could not be told is no pass."""
        if self.exit_code != 0 or self.verdict != "steady":
            pytest.fail(f"floodmark: {self.text}", pytrace=False)

    def assert_not_climbing(self) -> None:
        """Fail the test if the run climbs, or failed; a run that is too short to be steady passes."""
        if self.exit_code not in (0, 3) or self.verdict == "climbing":
            pytest.fail(f"floodmark: {self.text}", pytrace=False)


def run_plan(plan: Path, *, duration: str | None, output: Path) -> PlanRun:
    """Run *plan* into the new folder *output*; fails the test where it cannot be run at all."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "floodmark_sidecar.cli",
        "soak",
        str(plan),
        "--output",
        str(output),
        "--json",
    ]
    command += [] if duration is None else ["--duration", duration]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    with contextlib.suppress(ValueError):
        return PlanRun(json.loads(done.stdout), output)
    pytest.fail(f"floodmark: no result of {plan} (exit code {done.returncode}):\n{done.stderr[-2000:]}", pytrace=False)
