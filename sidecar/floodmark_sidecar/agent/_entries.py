"""Which entries of a container are the same at two captures, by a sample that tells nothing of them. Runs in the child."""

import os
from collections.abc import Callable, Iterable, Iterator
from heapq import nsmallest
from itertools import islice
from typing import Final

from floodmark_sidecar.agent._census import Container

TOKENS: Final = 100
"""Entries that are sampled of one container."""

MOST_CONTAINERS: Final = 100
MOST_ENTRIES: Final = 4_000_000
"""Entries of all sampled containers together: each takes some 0.3 µs of the child."""

_PACE: Final = 65_536
_BITS: Final = (1 << 44) - 1
_SECRET: Final = int.from_bytes(os.urandom(8), "big")
"""Of this process, and never written: without it, a token cannot be compared with that of a guessed key."""

_ATOMIC: Final = frozenset(id(kind) for kind in (str, bytes, int, float, bool, type(None)))


def tokens(containers: Iterable[Container], *, pause: Callable[[], None]) -> dict[int, list[int]]:
    """Return, by the id of each container that was sampled, the `TOKENS` smallest of the tokens of its entries.

    Two captures of one process share a token where they share the entry: up to the lower of the two highest tokens,
    either list has every entry there is. Only the keys of dicts and the elements of sets have tokens; what is beyond
    `MOST_CONTAINERS`, or `MOST_ENTRIES` in all, is left out.
    """
    left, found = MOST_ENTRIES, {}
    for each in islice((each for each in containers if each.base in (dict, set)), MOST_CONTAINERS):
        if each.entries <= left:
            left -= each.entries
            found[id(each.value)] = nsmallest(TOKENS, _tokens(each, pause))
    return found


def _tokens(each: Container, pause: Callable[[], None]) -> Iterator[int]:
    keys = dict.__iter__(each.value) if each.base is dict else set.__iter__(each.value)
    for number, key in enumerate(keys):
        if number % _PACE == 0:
            pause()
        yield hash((_SECRET, _identity(key))) & _BITS


def _identity(key: object) -> int:
    """Return what stays the same as long as *key* is in its container: its hash, where that runs no code of the service.

    Else its address, which another key may have once this one is gone.
    """
    kind = type(key)
    if id(kind) in _ATOMIC:
        return hash(key)
    if kind is tuple and all(id(type(part)) in _ATOMIC for part in key):  # type: ignore[attr-defined]
        return hash(key)
    return id(key)
