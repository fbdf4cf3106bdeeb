"""The report: tables a reader understands without the code, and one picture of the speeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from tests.bench.maps._speed import SIZE, Timing
from tests.bench.maps._subjects import BASELINE, Subject

Speeds = Mapping[str, Mapping[str, Timing]]
"""By operation, by subject."""


def render(
    about: Mapping[str, str], subjects: Sequence[Subject], speeds: Speeds, upkeep: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return the whole report as Markdown."""
    lines = ["# The maps beside their peers", ""]
    lines += [f"- {name}: {value}" for name, value in about.items()]
    lines += [
        "",
        f"Each map holds {SIZE:,} entries with paths as keys, under a time to live of an hour where it has one. Ours has",
        "everything switched on: its lock, statistics, registry and janitor. cachetools is not thread-safe and is used",
        "under the `RLock` that a service needs. In each round every map runs once, in an order that turns; a speed is the",
        "median over rounds of the ratio within the round. More is faster.",
        "",
        f"## Speed, as a multiple of {BASELINE}'s",
        "",
    ]
    names = [subject.name for subject in subjects]
    lines += _table(["", *(subject.title for subject in subjects)], _speed_rows(speeds, names, ratio=True))
    lines += ["", "![speeds](maps.svg)", "", "## Nanoseconds an operation, median over rounds", ""]
    lines += _table(["", *names], _speed_rows(speeds, names, ratio=False))
    lines += [
        "",
        "The 4 threads share one interpreter's lock: their figures are seconds of the whole over all operations.",
        "",
        "## Memory and expiry",
        "",
        "*bytes an entry*: private memory for each of 200,000 entries, keys and values aside. *worst pause*: the longest",
        "that a service is held up when a million entries expire while it does other things, its next use of the map",
        "included. *freed by itself*: how much of their memory had come back before that use, and how long after the",
        "last expiry, beside a thread that kept the processor busy.",
        "",
    ]
    lines += _table(
        ["", "bytes an entry", "worst pause", "freed by itself"], _upkeep_rows(upkeep["bytes"], upkeep["pause"], names)
    )
    flat = upkeep["flat"]
    sizes = ", ".join(f"{size / (1 << 20):.1f}" for size in flat["bytes"])
    lines += [
        "",
        f"{flat['count']:,} inserts of new keys into a `BoundedMap` of a thousandth of their number: private memory after",
        f"each tenth {sizes} MiB.",
        "",
    ]
    return "\n".join(lines)


def draw(path: Path, speeds: Speeds, subjects: Sequence[Subject]) -> None:
    """Write one picture of all speeds as an SVG: a row for each operation, a dot for each map."""
    figure = Figure(figsize=(9, 0.55 * len(speeds) + 1.2), layout="constrained")
    axes = figure.subplots()
    for subject in subjects:
        rows = [(row, found[subject.name]) for row, found in enumerate(speeds.values()) if subject.name in found]
        first = subject is subjects[0]
        axes.scatter(
            [timing.speedup for _, timing in rows],
            [row for row, _ in rows],
            s=90 if first else 36,
            marker="D" if first else "o",
            zorder=3 if first else 2,
            label=subject.name,
        )
    axes.axvline(1, color="0.6", linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 2, 3, 5, 10, 20], ["0.5", "1", "2", "3", "5", "10", "20"])
    axes.set_yticks(range(len(speeds)), list(speeds))
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.9")
    axes.set_xlabel(f"speed as a multiple of {BASELINE}'s under an RLock")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _speed_rows(speeds: Speeds, names: Sequence[str], *, ratio: bool) -> list[list[str]]:
    rows = []
    for operation, found in speeds.items():
        cells = [found.get(name) for name in names]
        shown = ["-" if c is None else f"{c.speedup:.2f}" if ratio else f"{c.usual:,.0f}" for c in cells]
        rows.append([operation, *shown])
    return rows


def _upkeep_rows(sizes: Mapping[str, Any], pauses: Mapping[str, Any], names: Sequence[str]) -> list[list[str]]:
    rows = []
    for name in names:
        size, pause = sizes.get(name), pauses.get(name)
        rows.append(
            [
                name,
                "-" if size is None else f"{size['bytes']:.0f}",
                "-" if pause is None else f"{pause['worst_seconds'] * 1000:,.1f} ms",
                "-" if pause is None else f"{max(0.0, pause['freed_share']):.0%} in {pause['waited_seconds']:.0f} s",
            ]
        )
    return rows


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]
