"""Entries, and the order in which they expire."""

import heapq
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MOST_STALE = 32  # tickets of entries that are gone, kept beyond as many as are live, before they are cleared away


class Entry(Generic[K, V]):
    """One key of a map with its value: `weight` fixed at the insert, `expires` by the map's clock (None: never)."""

    __slots__ = ("expires", "key", "next", "prev", "value", "weight")

    def __init__(self, key: K, value: V, weight: float, expires: float | None) -> None:
        self.key = key
        self.value = value
        self.weight = weight
        self.expires = expires
        self.prev: Entry[K, V] | None = None
        self.next: Entry[K, V] | None = None


class OwnTtlEntry(Entry[K, V]):
    """An entry with a time to live of its own; its `ticket` is its place in the heap, 0 when it has none."""

    __slots__ = ("ticket",)

    def __init__(self, key: K, value: V, weight: float, expires: float) -> None:
        super().__init__(key, value, weight, expires)
        self.ticket = 0


class ExpiryOrder(Generic[K, V]):
    """The entries of one map that expire, soonest first. Not thread-safe: its map calls it under the map's lock.

    Entries under the map's one ttl expire in the order of their inserts, so a linked list through the entries holds
    them: O(1) to add and to take out, and no hashing of foreign keys. Those with a ttl of their own are in a heap,
    O(log n); a ticket whose entry is gone stays in the heap until it surfaces or too many are stale.
    """

    __slots__ = ("_heap", "_last_ticket", "_own", "_root")

    def __init__(self) -> None:
        root: Entry[Any, Any] = Entry(None, None, 0, None)
        root.prev = root.next = root
        self._root = root
        self._heap: list[tuple[float, int]] = []
        self._own: dict[int, OwnTtlEntry[K, V]] = {}
        self._last_ticket = 0

    def add(self, entry: Entry[K, V]) -> None:
        """Put an entry under the map's ttl at the end."""
        root = self._root
        last = root.prev or root
        # A clock that went backwards must not bring the list out of order: the entry then lives that much longer.
        if last.expires is not None and entry.expires is not None and entry.expires < last.expires:
            entry.expires = last.expires
        entry.prev = last
        entry.next = root
        last.next = root.prev = entry

    def add_own(self, entry: OwnTtlEntry[K, V], expires: float) -> None:
        """Put in an entry that has a ttl of its own."""
        self._last_ticket = entry.ticket = self._last_ticket + 1
        self._own[entry.ticket] = entry
        heapq.heappush(self._heap, (expires, entry.ticket))

    def discard(self, entry: Entry[K, V]) -> None:
        """Take out an entry; nothing happens if it is not in here."""
        before, after = entry.prev, entry.next
        if before is not None and after is not None:
            before.next = after
            after.prev = before
            entry.prev = entry.next = None
        elif isinstance(entry, OwnTtlEntry) and self._own.pop(entry.ticket, None) is not None:
            entry.ticket = 0
            if len(self._heap) > 2 * len(self._own) + _MOST_STALE:
                self._heap = [item for item in self._heap if item[1] in self._own]
                heapq.heapify(self._heap)

    def first(self) -> Entry[K, V] | None:
        """The entry that expires soonest, or None."""
        head = self._root.next
        oldest = None if head is self._root else head
        heap = self._heap
        while heap and heap[0][1] not in self._own:
            heapq.heappop(heap)
        if not heap:
            return oldest
        if oldest is None or (oldest.expires is not None and heap[0][0] < oldest.expires):
            return self._own[heap[0][1]]
        return oldest

    def oldest(self) -> Entry[K, V] | None:
        """The entry under the map's ttl that was put in first, or None."""
        head = self._root.next
        return None if head is self._root else head

    def __del__(self) -> None:
        # The links are cycles: without this, values of a dropped map would wait for the garbage collector.
        entry = self._root.next
        while entry is not None:
            following = entry.next
            entry.prev = entry.next = None
            entry = following
