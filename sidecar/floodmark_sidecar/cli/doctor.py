"""`floodmark doctor`: what floodmark can see here, and what of an interpreter and its allocator looks like a leak."""

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from floodmark_sidecar.cli._text import printable
from floodmark_sidecar.doctor import Facts, Finding, Level, Reader, findings
from floodmark_sidecar.errors import ExitCode, UsageError

NAME: Final = "doctor"
HELP: Final = "say what floodmark can see here, and what of an interpreter and its allocator looks like a leak"

_MOST_PID: Final = 2**22
"""The largest that a kernel gives away."""

_MARGIN: Final = 9
"""Columns of a level and the space behind it."""

_LEAST_WIDTH: Final = 40
_MOST_WIDTH: Final = 100
_MOST_COMMAND: Final = 200
_MOST_CHILDREN: Final = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `floodmark doctor` to *parser*."""
    parser.add_argument(
        "--pid",
        metavar="PID",
        help="look at this process; without, at what a service started from this shell would find",
    )
    parser.add_argument(
        "--captures",
        type=Path,
        metavar="DIR",
        help="say whether the captures of floodmark serve could go to this folder",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = (
        "Ends with 0, or with 3 where there is a problem: something that floodmark cannot see, or that misleads it."
    )


def run(args: argparse.Namespace) -> int:
    """Look and tell: returns 0, or 3 where there is a problem. Raises `UsageError` for a pid that is none."""
    if not sys.platform.startswith("linux"):
        msg = f"the doctor reads /proc, which is Linux', not of {sys.platform}"
        raise UsageError(msg, hint="the maps of floodmark_caches run everywhere")
    pid = None if args.pid is None else _pid(args.pid)
    facts = Reader(pid, captures=args.captures).read()
    found = findings(facts)
    code = ExitCode.INCONCLUSIVE if any(each.level == Level.PROBLEM for each in found) else ExitCode.STEADY
    if args.json:
        sys.stdout.write(f"{json.dumps(_as_dict(facts, found, code))}\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(facts, found, _width(sys.stdout))))
    return int(code)


def _pid(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= _MOST_PID:
        msg = f"--pid must be the number of a process, 1 to {_MOST_PID} (got {text!r})"
        raise UsageError(msg, hint="pgrep -af python lists those that run Python")
    return int(text)


def _as_dict(facts: Facts, found: Sequence[Finding], code: ExitCode) -> dict[str, object]:
    return {
        "pid": None if facts.own else facts.pid,
        "command": None if facts.own else facts.command,
        "children": [] if facts.own else list(facts.children),
        "exit_code": int(code),
        "findings": [each.as_dict() for each in found],
    }


def _lines(facts: Facts, found: Sequence[Finding], width: int) -> list[str]:
    lines = [*_head(facts, width), ""]
    for each in found:
        lines += _folded(f"{each.level.value:<{_MARGIN}}{each.name}: {each.value}", width)
        lines += _folded(f"{' ' * _MARGIN}{each.advice}", width) if each.advice else []
        lines += [f"{' ' * _MARGIN}{each.source}"] if each.source else []
    return [*lines, "", _sum(found)]


def _head(facts: Facts, width: int) -> list[str]:
    if facts.own:
        return _folded("a service that is started from this shell; --pid PID looks at one that runs", width, margin=2)
    command = facts.command if len(facts.command) <= _MOST_COMMAND else f"{facts.command[:_MOST_COMMAND]}..."
    lines = _folded(f"process {facts.pid}: {command}", width, margin=2)
    if facts.children:
        few = facts.children[:_MOST_CHILDREN]
        more = ", ..." if len(facts.children) > len(few) else ""
        children = f"{', '.join(map(str, few))}{more}"
        lines += _folded(f"its children are not looked at, each has a --pid of its own: {children}", width, margin=2)
    return lines


def _folded(line: str, width: int, *, margin: int = _MARGIN) -> list[str]:
    text = printable(line)
    return textwrap.wrap(text, width, subsequent_indent=" " * margin, break_on_hyphens=False, break_long_words=False)


def _sum(found: Sequence[Finding]) -> str:
    counts = {level: sum(each.level == level for each in found) for level in Level}
    parts = [
        f"{counts[level]} {level.value}{'s' * (counts[level] != 1 and level != Level.FINE)}"
        for level in Level
        if counts[level]
    ]
    return ", ".join(parts)


def _width(stream: TextIO) -> int:
    columns = shutil.get_terminal_size((_MOST_WIDTH, 24)).columns if stream.isatty() else _MOST_WIDTH
    return min(_MOST_WIDTH, max(_LEAST_WIDTH, columns))
