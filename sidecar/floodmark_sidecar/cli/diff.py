"""`floodmark diff`: what grew and what shrank from one capture to another."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from floodmark_sidecar.compare import compare
from floodmark_sidecar.errors import UsageError

NAME: Final = "diff"
HELP: Final = "say what grew and what shrank from one capture to another, by type and container or by line"

_ROWS: Final = 15
"""As many as pympler prints of a summary."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `floodmark diff` to *parser*."""
    parser.add_argument("before", type=Path, metavar="A", help="a capture file, plain or gzip")
    parser.add_argument("after", type=Path, metavar="B", help="another: of this process or of any other")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, with every row unless --limit is given"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help=f"at most N rows of types, of containers and of lines ({_ROWS})"
    )


def run(args: argparse.Namespace) -> int:
    """Compare both files and print the difference; returns 0. Raises `UsageError` for a file that is no capture."""
    if args.limit is not None and args.limit < 1:
        msg = f"--limit must be at least 1 (got {args.limit})"
        raise UsageError(msg)
    at_most = args.limit if args.json else args.limit or _ROWS
    found = compare(args.before, args.after, cwd=Path.cwd(), at_most=at_most)
    if args.json:
        result = found.as_dict()
        for side, path in (("from", args.before), ("to", args.after)):
            result[side] = {"file": str(path), **result[side]}
        sys.stdout.write(f"{json.dumps(result, allow_nan=False)}\n")
    else:
        from floodmark_sidecar.cli._differences import say_diff  # noqa: PLC0415 - rich is not loaded without need

        say_diff(found, (args.before, args.after), sys.stdout)
    return 0
