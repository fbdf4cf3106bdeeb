"""What an operator may set about a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """Limits of one run.

    `growth` is the smallest growth of interest in bytes per second (None: taken from the run), `memory` the bytes the
    service may use, `maps` the entries a map may hold in one worker by its name, `warmup` the seconds at the start that
    are not judged (None: measured), `planned` the seconds that the whole run is to take (None: the trace is all of it):
    a trace clearly shorter than that is an early look, which may be `climbing`, and never `steady`.
    """

    growth: float | None = None
    memory: int | None = None
    maps: Mapping[str, int] = field(default_factory=dict)
    warmup: float | None = None
    planned: float | None = None
