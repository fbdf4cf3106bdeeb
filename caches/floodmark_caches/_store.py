"""The bounded, expiring store under every map that holds data."""

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar, cast

from floodmark_caches._checks import check_callable, check_maxsize, check_name, check_ttl
from floodmark_caches._expiry import Entry, ExpiryOrder, OwnTtlEntry
from floodmark_caches._fork import Guarded
from floodmark_caches._janitor import janitor
from floodmark_caches._registry import registry
from floodmark_caches._stats import MapStats, RemovalCause
from floodmark_caches._threshold import Threshold, warn_crossed

K = TypeVar("K")
V = TypeVar("V")

logger = logging.getLogger("floodmark.caches")

_SIZE = RemovalCause.SIZE  # an enum's attributes are slow to look up where it counts
_BATCH = 500  # expired entries released in one hold of the lock: well under a millisecond each
_IDLE_SECONDS = 3600.0
_FOREIGN_CLOCK_SECONDS = 1.0  # how long such a clock may be left unread: nobody knows how fast it runs


class Store(Guarded, Generic[K, V]):
    """Keys with values, at most `maxsize` of them in weight, least recently used first out, expired ones before them.

    Base of the public maps, not one itself. Thread-safe by its own lock; foreign code (callbacks, handlers, the
    finalizers of values) runs outside it, except the hash and equality of keys. Each operation reads the clock at most
    once. All operations are O(1), but for those that release expired entries, which are O(1) for each of them.
    """

    _tells = False  # whether `_removed` does anything

    def __init__(
        self,
        name: str,
        *,
        maxsize: int,
        ttl: float | None,
        timer: Callable[[], float] = time.monotonic,
        warn_at: float | None = None,
        weighted: bool = False,
    ) -> None:
        self._name = check_name(name)
        self._maxsize = check_maxsize(maxsize)
        self._ttl = check_ttl(ttl)
        self._timer = check_callable("timer", timer)
        self._threshold = Threshold.of(warn_at, self._maxsize)
        self._warn_by_weight = weighted and isinstance(warn_at, float)
        self._weighted = weighted
        self._data: OrderedDict[K, Entry[K, V]] = OrderedDict()  # least recently used first
        self._order: ExpiryOrder[K, V] = ExpiryOrder()
        self._currsize: float = 0
        self._wake_at = math.inf  # by our clock: the janitor will look at us by then
        self._hits = self._misses = self._adds = self._evicted_before_ttl = 0
        self._removals = dict.fromkeys(RemovalCause, 0)
        super().__init__()
        registry.register(name, self.stats)

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self._name

    @property
    def maxsize(self) -> int:
        """The bound."""
        return self._maxsize

    @property
    def ttl(self) -> float | None:
        """Seconds from insert to expiry, or None."""
        return self._ttl

    @property
    def timer(self) -> Callable[[], float]:
        """The clock; it may be read from any thread."""
        return self._timer

    def stats(self) -> MapStats:
        """The map's numbers now, without releasing anything."""
        threshold = self._threshold
        with self._own_lock:  # nor is being read
            oldest = self._order.oldest()
            age = None
            if self._ttl is not None and oldest is not None and oldest.expires is not None:
                age = max(0.0, self._timer() - (oldest.expires - self._ttl))
            removes = sum(self._removals.values())
            return MapStats(
                name=self._name,
                kind=type(self).__name__,
                entries=len(self._data),
                maxsize=self._maxsize,
                ttl=self._ttl,
                bytes=round(self._currsize) if self._weighted else None,
                adds=self._adds,
                removes=removes,
                hits=self._hits,
                misses=self._misses,
                removals={cause.value: count for cause, count in self._removals.items()},
                evicted_before_ttl=self._evicted_before_ttl,
                warn_at=None if threshold is None else threshold.level,
                warnings=0 if threshold is None else threshold.crossings,
                oldest_age=age,
                container_ids=(id(self._data),),
            )

    def __len__(self) -> int:
        """How many entries are live."""
        self._release_due()
        return len(self._data)

    def __contains__(self, key: object) -> bool:
        """Whether the key is there and live; neither recency nor statistics change."""
        with self._lock:
            entry = self._data.get(cast("K", key))
            return entry is not None and (entry.expires is None or self._timer() < entry.expires)

    def __iter__(self) -> Iterator[K]:
        """The keys that are live at this moment, next to be evicted first; later changes do not show."""
        return iter([entry.key for entry in self._live()])

    def __repr__(self) -> str:
        # Never the contents: they may be many, and they may be secret.
        return f"{type(self).__name__}({self._name!r}, entries={len(self._data)}, maxsize={self._maxsize})"

    def __reduce__(self) -> str | tuple[object, ...]:
        msg = f"{self!r} cannot be pickled or copied: it is one live map under one name"
        raise TypeError(msg)

    # What follows with "under the lock" expects the caller to hold it.

    def _live(self) -> list[Entry[K, V]]:
        """The entries that are live at one moment, least recently used first."""
        with self._lock:
            now = self._timer()
            return [entry for entry in self._data.values() if entry.expires is None or now < entry.expires]

    def _insert(self, entry: Entry[K, V], now: float, gone: "Gone[K, V]") -> bool:
        """Put in a new entry, make room for it, and say whether warn_at was crossed. Under the lock."""
        data = self._data
        entries_before, weight_before = len(data), self._currsize
        if entry.key in data:
            old = data.pop(entry.key)
            live = old.expires is None or now < old.expires
            self._book_out(old, RemovalCause.REPLACED if live else RemovalCause.EXPIRED, gone)
        while data and self._currsize + entry.weight > self._maxsize:
            self._evict_one(now, gone)
        data[entry.key] = entry
        self._currsize += entry.weight
        self._adds += 1
        expires = entry.expires
        if expires is not None:
            if isinstance(entry, OwnTtlEntry):
                self._order.add_own(entry, expires)
            else:
                self._order.add(entry)
            if expires < self._wake_at:
                self._wake_at = expires
                janitor.attend(self._tend)
        if self._threshold is None:
            return False
        if self._warn_by_weight:
            return self._threshold.crossed(weight_before, self._currsize)
        return self._threshold.crossed(entries_before, len(data))

    def _evict_one(self, now: float, gone: "Gone[K, V]") -> None:
        """Give up one entry: an expired one if there is any, else the least recently used. Under the lock."""
        first = self._order.first()
        if first is not None and first.expires is not None and first.expires <= now:
            self._data.pop(first.key, None)
            self._book_out(first, RemovalCause.EXPIRED, gone)
            return
        _, entry = self._data.popitem(last=False)
        if entry.expires is not None:
            self._evicted_before_ttl += 1
        self._book_out(entry, _SIZE, gone)

    def _book_out(self, entry: Entry[K, V], cause: RemovalCause, gone: "Gone[K, V]") -> None:
        """Account for an entry that has just been taken out of the data. Under the lock."""
        self._order.discard(entry)
        self._currsize -= entry.weight
        self._removals[cause] += 1
        gone.append((entry, cause))

    def _release_batch(self, now: float, gone: "Gone[K, V]") -> None:
        """Release at most a batch of what is due at `now`. Under the lock."""
        for _ in range(_BATCH):
            first = self._order.first()
            if first is None or first.expires is None or first.expires > now:
                return
            self._data.pop(first.key, None)
            self._book_out(first, RemovalCause.EXPIRED, gone)

    def _release_due(self, now: float | None = None) -> tuple[float, "Gone[K, V]"]:
        """Release all that is due at `now` (default: at this moment), a batch at a time; return that time and it."""
        released: Gone[K, V] = []
        while True:
            gone: Gone[K, V] = []
            with self._lock:
                if now is None:
                    now = self._timer()
                self._release_batch(now, gone)
            self._settle(gone, now)
            released += gone
            if len(gone) < _BATCH:
                return now, released
            time.sleep(0)  # let those in who wait for the lock

    def _tend(self) -> float | None:
        """Release a batch for the janitor and say in how many seconds to come again (None: when there is work)."""
        gone: Gone[K, V] = []
        with self._own_lock:  # being tended is no use of the map: it must not wake the janitor, who may be told to rest
            now = self._timer()
            self._release_batch(now, gone)
            first = self._order.first()
            due = None if first is None else first.expires
            self._wake_at = math.inf if due is None else due
        self._settle(gone, now)
        if due is None:
            return _IDLE_SECONDS if self._ttl is not None else None
        return due - now if self._timer is time.monotonic else min(due - now, _FOREIGN_CLOCK_SECONDS)

    def _settle(self, gone: "Gone[K, V]", now: float, *, crossed: bool = False) -> None:
        """Tell the outside what happened. Outside the lock."""
        if self._tells:
            for entry, cause in gone:
                try:
                    self._removed(entry, cause, now)
                except Exception:
                    logger.exception("map %r: the callback for a removed entry failed", self._name)
        if crossed and self._threshold is not None:
            size = self._currsize if self._warn_by_weight else len(self._data)
            warn_crossed(self._name, size, self._threshold.level, self._maxsize)

    def _removed(self, entry: Entry[K, V], cause: RemovalCause, now: float) -> None:
        """What a kind of map does about a removed entry; it may raise. Outside the lock."""

    def _refresh(self, key: K) -> None:
        """Make the key the most recently used. Under the lock."""
        try:  # noqa: SIM105 - suppress() costs more than all the rest of a read
            self._data.move_to_end(key)
        except KeyError:  # a finalizer that the collector ran just now, in this very thread, has removed it
            pass

    def _clear(self) -> None:
        """Remove everything in one step for other threads; O(n)."""
        gone: Gone[K, V] = []
        order: ExpiryOrder[K, V] = ExpiryOrder()
        with self._lock:
            now = self._timer()
            for entry in self._data.values():
                live = entry.expires is None or now < entry.expires
                gone.append((entry, RemovalCause.EXPLICIT if live else RemovalCause.EXPIRED))
            self._data.clear()
            self._order, order = order, self._order  # the old one unlinks its entries when it goes, outside the lock
            self._currsize = 0
            expired = sum(cause is RemovalCause.EXPIRED for _, cause in gone)
            self._removals[RemovalCause.EXPIRED] += expired
            self._removals[RemovalCause.EXPLICIT] += len(gone) - expired
        del order
        self._settle(gone, now)

    def _forget_everything(self) -> None:
        """Begin anew in a forked child, without telling anybody."""
        self._data = OrderedDict()
        self._order = ExpiryOrder()
        self._currsize = 0
        self._adds = sum(self._removals.values())

    def _begin_in_child(self, *, whole: bool) -> None:
        if not whole:
            self._forget_everything()

    def _resume(self) -> None:
        self._wake_at = math.inf
        first = self._order.first()
        if first is not None and first.expires is not None:
            self._wake_at = first.expires
            janitor.attend(self._tend)
        registry.resume_log()


Gone = list[tuple[Entry[K, V], RemovalCause]]
