"""How well culprits are named: `python -m tests.planted`, run by `make bench-culprits`."""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.heading import heading, say
from tests.planted._drive import CONTROL_SECONDS, SECONDS, STRETCH, drive, shown
from tests.planted._report import Row, render
from tests.planted._score import score
from tests.planted._truth import Truth, truths

_SIDE_BY_SIDE = 2
"""Services that run at a time: the machine may have no more than two processors."""


def main() -> None:
    """Run the planted services and write the report."""
    known = truths()
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description="measure how well culprits are named")
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="planted services to run; all by default")
    parser.add_argument("--report", type=Path, default=Path("reports/culprits.md"), help="the Markdown file to write")
    parser.add_argument(
        "--seconds", type=float, help=f"how long each runs ({SECONDS:g}, and {CONTROL_SECONDS:g} controls)"
    )
    parser.add_argument("--show", action="store_true", help="write every culprit to stderr, too")
    options = parser.parse_args()
    unknown = set(options.services) - {truth.name for truth in known}
    if unknown:
        parser.error(f"no such services: {', '.join(sorted(unknown))} (there are {', '.join(t.name for t in known)})")
    if options.seconds is not None and not 3.0 <= options.seconds <= 50.0:
        parser.error(f"a service must run from 3 to 50 seconds (got {options.seconds:g})")
    wanted = [truth for truth in known if not options.services or truth.name in options.services]
    head = heading("tests.planted", "bench-culprits")

    def run(truth: Truth) -> Row:
        said = drive(truth.name, seconds=options.seconds or (CONTROL_SECONDS if truth.is_control else SECONDS))
        row = Row(truth, said, score(truth, said.culprits))
        say(f"{truth.name}: named {row.score.place}, line {row.score.line}, first {row.score.first}")
        if options.show:
            say("\n".join(json.dumps(culprit) for culprit in shown(said.culprits)))
        return row

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        rows = list(pool.map(run, wanted))
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(render(head, rows, stretch=STRETCH), encoding="utf-8")
    say(f"wrote {options.report}")


if __name__ == "__main__":
    main()
