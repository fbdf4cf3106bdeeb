"""Why a verdict is what it is: each condition of the judge with its value, and what would change the verdict."""

from dataclasses import dataclass

from floodmark_sidecar.judge._condition import Condition
from floodmark_sidecar.judge._conditions import conditions_of
from floodmark_sidecar.judge._finding import State
from floodmark_sidecar.judge._types import Json
from floodmark_sidecar.judge._verdict import Verdict
from floodmark_sidecar.units import format_duration


@dataclass(frozen=True)
class Explanation:
    """The conditions of one verdict, in the order the judge looks at them. `hours_to_decide` is the verdict's own."""

    verdict: State
    conditions: tuple[Condition, ...]
    hours_to_decide: float | None

    @property
    def changes(self) -> tuple[str, ...]:
        """What would change the verdict, a sentence for each other one and one for the margin of this one."""
        said = []
        others: tuple[State, ...] = ("steady", "climbing")
        for other in others:
            unmet = [found.wish for found in self.conditions if found.met is False and found.speaks_of(other)]
            if other != self.verdict and unmet:
                said.append(f"{other} if {'; and '.join(unmet)}")
        if self.hours_to_decide is not None:
            said.append(f"a run some {format_duration(self.hours_to_decide * 3600)} longer should decide")
        ends = self._ends()
        if ends:
            said.append(f"no longer {self.verdict} if {ends}")
        return tuple(said)

    def as_dict(self) -> Json:
        """Return it as `judge --explain --json` has it."""
        return {"conditions": [found.as_dict() for found in self.conditions], "changes": list(self.changes)}

    def _ends(self) -> str:
        """Return what would end this verdict: a number of memory's that crosses its threshold, and all that climbs alone."""
        asked = [found for found in self.conditions if found.speaks_of(self.verdict)]
        memory = [found.fear for found in asked if found.close] if all(found.met for found in asked) else []
        alone = [found.wish for found in self.conditions if found.alone and self.verdict == "climbing"]
        return "; and ".join([*(["; or ".join(memory)] if memory else []), *alone])


def explain(verdict: Verdict) -> Explanation:
    """Return why *verdict* is what it is. Pure; takes a few hundredths of what judging did."""
    return Explanation(verdict.verdict, tuple(conditions_of(verdict)), verdict.hours_to_decide)
