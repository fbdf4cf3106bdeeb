"""How right a ranking is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from floodmark_sidecar.culprits import Culprit
from tests.planted._truth import Truth

Line = Literal["right", "wrong", "none"]


@dataclass(frozen=True)
class Score:
    """What the culprits of one planted service are worth.

    `place` is that of the first right one, counted from 1, None if there is none; `before` are the false ones ahead of it,
    or all of them where none is right; `false` is how many are false in all. `line` is what the right one says of the
    place.
    """

    place: int | None
    before: tuple[str, ...]
    false: int
    line: Line
    first: str | None

    @property
    def accuses(self) -> bool:
        """Whether anything is named that does not leak."""
        return self.false > 0


def score(truth: Truth, culprits: Sequence[Culprit]) -> Score:
    """Hold *culprits*, best first, against *truth*."""
    place = next((number for number, culprit in enumerate(culprits, start=1) if _right(truth, culprit)), None)
    ahead = culprits if place is None else culprits[: place - 1]
    return Score(
        place=place,
        before=tuple(described(culprit) for culprit in ahead if _false(truth, culprit)),
        false=sum(_false(truth, culprit) for culprit in culprits),
        line="none" if place is None else _line(truth, culprits[place - 1]),
        first=described(culprits[0]) if culprits else None,
    )


def described(culprit: Culprit) -> str:
    """Return a culprit's kind and the most telling of its names."""
    return f"{culprit.kind} {culprit.path or culprit.name}"


def _right(truth: Truth, culprit: Culprit) -> bool:
    names = [name for name in (culprit.name, culprit.path) if name]
    named = any(truth.named.fullmatch(name) for name in names) or _line(truth, culprit) == "right"
    return culprit.kind in truth.kinds and named


def _false(truth: Truth, culprit: Culprit) -> bool:
    if _right(truth, culprit) or _line(truth, culprit) == "right":
        return False
    return truth.is_control or not any(truth.fair.fullmatch(name) for name in (culprit.name, culprit.path) if name)


def _line(truth: Truth, culprit: Culprit) -> Line:
    file, colon, line = (culprit.where or "").rpartition(":")
    if not colon:
        return "none"
    ours = truth.file.as_posix().endswith(f"/{file}") or truth.file.as_posix() == file
    return "right" if ours and line.isdecimal() and int(line) in truth.lines else "wrong"
