"""The report: a row for each planted service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.planted._drive import Said
from tests.planted._score import Score
from tests.planted._truth import Truth

_WORDS: Final = """\
Each service is a process of its own that leaks at a fixed pace beside healthy everyday work, read ten times a second by a
sidecar and looked into by five censuses, and by a trace window where the sidecar takes such. A judge wants minutes, so all
of it is assessed as if time had gone {stretch} times more slowly. *named* is the place of the first right culprit; *line*
is whether it says the right line; *false before* are culprits ahead of it that do not grow with the leak, *false* counts
these and later ones; *instead* is what comes first where that is not right. *judged* is the verdict and the class of
growth, with what would be right in brackets; where the verdict is steady, nothing is named.
"""


@dataclass(frozen=True)
class Row:
    """One planted service, what was said of it and what that is worth."""

    truth: Truth
    said: Said
    score: Score


def render(heading: Mapping[str, str], rows: Sequence[Row], *, stretch: int) -> str:
    """Return the whole report as Markdown."""
    leaks = [row for row in rows if not row.truth.is_control]
    controls = [row for row in rows if row.truth.is_control]
    lines = ["# How well culprits are named", "", *(f"- {name}: {value}" for name, value in heading.items()), ""]
    lines += [_WORDS.format(stretch=stretch), "## Planted leaks", ""]
    lines += _table(
        ["leak", "named", "first", "in three", "line", "false before", "false", "instead", "judged"],
        [_leak(row) for row in leaks],
    )
    lines += [*_totals(leaks), "", "## Controls", ""]
    lines += _table(
        ["control", "accused", "of what", "judged"],
        [[row.truth.name, _yes(row.score.accuses), "; ".join(row.score.before), _judged(row)] for row in controls],
    )
    noted = [f"- {row.truth.name}: {'; '.join(row.said.notes)}" for row in rows if row.said.notes]
    return "\n".join([*lines, *(["## Notes", "", *noted, ""] if noted else [])])


def _leak(row: Row) -> list[str]:
    place, score = row.score.place, row.score
    return [
        row.truth.name,
        "no" if place is None else str(place),
        _yes(place == 1),
        _yes(place is not None and place <= 3),
        score.line,
        "; ".join(score.before),
        str(score.false),
        "" if place == 1 else score.first or "nothing",
        _judged(row),
    ]


def _totals(rows: Sequence[Row]) -> list[str]:
    places = [row.score.place for row in rows]
    found = sum(place is not None for place in places)
    first = sum(place == 1 for place in places)
    three = sum(place is not None and place <= 3 for place in places)
    lined = sum(row.score.line == "right" for row in rows)
    false = sum(row.score.false for row in rows)
    share = f" ({first / len(rows):.0%})" if rows else ""
    return [
        f"Of {len(rows)} leaks {found} were named, {first} of them first{share} and {three} among the first three, {lined}",
        f"with the right line; {false} false names in all.",
    ]


def _judged(row: Row) -> str:
    truth, said = row.truth, row.said
    expected = truth.verdict == said.judged and (truth.is_control or truth.growth_class == said.growth_class)
    told = f"{said.judged}, {said.growth_class}"
    return told if expected else f"{told} ({truth.verdict}, {truth.growth_class})"


def _yes(condition: bool) -> str:
    return "yes" if condition else "no"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [*lines, *("| " + " | ".join(row) + " |" for row in cells), ""]
