"""How right what is said of a side is. Pure but for reading the line that is named."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from floodmark_sidecar.culprits import Culprit

Line = Literal["right", "wrong", "none"]

_SHORT: Final = 6
"""A word so long must be it, or `thread` would be found in `threading.py`."""

_HELD: Final = re.compile(r"held by (\S+?)(?:;|$)")


@dataclass(frozen=True)
class Score:
    """What the culprits of one side are worth: `place` is that of the first right one, counted from 1, or None.

    `right` and `first` are it and the first of all in words, `line` is what the right one says of the place, `before`
    are those ahead of it, all of them where none is right. `by_chain` says that it is right by what holds it alone.
    """

    place: int | None
    right: str
    by_chain: bool
    line: Line
    first: str
    before: tuple[str, ...]


def score(match: Sequence[str], culprits: Sequence[Culprit], read: Callable[[str], str]) -> Score:
    """Hold *culprits*, best first, against the words of a case; *read* returns the text of the line `file:line`, or ""."""
    place = next((number for number, culprit in enumerate(culprits, start=1) if is_right(match, culprit)), None)
    right = None if place is None else culprits[place - 1]
    return Score(
        place=place,
        right="" if right is None else described(right),
        by_chain=right is not None and not _is_named(match, right),
        line="none" if right is None or right.where is None else _line(match, right, read(right.where)),
        first=described(culprits[0]) if culprits else "",
        before=tuple(described(culprit) for culprit in (culprits if place is None else culprits[: place - 1])),
    )


def is_right(match: Sequence[str], culprit: Culprit) -> bool:
    """Say whether the kind, name, path or line of *culprit*, or the chain that holds it, has a word of *match*.

    A culprit is named after what the user wrote; what that keeps in a package is told by the chain.
    """
    chain = _HELD.search(culprit.evidence)
    return _is_named(match, culprit) or (chain is not None and _has(chain[1], match))


def _is_named(match: Sequence[str], culprit: Culprit) -> bool:
    told = (culprit.kind, culprit.name, culprit.path or "", culprit.where or "")
    return any(_has(text, match) for text in told)


def described(culprit: Culprit) -> str:
    """Return kind, name and line of a culprit."""
    name = culprit.path or culprit.name
    where = "" if culprit.where is None or culprit.where == name else f" ({culprit.where})"
    return f"{culprit.kind} {name}{where}"


def _line(match: Sequence[str], culprit: Culprit, text: str) -> Line:
    """A line is right if its *text* has the name of the culprit or a word of *match*, or such a word is its whole file."""
    file = (culprit.where or "").rpartition(":")[0].rpartition("/")[2]
    return "right" if file in match or _has(text, [culprit.name.rpartition(".")[2], *match]) else "wrong"


def _has(text: str, match: Sequence[str]) -> bool:
    """Say whether a word of *text* begins with one that *match*; a short one must be it."""
    ends = {word: r"(?![A-Za-z0-9])" if len(word) <= _SHORT else "" for word in match}
    return any(re.search(rf"(?<![A-Za-z0-9]){re.escape(word)}{ends[word]}", text) for word in match)
