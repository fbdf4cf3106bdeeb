"""One thing that was found, and how much it matters."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters: a *problem* hides something from floodmark, or makes what it says misleading."""

    PROBLEM = "problem"
    NOTE = "note"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Finding:
    """A thing by its *name*, what was found of it, and for all that is not fine what to do: a sentence or two.

    *source* is an address where a fact that comes from outside of floodmark is told, or empty.
    """

    name: str
    level: Level
    value: str
    advice: str = ""
    source: str = ""

    def as_dict(self) -> dict[str, str | None]:
        """Return it for JSON; what is empty is None."""
        return {
            "name": self.name,
            "level": self.level.value,
            "value": self.value,
            "advice": self.advice or None,
            "source": self.source or None,
        }


def fine(name: str, value: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(name, Level.FINE, value)


def note(name: str, value: str, advice: str, source: str = "") -> Finding:
    """Return a finding that is worth knowing."""
    return Finding(name, Level.NOTE, value, advice, source)


def problem(name: str, value: str, advice: str, source: str = "") -> Finding:
    """Return a finding to act on before a verdict is believed."""
    return Finding(name, Level.PROBLEM, value, advice, source)
