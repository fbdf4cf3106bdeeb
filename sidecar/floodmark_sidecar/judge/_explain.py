"""Why a verdict is what it is: each condition of the judge with its value, and what would change the verdict."""

from dataclasses import dataclass

from floodmark_sidecar.judge._condition import Condition
from floodmark_sidecar.judge._conditions import conditions_of
from floodmark_sidecar.judge._finding import State
from floodmark_sidecar.judge._types import Json
from floodmark_sidecar.judge._verdict import Verdict
from floodmark_sidecar.units import format_duration


@dataclass(frozen=True)
class Way:
    """A way to another verdict: `begin` (`steady if`), then conditions with the word before each but the first.

    Each condition is there in full, and briefly, for a line of its own.
    """

    begin: str
    conditions: tuple[tuple[str, str, str], ...]

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        rest = "".join(f"; {word} {full}" for word, full, _ in self.conditions[1:])
        return f"{self.begin} {self.conditions[0][1]}{rest}"

    @property
    def lines(self) -> list[tuple[str, str]]:
        """A line for each condition: what it begins with, and the condition."""
        return [(word if i else self.begin, brief) for i, (word, _, brief) in enumerate(self.conditions)]


@dataclass(frozen=True)
class Explanation:
    """The conditions of one verdict, in the order the judge looks at them. `hours_to_decide` is the verdict's own."""

    verdict: State
    conditions: tuple[Condition, ...]
    hours_to_decide: float | None

    @property
    def ways(self) -> tuple[Way, ...]:
        """What would make it each other verdict, and last what would end this one."""
        ways = []
        others: tuple[State, ...] = ("steady", "climbing")
        for other in others:
            unmet = [found for found in self.conditions if found.met is False and found.speaks_of(other)]
            if other != self.verdict and unmet:
                ways.append(Way(f"{other} if", tuple(_wish(found) for found in unmet)))
        ends = self._ends()
        return (*ways, Way(f"no longer {self.verdict} if", ends)) if ends else tuple(ways)

    @property
    def longer(self) -> str:
        """How much longer a run should decide, in words; empty where nobody could tell, or where it is decided."""
        wait = self.hours_to_decide
        return "" if wait is None else f"a run some {format_duration(wait * 3600)} longer should decide"

    @property
    def changes(self) -> tuple[str, ...]:
        """What would change the verdict, a sentence for each other one and one for the margin of this one."""
        said = [way.sentence for way in self.ways]
        # An undecided verdict has no margin.
        return (*said, self.longer) if self.longer else tuple(said)

    def as_dict(self) -> Json:
        """Return it as `judge --explain --json` has it."""
        return {"conditions": [found.as_dict() for found in self.conditions], "changes": list(self.changes)}

    def _ends(self) -> tuple[tuple[str, str, str], ...]:
        """Return what would end this verdict: a number of memory's that crosses its threshold, and all that climbs alone."""
        asked = [found for found in self.conditions if found.speaks_of(self.verdict)]
        memory = [found for found in asked if found.close] if all(found.met for found in asked) else []
        alone = [found for found in self.conditions if found.alone and self.verdict == "climbing"]
        fears = [("or", found.fear, found.brief_fear) for found in memory]
        return (*fears, *(_wish(found) for found in alone))


def _wish(found: Condition) -> tuple[str, str, str]:
    return ("and", found.wish, found.brief_wish)


def explain(verdict: Verdict) -> Explanation:
    """Return why *verdict* is what it is. Pure; takes a few hundredths of what judging did."""
    return Explanation(verdict.verdict, tuple(conditions_of(verdict)), verdict.hours_to_decide)
