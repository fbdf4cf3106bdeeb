"""Entries, and the order in which they expire."""

import heapq
import math
from collections import OrderedDict
from sys import getsizeof
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D", bound=dict[Any, Any])

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
_MOST_STALE = (
    32  # tickets of entries that are gone, kept beyond twice as many as are live, before they are cleared away
)
_MOST_LOOKS = 500  # stale tickets taken away in one use: half a millisecond or so
_MOVES = 4  # tickets looked at in one use while they are cleared away


class ExpiryOrder(Generic[K, V]):
    """The entries of one map that expire, soonest first. Not thread-safe: its map calls it under the map's lock.

    Entries under the map's one ttl expire in the order of their inserts, so they stand in `queue` in that order, O(1)
    to add and to take out. Those with a ttl of their own have tickets in a heap, O(log n); the ticket of an entry that
    is gone is stale and stays until it surfaces. When too many are stale, the heap becomes the `_old` one, a new one
    is begun, and each use moves a few live tickets over, so that none takes long (to build a heap of 300,000 anew in
    one use took 276 ms). All are found by their serials: no foreign key is hashed here.
    """

    __slots__ = ("_heap", "_old", "_own", "queue")

    def __init__(self) -> None:
        self.queue: OrderedDict[int, Entry[K, V]] = OrderedDict()
        self._heap: list[tuple[float, int]] = []
        self._old: list[tuple[float, int]] = []
        self._own: dict[int, Entry[K, V]] = {}

    def add(self, entry: Entry[K, V]) -> bool:
        """Put in an entry under the map's one ttl, and say whether none expires later.

        A clock that went backwards must not bring the queue out of order: the entry then goes where those with a ttl
        of their own are.
        """
        if self.queue and entry[EXPIRES] < self.queue[next(reversed(self.queue))][EXPIRES]:
            self.add_own(entry)
            return False
        self.queue[entry[SERIAL]] = entry
        return True

    def add_own(self, entry: Entry[K, V]) -> None:
        """Put in an entry that has a ttl of its own."""
        self._own[entry[SERIAL]] = entry
        heapq.heappush(self._heap, (entry[EXPIRES], entry[SERIAL]))
        self._move_some()

    def discard(self, entry: Entry[K, V]) -> None:
        """Take out an entry; nothing happens if it is not in here."""
        serial = entry[SERIAL]
        if self.queue.pop(serial, None) is not None or self._own.pop(serial, None) is None:
            return
        if len(self._heap) > 2 * len(self._own) + _MOST_STALE:
            self._old, self._heap = self._heap, self._old
        self._move_some()

    def _move_some(self) -> None:
        for _ in range(min(_MOVES, len(self._old))):
            ticket = self._old.pop()  # its last, so that the rest is a heap still
            if ticket[1] in self._own:
                heapq.heappush(self._heap, ticket)

    def first(self) -> tuple[float, Entry[K, V] | None]:
        """When the next entry expires (NEVER: none does), and that entry; of several, one under the map's ttl.

        With a time and None it is behind more stale tickets than one use may take away, and expires at that time or
        later.
        """
        for _ in range(_MOST_LOOKS):
            expires, entry = self.look()
            if entry is not None or expires == NEVER:
                break
        return expires, entry

    def look(self) -> tuple[float, Entry[K, V] | None]:
        """One step of `first`: the answer, or None for the one stale ticket that stood in its way and is gone."""
        oldest = self.oldest()
        expires = NEVER if oldest is None else oldest[EXPIRES]
        heap = self._heap
        if self._old and not (heap and heap[0] < self._old[0]):
            heap = self._old
        if not heap or heap[0][0] >= expires:
            return expires, oldest
        expires, serial = heap[0]
        entry = self._own.get(serial)
        if entry is None:
            heapq.heappop(heap)
        return expires, entry

    def oldest(self) -> Entry[K, V] | None:
        """The entry under the map's ttl that was put in first, or None."""
        return next(iter(self.queue.values()), None)

    def narrow(self) -> tuple[object, object]:
        """Give back the room of tables that once held very many more entries: return these, for the caller to drop. O(n)."""
        wide = self.queue, self._own
        self.queue, self._own = narrowed(self.queue), narrowed(self._own)
        return wide


def narrowed(table: D) -> D:
    """A dict of the same pairs that has room for few, if this one has room for very many more: tables grow by
    themselves and never shrink, and two that once held a million pairs take 130 MB when they are empty. O(pairs).
    """
    if getsizeof(table) <= _WIDE_BYTES:
        return table
    try:
        return type(table)(table)
    except Exception:  # noqa: BLE001 - the hash or the equality of a foreign key: it stays where it is
        return table
