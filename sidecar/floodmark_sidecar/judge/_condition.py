"""One condition of the judge: what was measured, what was asked for, and which verdict needs it."""

from dataclasses import dataclass
from textwrap import shorten
from typing import Final, Literal

from floodmark_sidecar.judge._types import Json

Need = Literal["any", "steady", "climbing", "none"]

LONGEST: Final = 86
"""Characters of a brief wish: with what it is a condition of, it is a line."""


@dataclass(frozen=True)
class Condition:
    """One thing the judge looked at: the `value` of `name`, in words, and the `threshold` it is held against.

    `met` is None for what is only told, and then no verdict needs it. `alone` marks what makes a verdict `climbing` by
    itself, `close` what a verdict hangs on by a number.
    """

    name: str
    value: str
    threshold: str = ""
    met: bool | None = None
    needed_for: Need = "none"
    alone: bool = False
    close: bool = False

    @property
    def wish(self) -> str:
        """What would have to be otherwise, as the rest of a sentence that begins with `if`."""
        return f"the {self.name}, {self.value}, were {self.threshold}"

    @property
    def fear(self) -> str:
        """What would end it, as the rest of a sentence that begins with `if`."""
        return f"the {self.name}, {self.value}, were not {self.threshold}"

    @property
    def brief_wish(self) -> str:
        """The wish in at most `LONGEST` characters: without its value if need be, which is told beside it anyway."""
        return self._brief(self.wish, "were")

    @property
    def brief_fear(self) -> str:
        """The same of what would end it."""
        return self._brief(self.fear, "were not")

    def _brief(self, whole: str, were: str) -> str:
        if len(whole) <= LONGEST:
            return whole
        return shorten(f"the {self.name} {were} {self.threshold}", LONGEST, placeholder=" …")

    def speaks_of(self, verdict: str) -> bool:
        """Say whether *verdict* needs this."""
        return self.needed_for in {"any", verdict}

    def as_dict(self) -> Json:
        """Return it as in a result."""
        return {
            "name": self.name,
            "value": self.value,
            "threshold": self.threshold or None,
            "met": self.met,
            "needed_for": {"none": None, "any": "both"}.get(self.needed_for, self.needed_for),
        }
