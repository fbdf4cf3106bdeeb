"""A long soak of the bundled service that is killed twice and gone on with: `python -m tests.bench.long`.

The runner first, then the sidecar, each by SIGKILL under load; what was lost is how much older the last reading is than the kill.
A leaking one beside it, shorter, must end early.
"""

import argparse
import contextlib
import csv
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from floodmark_sidecar.units import format_bytes, format_duration, format_rate, parse_duration
from tests.bench.heading import heading, say

_SOAK: Final = (sys.executable, "-m", "floodmark_sidecar.cli", "soak", "--builtin", "image-pipeline", "--json")
_KILLED: Final = ("soak", "serve")
"""The word of the command that each kill meets: the runner, then the sidecar."""

_GONE: Final = 60.0
"""Seconds within which nothing of a killed run may be left."""


@dataclass(frozen=True)
class Kill:
    """One kill: of whom, when (epoch seconds), and how many seconds later nothing of the run was left."""

    what: str
    t: float
    gone_after: float


@dataclass(frozen=True)
class Lost:
    """What a kill cost: seconds since the last reading that was kept, and the usual seconds between two readings."""

    kill: Kill
    seconds: float
    interval: float


def main() -> None:
    """Run both services, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.long", description="kill a long soak twice")
    parser.add_argument("--duration", default="2h", help="of the bounded service, under load (2h)")
    parser.add_argument("--leaky", default="40m", help="of the leaking one (40m)")
    parser.add_argument(
        "--work", type=Path, default=Path("build/bench-long"), help="where the runs go (build/bench-long)"
    )
    parser.add_argument("--report", type=Path, default=Path("reports/soak-2h.md"), help="the Markdown file to write")
    options = parser.parse_args()
    head = heading("tests.bench.long", "bench-long")
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    bounded, kills = killed_twice(options.work / "bounded", options.duration)
    leaky = through(["--variant", "leaky", "--duration", options.leaky, "--output", str(options.work / "leaky")])
    options.report.parent.mkdir(parents=True, exist_ok=True)
    lost = lost_by(kills, options.work / "bounded" / "readings.csv")
    options.report.write_text(render(head, bounded, lost, leaky), encoding="utf-8")
    say(f"wrote {options.report}")


def killed_twice(folder: Path, duration: str) -> tuple[dict[str, Any], list[Kill]]:
    """Run the bounded service for *duration* with a kill after each third, and return what it came to."""
    asked = ["--variant", "bounded", "--duration", duration, "--output", str(folder)]
    third = parse_duration(duration) / 3
    kills: list[Kill] = []
    for number, word in enumerate(_KILLED, 1):
        process = subprocess.Popen([*_SOAK, *asked, *(["--resume"] if number > 1 else [])], stdout=subprocess.DEVNULL)
        _under_load(folder, number, process)
        say(f"segment {number} is under load")
        _wait(third, process)
        kills.append(_kill(process, word))
        say(f"killed {kills[-1].what}; nothing of it was left {kills[-1].gone_after:.1f} s later")
    return through([*asked, "--resume"]), kills


def through(asked: Sequence[str]) -> dict[str, Any]:
    """Run a soak to its end and return its result."""
    done = subprocess.run([*_SOAK, *asked], stdout=subprocess.PIPE, check=False)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def lost_by(kills: Sequence[Kill], readings: Path) -> list[Lost]:
    """Return what each of *kills* cost of *readings*, a run's `readings.csv`."""
    with readings.open(newline="") as file:
        times = sorted({float(row["t"]) for row in csv.DictReader(file)})
    interval = statistics.median(after - before for before, after in itertools.pairwise(times))
    return [Lost(kill, kill.t - max(t for t in times if t <= kill.t), interval) for kill in kills]


def render(
    head: Mapping[str, str], bounded: Mapping[str, Any], losses: Sequence[Lost], leaky: Mapping[str, Any]
) -> str:
    """Return the report."""
    lines = ["# A long soak, killed twice", "", *(f"- {name}: {value}" for name, value in head.items()), ""]
    lines += [
        "The bundled image pipeline with its maps bounded, under the load of its plan. After each third of the run a part of it is ended",
        "by SIGKILL, the runner first and then the sidecar, and another `floodmark soak --resume` goes on.",
        "",
        "| killed | last reading before it | usual interval | nothing was left after |",
        "|---|---|---|---|",
    ]
    for each in losses:
        kill = each.kill
        lines.append(f"| {kill.what} | {each.seconds:.2f} s | {each.interval:.2f} s | {kill.gone_after:.1f} s |")
    lines += ["", "| segment | under load | ended |", "|---|---|---|"]
    lines += [
        f"| {each['number']} | {format_duration(each['seconds'])} | {each['ended']} |" for each in bounded["segments"]
    ]
    lines += ["", *_of("bounded", bounded), "", *_of("leaky", leaky), ""]
    return "\n".join(lines)


def _of(name: str, result: Mapping[str, Any]) -> list[str]:
    load, slope = result["load"], result["slope_bytes_per_hour"]
    between = " to ".join(
        "unknown" if slope[part] is None else format_rate(slope[part] / 3600) for part in ("low", "high")
    )
    lines = [
        f"## {name}",
        "",
        *("| | |", "|---|---|"),
        f"| verdict | {result['verdict']}, exit code {result['exit_code']} |",
        f"| under load | {format_duration(result['duration_seconds'])} of {format_duration(result['plan']['duration_seconds'])} |",
        f"| longest life | {format_duration(result['longest_life_seconds'])} |",
        f"| slope | {between} |",
        f"| δ, detection limit | {_rate(result['delta_bytes_per_hour'])}, {_rate(result['detectable_bytes_per_hour'])} |",
        f"| requests | {load['requests']:,}, {load['failures']:,} failed, {load['omitted_requests']:,} omitted |",
        f"| culprits | {', '.join(culprit['where'] or culprit['name'] for culprit in result['culprits']) or 'none'} |",
    ]
    for tool, each in result["tools"].items():
        growth = "unknown" if each["slope_bytes_per_hour"] is None else format_rate(each["slope_bytes_per_hour"] / 3600)
        took = f"{format_bytes(each['mean_bytes'])}, {each['cpu_share']:.1%} of a processor"
        lines.append(f"| {tool} itself | {each['verdict']}, {growth}, {took} |")
    return [*lines, *(f"\n- {note}" for note in result["notes"])]


def _rate(bytes_per_hour: float | None) -> str:
    return "unknown" if bytes_per_hour is None else f"{format_bytes(bytes_per_hour)}/h"


def _under_load(folder: Path, number: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until segment *number* is under load."""
    while True:
        with contextlib.suppress(OSError, ValueError):
            told = json.loads((folder / "run.json").read_text())["segments"]
            if len(told) >= number and told[number - 1]["since"]:
                return
        _wait(0.2, process)


def _wait(seconds: float, process: "subprocess.Popen[bytes]") -> None:
    """Wait so long; raises `RuntimeError` if the run ends meanwhile."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
    msg = f"the run ended by itself with {process.returncode}"
    raise RuntimeError(msg)


def _kill(process: "subprocess.Popen[bytes]", word: str) -> Kill:
    """Kill the part of the run whose command has *word*, and wait until nothing of the run is left."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    victim = next(each for each in family if word in each.cmdline())
    killed = time.time()
    victim.kill()
    process.wait(_GONE)
    deadline = time.monotonic() + _GONE
    while left := [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]:
        if time.monotonic() > deadline:
            msg = f"{len(left)} processes were left {_GONE:.0f} s after the kill"
            raise RuntimeError(msg)
        time.sleep(0.1)
    return Kill({"soak": "the runner", "serve": "the sidecar"}[word], killed, time.time() - killed)


if __name__ == "__main__":
    main()
