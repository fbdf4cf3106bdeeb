"""Record the controls: `python -m tests.data.record [NAME…]` runs each as a real soak and keeps its trace.

The output folders of the soaks are in `build/controls`. One that is there already is not run again, so that a recording
which was cut goes on where it stopped. `--judge` runs nothing: it judges the traces that are kept once more, and notes what
came of it.
"""

import argparse
import gzip
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from floodmark_sidecar.judge import Trace, Verdict, format_csv, judge, parse_csv
from floodmark_sidecar.units import format_bytes, format_rate
from tests.data.controls import CONTROLS, FOLDER, Control

ROOT: Final = FOLDER.parent.parent
WORK: Final = ROOT / "build" / "controls"
README: Final = FOLDER / "README.md"
_ROW: Final = "| `{name}` |"


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is not run yet, and keep the traces."""
    by_name = {control.name: control for control in CONTROLS}
    parser = argparse.ArgumentParser(prog="python -m tests.data.record", description="record the judge's real controls")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"by default all: {', '.join(by_name)}")
    parser.add_argument("--judge", action="store_true", help="only judge what is recorded once more")
    options = parser.parse_args(argv)
    names = options.names or list(by_name)
    for name in names:
        if name not in by_name:
            parser.error(f"there is no control {name!r}")
    for name in names:
        (judge_again if options.judge else record)(by_name[name])


def record(control: Control) -> None:
    """Run one control unless that is done, write its trace and its line of the README."""
    folder = WORK / control.name
    if not (folder / "readings.csv").exists():
        soak(control, folder)
    with (folder / "readings.csv").open(encoding="utf-8", newline="") as lines:
        trace = parse_csv(lines, name=control.name)
    write(control.file, trace)
    kept = control.trace()
    date = datetime.fromtimestamp(float(trace.t[0]), UTC).strftime("%Y-%m-%d %H:%M UTC")
    note(control, line(control, judge(kept), [date, machine(), commit()], planted=control.planted(kept)))


def judge_again(control: Control) -> None:
    """Write the line of a control that was recorded before, with what the judge says of it now."""
    before = next(line for line in README.read_text(encoding="utf-8").splitlines() if starts(line, [control]))
    origin = before.split(" | ")[3:6]
    kept = control.trace()
    note(control, line(control, judge(kept), origin, planted=control.planted(kept)))


def soak(control: Control, folder: Path) -> None:
    """Run the soak into *folder*; raises `CalledProcessError` if it came to no verdict at all."""
    say(f"{control.name}: {control.command}")
    command = [sys.executable, "-m", "floodmark_sidecar.cli", "soak", *control.arguments]
    command += ["--duration", control.duration, "--output", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ, **control.environment}, check=False)
    if ended.returncode not in (0, 1, 3):
        raise subprocess.CalledProcessError(ended.returncode, command)


def write(file: Path, trace: Trace) -> None:
    """Keep what the judge reads of *trace*, its times counted from the first reading."""
    rows = trace.rows()
    for row, t in zip(rows, trace.t - trace.t[0], strict=True):
        row["t"] = round(float(t), 3)
    # No time and no name in the header: the same trace is the same file.
    file.write_bytes(gzip.compress("".join(format_csv(rows)).encode(), mtime=0))


def line(control: Control, verdict: Verdict, origin: Sequence[str], *, planted: float) -> str:
    """The control's row of the table; *origin* says when, on what and of which commit it was recorded."""
    leaked = format_rate(planted) if control.leak else "none"
    cells = [control.what, f"`{control.command}`", *origin, leaked, control.expected]
    memory = verdict.memory
    slope = "-" if memory is None else said(memory.slope.estimate, memory.slope.low, memory.slope.high)
    delta = "-" if memory is None else format_rate(memory.delta)
    return " ".join([_ROW.format(name=control.name), " | ".join([*cells, verdict.verdict, slope, delta]), "|"])


def said(estimate: float, low: float, high: float) -> str:
    """A slope in words, given in bytes per second."""
    return f"{format_rate(estimate)} ({format_rate(low)} to {format_rate(high)})"


def machine() -> str:
    """What the soak ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores, {format_bytes(memory)}, {system}, Python {platform.python_version()}"


def commit() -> str:
    """The last commit that changed what a soak runs."""
    command = ["git", "log", "-1", "--format=%h", "--", "caches", "sidecar", "soak"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def note(control: Control, row: str) -> None:
    """Put *row* into the README's table, in the order of the controls, in place of the one that was there."""
    text = README.read_text(encoding="utf-8")
    head = [line for line in text.splitlines() if not line.startswith("| `")]
    rows = [line for line in text.splitlines() if line.startswith("| `") and not starts(line, [control])]
    ordered = sorted([*rows, row], key=lambda line: [starts(line, [one]) for one in CONTROLS].index(True))
    README.write_text("\n".join([*head, *ordered, ""]), encoding="utf-8")


def starts(line: str, controls: Iterable[Control]) -> bool:
    """Say whether *line* is the row of one of *controls*."""
    return any(line.startswith(_ROW.format(name=control.name)) for control in controls)


def say(text: str) -> None:
    """Say how far the recorder is."""
    sys.stderr.write(f"record: {text}\n")


if __name__ == "__main__":
    main()
