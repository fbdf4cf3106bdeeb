"""The report: what was reached, worst family first, then every table."""

import inspect
from collections.abc import Mapping
from typing import Final

from tests.bench.judge import _tables as tables
from tests.bench.judge._baselines import BASELINES
from tests.bench.judge._cases import Plan
from tests.bench.judge._gates import Gate, gates
from tests.bench.judge._rates import Rates

_WORDS: Final = """\
Every trace is made by `floodmark_sidecar.traces` from a family and a seed, so that what it is, is known. The seeds are used
for nothing else: no threshold was chosen by them.

- **false `climbing`**: the verdict on a service that does not leak. Shares stand with their counts and the limits within
  which the true share is, each with 95 % confidence (Clopper and Pearson, one-sided).
- **δ**: the smallest growth of interest that the judge had for the same service without its leak. A leak of 2δ adds twice
  that. Leaks are counted where the run's **detection limit** was within δ (column *limit ≤ δ*); elsewhere the run could not
  have seen growth of δ, and says so.
- **`steady` at 2δ, at 5δ**: leaks that were passed as healthy, of all traces.
- **undecidable**: nothing in the trace tells whether it leaks; `inconclusive` is the right answer. Such traces are counted
  in a table of their own only. A family that is *blind* has had its decisive evidence taken away.
- **early**: a look before the run's end said `climbing`, which ends it; looks come hourly in a day, from the tenth hour on.
  Nothing passes early. Only the first seeds were looked at on their way.
- A cell with `-` has no traces: the run is too short for the family to mean anything.
"""


def render(about: Mapping[str, str], plan: Plan, rates: Rates, *, picture: str) -> str:
    """Return the whole report as Markdown; *picture* is the file of pictures beside it."""
    found = gates(plan, rates)
    lines = ["# How often the judge errs", "", *(f"- {name}: {value}" for name, value in about.items()), ""]
    lines += ["## What was reached", "", *_worst(plan, found), "", *tables.gate_table(plan, found)]
    lines += ["## How to read this", "", _WORDS]
    for duration in sorted(plan.durations, reverse=True):
        length = tables.length(duration)
        for title, rows in (
            (f"Services that do not leak, {length}", tables.clean_table(plan, rates, duration)),
            (f"Leaking services without their leak, {length}", tables.twin_table(plan, rates, duration)),
            (f"Leaks, {length}", tables.leak_table(plan, rates, duration)),
            (f"Leaks that end a run early, {length}", tables.early_table(plan, rates, duration)),
            (f"Runs without a leak that end early, {length}", tables.false_early_table(plan, rates, duration)),
            (f"Beside other rules, {length}", tables.beside_table(plan, rates, duration)),
            (f"Slopes, {length}", tables.slope_table(plan, rates, duration)),
        ):
            lines += [f"## {title}", "", *rows] if rows else []
    lines += [
        "The truth beside a slope is the mean growth over the run's second half; growth that is no line has another over",
        "the part that the judge looked at.",
        "",
    ]
    undecidable = tables.undecidable_table(plan, rates)
    lines += ["## What no evidence decides", "", *undecidable] if undecidable else []
    lines += ["## Time", "", *tables.time_table(plan, rates)]
    lines += [
        "## The other rules",
        "",
        "All see the sum of memory and swap over the workers, masked readings left out.",
        "",
    ]
    lines += [f"- **{name}**: {' '.join((inspect.getdoc(rule) or '').split())}" for name, rule in BASELINES.items()]
    lines += ["", "## The families", "", *tables.family_table(plan)]
    lines += [f"![a trace of each family, its floors and its verdict]({picture})", ""]
    return "\n".join(lines)


def _worst(plan: Plan, found: list[Gate]) -> list[str]:
    missed = [gate for gate in found if gate.answer == "not reached"]
    reached = sum(gate.answer == "reached" for gate in found)
    first = f"{reached} of {len(found)} numbers are reached in every family."
    if not missed:
        return [first]
    return [
        f"{first} Where one is not, the worst is:",
        "",
        *(
            f"- {gate.what}, {tables.length(gate.duration)}: {tables.name(plan, gate.worst)} with "
            f"{tables.limited(gate.share)}, wanted {gate.wanted}"
            for gate in missed
        ),
    ]
