"""The set of keys that were processed already."""

import time
from collections.abc import Callable, Hashable
from typing import TypeVar

from floodmark_caches._expiry import EXPIRES, KEY
from floodmark_caches._stats import RemovalCause
from floodmark_caches._store import Gone, Store

K = TypeVar("K", bound=Hashable)


class SeenSet(Store[K, None]):
    """At most `maxsize` keys, each remembered for `ttl` seconds from when it was new; add one and learn if it was.

    At the bound the key that was added or touched longest ago goes; `stats().evicted_before_ttl` counts those that
    would have been remembered longer, whose work may now be repeated. `warn_at` logs when that many keys (or that
    fraction of maxsize, as a float) are remembered.

    Thread-safe; names are unique among live maps (ValueError); a key that cannot be hashed is a TypeError. Operations
    are O(1); `len` and `clear` also release what is due, O(1) for each; iteration and `clear` are O(n).

    >>> processed = SeenSet("processed_paths", maxsize=100_000, ttl=3600)
    >>> processed.add("/in/1.jpg"), processed.add("/in/1.jpg")
    (True, False)
    """

    def __init__(
        self,
        name: str,
        *,
        maxsize: int,
        ttl: float | None = None,
        timer: Callable[[], float] = time.monotonic,
        warn_at: float | None = None,
    ) -> None:
        super().__init__(name, maxsize=maxsize, ttl=ttl, timer=timer, warn_at=warn_at)

    def add(self, key: K) -> bool:
        """Whether the key is new; it is known from here on. Of several threads with one key, one gets True.

        A known key becomes the most recently used; its time to live is not extended.
        """
        entry = self._find(key)
        now = self._timer()
        if entry is not None and now < entry[EXPIRES]:
            reads = self._reads
            reads.append(key)
            if len(reads) >= self._most_reads:
                self._settle_reads()
            return False
        gone: Gone[K, None] = []
        with self._lock:
            entry = self._data.get(key)
            if entry is not None and now < entry[EXPIRES]:  # another thread was first
                self._refresh(key)
                return False
            self._tally.misses += 1
            crossed = self._insert(key, None, now, gone)
        self._settle(gone, now, crossed=crossed)
        return True

    def touch(self, key: K) -> bool:
        """Remember a known key for a whole ttl from now, and say whether it was known."""
        with self._lock:
            entry = self._find(key)
            now = self._timer()
            if entry is None or entry[EXPIRES] <= now:
                return False
            self._refresh(key)
            if self._ttl is not None:
                self._data[entry[KEY]] = self._renewed(entry, now)
            return True

    def discard(self, key: K) -> bool:
        """Forget a key, and say whether it was known."""
        gone: Gone[K, None] = []
        with self._lock:
            if self._find(key) is None:
                return False
            now = self._timer()  # first, for a clock may raise
            entry = self._data.pop(key, None)
            if entry is None:  # a finalizer that the collector ran just now was first
                return False
            live = self._book_out(entry, now, RemovalCause.EXPLICIT, gone)
        self._settle(gone, now)
        return live

    def clear(self) -> None:
        """Forget every key; O(n)."""
        self._clear()
