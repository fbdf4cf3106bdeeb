"""How much of a climb those explain that have a name. Pure."""

import math
from collections.abc import Iterable
from typing import Final, Protocol

_EXPLAINED: Final = 0.6
"""The part of a climb that must have a name for the rest of it to need none."""


class Sized(Protocol):
    """Something that grows, by bytes an hour where these are known."""

    @property
    def bytes_per_hour(self) -> float | None:
        """Bytes gained in an hour."""
        ...


def together(growing: Iterable[Sized]) -> float:
    """Return the bytes an hour that are known of *growing*."""
    return sum(each.bytes_per_hour or 0.0 for each in growing)


def explained(climb: float, growing: Iterable[Sized]) -> bool:
    """Say whether *growing* make so much of a *climb*, in bytes an hour, that nothing else has to be named."""
    return together(growing) >= _EXPLAINED * climb


def share(part: float, whole: float) -> float:
    """Return *part* of *whole*, rounded down, so that shares never add up to more than the whole."""
    return math.floor(part / whole * 10_000) / 10_000
