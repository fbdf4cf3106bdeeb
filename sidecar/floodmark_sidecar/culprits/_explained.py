"""How much of a climb those explain that have a name. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

_EXPLAINED: Final = 0.6
"""The part of a climb that must have a name for the rest of it to need none."""

_AS_SAMPLED: Final = 1.5
"""What is owned was sampled in a few entries: so many times more may be theirs."""

_BLOCKS: Final = 2.0
"""Blocks of memory that an object takes, at most: itself and its table."""


class Sized(Protocol):
    """Something that grows, by bytes an hour where these are known."""

    @property
    def bytes_per_hour(self) -> float | None:
        """Bytes gained in an hour."""
        ...


class Owning(Sized, Protocol):
    """Something that grows by entries, and what these own."""

    @property
    def owned_per_hour(self) -> Mapping[str, float]:
        """Objects that the entries gained in an hour own, by type."""
        ...


_Sized = TypeVar("_Sized", bound=Sized)
_Owning = TypeVar("_Owning", bound=Owning)


def together(growing: Iterable[Sized]) -> float:
    """Return the bytes an hour that are known of *growing*."""
    return sum(each.bytes_per_hour or 0.0 for each in growing)


def explained(climb: float, named: float) -> bool:
    """Say whether what is *named* makes so much of a *climb*, both in bytes an hour, that nothing else has to be named."""
    return named >= _EXPLAINED * climb


def holder_of(name: str, per_hour: float, holders: Iterable[_Owning]) -> _Owning | None:
    """Return which of *holders* gains most of the type *name* with its entries, if they all gain nearly *per_hour* objects."""
    owning = [(each.owned_per_hour.get(name, 0.0), each) for each in holders]
    if not per_hour <= _AS_SAMPLED * sum(count for count, _ in owning):
        return None
    return max(owning, key=lambda pair: pair[0], default=(0.0, None))[1]


def may_own(holder: Owning, size: float, blocks: float) -> bool:
    """Say whether what makes *blocks* of *size* bytes in an hour may make what the entries of *holder* own."""
    most = _BLOCKS * sum(holder.owned_per_hour.values())
    return blocks <= _AS_SAMPLED * most and size <= _AS_SAMPLED * (holder.bytes_per_hour or 0.0)


def placed_by_size(ordered: Sequence[_Sized], each: _Sized, *, behind: int = 0) -> list[_Sized]:
    """Return *ordered* with one more before the first that gains less, but not among the first *behind*."""
    size = each.bytes_per_hour or 0.0
    places = (place for place, other in enumerate(ordered) if place >= behind and (other.bytes_per_hour or 0.0) < size)
    place = next(places, len(ordered))
    return [*ordered[:place], each, *ordered[place:]]


def share(part: float, whole: float) -> float:
    """Return *part* of *whole*, rounded down, so that shares never add up to more than the whole."""
    return math.floor(part / whole * 10_000) / 10_000
