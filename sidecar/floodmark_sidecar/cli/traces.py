"""`floodmark traces`: labelled memory traces, to try a judge on whose answers are known."""

import argparse
import difflib
import errno
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.cli._text import printable
from floodmark_sidecar.errors import ExitCode, FloodmarkError, UsageError
from floodmark_sidecar.judge import format_csv
from floodmark_sidecar.traces import FAMILIES, Family, Labelled, generate, reading_interval
from floodmark_sidecar.units import format_bytes, format_duration, parse_duration, parse_rate, parse_size

NAME: Final = "traces"
HELP: Final = "list the families of labelled memory traces, or write some of them as CSV"

LABELS: Final = "labels.json"
"""The file beside the traces that says what they are."""

_MOST: Final = 10_000
_CODE: Final = re.compile(r"[A-Za-z][0-9]+[A-Za-z]?")
_ALIKE: Final = 0.7
"""From how much alike a word and a name are, one may be meant by the other."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `floodmark traces` to *parser*."""
    parser.add_argument(
        "families", nargs="*", metavar="FAMILY", help="a code such as N5 or L8, or all; none lists them"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the first seed (default 1)")
    parser.add_argument("--count", type=int, default=1, metavar="K", help="seeds of each family (default 1)")
    parser.add_argument("--duration", default="24h", help="how long a run is (default 24h)")
    parser.add_argument("--every", help="time between readings (default 15s, less in a run of under 70 minutes)")
    parser.add_argument("--growth", metavar="RATE", help="what a leak adds, such as 2MiB/day (default: clean twins)")
    parser.add_argument("--level", metavar="SIZE", help="the service's memory (default: 30 to 500 MiB, by seed)")
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"the folder for CODE-SEED.csv and {LABELS}")


def run(args: argparse.Namespace) -> int:
    """List the families, or write what *args* asks for; returns the exit code."""
    if not args.families:
        if args.output is not None:
            msg = "there is nothing to write: no family is named"
            raise UsageError(msg, hint="floodmark traces lists them; all stands for every one")
        sys.stdout.write(_table())
        return int(ExitCode.STEADY)
    families = _families(args.families)
    if args.output is None:
        msg = "there is nowhere to write to: --output is missing"
        raise UsageError(msg, hint="name a new or empty folder with --output DIR")
    if not 1 <= args.count <= _MOST:
        msg = f"--count must be from 1 to {_MOST} (got {args.count})"
        raise UsageError(msg)
    if args.growth is not None and all(family.kind == "null" for family in families):
        named = ", ".join(family.code for family in families)
        msg = f"--growth {args.growth} has no leak to apply to: {named} only look like one"
        raise UsageError(msg)
    asked = _asked(args)
    # What makes no trace is refused before there is a folder.
    _made(families[0], args.seed, asked)
    _prepare(args.output)
    written = _write(args.output, [(family, args.seed + i) for family in families for i in range(args.count)], asked)
    counts = Counter(label["truth"]["label"] for label in written.values())
    what = ", ".join(f"{count} {label}" for label, count in sorted(counts.items()))
    sys.stdout.write(
        f"{len(written)} {'trace' if len(written) == 1 else 'traces'} in {printable(str(args.output))}: {what}; {LABELS} has their truths\n"
    )
    return int(ExitCode.STEADY)


def _table() -> str:
    width = max(len(family.name) for family in FAMILIES.values())
    lines = [f"{'code':5} {'label':11} {'name':{width}} title"]
    lines += [f"{f.code:5} {f.label:11} {f.name:{width}} {f.title}" for f in FAMILIES.values()]
    return "\n".join(lines) + "\n"


def _families(words: list[str]) -> list[Family]:
    if "all" in map(str.lower, words):
        return list(FAMILIES.values())
    codes = {name: family.code for family in FAMILIES.values() for name in (family.code.lower(), family.name)}
    # A word that is no family is left as it is: `generate` knows the nearest.
    return [FAMILIES.get(code) or _unknown(code) for code in dict.fromkeys(codes.get(w.lower(), w) for w in words)]


def _unknown(code: str) -> Family:
    names = [family.name for family in FAMILIES.values()]
    if not _CODE.fullmatch(code) and not difflib.get_close_matches(code.lower(), names, n=1, cutoff=_ALIKE):
        msg = f"there is no family {code!r}"
        raise UsageError(msg, hint="floodmark traces lists them; all stands for every one")
    try:
        return generate(code, seed=0).family
    except ValueError as error:
        raise UsageError(str(error), hint="floodmark traces lists them") from None


def _asked(args: argparse.Namespace) -> dict[str, float | None]:
    duration = parse_duration(args.duration)
    return {
        "duration": duration,
        "every": reading_interval(duration) if args.every is None else parse_duration(args.every),
        "growth": 0.0 if args.growth is None else parse_rate(args.growth),
        "level": None if args.level is None else float(parse_size(args.level)),
    }


def _made(family: Family, seed: int, asked: dict[str, Any]) -> Labelled:
    growth = asked["growth"] if family.kind == "leak" else 0.0
    try:
        return generate(family.code, seed=seed, **{**asked, "growth": growth})
    except ValueError as error:
        raise UsageError(_as_asked(str(error), asked)) from None


def _as_asked(said: str, asked: dict[str, Any]) -> str:
    """Return what was *said* of the numbers *asked* for with their units, as people write them."""
    if asked["level"] is not None:
        said = said.replace(f"{asked['level']!r} bytes", format_bytes(asked["level"]))
    for seconds in (asked["duration"], asked["every"]):
        for number in (f"{seconds!r} s", f"{seconds:g} s"):
            said = said.replace(number, format_duration(seconds))
    return said


def _prepare(folder: Path) -> None:
    """Make *folder*; raises `UsageError` where something is in it already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = next(iter(sorted(folder.iterdir())), None)
    except OSError as error:
        msg = f"the output folder {folder} cannot be made: {error.strerror}"
        raise UsageError(msg) from None
    if found is not None:
        msg = f"the output folder {folder} is not empty: {found.name} is in it"
        raise UsageError(msg, hint="name a new or an empty folder")


def _write(folder: Path, wanted: list[tuple[Family, int]], asked: dict[str, Any]) -> dict[str, Any]:
    """Write each of *wanted* and then their labels; returns these by file."""
    labels: dict[str, Any] = {}
    try:
        for family, seed in wanted:
            made = _made(family, seed, asked)
            name = f"{family.code}-{seed:04}.csv"
            (folder / name).write_text("".join(format_csv(made.trace.rows())), "utf-8")
            labels[name] = _label(made, asked)
            _progress(len(labels), len(wanted))
    except OSError as error:
        raise _unwritten(folder, error) from None
    finally:
        # Also of a command that is interrupted, what is written is labelled.
        _write_labels(folder, labels)
    return labels


def _write_labels(folder: Path, labels: dict[str, Any]) -> None:
    try:
        (folder / LABELS).write_text(json.dumps(labels, indent=1, allow_nan=False) + "\n", "utf-8")
    except OSError as error:
        raise _unwritten(folder, error) from None


def _unwritten(folder: Path, error: OSError) -> FloodmarkError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return (FloodmarkError if full else UsageError)(f"{folder} cannot be written to: {error.strerror}")


def _label(made: Labelled, asked: dict[str, Any]) -> dict[str, Any]:
    family, truth = made.family, made.truth
    return {
        "family": family.code,
        "name": family.name,
        "kind": family.kind,
        "growth_class": family.growth_class if truth.slope_bytes_per_second else "none",
        "seed": made.seed,
        "duration_seconds": asked["duration"],
        "every_seconds": asked["every"],
        "truth": {
            "label": truth.label,
            "slope_bytes_per_second": truth.slope_bytes_per_second,
            "onset_seconds": truth.onset_seconds,
            "culprit": truth.culprit,
            "reason": truth.reason,
        },
        "parameters": dict(made.parameters),
    }


def _progress(done: int, total: int) -> None:
    """Say how far it is, on a terminal over the line before; elsewhere a tenth at a time."""
    if total < 20:
        return
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {total} traces{chr(10) if done == total else ''}")
    elif done % max(1, total // 10) == 0:
        sys.stderr.write(f"{done} of {total} traces\n")
