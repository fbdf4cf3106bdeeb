"""`floodmark judge`: verdicts on traces that lie in files."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from floodmark_sidecar.cli._files import read_trace
from floodmark_sidecar.cli._pictures import Pictures
from floodmark_sidecar.cli._plan import read_settings
from floodmark_sidecar.cli._shown import shown
from floodmark_sidecar.cli._streams import complain
from floodmark_sidecar.cli._text import folded, printable
from floodmark_sidecar.errors import FloodmarkError, UsageError, first_of
from floodmark_sidecar.judge import Settings, Trace, Verdict, explain, judge
from floodmark_sidecar.units import format_duration, parse_duration

NAME: Final = "judge"
HELP: Final = "say of memory traces whether they are steady, climbing or inconclusive"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `floodmark judge` to *parser*."""
    parser.add_argument("traces", nargs="+", metavar="TRACE", help="a CSV trace, plain or gzip; - is standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line for each trace")
    parser.add_argument(
        "--explain",
        action="store_true",
        help="say why: each of the judge's conditions, what would change the verdict, and a chart",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.svg|.png",
        help="draw the trace and its verdict into FILE, which must be new; several traces are numbered",
    )
    parser.add_argument(
        "--plan", type=Path, metavar="PLAN.toml", help="take [limits], [maps] and soak.warmup from this plan"
    )
    parser.add_argument(
        "--planned",
        metavar="DURATION",
        help="how long the whole run is to be, such as 24h: a shorter trace may fail early, and never pass",
    )


def run(args: argparse.Namespace) -> int:
    """Judge every trace of *args*; one that cannot be read is reported, and the others go on.

    Raises `KeyboardInterrupt` when interrupted: what was judged is printed by then.
    """
    settings = Settings() if args.plan is None else read_settings(args.plan)
    if args.planned is not None:
        settings = replace(settings, planned=parse_duration(args.planned))
    pictures = None if args.plot is None else Pictures(args.plot, len(args.traces))
    codes = set()
    for index, name in enumerate(args.traces):
        try:
            if name == "-" and name in args.traces[:index]:
                msg = "standard input is named twice: - can be read only once"
                raise UsageError(msg)
            trace = read_trace(name)
            verdict = judge(trace, settings)
            codes.add(verdict.exit_code)
            _say(name, trace, verdict, args)
            if pictures is not None:
                path = pictures.draw(index, name, verdict, shown(trace, verdict))
                (sys.stderr if args.json else sys.stdout).write(f"  picture: {printable(str(path))}\n")
            sys.stdout.flush()
        except FloodmarkError as error:
            complain(printable(error.message) + (f"\n  {error.hint}" if error.hint else ""))
            codes.add(error.exit_code)
    return int(first_of(codes))


def _say(name: str, trace: Trace, verdict: Verdict, args: argparse.Namespace) -> None:
    """Print *verdict*, and why it is so if *args* ask for that."""
    if args.json:
        result = {"file": name, **verdict.as_dict()}
        if args.explain:
            result["explanation"] = explain(verdict).as_dict()
        sys.stdout.write(f"{json.dumps(result, allow_nan=False)}\n")
        return
    sys.stdout.write(f"{_text(name, verdict)}\n")
    if args.explain:
        from floodmark_sidecar.cli._explained import say_explanation  # noqa: PLC0415 - rich is not loaded without need

        say_explanation(explain(verdict), shown(trace, verdict), sys.stdout)


def _text(name: str, verdict: Verdict) -> str:
    lines = [f"{printable(name)}: {verdict.verdict}"]
    if verdict.memory is not None:
        judged = format_duration(verdict.memory.end - verdict.memory.start)
        lines[0] += f" ({verdict.shape}, {judged} judged after {format_duration(verdict.memory.start)} of warm-up)"
    lines += [f"  {printable(reason)}" for reason in verdict.reasons]
    lines += [f"  note: {printable(note)}" for note in verdict.notes]
    if verdict.next:
        lines.append(f"  next: {printable(verdict.next)}")
    return folded(lines, sys.stdout)
