"""The report: a row for each side, what it adds up to, and what came out wrong and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from floodmark_sidecar.culprits import Culprit
from tests.leaks._cases import Side
from tests.leaks._explained import EXPLAINED, Explanation
from tests.leaks._record import CENSUSES, SECONDS, TIMES, WINDOW, Run
from tests.leaks._score import Score, described
from tests.planted._drive import Said

_WORDS: Final = """\
Each side is one version of a public package in a virtual environment of its own, triggered at an even pace over HTTP: in
{seconds:g} s {times} times as often as the case needs to show its leak. A sidecar reads the service four times a second, {censuses}
censuses are taken, one at the start and at every tenth of the run, and after it a trace window of {window:.0%} of the run, as
one would ask for on suspicion; the fixed sides get the same. It is judged as it was seen, with nothing scaled, so that
`steady` means no more than such a short run can say.

*accused* is a fixed side or a control that is `climbing`. A culprit is right if its kind, name, path or line has a word that
the case gives for it, or, marked *chain*, if only the chain in its evidence has: floodmark names what the user wrote, and
says by what inside a package that holds what grows (`held by case.s.events`). *place* is that of the first right one and
*ahead* counts those before it, all where none is right. Many of these do grow with the leak, but do not lead to its place.
The *line* is right if its text has such a word or the culprit's name, or if it is in the case's own file where that is as
near as one can get.
"""

_PEERS: Final = """\
| finder | leaks | right verdict | named first | in three | fixed accused | controls accused |
|---|---|---|---|---|---|---|
{ours}
| python-leak-hunter 0.1.1 | 48 | 30 | 36 | 40 | 0 of 34 | 1 of 11 |
| memray | 48 | | 26 | | | |
| tracemalloc | 48 | | 25 | | | |
| memalot | 46 | | 23 | | | |
| objgraph | 48 | | 20 | | | |
| pympler | 48 | | 1 | | | |

The figures of the peers are not of this run. They come with the cases: measured in 2026-11 on these and similar cases, each
peer inside the service's own thread, where floodmark looks from beside a service under load. So they are to be compared by
their shares only.
"""


@dataclass(frozen=True)
class Row:
    """One side: how it was run, what was said of it and what that is worth; or, in `failed`, why it was not run."""

    side: Side
    run: Run | None = None
    said: Said | None = None
    score: Score | None = None
    failed: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the verdict is as expected."""
        return self.said is not None and self.said.judged == self.side.expect

    @property
    def is_accused(self) -> bool:
        """Whether something climbs that leaks nothing."""
        return self.said is not None and self.side.expect == "steady" and self.said.judged == "climbing"

    @property
    def explained(self) -> Explanation | None:
        """What is known of why this came out as it did."""
        return EXPLAINED.get((self.side.case.name, self.side.name))

    @property
    def place(self) -> int | None:
        """The place of the first right culprit."""
        return self.score.place if self.score else None

    @property
    def is_wrong(self) -> bool:
        """Whether there is anything to explain."""
        named = self.place == 1 if self.side.expect == "climbing" else not (self.said and self.said.culprits)
        return not (self.is_right and named)


def render(heading: Mapping[str, str], rows: Sequence[Row]) -> str:
    """Return the whole report as Markdown."""
    words = _WORDS.format(times=TIMES, seconds=SECONDS, censuses=CENSUSES, window=WINDOW)
    lines = ["# Real leaks", "", *(f"- {name}: {value}" for name, value in heading.items()), "", words]
    lines += ["## What it adds up to", "", *_totals(rows), "", _PEERS.format(ours=_ours(rows))]
    lines += ["## Leaky sides", ""]
    header = ["case", "requirement", "verdict", "class", "first culprit", "place", "right culprit", "line", "ahead"]
    lines += _table(header, [_leaky(row) for row in rows if row.side.name == "leaky"])
    for title, name in (("Fixed sides", "fixed"), ("Controls", "control")):
        lines += [f"## {title}", ""]
        header = ["case", "requirement", "verdict", "class", "accused", "named"]
        lines += _table(header, [_healthy(row) for row in rows if row.side.name == name])
    wrong = [row for row in rows if row.is_wrong]
    lines += ["## What came out wrong", ""] if wrong else []
    for row in wrong:
        lines += _miss(row)
    noted = [f"- {row.side.title}: {'; '.join(row.said.notes)}" for row in rows if row.said and row.said.notes]
    return "\n".join([*lines, *(["## Notes", "", *noted, ""] if noted else [])])


def _totals(rows: Sequence[Row]) -> list[str]:
    leaky = [row for row in rows if row.side.name == "leaky"]
    first, three, named = _places(leaky)
    lined = sum(bool(row.score and row.score.line == "right") for row in leaky)
    chained = sum(bool(row.score and row.score.by_chain) for row in leaky)
    told = f"- Of {len(leaky)} leaky sides {sum(row.is_right for row in leaky)} are climbing; the right culprit is named first"
    lines = [f"{told} in {first}, within three in {three}, at all in {named}, with the right line in {lined}."]
    lines += [f"- Of these {chained} are right by their chain alone."] if chained else []
    for word, name in (("fixed sides", "fixed"), ("controls", "control")):
        healthy = [row for row in rows if row.side.name == name]
        lines.append(
            f"- Of {len(healthy)} {word} {sum(row.is_accused for row in healthy)} are accused, "
            f"{sum(row.is_right for row in healthy)} are steady; "
            f"{sum(bool(row.said and row.said.culprits) for row in healthy)} have anything named."
        )
    still = [row.side.title for row in rows if row.is_accused and row.explained and row.explained.still_leaks]
    if still:
        lines.append(f"- {len(still)} of the accused do leak, by counts taken without floodmark: {', '.join(still)}.")
    failed = [row.side.title for row in rows if row.failed]
    return [*lines, *([f"- {len(failed)} sides could not be run: {', '.join(failed)}."] if failed else [])]


def _ours(rows: Sequence[Row]) -> str:
    leaky = [row for row in rows if row.side.name == "leaky"]
    first, three, _ = _places(leaky)
    cells = ["floodmark", str(len(leaky)), str(sum(row.is_right for row in leaky)), str(first), str(three)]
    for name in ("fixed", "control"):
        healthy = [row for row in rows if row.side.name == name]
        cells.append(f"{sum(row.is_accused for row in healthy)} of {len(healthy)}")
    return f"| {' | '.join(cells)} |"


def _places(rows: Sequence[Row]) -> tuple[int, int, int]:
    """Return how many have the right culprit first, within the first three, and anywhere."""
    places = [row.place for row in rows if row.place is not None]
    return sum(place == 1 for place in places), sum(place <= 3 for place in places), len(places)


def _leaky(row: Row) -> list[str]:
    if row.said is None or row.score is None:
        return [row.side.case.name, row.side.requirement, "not run", "", "", "", "", "", ""]
    score = row.score
    return [
        row.side.case.name,
        row.side.requirement,
        row.said.judged,
        row.said.growth_class,
        score.first or "nothing",
        "no" if score.place is None else f"{score.place}{' (chain)' if score.by_chain else ''}",
        "the same" if score.place == 1 else score.right,
        score.line,
        str(len(score.before)),
    ]


def _healthy(row: Row) -> list[str]:
    if row.said is None:
        return [row.side.case.name, row.side.requirement, "not run", "", "", ""]
    said = row.said
    named = "; ".join(described(culprit) for culprit in said.culprits[:3])
    more = f"; {len(said.culprits) - 3} more" if len(said.culprits) > 3 else ""
    accused = "yes" if row.is_accused else "no"
    return [row.side.case.name, row.side.requirement, said.judged, said.growth_class, accused, named + more]


def _miss(row: Row) -> list[str]:
    lines = [f"### {row.side.title}", ""]
    explained = row.explained
    if explained:
        lines += [explained.text, ""]
    if row.said is None:
        return [*lines, row.failed, ""]
    lines.append(f"- expected: {row.side.expect}; {row.side.case.culprit}")
    lines.append(f"- verdict: {row.said.judged}, {row.said.growth_class}: {'; '.join(row.said.reasons)}")
    lines += [f"- culprit {culprit.rank}: {_told(culprit)}" for culprit in row.said.culprits[:4]]
    return [*lines, ""]


def _told(culprit: Culprit) -> str:
    return f"{described(culprit)}: {culprit.evidence}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [*lines, *("| " + " | ".join(row) + " |" for row in cells), ""]
