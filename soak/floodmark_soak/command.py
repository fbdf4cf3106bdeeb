"""`floodmark soak`: run a plan, or a service that comes with floodmark, and end with the verdict's exit code."""

import argparse
import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TextIO

from floodmark_sidecar.cli._streams import give_up
from floodmark_sidecar.errors import ExitCode, UsageError
from floodmark_sidecar.units import parse_duration
from floodmark_soak._builtin import BOUNDED, LEAKY, builtin_plan, proof
from floodmark_soak._interrupts import Interrupts
from floodmark_soak._keeper import kept
from floodmark_soak._orphans import orphans
from floodmark_soak._output import write_whole
from floodmark_soak._progress import reporter
from floodmark_soak._prove import CONTROL, PLANTED, plant_for, proven, refuse_with
from floodmark_soak._words import say_run, say_variants
from floodmark_soak.plan import Plan, load_plan
from floodmark_soak.runner import Run, Wish

if TYPE_CHECKING:
    from floodmark_soak._outcome import Outcome
    from floodmark_soak.report import Record

NAME: Final = "soak"
_BROKEN: Final = (ExitCode.INTERRUPTED, ExitCode.INTERNAL, ExitCode.SERVICE_DIED, ExitCode.LOAD_FAILED)
_LEAST_SEGMENT: Final = 1.0
"""Seconds under load below which a segment would be all start and end."""

HELP: Final = "run a service under load and say whether its memory keeps climbing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `floodmark soak`."""
    parser.add_argument("plan", nargs="?", type=Path, metavar="PLAN", help="the plan file (TOML)")
    parser.add_argument("--builtin", metavar="NAME", help="a service that comes with floodmark: image-pipeline")
    parser.add_argument("--variant", help="leaky or bounded; without it both run, one after the other")
    parser.add_argument("--duration", metavar="TIME", help="how long under load (90s, 3m, 24h), in place of the plan's")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="a new or empty folder for everything the run writes"
    )
    parser.add_argument(
        "--segment", metavar="TIME", help="end after so long under load; --resume goes on with the rest"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in --output, on this machine or another"
    )
    parser.add_argument(
        "--to-the-end", action="store_true", help="go on after growth beyond doubt, which ends a run early otherwise"
    )
    parser.add_argument(
        "--prove",
        action="store_true",
        help="run twice, the second time with a planted leak, which must be caught and named",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on standard output, all else on standard error"
    )


def run(args: argparse.Namespace) -> int:
    """Run what *args* ask for; return the exit code. Raises `UsageError` for what cannot be started."""
    duration = None if args.duration is None else parse_duration(args.duration)
    if (args.plan is None) == (args.builtin is None):
        msg = "soak needs a plan, or --builtin and the name of a bundled service" + (", not both" if args.plan else "")
        raise UsageError(msg, hint="floodmark soak PLAN, or floodmark soak --builtin image-pipeline")
    if args.variant is not None and args.builtin is None:
        msg = "--variant belongs to --builtin"
        raise UsageError(msg)
    wish = _wish(args)
    if args.prove:
        refuse_with(segment=args.segment, resume=args.resume, builtin=args.builtin and args.variant is None)
    orphans.adopt()
    with Interrupts() as interrupts, kept():
        if args.prove:
            plan = load_plan(args.plan, duration=duration) if args.builtin is None else None
            return _prove(plan or _bundled(args.builtin, args.variant, duration), args, wish, interrupts)
        if args.builtin is None:
            return _run_one(load_plan(args.plan, duration=duration), args, wish, interrupts)
        if args.variant is not None:
            return _run_one(_bundled(args.builtin, args.variant, duration), args, wish, interrupts)
        plans = {variant: _bundled(args.builtin, variant, duration) for variant in (LEAKY, BOUNDED)}
        return _run_variants(args.builtin, plans, args, wish, interrupts)


def _bundled(name: str, variant: str, duration: float | None) -> Plan:
    return load_plan(builtin_plan(name, variant), duration=duration, name=f"{name}-{variant}")


def _wish(args: argparse.Namespace) -> Wish:
    """Return what *args* ask for beside the plan; raises `UsageError` where one part does not go with another."""
    segment = None if args.segment is None else parse_duration(args.segment)
    if args.resume and args.output is None:
        msg = "--resume needs --output, the folder of the run to go on with"
        raise UsageError(msg)
    if (args.resume or segment) and args.builtin is not None and args.variant is None:
        msg = "--segment and --resume are about one run, and without --variant there are two"
        raise UsageError(msg, hint="add --variant leaky, or bounded")
    if segment is not None and segment < _LEAST_SEGMENT:
        msg = f"--segment must be at least {_LEAST_SEGMENT:g}s (got {args.segment})"
        raise UsageError(msg)
    return Wish(resume=args.resume, segment=segment, to_the_end=args.to_the_end)


def _run_one(plan: Plan, args: argparse.Namespace, wish: Wish, interrupts: Interrupts) -> int:
    folder = _folder(args, plan.name)
    outcome, _ = _run(plan, folder, interrupts, wish)
    words = sys.stderr if args.json else sys.stdout
    _tell(words, lambda: say_run(outcome.result, _report(folder), words))
    if args.json:
        _print(outcome.result)
    return outcome.exit_code


def _run_variants(
    name: str, plans: dict[str, Plan], args: argparse.Namespace, wish: Wish, interrupts: Interrupts
) -> int:
    folder = _folder(args, name)
    _refuse_unless_empty(folder)
    results: dict[str, dict[str, Any]] = {}
    records = []
    words = sys.stderr if args.json else sys.stdout
    for variant, plan in plans.items():
        outcome, record = _run(plan, folder / variant, interrupts, wish)
        _tell(words, partial(say_run, outcome.result, _report(folder / variant), words))
        results[variant] = outcome.result
        records.append(record)
        if outcome.exit_code in (ExitCode.INTERRUPTED, ExitCode.INTERNAL):
            break
    code = proof({variant: result["exit_code"] for variant, result in results.items()})
    try:
        if not interrupts.hurried:
            _write_combined(folder, records)
    finally:
        _tell(words, lambda: say_variants(results, code, _report(folder), words))
    if args.json:
        _print({"exit_code": int(code), **results})
    return code


def _prove(plan: Plan, args: argparse.Namespace, wish: Wish, interrupts: Interrupts) -> int:
    """Run *plan* as it is and once more with a planted leak, and say whether that was caught."""
    folder = _folder(args, plan.name)
    _refuse_unless_empty(folder)
    words = sys.stderr if args.json else sys.stdout
    outcome, record = _run(plan, folder / CONTROL, interrupts, wish)
    _tell(words, partial(say_run, outcome.result, _report(folder / CONTROL), words))
    control, planted, records = outcome.result, None, [replace(record, title=f"{plan.name} as it is")]
    plant = None if outcome.exit_code in _BROKEN else plant_for(control, folder)
    if plant is not None:
        outcome, record = _run(plan, folder / PLANTED, interrupts, wish, more=plant.environment())
        planted = {**outcome.result, "planted_bytes_per_hour": plant.bytes_per_hour}
        _tell(words, partial(say_run, planted, _report(folder / PLANTED), words))
        records.append(replace(record, title=f"{plan.name} with a planted leak"))
    code, sentence = proven(control, planted)
    result = {"exit_code": int(code), "proof": sentence, CONTROL: control, PLANTED: planted}
    try:
        write_whole(folder / "result.json", f"{json.dumps(result, indent=2, allow_nan=False)}\n")
        if not interrupts.hurried:
            _write_combined(folder, records)
    finally:
        _tell(words, lambda: words.write(f"proof: {sentence}\nreport: {_report(folder)}\n"))
    if args.json:
        _print(result)
    return code


def _run(
    plan: Plan, folder: Path, interrupts: Interrupts, wish: Wish, more: Mapping[str, str] = MappingProxyType({})
) -> "tuple[Outcome, Record]":
    told = reporter(f"{plan.name}, {folder.name}" if more else plan.name)
    try:
        base = {**os.environ, **more}
        return Run(plan, folder, reporter=told, interrupts=interrupts, base=base, wish=wish).run()
    finally:
        told.close()


def _write_combined(folder: Path, records: "list[Record]") -> None:
    from floodmark_soak.report import render_html, render_junit, render_summary  # noqa: PLC0415 -- charts load slowly

    write_whole(folder / "summary.md", render_summary(records))
    write_whole(folder / "junit.xml", render_junit(records))
    write_whole(folder / "report.html", render_html(records))


def _folder(args: argparse.Namespace, name: str) -> Path:
    """Return the output folder: the one asked for, else one of its own by name and time."""
    if args.output is not None:
        return Path(args.output).absolute()
    stem = f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(folder for name in names if not (folder := Path("soak-output", name).absolute()).exists())


def _refuse_unless_empty(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        msg = f"the output folder {folder} is not empty"
        raise UsageError(msg, hint="--output names another; a new or empty one is needed")


def _report(folder: Path) -> str:
    report = folder / "report.html"
    return str(report) if report.exists() else "none was written"


def _print(result: object) -> None:
    _tell(sys.stdout, lambda: sys.stdout.write(json.dumps(result, allow_nan=False) + "\n"))


def _tell(stream: TextIO, say: Callable[[], object]) -> None:
    """Write to *stream*; whoever reads it may be gone or full, which changes nothing of what the run came to."""
    try:
        say()
        stream.flush()
    except OSError as error:
        give_up(stream)
        if stream is sys.stdout:
            with contextlib.suppress(OSError):
                sys.stderr.write(
                    f"floodmark: the result could not be printed: {error.strerror}; it is in result.json\n"
                )
