"""How real leaks are judged and named: `python -m tests.leaks --cases DIR`, run by `make bench-leaks`."""

import argparse
import json
import linecache
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import FloodmarkError, UsageError
from tests.bench.heading import heading, say
from tests.leaks._cases import Side, read_cases, sides_of
from tests.leaks._environments import Environment, prepared
from tests.leaks._record import SECONDS, Run, judged, record, recorded
from tests.leaks._report import Row, render
from tests.leaks._score import score
from tests.planted._drive import shown

_SIDE_BY_SIDE: Final = 2
"""Services that run at a time: the machine may have no more than two processors."""


def main() -> None:
    """Run the sides that have not been run, judge all of them and write the report."""
    parser = _parser()
    options = parser.parse_args()
    if not 5.0 <= options.seconds <= 600.0:
        parser.error(f"a side must run from 5 to 600 seconds (got {options.seconds:g})")
    try:
        sides = _wanted(options.cases, options.only)
    except UsageError as error:
        parser.error(error.message)
    head = heading("tests.leaks", "bench-leaks")
    # Where the cases and the rest lie is the machine's own affair.
    only = "".join(f" --only {name}" for name in options.only)
    head["command"] = f"python -m tests.leaks --cases DIR --seconds {options.seconds:g}{only} (`make bench-leaks`)"
    environments = _environments(sides, options.environments)
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        runs = dict(zip(sides, pool.map(partial(_run, environments, options, head), sides), strict=True))
    rows = [_judged(side, environments, runs[side], options) for side in sides]
    done = sorted({(run.date, run.commit) for run in runs.values() if isinstance(run, Run)})
    if done:
        commits = ", ".join(sorted({commit for _, commit in done}))
        head = {**head, "recorded": f"{done[0][0]} to {done[-1][0]}, at {commits}, {options.seconds:g} s a side"}
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(render(head, rows), encoding="utf-8")
    say(f"wrote {options.report}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.leaks", description="measure how leaks that packages had are judged and named"
    )
    parser.add_argument("--cases", type=Path, required=True, help="the folder of cases")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a case to run; all by default")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"how long a side runs ({SECONDS:g})")
    parser.add_argument(
        "--environments",
        type=Path,
        default=Path(tempfile.gettempdir(), "floodmark-leaks"),
        help="where virtual environments are kept; in the system's temporary folder by default",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("build/bench-leaks"),
        help="where the runs are kept: a side that was run so long is only judged anew",
    )
    parser.add_argument("--fresh", action="store_true", help="run every side anew")
    parser.add_argument("--report", type=Path, default=Path("reports/real-leaks.md"), help="the Markdown file to write")
    parser.add_argument("--show", action="store_true", help="write every culprit to stderr, too")
    return parser


def _wanted(folder: Path, only: Sequence[str]) -> list[Side]:
    cases = read_cases(folder)
    unknown = set(only) - {case.name for case in cases}
    if unknown:
        msg = f"no such cases: {', '.join(sorted(unknown))} (there are {', '.join(case.name for case in cases)})"
        raise UsageError(msg)
    return [side for case in cases if not only or case.name in only for side in sides_of(case)]


def _environments(sides: Sequence[Side], cache: Path) -> dict[str, Environment | FloodmarkError]:
    """Return the environment of each requirement, or why there is none."""
    found: dict[str, Environment | FloodmarkError] = {}
    for requirement in dict.fromkeys(side.requirement for side in sides):
        say(f"environment of {requirement or 'the standard library'}")
        try:
            found[requirement] = prepared(requirement, cache)
        except FloodmarkError as error:
            found[requirement] = error
            say(_told(error))
    return found


def _run(
    environments: Mapping[str, Environment | FloodmarkError],
    options: argparse.Namespace,
    head: Mapping[str, str],
    side: Side,
) -> Run | FloodmarkError:
    environment = environments[side.requirement]
    if isinstance(environment, FloodmarkError):
        return environment
    folder = _folder(side, options)
    done = recorded(folder)
    if done is not None and not options.fresh:
        return done
    say(f"{side.title}: running")
    try:
        return record(side, environment, folder, seconds=options.seconds, commit=head["commit"])
    except FloodmarkError as error:
        say(f"{side.title}: {_told(error)}")
        return error


def _judged(
    side: Side,
    environments: Mapping[str, Environment | FloodmarkError],
    run: Run | FloodmarkError,
    options: argparse.Namespace,
) -> Row:
    environment = environments[side.requirement]
    if isinstance(run, FloodmarkError) or isinstance(environment, FloodmarkError):
        return Row(side, failed=_told(run if isinstance(run, FloodmarkError) else FloodmarkError("no environment")))
    said = judged(side, _folder(side, options), run)
    row = Row(side, run, said, score(side.case.match, said.culprits, partial(_line, side, environment)))
    say(
        f"{side.title}: {said.judged}, {said.growth_class}; right at {row.place}; first {row.score and row.score.first}"
    )
    if options.show:
        say("\n".join([*said.reasons, *(json.dumps(culprit) for culprit in shown(said.culprits))]))
    return row


def _folder(side: Side, options: argparse.Namespace) -> Path:
    work: Path = options.work
    return work / f"{side.title}-{options.seconds:g}s"


def _line(side: Side, environment: Environment, where: str) -> str:
    """Return the text of `file:line`, of the case, of an installed package or of the standard library; empty if unknown."""
    file, _, line = where.rpartition(":")
    for folder in (side.case.folder, environment.packages, Path(sysconfig.get_path("stdlib"))):
        if line.isdecimal() and (folder / file).is_file():
            return linecache.getline(str(folder / file), int(line))
    return ""


def _told(error: FloodmarkError) -> str:
    return f"{error.message}: {error.hint}" if error.hint else error.message


if __name__ == "__main__":
    main()
