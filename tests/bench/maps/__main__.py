"""The command line of the maps' bench."""

import argparse
from pathlib import Path
from typing import Any

from tests.bench.heading import heading, say
from tests.bench.maps._report import draw, render
from tests.bench.maps._speed import measure, operations
from tests.bench.maps._subjects import SUBJECTS
from tests.bench.maps._upkeep import apart


def main() -> None:
    """Measure everything and write the report."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.maps", description="measure the maps beside their peers"
    )
    parser.add_argument("--report", type=Path, default=Path("reports/maps.md"), help="the Markdown file to write")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each operation")
    parser.add_argument("--count", type=int, default=50_000, help="operations a round")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the entries where memory is measured")
    options = parser.parse_args()
    head = heading("tests.bench.maps", "bench-maps")
    speeds = {}
    for operation in operations(options.count):
        speeds[operation.name] = measure(operation, SUBJECTS, rounds=options.rounds)
        ours = speeds[operation.name][SUBJECTS[0].name]
        say(f"{operation.name}: {ours.speedup:.2f} times the baseline, {ours.usual:,.0f} ns")
    scale = 100 if options.quick else 1
    names = [subject.name for subject in SUBJECTS]
    upkeep: dict[str, dict[str, Any]] = {
        "bytes": {name: told(apart("bytes", name, 200_000 // scale), name) for name in names},
        "pause": {s.name: told(apart("pause", s.name, 1_000_000 // scale), s.name) for s in SUBJECTS if s.expires},
        "flat": {"count": 10_000_000 // scale, **told(apart("flat", names[0], 10_000_000 // scale), names[0])},
    }
    options.report.parent.mkdir(parents=True, exist_ok=True)
    draw(options.report.with_suffix(".svg"), speeds, SUBJECTS)
    options.report.write_text(render(head, SUBJECTS, speeds, upkeep), encoding="utf-8")
    say(f"wrote {options.report}")


def told(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return *found*, having said it."""
    say(f"{name}: {found}")
    return found


if __name__ == "__main__":
    main()
