"""Two versions of a service under the same load: what one grows more than the other, with its interval. Pure."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from floodmark_sidecar.errors import ExitCode
from floodmark_sidecar.units import format_bytes

ROUNDS = 4
"""How often each version has its turn: what changes on the machine meanwhile meets both."""


_COVERED: Final = 0.8
"""Share of a run that must have been read, as of one that is steady."""


@dataclass(frozen=True)
class Difference:
    """By how many bytes an hour the new version grows more than the old one; None where a slope is not known.

    Its interval is that of two independent slopes; *delta* is the smallest difference that matters, the larger of both runs' own.
    *doubt* says what keeps the difference from being none that matters, whatever its size.
    """

    estimate: float | None
    low: float | None
    high: float | None
    delta: float | None
    doubt: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """What the comparison ends with: by the same limits as a climb, and as a run that is steady."""
        if self.estimate is None or self.low is None or self.high is None or self.delta is None:
            return ExitCode.INCONCLUSIVE
        if self.estimate > self.delta and self.low > self.delta / 2:
            return ExitCode.CLIMBING
        return ExitCode.STEADY if self.high < self.delta and not self.doubt else ExitCode.INCONCLUSIVE

    @property
    def text(self) -> str:
        """The difference in a sentence without its stop."""
        if self.estimate is None or self.low is None or self.high is None or self.delta is None:
            return "what the new version adds cannot be told: one of the runs has no slope"
        half = max(self.high - self.estimate, self.estimate - self.low)
        sign = "-" if self.estimate < 0 else ""
        size = f"{sign}{format_bytes(abs(self.estimate))}/h ± {format_bytes(half)}/h"
        matters = f"{format_bytes(self.delta)}/h matters"
        if self.doubt and self.exit_code is ExitCode.INCONCLUSIVE:
            return f"what the new version adds cannot be told: {self.doubt}"
        return {
            ExitCode.CLIMBING: f"the new version adds {size}, where {matters}",
            ExitCode.STEADY: f"the new version adds no more than matters: {size}, where {matters}",
        }.get(
            self.exit_code,
            f"what the new version adds cannot be told from nothing, or from what matters: {size}, where {matters}",
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, in bytes an hour."""
        return {
            "estimate_bytes_per_hour": self.estimate,
            "low_bytes_per_hour": self.low,
            "high_bytes_per_hour": self.high,
            "delta_bytes_per_hour": self.delta,
        }


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    """Return by how much *new* grows more than *old*, both results of runs under the same load."""
    deltas = [result.get("delta_bytes_per_hour") for result in (old, new)]
    known = [delta for delta in deltas if isinstance(delta, int | float)]
    delta = max(known) if len(known) == len(deltas) else None
    before, after = _slope(old), _slope(new)
    if before is None or after is None:
        return Difference(None, None, None, delta)
    estimate = after[1] - before[1]
    # Of independent errors the squares add up (https://www.bipm.org/en/committees/jc/jcgm/publications, GUM 5.1.2).
    below = math.hypot(after[1] - after[0], before[2] - before[1])
    above = math.hypot(after[2] - after[1], before[1] - before[0])
    doubts = [
        f"{name}: {doubt}" for name, result in (("the old one", old), ("the new one", new)) for doubt in _doubts(result)
    ]
    return Difference(estimate, estimate - below, estimate + above, delta, next(iter(doubts), ""))


def _doubts(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield, as clauses, why what *result* says of level memory is not to be believed."""
    if not result.get("complete"):
        yield "it was not watched to its end"
    for doubt in result.get("doubts") or ():
        yield str(doubt).removesuffix(".")
    coverage = result.get("coverage") or {}
    if min(coverage.get("share", 1.0), coverage.get("measured_share", 1.0)) < _COVERED:
        yield "too little of it was read"


def _slope(result: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Return low, estimate and high of a slope; None where one is not known."""
    found = result.get("slope_bytes_per_hour") or {}
    low, estimate, high = (found.get(part) for part in ("low", "estimate", "high"))
    return None if low is None or estimate is None or high is None else (float(low), float(estimate), float(high))
