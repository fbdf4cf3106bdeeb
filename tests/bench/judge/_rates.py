"""Outcomes counted: a cell for each case, length of run, leak size and label, filled one outcome at a time."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy import stats

from tests.bench.judge._baselines import BASELINES
from tests.bench.judge._measure import Outcome

_ONE_SIDED: Final = 0.95


@dataclass(frozen=True)
class Share:
    """`count` of `of`, with the one-sided 95 % limits on either side (Clopper and Pearson)."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share itself, NaN of nothing."""
        return self.count / self.of if self.of else float("nan")

    @property
    def limits(self) -> tuple[float, float]:
        """Below and above which the true share is not, each with 95 % confidence."""
        if not self.of:
            return 0.0, 1.0
        # Two one-sided limits of 95 % are the ends of a two-sided interval of 90 %.
        interval = stats.binomtest(self.count, self.of).proportion_ci(2 * _ONE_SIDED - 1, method="exact")
        return float(interval.low), float(interval.high)


@dataclass
class Cell:
    """What became of the traces of one kind. `visible` counts only those whose detection limit was within δ; `early` are the
    hours of those that failed early, of the `looked` that were looked at on their way.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    visible: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    looked: int = 0
    early: list[float] = field(default_factory=list)
    named: int = 0
    covered: int = 0
    slopes: list[float] = field(default_factory=list)
    hours: list[float] = field(default_factory=list)
    make_ms: list[float] = field(default_factory=list)
    judge_ms: list[float] = field(default_factory=list)
    why: str = ""

    @property
    def traces(self) -> int:
        """How many there are."""
        return self.verdicts.total()

    def add(self, outcome: Outcome, growth_class: str) -> None:
        """Count one outcome; *growth_class* is the family's own."""
        self.verdicts[outcome.verdict] += 1
        self.make_ms.append(outcome.make_ms)
        self.judge_ms.append(outcome.judge_ms)
        self.why = outcome.why or self.why
        if outcome.visible:
            self.visible[outcome.verdict] += 1
        if outcome.verdict == "climbing":
            self.named += outcome.growth_class == growth_class
        if outcome.hours_to_decide is not None:
            self.hours.append(outcome.hours_to_decide)
        if outcome.truth > 0 and outcome.slope is not None and outcome.low is not None and outcome.high is not None:
            self.slopes.append(outcome.slope / outcome.truth)
            self.covered += outcome.low <= outcome.truth <= outcome.high
        self.looked += outcome.looked
        if outcome.early is not None:
            self.early.append(outcome.early)
        for name, sign in zip(BASELINES, outcome.others, strict=False):
            self.others[name + sign] += 1

    def share(self, verdict: str) -> Share:
        """Return the share of traces with *verdict*."""
        return Share(self.verdicts[verdict], self.traces)

    def visible_share(self, verdict: str) -> Share:
        """Return the same of the traces whose detection limit was within δ."""
        return Share(self.visible[verdict], self.visible.total())

    def others_share(self, name: str) -> Share:
        """Return the share that a baseline calls climbing, of those it can say anything of."""
        climbs = self.others[name + "1"]
        return Share(climbs, climbs + self.others[name + "0"])

    @property
    def early_share(self) -> Share:
        """The share that failed early, of those that were looked at on their way."""
        return Share(len(self.early), self.looked)

    @property
    def bias(self) -> float:
        """The median of the slope's estimate over the truth, less one; NaN without any."""
        return float(np.median(self.slopes)) - 1 if self.slopes else float("nan")

    def take(self, other: "Cell") -> None:
        """Count what *other* counted too."""
        for mine, theirs in (
            (self.verdicts, other.verdicts),
            (self.visible, other.visible),
            (self.others, other.others),
        ):
            mine.update(theirs)
        self.named += other.named
        self.covered += other.covered
        self.looked += other.looked
        self.why = other.why or self.why
        for numbers, more in (
            (self.slopes, other.slopes),
            (self.hours, other.hours),
            (self.early, other.early),
            (self.make_ms, other.make_ms),
            (self.judge_ms, other.judge_ms),
        ):
            numbers.extend(more)


@dataclass(frozen=True)
class Key:
    """Which traces a cell counts."""

    case: str
    duration: float
    size: float
    label: str


class Rates:
    """All cells by key."""

    def __init__(self, outcomes: Iterable[Outcome], growth_class: Callable[[str], str]) -> None:
        self.cells: dict[Key, Cell] = {}
        for outcome in outcomes:
            key = Key(outcome.case, outcome.duration, outcome.size, outcome.label)
            self.cells.setdefault(key, Cell()).add(outcome, growth_class(outcome.case))

    def of(self, keep: Callable[[Key], bool]) -> Cell:
        """Return one cell that counts what all those count whose key *keep* keeps."""
        whole = Cell()
        for key, cell in self.cells.items():
            if keep(key):
                whole.take(cell)
        return whole

    def by_case(self, keep: Callable[[Key], bool]) -> dict[str, Cell]:
        """Return the same for each case that has any, in the order in which they came."""
        cases = dict.fromkeys(key.case for key in self.cells if keep(key))
        return {case: self.of(lambda key, case=case: key.case == case and keep(key)) for case in cases}  # type: ignore[misc]  # mypy does not infer lambdas with defaults
