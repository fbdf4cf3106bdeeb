"""Entries, and the order in which they expire."""

import heapq
import math
from collections import OrderedDict
from sys import getsizeof
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
U = TypeVar("U")

NEVER = math.inf

# An entry is a plain tuple that never changes, so that a reader needs no lock to see a whole one: the key, when it
# expires by the map's clock (NEVER: it does not), the value, the weight and the time of the insert, and a serial number
# that no other entry of the map has.
Entry = tuple[K, float, V, float, float, int]
KEY: Final = 0
EXPIRES: Final = 1
VALUE: Final = 2
WEIGHT: Final = 3
ADDED: Final = 4
SERIAL: Final = 5

_WIDE_BYTES = 1 << 18  # the table of some thousand entries
_MOST_STALE = 32  # serials of entries that are gone, kept beyond as many as are live, before they are cleared away


class ExpiryOrder(Generic[K, V]):
    """The entries of one map that expire, soonest first. Not thread-safe: its map calls it under the map's lock.

    Entries under the map's one ttl expire in the order of their inserts, so they stand in `queue` in that order, O(1)
    to add and to take out. Those with a ttl of their own are in a heap, O(log n); a serial whose entry is gone stays
    in the heap until it surfaces or too many are stale. All are found by their serials: no foreign key is hashed here.
    """

    __slots__ = ("_heap", "_own", "queue")

    def __init__(self) -> None:
        self.queue: OrderedDict[int, Entry[K, V]] = OrderedDict()
        self._heap: list[tuple[float, int]] = []
        self._own: dict[int, Entry[K, V]] = {}

    def not_before_last(self, expires: float) -> float:
        """When a new entry under the map's ttl expires: `expires`, but not before the one put in last.

        A clock that went backwards must not bring the queue out of order; the entry then lives that much longer.
        """
        if not self.queue:
            return expires
        return max(expires, self.queue[next(reversed(self.queue))][EXPIRES])

    def add_own(self, entry: Entry[K, V]) -> None:
        """Put in an entry that has a ttl of its own."""
        self._own[entry[SERIAL]] = entry
        heapq.heappush(self._heap, (entry[EXPIRES], entry[SERIAL]))

    def discard(self, entry: Entry[K, V]) -> None:
        """Take out an entry; nothing happens if it is not in here."""
        serial = entry[SERIAL]
        if self.queue.pop(serial, None) is not None or self._own.pop(serial, None) is None:
            return
        if len(self._heap) > 2 * len(self._own) + _MOST_STALE:
            self._heap = [item for item in self._heap if item[1] in self._own]
            heapq.heapify(self._heap)

    def first(self) -> Entry[K, V] | None:
        """The entry that expires soonest, or None; of those that expire together, one under the map's ttl."""
        oldest = self.oldest()
        heap = self._heap
        while heap and heap[0][1] not in self._own:
            heapq.heappop(heap)
        if not heap:
            return oldest
        if oldest is None or heap[0][0] < oldest[EXPIRES]:
            return self._own[heap[0][1]]
        return oldest

    def oldest(self) -> Entry[K, V] | None:
        """The entry under the map's ttl that was put in first, or None."""
        return next(iter(self.queue.values()), None)


def narrowed(table: OrderedDict[T, U]) -> OrderedDict[T, U]:
    """A table of the same pairs that has room for few, if this one has room for very many more: tables grow by
    themselves and never shrink, and two that once held a million pairs take 130 MB when they are empty. O(pairs).
    """
    if getsizeof(table) <= _WIDE_BYTES:
        return table
    try:
        return OrderedDict(table)
    except Exception:  # noqa: BLE001 - the hash or the equality of a foreign key: it stays where it is
        return table
