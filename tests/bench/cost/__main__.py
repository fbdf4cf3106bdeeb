"""The command line: `python -m tests.bench.cost`, run by `make bench-cost`."""

import argparse
from pathlib import Path

from tests.bench.cost._measure import measure
from tests.bench.cost._report import draw, reached, render
from tests.bench.heading import heading, say


def main() -> None:
    """Measure everything and write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cost", description="measure what it costs the service")
    parser.add_argument("--report", type=Path, default=Path("reports/cost.md"), help="the Markdown file to write")
    parser.add_argument("--objects", default="100000,1000000,5000000", help="sizes of the heap, with commas between")
    parser.add_argument("--rounds", type=int, default=5, help="rounds in which every way is under load once")
    parser.add_argument("--seconds", type=float, default=15.0, help="of load on each in a round")
    parser.add_argument("--captures", type=int, default=3, help="of each kind")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    options = parser.parse_args()
    head = heading("tests.bench.cost", "bench-cost")
    found = [
        measure(
            int(objects), rounds=options.rounds, seconds=options.seconds, captures=options.captures, rate=options.rate
        )
        for objects in options.objects.split(",")
    ]
    options.report.parent.mkdir(parents=True, exist_ok=True)
    draw(options.report.with_suffix(".svg"), found)
    options.report.write_text(render(head, found), encoding="utf-8")
    for line in reached(found):
        say(line.removeprefix("- "))
    say(f"wrote {options.report}")


if __name__ == "__main__":
    main()
