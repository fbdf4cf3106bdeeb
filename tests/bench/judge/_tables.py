"""The report's tables, each from the rates alone."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from tests.bench.judge._baselines import BASELINES
from tests.bench.judge._cases import Plan
from tests.bench.judge._gates import Gate, clean_cells, key_is_twin, leak_cells
from tests.bench.judge._rates import Cell, Rates, Share

Lines = list[str]

_SIZES_BESIDE: Final = (2.0, 5.0)
"""The leak sizes at which other rules stand beside the judge."""


def gate_table(plan: Plan, found: Sequence[Gate]) -> Lines:
    """What is to be reached and what is, a row for each number and length of run."""
    rows = [
        [
            gate.what,
            length(gate.duration),
            gate.wanted,
            f"{name(plan, gate.worst)}: {limited(gate.share)}",
            limited(gate.together),
            f"**{gate.answer}**" if gate.answer == "not reached" else gate.answer,
        ]
        for gate in found
    ]
    return table(["", "run", "wanted", "worst family", "all together", ""], rows)


def clean_table(plan: Plan, rates: Rates, duration: float) -> Lines:
    """Verdicts on services without a leak, a row for each family."""
    rows = [
        [
            name(plan, case),
            str(cell.traces),
            *_three(cell, "climbing", "steady", "inconclusive"),
            percent(Share(cell.visible.total(), cell.traces)),
            percent(cell.visible_share("steady")),
        ]
        for case, cell in clean_cells(plan, rates, duration).items()
    ]
    return table(
        ["family", "traces", "false `climbing`", "`steady`", "`inconclusive`", "limit ≤ δ", "`steady` of these"], rows
    )


def twin_table(plan: Plan, rates: Rates, duration: float) -> Lines:
    """False alarms on the services of the leak families without their leak; families without any are left out."""
    cells = rates.by_case(lambda key: key.duration == duration and key_is_twin(plan, key))
    whole = rates.of(lambda key: key.duration == duration and key_is_twin(plan, key))
    rows = [["all", str(whole.traces), *_three(whole, "climbing", "steady", "inconclusive")]]
    rows += [
        [name(plan, case), str(cell.traces), *_three(cell, "climbing", "steady", "inconclusive")]
        for case, cell in cells.items()
        if cell.verdicts["climbing"]
    ]
    return table(["family", "traces", "false `climbing`", "`steady`", "`inconclusive`"], rows) if whole.traces else []


def leak_table(plan: Plan, rates: Rates, duration: float) -> Lines:
    """Leaks found, a row for each family, a column for each size."""
    by_size = {size: leak_cells(plan, rates, duration, size) for size in plan.sizes}
    cases = dict.fromkeys(case for cells in by_size.values() for case in cells)
    if not cases:
        return []
    rows = []
    for case in cases:
        cells = [by_size[size].get(case, Cell()) for size in plan.sizes]
        seen = Share(sum(cell.visible.total() for cell in cells), sum(cell.traces for cell in cells))
        missed = [by_size[size].get(case, Cell()) for size in _SIZES_BESIDE if size in by_size]
        largest = cells[-1]
        rows.append(
            [
                name(plan, case),
                percent(seen),
                *(percent(cell.visible_share("climbing")) for cell in cells),
                *(percent(cell.share("steady")) for cell in missed),
                percent(Share(largest.named, largest.verdicts["climbing"])),
            ]
        )
    sizes = [f"found at {size:g}δ" for size in plan.sizes]
    missed_at = [f"`steady` at {size:g}δ" for size in _SIZES_BESIDE if size in by_size]
    return table(["family", "limit ≤ δ", *sizes, *missed_at, f"class right at {plan.sizes[-1]:g}δ"], rows)


def early_table(plan: Plan, rates: Rates, duration: float) -> Lines:
    """Leaks that a look fails before the run's end, a row for each family; shares, and the median hours until then."""
    by_size = {size: leak_cells(plan, rates, duration, size) for size in plan.sizes}
    cases = dict.fromkeys(case for cells in by_size.values() for case, cell in cells.items() if cell.looked)
    rows = []
    for case in cases:
        cells = [by_size[size].get(case, Cell()) for size in plan.sizes]
        hours = (f"{np.median(cell.early):.3g}" if cell.early else "-" for cell in cells)
        pairs = zip((percent(cell.early_share) for cell in cells), hours, strict=True)
        looked = max(cell.looked for cell in cells)
        rows.append([name(plan, case), str(looked), *(text for pair in pairs for text in pair)])
    header = [text for size in plan.sizes for text in (f"early at {size:g}δ", "hours")]
    return table(["family", "traces a size", *header], rows) if rows else []


def false_early_table(plan: Plan, rates: Rates, duration: float) -> Lines:
    """Runs without a leak that a look fails; families without any are left out."""
    clean = clean_cells(plan, rates, duration)
    twins = rates.by_case(lambda key: key.duration == duration and key.label == "steady" and key_is_twin(plan, key))
    rows = []
    for kind, cells in (("do not leak", clean), ("leak, without their leak", twins)):
        whole = _summed(cell.early_share for cell in cells.values())
        rows += [[f"all that {kind}", limited(whole)]] if whole.of else []
        rows += [[name(plan, case), limited(cell.early_share)] for case, cell in cells.items() if cell.early]
    return table(["families", "false early failures"], rows) if rows else []


def slope_table(plan: Plan, rates: Rates, duration: float) -> Lines:
    """How far the slope is off, and how often its interval holds the truth."""
    sizes = [size for size in _SIZES_BESIDE if size in plan.sizes]
    by_size = {size: leak_cells(plan, rates, duration, size) for size in sizes}
    rows = []
    cases = dict.fromkeys(case for cells in by_size.values() for case in cells)
    # Where only a map grows, memory's slope has no truth to be held against.
    for case in (case for case in cases if plan.cases[case].family.growth_class != "logical"):
        cells = [cells.get(case, Cell()) for cells in by_size.values()]
        held = [Share(cell.covered, len(cell.slopes)) for cell in cells]
        rows.append([name(plan, case), *(_signed(cell.bias) for cell in cells), *(percent(share) for share in held)])
    header = ["family", *(f"bias at {size:g}δ" for size in sizes), *(f"interval holds at {size:g}δ" for size in sizes)]
    return table(header, rows) if rows else []


def beside_table(plan: Plan, rates: Rates, duration: float) -> Lines:
    """Our judge and the other rules on the same traces."""
    clean = clean_cells(plan, rates, duration)
    leaks = {size: leak_cells(plan, rates, duration, size) for size in _SIZES_BESIDE if size in plan.sizes}
    rows = []
    for rule in ("", *BASELINES):

        def share(cell: Cell, rule: str = rule) -> Share:
            return cell.others_share(rule) if rule else cell.share("climbing")

        falsely = {case: one for case, cell in clean.items() if (one := share(cell)).of}
        worst = max(falsely, key=lambda case, falsely=falsely: falsely[case].value, default="")  # type: ignore[misc]  # mypy does not infer lambdas with defaults
        rows.append(
            [
                rule or "**floodmark**",
                percent(_summed(falsely.values())),
                f"{name(plan, worst)}: {percent(falsely[worst])}" if worst and falsely[worst].count else "-",
                *(percent(_summed(share(cell) for cell in cells.values())) for cells in leaks.values()),
            ]
        )
    found = [f"found at {size:g}δ" for size in leaks]
    return table(["rule", "false `climbing`", "worst family", *found], rows)


def undecidable_table(plan: Plan, rates: Rates) -> Lines:
    """The traces that no evidence in them decides, with the reason and what the judge says."""
    kinds = ("-", "≤ 1δ", "> 1δ")

    def kind(size: float) -> str:
        return kinds[0] if not size else kinds[1] if size <= 1 else kinds[2]

    keys = [key for key in rates.cells if key.label == "undecidable"]
    rows = []
    for case, duration, leak in dict.fromkeys((key.case, key.duration, kind(key.size)) for key in keys):
        cell = rates.of(
            lambda key, wanted=(case, duration, leak): (
                key.label == "undecidable"  # type: ignore[misc]  # mypy does not infer lambdas with defaults
                and (key.case, key.duration, kind(key.size)) == wanted
            )
        )
        order = (list(plan.cases).index(case), kinds.index(leak), duration)
        shares = (percent(cell.share(verdict)) for verdict in ("inconclusive", "climbing", "steady"))
        hours = f"{np.median(cell.hours):.3g}" if cell.hours else "-"
        rows.append((order, [name(plan, case), leak, length(duration), str(cell.traces), *shares, hours, cell.why]))
    header = [
        "family",
        "leak",
        "run",
        "traces",
        "`inconclusive`",
        "`climbing`",
        "`steady`",
        "hours more (median)",
        "why",
    ]
    return table(header, [row for _, row in sorted(rows)]) if rows else []


def time_table(plan: Plan, rates: Rates) -> Lines:
    """Milliseconds for a trace."""
    rows = []
    for duration in plan.durations:
        cell = rates.of(lambda key, duration=duration: key.duration == duration)  # type: ignore[misc]  # mypy does not infer lambdas with defaults
        if cell.traces:
            times = (*np.quantile(cell.judge_ms, (0.5, 0.95, 1.0)), np.median(cell.make_ms))
            rows.append([length(duration), *(f"{value:.0f}" for value in times)])
    return table(["run", "judged, median ms", "95 %", "longest", "made, median ms"], rows)


def family_table(plan: Plan) -> Lines:
    """What the families are."""
    rows = [
        [name(plan, case), "-" if one.clean else one.family.growth_class, one.title] for case, one in plan.cases.items()
    ]
    return table(["family", "leak's class", "what it is"], rows)


def name(plan: Plan, case: str) -> str:
    """A case as people read it: its code and its family's name."""
    return f"{case} {plan.cases[case].family.name}"


def percent(share: Share) -> str:
    """A share in percent, a dash of nothing."""
    if not share.of:
        return "-"
    value = 100 * share.value
    # What is not all or nothing must not look so.
    return f"{value:.0f} %" if value in {0.0, 100.0} else f"{min(max(value, 0.1), 99.9):.1f} %"


def limited(share: Share) -> str:
    """A share with its counts and limits."""
    low, high = share.limits
    return f"{percent(share)} ({share.count:,} of {share.of:,}; {100 * low:.1f} to {100 * high:.1f} %)"


def length(seconds: float) -> str:
    """A length of run as people say it, a day as 24 h."""
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """A Markdown table, and an empty line after it."""
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _three(cell: Cell, first: str, *others: str) -> list[str]:
    return [limited(cell.share(first)), *(percent(cell.share(verdict)) for verdict in others)]


def _summed(shares: Iterable[Share]) -> Share:
    listed = list(shares)
    return Share(sum(share.count for share in listed), sum(share.of for share in listed))


def _signed(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:+.0f} %"
