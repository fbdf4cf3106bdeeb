"""What an operator may set about a verdict."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real

from floodmark_sidecar.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """Limits of one run.

    `growth` is the smallest growth of interest in bytes per second (None: taken from the run), `memory` the bytes the
    service may use, `maps` the entries a map may hold in one worker by its name, `warmup` the seconds at the start that
    are not judged (None: measured), `planned` the seconds that the whole run is to take (None: the trace is all of it):
    a trace clearly shorter than that is an early look, which may be `climbing`, and never `steady`. Raises `UsageError` for
    what is no number, or below what it may be.
    """

    growth: float | None = None
    memory: int | None = None
    maps: Mapping[str, int] = field(default_factory=dict)
    warmup: float | None = None
    planned: float | None = None

    def __post_init__(self) -> None:
        for name, value, least in (
            ("growth", self.growth, "0 or more"),
            ("memory", self.memory, "more than 0"),
            ("warmup", self.warmup, "0 or more"),
            ("planned", self.planned, "more than 0"),
        ):
            _check(name, value, least)
        for name, entries in self.maps.items():
            _check(f"maps[{name!r:.60}]", entries, "0 or more")


def _check(name: str, value: object, least: str) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        msg = f"{name} must be a number (got {value!r:.60})"
        raise UsageError(msg, hint="growth is in bytes a second, memory in bytes, times in seconds")
    if value < 0 or (value == 0 and least == "more than 0"):
        msg = f"{name} must be {least} (got {value!r})"
        raise UsageError(msg)
