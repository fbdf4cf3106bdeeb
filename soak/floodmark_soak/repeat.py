"""`python -m floodmark_soak.repeat`: the main job several times in a row, written down as a table.

A gate is worth as much as it repeats: each row is one whole `floodmark soak --builtin image-pipeline`.
"""

import argparse
import contextlib
import json
import platform
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from floodmark_sidecar.units import format_bytes, format_duration, format_rate
from floodmark_soak._output import write_whole

_SOAK: Final = ("-m", "floodmark_sidecar.cli", "soak", "--builtin", "image-pipeline", "--json")
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of both variants: how it ended, how long it took (seconds), and the two results where there are any."""

    exit_code: int
    seconds: float
    leaky: Mapping[str, Any]
    bounded: Mapping[str, Any]

    @property
    def row(self) -> str:
        """The attempt as a row of the table."""
        names = ", ".join(str(culprit["where"]) for culprit in self.leaky.get("culprits", ()))
        return (
            f"| {self.exit_code} | {_verdict(self.leaky)} | {_slope(self.leaky)} | {names or '-'} "
            f"| {_verdict(self.bounded)} | {_slope(self.bounded)} | {self._stall} | {format_duration(self.seconds)} |"
        )

    @property
    def _stall(self) -> str:
        stalls = [(result.get("captures") or {}).get("worst_stall_seconds") for result in (self.leaky, self.bounded)]
        known = [stall for stall in stalls if stall is not None]
        return f"{max(known) * 1000:.1f} ms" if known else "-"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the main job `--times` times and write the table; 0 when every run ended with 0."""
    parser = argparse.ArgumentParser(prog="python -m floodmark_soak.repeat", description=__doc__)
    parser.add_argument("--times", type=_count, default=5, help="how often (default 5)")
    parser.add_argument("--report", type=Path, required=True, help="the Markdown file to write")
    args = parser.parse_args(argv)
    command = "python -m floodmark_soak.repeat " + shlex.join(sys.argv[1:] if argv is None else list(argv))
    args.report.parent.mkdir(parents=True, exist_ok=True)
    attempts = []
    commit = _commit()  # of before the report is written
    kept = Path("soak-output", f"repeat-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}").absolute()
    for number in range(1, args.times + 1):
        print(f"run {number} of {args.times}", file=sys.stderr, flush=True)  # noqa: T201 progress is for the terminal
        attempts.append(attempt(kept / str(number)))
        write_whole(args.report, table(attempts, command=command, commit=commit))
    return 0 if all(done.exit_code == 0 for done in attempts) else 1


def attempt(folder: Path) -> Attempt:
    """One whole main job into *folder*, which is kept only if the run did not show what it should."""
    began = time.monotonic()
    ended = subprocess.run([sys.executable, *_SOAK, "--output", str(folder)], stdout=subprocess.PIPE, check=False)
    if ended.returncode == 0:
        shutil.rmtree(folder)
        with contextlib.suppress(OSError):
            folder.parent.rmdir()
    try:
        result = json.loads(ended.stdout)
    except ValueError:
        result = {}
    return Attempt(
        exit_code=ended.returncode,
        seconds=time.monotonic() - began,
        leaky=result.get("leaky", {}),
        bounded=result.get("bounded", {}),
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        msg = f"at least 1 (got {text})"
        raise argparse.ArgumentTypeError(msg)
    return number


def table(attempts: Sequence[Attempt], *, command: str, commit: str) -> str:
    """The report: where and when it was measured, and a row for each attempt."""
    memory = format_bytes(psutil.virtual_memory().total)
    head = [
        "# The main job, several times in a row",
        "",
        f"- command: `{command}`",
        f"- commit: {commit}",
        f"- machine: {psutil.cpu_count()} cores, {memory}, {platform.platform()}, CPython {platform.python_version()}",
        f"- date: {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}",
        "- worst stall: the longest that a census held the service",
        "",
        "| exit code | leaky | slope (low to high) | culprits, most bytes first | bounded | slope | worst stall | time |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *(done.row for done in attempts), ""])


def _verdict(result: Mapping[str, Any]) -> str:
    return str(result.get("verdict", "no result"))


def _slope(result: Mapping[str, Any]) -> str:
    slope = result.get("slope_bytes_per_hour") or {}
    if slope.get("estimate") is None:
        return "-"
    estimate, low, high = (format_rate(slope[key] / _HOUR) for key in ("estimate", "low", "high"))
    return f"{estimate} ({low} to {high})"


def _commit() -> str:
    asked = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)  # noqa: S607 git is wherever the developer has it
    return asked.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
