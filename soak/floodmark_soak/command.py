"""`floodmark soak`: run a plan, or a service that comes with floodmark, and end with the verdict's exit code."""

import argparse
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.units import parse_duration
from floodmark_soak._builtin import BOUNDED, LEAKY, builtin_plan
from floodmark_soak._interrupts import Interrupts
from floodmark_soak._keeper import kept
from floodmark_soak._orphans import orphans
from floodmark_soak._session import Session
from floodmark_soak._several import compare, prove, run_variants
from floodmark_soak._words import verdict
from floodmark_soak.plan import Plan, load_plan
from floodmark_soak.runner import Wish

NAME: Final = "soak"
HELP: Final = "run a service under load and say whether its memory keeps climbing"

_LEAST_SEGMENT: Final = 1.0
"""Seconds under load below which a segment would be all start and end."""


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
        "--against",
        type=Path,
        metavar="PLAN",
        help="the plan of another version, run in turns with this one: what does this one add?",
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
    orphans.adopt()
    with Interrupts() as interrupts, kept():
        session = Session(output=args.output, as_json=args.json, wish=wish, interrupts=interrupts)
        if args.builtin is not None and args.variant is None:
            plans = {variant: _bundled(args.builtin, variant, duration) for variant in (LEAKY, BOUNDED)}
            return run_variants(session, args.builtin, plans)
        if args.builtin is not None:
            plan = _bundled(args.builtin, args.variant, duration)
        else:
            plan = load_plan(args.plan, duration=duration)
        if args.against is not None:
            return compare(session, plan, load_plan(args.against, duration=duration))
        return prove(session, plan) if args.prove else _run_one(session, plan)


def _run_one(session: Session, plan: Plan) -> int:
    folder = session.folder(plan.name)
    outcome, _ = session.run(plan, folder)
    session.say_run(outcome.result, folder)
    session.show(folder, outcome.result, f"{plan.name}: {verdict(outcome.result)}")
    session.print(outcome.result)
    return outcome.exit_code


def _bundled(name: str, variant: str, duration: float | None) -> Plan:
    return load_plan(builtin_plan(name, variant), duration=duration, name=f"{name}-{variant}")


def _wish(args: argparse.Namespace) -> Wish:
    """Return what *args* ask for beside the plan; raises `UsageError` where one part does not go with another."""
    segment = None if args.segment is None else parse_duration(args.segment)
    if args.resume and args.output is None:
        msg = "--resume needs --output, the folder of the run to go on with"
        raise UsageError(msg)
    several = {
        "--builtin without --variant": args.builtin is not None and args.variant is None,
        "--prove": args.prove,
        "--against": args.against is not None,
    }
    asked = [name for name, is_asked in several.items() if is_asked]
    if len(asked) > 1 or (asked and (args.resume or args.segment)):
        other = asked[1] if len(asked) > 1 else "--resume" if args.resume else "--segment"
        msg = f"{asked[0]} makes runs of its own, and does not go with {other}"
        raise UsageError(msg, hint="--variant leaky, or bounded, is one run" if "variant" in asked[0] else "")
    if segment is not None and segment < _LEAST_SEGMENT:
        msg = f"--segment must be at least {_LEAST_SEGMENT:g}s (got {args.segment})"
        raise UsageError(msg)
    return Wish(resume=args.resume, segment=segment, to_the_end=args.to_the_end)
