"""The command line of the judge's bench."""

import argparse
import sys
from pathlib import Path

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.units import parse_duration
from tests.bench.heading import heading, say
from tests.bench.judge._cases import Plan, cases_of
from tests.bench.judge._plots import draw
from tests.bench.judge._rates import Rates
from tests.bench.judge._report import render
from tests.bench.judge._work import Outcomes, fingerprint, run


def main() -> None:
    """Measure what is not measured yet, and write the report."""
    parser = _parser()
    options = parser.parse_args()
    try:
        plan = _plan(options)
    except UsageError as error:
        parser.error(str(error))
    outcomes = Outcomes(options.work or Path("build/bench-judge") / f"{fingerprint()}.jsonl")
    say(f"outcomes are in {outcomes.path}; the same command goes on where it was cut")
    try:
        run(plan, outcomes, jobs=options.jobs, say=say)
    except KeyboardInterrupt:
        say("cut; the same command goes on from here")
        sys.exit(130)
    wanted = (one for one in outcomes if plan.wants(one.case, one.duration, one.size, one.seed, looked=one.looked))
    rates = Rates(wanted, lambda case: plan.cases[case].family.growth_class)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    picture = options.report.with_suffix(".svg")
    head = heading("tests.bench.judge", "bench-judge", sources=fingerprint())
    draw(picture, plan)
    traces = sum(cell.traces for cell in rates.cells.values())
    options.report.write_text(
        render({**head, "traces": about(plan, traces)}, plan, rates, picture=picture.name), encoding="utf-8"
    )
    say(f"wrote {options.report}")


def about(plan: Plan, traces: int) -> str:
    """What a report says of its traces before any number."""
    return (
        f"{traces:,}, seeds from {plan.first_seed:,} on; {plan.seeds:,} seeds a family without a leak at the shortest and "
        f"longest run, {plan.seeds_between:,} between, {plan.leak_seeds:,} a leak and size; the first {plan.look_seeds:,} "
        f"of the longest run were looked at on their way, the first {plan.rival_seeds:,} shown to the other rules"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.judge", description="measure how often the judge errs, beside other rules"
    )
    parser.add_argument("--seeds", type=int, default=1000, help="seeds a clean family, at the shortest and longest run")
    parser.add_argument("--seeds-between", type=int, default=300, help="seeds a clean family at the other runs")
    parser.add_argument("--leak-seeds", type=int, default=100, help="seeds a leak family and size")
    parser.add_argument(
        "--look-seeds", type=int, default=10, help="seeds of the longest run looked at on their way, too"
    )
    parser.add_argument("--rival-seeds", type=int, default=30, help="seeds that the other rules are shown, too")
    parser.add_argument("--first-seed", type=int, default=100_000, help="the first seed; tests stay below the default")
    parser.add_argument("--families", default="", help="codes with commas between; all by default")
    parser.add_argument("--durations", default="3m,30m,6h,24h", help="lengths of run")
    parser.add_argument("--sizes", default="0.5,1,2,5,10", help="leak sizes in δ")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--work", type=Path, help="the file of outcomes, for one state of the sources")
    parser.add_argument("--report", type=Path, default=Path("reports/judge.md"), help="the Markdown file to write")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    if min(options.seeds, options.seeds_between, options.leak_seeds, options.jobs) < 1 or options.first_seed < 0:
        msg = "seeds and jobs must be at least 1, and the first seed at least 0"
        raise UsageError(msg)
    if min(options.look_seeds, options.rival_seeds) < 0:
        msg = f"seeds to look at and for the other rules must be at least 0 (got {options.look_seeds}, {options.rival_seeds})"
        raise UsageError(msg)
    try:
        sizes = tuple(sorted({float(size) for size in options.sizes.split(",")}))
    except ValueError as error:
        msg = f"sizes must be numbers with commas between (got {options.sizes!r})"
        raise UsageError(msg) from error
    if not 0 < sizes[0] <= sizes[-1] < 1e6:
        msg = f"sizes must be above 0 and below a million δ (got {options.sizes!r})"
        raise UsageError(msg)
    return Plan(
        cases_of([code.strip() for code in options.families.split(",") if code.strip()]),
        tuple(sorted({parse_duration(text) for text in options.durations.split(",")})),
        sizes,
        options.first_seed,
        options.seeds,
        min(options.seeds_between, options.seeds),
        min(options.leak_seeds, options.seeds),
        options.look_seeds,
        options.rival_seeds,
    )


if __name__ == "__main__":
    main()
