"""How long the entries of a container stay in it, from samples of them at several captures. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from floodmark_sidecar.culprits._capture import Container


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """What samples at several captures of one life tell of a container's entries; times in seconds.

    `followed` entries were looked for in a capture after the one they were in, and `left` of them were gone at last.
    None of those had stayed for more than `longest`, counted from the capture before it was seen first: this is 0 where
    none left, and at most the whole `span` from the first capture to the last. `rest` is the longest time between two
    captures: an entry that came and went within it was not seen. `came_per_hour` counts those that came and were still
    there at the next capture.
    """

    followed: int
    left: int
    longest: float
    span: float
    rest: float
    came_per_hour: float


@dataclass(frozen=True, slots=True)
class _Look:
    """One sample: the tokens of all entries that have one up to `limit`."""

    t: float
    tokens: frozenset[int]
    limit: float
    entries: int

    def up_to(self, limit: float) -> set[int]:
        """Return the tokens that a sample of that limit has as well, if it has the entry."""
        return {token for token in self.tokens if token <= limit}


def lifetimes(seen: Sequence[tuple[float, Container]]) -> Lifetimes | None:
    """Return what the samples in *seen*, captures of one container in one life, oldest first, tell; None if too few."""
    looks = [
        _Look(
            t, frozenset(held.tokens), math.inf if len(held.tokens) >= held.entries else max(held.tokens), held.entries
        )
        for t, held in seen
        if held.tokens
    ]
    if len(looks) < 2 or looks[-1].t <= looks[0].t:
        return None
    followed: set[int] = set()
    left: set[int] = set()
    came, longest = 0.0, 0.0
    since: dict[int, float] = {}
    for before, after in pairwise(looks):
        limit = min(before.limit, after.limit)
        here, there = before.up_to(limit), after.up_to(limit)
        followed |= here
        left = (left - there) | (here - there)
        longest = max([longest, *(after.t - since.get(token, looks[0].t) for token in here - there)])
        since |= dict.fromkeys(there - here, before.t)
        came += len(there - here) / len(there) * after.entries if there else 0.0
    span = looks[-1].t - looks[0].t
    rest = max(after.t - before.t for before, after in pairwise(looks))
    return Lifetimes(len(followed), len(left), longest, span, rest, came / span * 3600)


def together(found: Iterable[Lifetimes | None]) -> Lifetimes | None:
    """Return what is known of several containers that are one for the user, such as those of several workers.

    Counts are sums, times and rates those of the container where they are largest.
    """
    known = [each for each in found if each is not None]
    if not known:
        return None
    return Lifetimes(
        followed=sum(each.followed for each in known),
        left=sum(each.left for each in known),
        longest=max(each.longest for each in known),
        span=max(each.span for each in known),
        rest=max(each.rest for each in known),
        came_per_hour=max(each.came_per_hour for each in known),
    )
