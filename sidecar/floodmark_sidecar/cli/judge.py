"""`floodmark judge`: verdicts on traces that lie in files."""

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.errors import FloodmarkError, UsageError, first_of
from floodmark_sidecar.judge import Settings, Verdict, judge, parse_csv
from floodmark_sidecar.units import format_duration, parse_duration, parse_rate, parse_size

NAME: Final = "judge"
HELP: Final = "say of memory traces whether they are steady, climbing or inconclusive"

_TABLES: Final = ("floodmark", "service", "load", "soak", "limits", "maps")
_LIMITS: Final = ("growth", "memory")
_SOAK: Final = ("duration", "warmup", "read_every", "census_every", "trace_window")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `floodmark judge` to *parser*."""
    parser.add_argument("traces", nargs="+", metavar="TRACE", help="a CSV trace; - is standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line for each trace")
    parser.add_argument(
        "--plan", type=Path, metavar="PLAN.toml", help="take [limits], [maps] and soak.warmup from this plan"
    )


def run(args: argparse.Namespace) -> int:
    """Judge every trace of *args*; one that cannot be read is reported, and the others go on."""
    settings = Settings() if args.plan is None else read_settings(args.plan)
    codes = set()
    for name in args.traces:
        try:
            verdict = _judge(name, settings)
        except FloodmarkError as error:
            hint = f"\n  {error.hint}" if error.hint else ""
            sys.stderr.write(f"floodmark: {error}{hint}\n")
            codes.add(error.exit_code)
            continue
        said = json.dumps({"file": name, **verdict.as_dict()}, allow_nan=False) if args.json else _text(name, verdict)
        sys.stdout.write(f"{said}\n")
        codes.add(verdict.exit_code)
    return int(first_of(codes))


def read_settings(path: Path) -> Settings:
    """Return what the plan at *path* says of a verdict; raises `UsageError` where it cannot be read or makes no sense."""
    try:
        plan = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        msg = f"the plan {path} cannot be read: {error.strerror}"
        raise UsageError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
        growth=None if growth == "auto" else parse_rate(_string(growth, "limits.growth", path)),
        memory=None if memory is None else _memory(memory, path),
        maps={name: _count(limit, name, path) for name, limit in maps.items()},
        warmup=None if warmup == "auto" else parse_duration(_string(warmup, "soak.warmup", path)),
    )


def _judge(name: str, settings: Settings) -> Verdict:
    standard = name == "-"
    try:
        with open(0 if standard else name, encoding="utf-8", newline="", closefd=not standard) as lines:
            return judge(parse_csv(lines, name="standard input" if standard else name), settings)
    except OSError as error:
        msg = f"{name} cannot be read: {error.strerror}"
        raise UsageError(msg) from None


def _text(name: str, verdict: Verdict) -> str:
    lines = [f"{name}: {verdict.verdict}"]
    if verdict.memory is not None:
        judged = format_duration(verdict.memory.end - verdict.memory.start)
        lines[0] += f" ({verdict.shape}, {judged} judged after {format_duration(verdict.memory.start)} of warm-up)"
    lines += [f"  {reason}" for reason in verdict.reasons]
    lines += [f"  note: {note}" for note in verdict.notes]
    return "\n".join(lines)


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
