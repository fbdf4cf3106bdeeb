"""The report: what each way costs beside nothing, and what a capture does, in tables and one picture."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from tests.bench.cost._measure import CENSUS, NATIVE, NOTHING, OBJGRAPH, PYMPLER, WINDOW, Act, Measured
from tests.bench.cost._subject import AGAIN, OFF, READINGS, WAYS

_MIB: Final = 1 << 20
_ASKED_OF: Final = 1_000_000
"""Objects of the heap for which the longest stall of a census is limited."""

_MOST_STALL: Final = 0.030
_SMALLER: Final = 10.0
_MOST_CPU: Final = 0.01
_HOUR: Final = 3600.0
"""Seconds between two censuses at default settings."""

_WORDS: Final = """\
The service is the bundled one, bounded, over a heap of so many objects more, under a load at a fixed rate. All ways run at
once in each size; one at a time is under load, in an order that turns with the rounds. *Processor a request* is that of the
service and of its sidecar together, as a multiple of the same round's without anything: the median of the rounds, and
from the least to the most. *off again* is the same service once more: what differs between it and *off* is chance.
What floodmark takes is less than that, so it is counted as well: the processor time of the agent's thread and of the
sidecar over all rounds, and of the censuses below one an hour, divided by the requests that come meanwhile. What it may
slow down by being there at all, by memory caches and waits for the interpreter's lock, is in the difference alone.
Latencies count from when a request was due, so that a service that stands still pays for all that it keeps waiting.

A *stall* is the longest time that the service's event loop was held up, seen to a millisecond, the worst of all captures of
a kind; *nothing* is as long a time without one. *pympler* summarises all objects; *objgraph* says what grew and who holds
one of it, each in a thread of the service, as their documentation shows. *Processor beyond the requests* is what a capture
cost in all, the forked child included, *kept after* the memory of its own that the service had more of afterwards; medians
over captures.
"""


def render(about: Mapping[str, str], found: Sequence[Measured]) -> str:
    """Return the whole report as Markdown."""
    lines = ["# What it costs the service", "", *(f"- {name}: {value}" for name, value in about.items()), ""]
    lines += [
        "## What was reached",
        "",
        *reached(found),
        "",
        "![costs](cost.svg)",
        "",
        "## How to read this",
        "",
        _WORDS,
    ]
    for measured in found:
        lines += [f"## {measured.objects:,} objects", "", *_steady_table(measured), "", *_counted_table(measured), ""]
        lines += [*_act_table(measured), ""]
    lines += ["## The ways", "", *(f"- *{way.name}*: {way.about}" for way in WAYS), ""]
    return "\n".join(lines)


def reached(found: Sequence[Measured]) -> list[str]:
    """Return a sentence for each figure that was to be reached, and whether it was."""
    lines = []
    for measured in found:
        usual, _, _ = measured.steady[READINGS.name].over(measured.steady[OFF.name])
        chance, _, _ = measured.steady[AGAIN.name].over(measured.steady[OFF.name])
        counted = sum(_counted(measured).values()) / measured.steady[OFF.name].a_request
        lines.append(
            f"- processor a request, {measured.objects:,} objects: {_share(1 + counted)} with floodmark, as counted; by "
            f"difference {_share(usual)}, where chance alone gives {_share(chance)}; wanted at most +1 %: "
            f"{_said(counted <= _MOST_CPU)}"
        )
    for measured in found:
        ours, theirs = (_worst(measured.acts[kind]) for kind in (CENSUS, PYMPLER))
        least = measured.objects != _ASKED_OF or ours < _MOST_STALL
        asked = "wanted 10 times, and under 30 ms" if measured.objects == _ASKED_OF else "wanted 10 times"
        lines.append(
            f"- worst stall, {measured.objects:,} objects: {ours * 1e3:.1f} ms in a census, {theirs * 1e3:,.0f} ms with "
            f"pympler in process, {theirs / ours:.0f} times as long; {asked}: "
            f"{_said(least and theirs >= _SMALLER * ours)}"
        )
    return lines


def draw(path: Path, found: Sequence[Measured]) -> None:
    """Write one picture as an SVG: processor a request by way, and the worst stall by capture, over the size of the heap."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    sizes = [measured.objects / 1e6 for measured in found]
    for way in WAYS[1:]:
        ratios = [measured.steady[way.name].over(measured.steady[OFF.name])[0] for measured in found]
        left.plot(sizes, [100 * (ratio - 1) for ratio in ratios], marker="o", label=way.name)
    left.set_ylabel("processor a request, more than off, %")
    left.set_yscale("symlog", linthresh=1)
    for kind in (NOTHING, CENSUS, WINDOW, NATIVE, PYMPLER, OBJGRAPH):
        right.plot(sizes, [1e3 * _worst(measured.acts[kind]) for measured in found], marker="o", label=kind)
    right.set_ylabel("worst stall, ms")
    right.set_yscale("log")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("million objects")
        axes.grid(color="0.9")
        axes.legend(frameon=False, fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def _steady_table(measured: Measured) -> list[str]:
    lines = ["| | processor a request | | p50 | p99 | service | sidecar |", "|---|---|---|---|---|---|---|"]
    off = measured.steady[OFF.name]
    for name, steady in measured.steady.items():
        usual, least, most = steady.over(off)
        ratio = "" if name == OFF.name else f"{_share(usual)} ({_share(least)} to {_share(most)})"
        lines.append(
            f"| {name} | {steady.a_request * 1e6:,.0f} µs | {ratio} | {steady.latency(0.5) * 1e3:.1f} ms "
            f"| {steady.latency(0.99) * 1e3:.1f} ms | {steady.memory / _MIB:,.0f} MiB "
            f"| {f'{steady.beside / _MIB:,.0f} MiB' if steady.beside else '-'} |"
        )
    return lines


def _counted(measured: Measured) -> dict[str, float]:
    """Return what each part of floodmark takes for a request, in seconds of processor time."""
    steady, censuses = measured.steady[READINGS.name], measured.acts[CENSUS]
    parts = {
        "the agent's thread": steady.agent,
        "the sidecar": steady.sidecar,
        "a census an hour": statistics.median(act.cpu for act in censuses) / _HOUR,
    }
    return {name: seconds / measured.rate for name, seconds in parts.items()}


def _counted_table(measured: Measured) -> list[str]:
    lines = ["| counted | processor a request | of that without floodmark |", "|---|---|---|"]
    parts, off = _counted(measured), measured.steady[OFF.name].a_request
    parts["all of floodmark"] = sum(parts.values())
    lines += [f"| {name} | {each * 1e6:,.1f} µs | {100 * each / off:.2f} % |" for name, each in parts.items()]
    return lines


def _act_table(measured: Measured) -> list[str]:
    lines = ["| | worst stall | worst answer | p99 | took | processor beyond the requests | kept after |"]
    lines.append("|---|---|---|---|---|---|---|")
    for kind, acts in measured.acts.items():
        lines.append(
            f"| {kind} | {_worst(acts) * 1e3:,.1f} ms | {max(max(act.answers.seconds) for act in acts) * 1e3:,.1f} ms "
            f"| {statistics.median(act.answers.quantile(0.99) for act in acts) * 1e3:,.1f} ms "
            f"| {statistics.median(act.seconds for act in acts):.1f} s "
            f"| {statistics.median(act.cpu for act in acts):.2f} s "
            f"| {statistics.median(act.kept for act in acts) / _MIB:,.1f} MiB |"
        )
    return lines


def _worst(acts: Sequence[Act]) -> float:
    return max(act.stall for act in acts)


def _share(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"


def _said(yes: bool) -> str:
    return "reached" if yes else "**not reached**"
