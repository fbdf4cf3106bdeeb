"""`floodmark judge`: verdicts on traces that lie in files."""

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.cli._files import read_trace
from floodmark_sidecar.cli._pictures import Pictures
from floodmark_sidecar.cli._shown import shown
from floodmark_sidecar.cli._streams import complain
from floodmark_sidecar.cli._text import folded, printable
from floodmark_sidecar.errors import FloodmarkError, UsageError, first_of
from floodmark_sidecar.judge import Settings, Trace, Verdict, explain, judge
from floodmark_sidecar.units import format_duration, parse_duration, parse_rate, parse_size

NAME: Final = "judge"
HELP: Final = "say of memory traces whether they are steady, climbing or inconclusive"

_TABLES: Final = ("floodmark", "service", "load", "soak", "limits", "maps")
_LIMITS: Final = ("growth", "memory")
_SOAK: Final = ("duration", "warmup", "read_every", "census_every", "trace_window")


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


def read_settings(path: Path) -> Settings:
    """Return what the plan at *path* says of a verdict; raises `UsageError` where it cannot be read or makes no sense."""
    try:
        plan = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        msg = f"the plan {path} cannot be read: {error.strerror}"
        raise UsageError(msg) from None
    except (ValueError, RecursionError) as error:  # also of bytes that are no text, and of numbers that are too long
        msg = f"the plan {path} is not TOML: {error}"
        raise UsageError(msg) from None
    if plan.get("floodmark") != 1:
        msg = f"{path} is not a plan that this floodmark knows: it does not say floodmark = 1"
        raise UsageError(msg)
    _refuse_unknown(plan, _TABLES, f"{path} has no table")
    limits, maps, soak = (_table(plan, name, path) for name in ("limits", "maps", "soak"))
    _refuse_unknown(limits, _LIMITS, f"{path}: [limits] has no key")
    _refuse_unknown(soak, _SOAK, f"{path}: [soak] has no key")
    growth, memory, warmup = limits.get("growth", "auto"), limits.get("memory"), soak.get("warmup", "auto")
    return Settings(
        growth=None if growth == "auto" else _growth(growth, path),
        memory=None if memory is None else _memory(memory, path),
        maps={name: _count(limit, name, path) for name, limit in maps.items()},
        warmup=None if warmup == "auto" else parse_duration(_string(warmup, "soak.warmup", path)),
    )


def _text(name: str, verdict: Verdict) -> str:
    lines = [f"{printable(name)}: {verdict.verdict}"]
    if verdict.memory is not None:
        judged = format_duration(verdict.memory.end - verdict.memory.start)
        lines[0] += f" ({verdict.shape}, {judged} judged after {format_duration(verdict.memory.start)} of warm-up)"
    lines += [f"  {printable(reason)}" for reason in verdict.reasons]
    lines += [f"  note: {printable(note)}" for note in verdict.notes]
    lines += [f"  next: {printable(verdict.next)}"] * bool(verdict.next)
    return folded(lines, sys.stdout)


def _refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], complaint: str) -> None:
    unknown = next((key for key in table if key not in known), None)
    if unknown is not None:
        msg = f"{complaint} {unknown!r}"
        raise UsageError(msg, hint=f"it knows {', '.join(known)}")


def _table(plan: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    table = plan.get(name, {})
    if not isinstance(table, dict):
        msg = f"{path}: {name} is {table!r} where a table [{name}] should be"
        raise UsageError(msg)
    return table


def _string(value: object, key: str, path: Path) -> str:
    if not isinstance(value, str):
        msg = f"{path}: {key} is {value!r} where a text such as a size, a rate or a duration should be"
        raise UsageError(msg)
    return value


def _growth(value: object, path: Path) -> float:
    rate = parse_rate(_string(value, "limits.growth", path))
    if not rate:
        msg = f"{path}: limits.growth must be above 0 (got {value!r})"
        raise UsageError(msg, hint="every run has some growth that noise hides")
    return rate


def _memory(value: object, path: Path) -> int:
    size = parse_size(_string(value, "limits.memory", path))
    if not size:
        msg = f"{path}: limits.memory must be above 0 (got {value!r})"
        raise UsageError(msg)
    return size


def _count(value: object, name: str, path: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        msg = f"{path}: the limit of map {name} is {value!r} where a number of entries of at least 1 should be"
        raise UsageError(msg)
    return value
