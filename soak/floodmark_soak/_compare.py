"""Two versions of a service under the same load: what one grows more than the other, with its interval. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from floodmark_sidecar.errors import ExitCode
from floodmark_sidecar.units import format_bytes

ROUNDS = 4
"""How often each version has its turn: what changes on the machine meanwhile meets both."""


@dataclass(frozen=True)
class Difference:
    """By how many bytes an hour the new version grows more than the old one; None where a slope is not known.

    Its interval is that of two independent slopes; *delta* is the smallest difference that matters, the larger of both runs' own.
    """

    estimate: float | None
    low: float | None
    high: float | None
    delta: float | None

    @property
    def exit_code(self) -> ExitCode:
        """What the comparison ends with: by the same limits as a climb, and as a run that is steady."""
        if self.estimate is None or self.low is None or self.high is None or self.delta is None:
            return ExitCode.INCONCLUSIVE
        if self.estimate > self.delta and self.low > self.delta / 2:
            return ExitCode.CLIMBING
        return ExitCode.STEADY if self.high < self.delta else ExitCode.INCONCLUSIVE

    @property
    def text(self) -> str:
        """The difference in a sentence without its stop."""
        if self.estimate is None or self.low is None or self.high is None or self.delta is None:
            return "what the new version adds cannot be told: one of the runs has no slope"
        half = max(self.high - self.estimate, self.estimate - self.low)
        sign = "-" if self.estimate < 0 else ""
        size = f"{sign}{format_bytes(abs(self.estimate))}/h ± {format_bytes(half)}/h"
        matters = f"{format_bytes(self.delta)}/h matters"
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
    return Difference(estimate, estimate - below, estimate + above, delta)


def _slope(result: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Return low, estimate and high of a slope; None where one is not known."""
    found = result.get("slope_bytes_per_hour") or {}
    low, estimate, high = (found.get(part) for part in ("low", "estimate", "high"))
    return None if low is None or estimate is None or high is None else (float(low), float(estimate), float(high))
