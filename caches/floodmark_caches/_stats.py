"""What a map tells of itself: the causes of removals, and one frozen set of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class RemovalCause(StrEnum):
    """Why an entry left its map."""

    EXPLICIT = "explicit"
    """The caller removed it."""
    REPLACED = "replaced"
    """The caller put another value in its place."""
    EXPIRED = "expired"
    """Its time to live was over."""
    SIZE = "size"
    """It was the least recently used when room was needed."""

    __hash__ = str.__hash__  # enum's own runs in Python, and each removal is counted by its cause


class Tally:
    """What a map counts, under its own lock. Entries that came are those that went and those that are here."""

    __slots__ = (
        "age_sum",
        "evicted",
        "evicted_forever",
        "expired",
        "explicit",
        "hits",
        "last_age",
        "misses",
        "replaced",
    )

    def __init__(self) -> None:
        self.hits = self.misses = 0
        self.explicit = self.replaced = self.expired = self.evicted = 0
        self.evicted_forever = 0  # evicted although they would never have expired
        self.age_sum = 0.0  # seconds, over the evicted
        self.last_age: float | None = None

    def counts(self, entries: int, *, unsettled_hits: int) -> dict[str, Any]:
        """The fields of `MapStats` that come of these counts, for a map of so many entries."""
        removes = self.explicit + self.replaced + self.expired + self.evicted
        return {
            "adds": entries + removes,
            "removes": removes,
            "hits": self.hits + unsettled_hits,
            "misses": self.misses,
            "removals": {
                RemovalCause.EXPLICIT.value: self.explicit,
                RemovalCause.REPLACED.value: self.replaced,
                RemovalCause.EXPIRED.value: self.expired,
                RemovalCause.SIZE.value: self.evicted,
            },
            "evicted_before_ttl": self.evicted - self.evicted_forever,
            # A clock may have gone backwards meanwhile.
            "last_evicted_age": None if self.last_age is None else max(0.0, self.last_age),
            "mean_evicted_age": max(0.0, self.age_sum / self.evicted) if self.evicted else None,
        }


@dataclass(frozen=True, slots=True)
class MapStats:
    """The numbers of one map at one moment. `adds - removes` is always `entries`."""

    name: str
    kind: str
    """The class of the map, or the type of a watched container."""
    entries: int
    """Entries held in memory; expired ones count until they are released, which is soon."""
    maxsize: int | None
    """The bound: entries, or weight where the map has a getsizeof. None is unbounded."""
    ttl: float | None
    """Seconds; None where entries do not expire."""
    bytes: int | None
    """Total weight where the map was given a getsizeof (in bytes if that counts bytes), else not known."""
    adds: int
    removes: int
    hits: int
    """Reads that found a live entry. In sets: keys already there; in locks: keys held or waited for by others."""
    misses: int
    removals: Mapping[str, int]
    """`removes` by cause: explicit, replaced, expired, size."""
    evicted_before_ttl: int
    """Entries given up for room although their time was not over: a set of processed keys has begun to repeat work."""
    warn_at: int | None
    """The level in entries (in weight for a fraction of a weighted map's maxsize)."""
    warnings: int
    """How often the level was crossed upwards."""
    oldest_age: float | None
    """Seconds since the oldest entry under the map's own ttl was put in; None where that is not kept."""
    container_ids: tuple[int, ...]
    """`id()` of the containers inside that grow with the entries, so that a heap census can name them."""
    last_evicted_age: float | None = None
    """Seconds that the last entry given up for room had been there; None where none was, or that is not kept."""
    mean_evicted_age: float | None = None
    """The mean of that over all entries given up for room: far below the ttl, the map is too small for it."""

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON types, with units in the names."""
        return {
            "name": self.name,
            "kind": self.kind,
            "entries": self.entries,
            "maxsize": self.maxsize,
            "ttl_seconds": self.ttl,
            "bytes": self.bytes,
            "adds": self.adds,
            "removes": self.removes,
            "hits": self.hits,
            "misses": self.misses,
            "removals": dict(self.removals),
            "evicted_before_ttl": self.evicted_before_ttl,
            "warn_at": self.warn_at,
            "warnings": self.warnings,
            "oldest_age_seconds": self.oldest_age,
            "container_ids": list(self.container_ids),
            "last_evicted_age_seconds": self.last_evicted_age,
            "mean_evicted_age_seconds": self.mean_evicted_age,
        }
