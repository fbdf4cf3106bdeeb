"""The named loads of a plan: how many users there are by the time of the run. Pure."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

_CYCLES: Final = 12
_SHORTEST_CYCLE: Final = 60.0
_AT_REST: Final = 0.2
"""Share of a cycle without users: what a session held is free by then, or it is not."""

_DAY: Final = 86400.0
_NIGHT: Final = 0.1
"""Share of the users that are there at night."""

_STEPS: Final = 5


def _steady(_t: float, _planned: float) -> float:
    return 1.0


def _cycle(planned: float) -> float:
    return max(planned / _CYCLES, _SHORTEST_CYCLE)


def _cycles(t: float, planned: float) -> float:
    """Twelve times all users, and then none for a fifth of the time."""
    period = _cycle(planned)
    return 0.0 if (t % period) / period >= 1 - _AT_REST else 1.0


def _day(t: float, planned: float) -> float:
    """A wave a day, of a run under two days two in all: a tenth of the users at night, all at noon."""
    period = min(_DAY, planned / 2)
    return _NIGHT + (1 - _NIGHT) * (1 - math.cos(2 * math.pi * t / period)) / 2


def _ramp(t: float, planned: float) -> float:
    """Five steps up to all users in the first half of the run, and down again in the second."""
    share = min(max(t / planned, 0.0), 1.0)
    up = share if share < 0.5 else 1 - share
    return min(1.0, (math.floor(2 * up * _STEPS) + 1) / _STEPS)


PROFILES: Final[Mapping[str, Callable[[float, float], float]]] = MappingProxyType(
    {"steady": _steady, "cycles": _cycles, "day": _day, "ramp": _ramp}
)
"""The share of the users by name, as a function of the seconds of the run and of its planned length."""


def users_at(profile: str, t: float, *, users: int, planned: float) -> int:
    """Return how many of *users* there are *t* seconds into a run of *planned* seconds; never none but at rest."""
    share = PROFILES[profile](t, planned)
    return 0 if share == 0 else max(1, round(share * users))


def begin_of(profile: str, t: float, *, planned: float) -> float:
    """Return the second of the run at which a load begins that goes on at *t*: at rest nobody could tell that it has begun."""
    return t if PROFILES[profile](t, planned) else t - t % _cycle(planned)
