"""The bounded, expiring store under every map that holds data."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar, cast

from floodmark_caches._checks import check_clock, check_hashable, check_maxsize, check_name, check_ttl
from floodmark_caches._expiry import ADDED, EXPIRES, KEY, NEVER, VALUE, WEIGHT, Entry, ExpiryOrder, narrowed
from floodmark_caches._fork import Guarded
from floodmark_caches._janitor import janitor
from floodmark_caches._registry import registry
from floodmark_caches._stats import MapStats, RemovalCause, Tally
from floodmark_caches._threshold import Threshold, warn_crossed
from floodmark_caches._told import tell_all

K = TypeVar("K")
V = TypeVar("V")

_BATCH = 500  # expired entries released in one hold of the lock: well under a millisecond each
_MOST_READS = 256  # reads whose keys are not made the most recently used yet
_IDLE_SECONDS = 3600.0
_FOREIGN_CLOCK_SECONDS = 1.0  # how long such a clock may be left unread: nobody knows how fast it runs


MISSING: Any = object()


class Store(Guarded, Generic[K, V]):
    """Keys with values, at most `maxsize` of them in weight, least recently used first out, expired ones before them.

    Base of the public maps, not one itself. Thread-safe by its own lock; foreign code (callbacks, handlers, the
    finalizers of values) runs outside it, except the hash and equality of keys. Each operation reads the clock at most
    once. All operations are O(1), but for those that release expired entries, which are O(1) for each of them.

    A read that finds a live entry takes no lock: looking up a key and appending to a list are whole steps of the
    interpreter, and an entry never changes. It leaves the key in `_reads`; whatever depends on the order of eviction
    first makes up for those reads (`_catch_up`), so that the order is exact. A read that finds nothing looks again
    under the lock before it says so, for a writer may be putting a new entry in an old one's place.
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
        self._timer = check_clock("timer", timer)
        self._threshold = Threshold.of(warn_at, self._maxsize)
        self._warn_by_weight = weighted and isinstance(warn_at, float)
        self._weighted = weighted
        self._lifetime = NEVER if self._ttl is None else self._ttl
        self._data: OrderedDict[K, Entry[K, V]] = OrderedDict()  # least recently used first
        self._order: ExpiryOrder[K, V] = ExpiryOrder()
        self._weight: float = 0  # of all entries; kept where the map is weighted
        self._serial = 0
        self._latest = NEVER if self._ttl is None else -math.inf  # no entry under our ttl expires later
        self._soonest = NEVER  # no entry expires before, and the janitor will look at us by then
        self._reads: list[K] = []
        self._most_reads = _MOST_READS
        self._tally = Tally()
        super().__init__()
        registry.register(name, self.stats)

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self._name

    @property
    def maxsize(self) -> int:
        """The bound: entries, or their weight."""
        return self._maxsize

    @property
    def ttl(self) -> float | None:
        """Seconds from insert to expiry, or None."""
        return self._ttl

    @property
    def timer(self) -> Callable[[], float]:
        """The clock: it returns finite numbers of seconds, and is read from any thread."""
        return self._timer

    def stats(self) -> MapStats:
        """The map's numbers now, without releasing anything. O(1)."""
        threshold = self._threshold
        with self._own_lock:  # nor is being read
            oldest = self._order.oldest()
            return MapStats(
                name=self._name,
                kind=type(self).__name__,
                entries=len(self._data),
                maxsize=self._maxsize,
                ttl=self._ttl,
                bytes=round(self._weight) if self._weighted else None,
                warn_at=None if threshold is None else threshold.level,
                warnings=0 if threshold is None else threshold.crossings,
                oldest_age=None if oldest is None else self._age(oldest),
                container_ids=(id(self._data),),
                **self._tally.counts(len(self._data), unsettled_hits=len(self._reads)),
            )

    def _age(self, entry: Entry[K, V]) -> float | None:
        """Seconds since the entry was put in, or None if the clock fails: the other numbers must not go with it."""
        try:
            return max(0.0, self._timer() - entry[ADDED])
        except Exception:  # noqa: BLE001 - foreign code
            return None

    def __len__(self) -> int:
        """How many entries are live. Releases what is due, which may take a while where very much is."""
        self._release_due()
        with self._own_lock:  # a new entry comes in before another goes to make room for it
            return len(self._data)

    def __contains__(self, key: object) -> bool:
        """Whether the key is there and live; neither recency nor statistics change."""
        with self._lock:
            entry = self._find(cast("K", key))
            return entry is not None and self._timer() < entry[EXPIRES]

    def __iter__(self) -> Iterator[K]:
        """The keys that are live at this moment, next to be evicted first; later changes do not show."""
        return iter([entry[KEY] for entry in self._live()])

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
            self._catch_up()
            now = self._timer()
            entries = [*self._data.values()]  # in one step, for the collector may run finalizers that use the map
        return [entry for entry in entries if now < entry[EXPIRES]]

    def _find(self, key: K) -> Entry[K, V] | None:
        """The entry of a key, live or not; TypeError with the key if it cannot be one."""
        try:
            return self._data.get(key)
        except TypeError:
            check_hashable(key)
            raise

    def _look_again(self, key: K, now: float) -> V:
        """The live value, or MISSING and that is counted: a read that found nothing without the lock looks with it."""
        with self._lock:
            entry = self._data.get(key)
            if entry is not None and now < entry[EXPIRES]:
                self._refresh(key)
                return entry[VALUE]
            self._tally.misses += 1
            return cast("V", MISSING)

    def _settle_reads(self) -> None:
        """Make up for the reads now: they are many, or the first since a fork."""
        with self._lock:
            self._catch_up()

    def _refresh(self, key: K) -> None:
        """Note one more read that found its entry. Under the lock."""
        self._reads.append(key)
        if len(self._reads) >= _MOST_READS:
            self._catch_up()

    def _catch_up(self) -> None:
        """Make the keys that were read the most recently used, in the order of their reads. Under the lock."""
        reads = self._reads
        count = len(reads)
        keys = reads[:count]
        del reads[:count]  # other threads may be adding to its end
        self._tally.hits += count
        moves = map(self._data.move_to_end, keys)
        while True:
            try:
                deque(moves, maxlen=0)
            except Exception:  # noqa: BLE001, S112 - gone since it was read, or its equality raised: it is not moved then
                continue
            return

    def _insert(
        self, key: K, value: V, now: float, gone: "Gone[K, V]", *, weight: float = 1, ttl: float | None = None
    ) -> bool:
        """Put in a pair, make room for it, and say whether warn_at was crossed. Under the lock."""
        if self._reads:
            self._catch_up()
        data = self._data
        size = self._weight if self._warn_by_weight else len(data)
        self._serial = serial = self._serial + 1
        order = self._order
        expires = now + (self._lifetime if ttl is None else ttl)
        entry = (key, expires, value, weight, now, serial)
        old = data.pop(key, None)
        if old is not None:
            self._book_out(old, now, RemovalCause.REPLACED, gone)
        data[key] = entry  # first, for the key's equality may raise
        if ttl is not None:
            order.add_own(entry)
        elif self._ttl is not None and order.add(entry):
            self._latest = expires
        self._weight += weight if self._weighted else 0
        while (self._weight if self._weighted else len(data)) > self._maxsize:
            self._evict_one(now, gone)
        self._expect(expires, now)
        after = self._weight if self._warn_by_weight else len(data)
        return after != size and self._threshold is not None and self._threshold.crossed(size, after)

    def _renewed(self, entry: Entry[K, V], now: float) -> Entry[K, V]:
        """The same entry as if it were put in now, under the map's ttl, for its place in the data. Under the lock."""
        self._serial = serial = self._serial + 1
        renewed = (entry[KEY], now + self._lifetime, entry[VALUE], entry[WEIGHT], now, serial)
        if self._order.add(renewed):
            self._latest = renewed[EXPIRES]
        self._order.discard(entry)
        self._expect(renewed[EXPIRES], now)
        return renewed

    def _expect(self, expires: float, now: float) -> None:
        """See that an entry which expires then is released. Under the lock."""
        if expires < self._soonest or (now >= self._soonest and not janitor.running):  # no thread was to be had before
            self._soonest = min(expires, self._soonest)
            janitor.attend(self._tend)

    def _evict_one(self, now: float, gone: "Gone[K, V]") -> None:
        """Give up one entry: an expired one if there is any, else the least recently used. Under the lock."""
        if now >= self._soonest:
            self._soonest, first = self._order.first()
            if first is not None and self._soonest <= now:
                self._release(first, now, gone)
                return
        _, entry = self._data.popitem(last=False)
        self._order.discard(entry)
        if self._weighted:
            self._weight = self._weight - entry[WEIGHT] if self._data else 0  # floats would leave a rest
        tally = self._tally
        tally.evicted += 1
        if entry[EXPIRES] == NEVER:
            tally.evicted_forever += 1
        tally.last_age = age = now - entry[ADDED]
        tally.age_sum += age
        gone.append((entry, RemovalCause.SIZE))

    def _book_out(self, entry: Entry[K, V], now: float, cause: RemovalCause, gone: "Gone[K, V]") -> bool:
        """Account for an entry that has just been taken out of the data, and say if it was live. Under the lock."""
        self._order.discard(entry)
        if self._weighted:
            self._weight = self._weight - entry[WEIGHT] if self._data else 0  # floats would leave a rest
        if entry[EXPIRES] <= now:
            self._tally.expired += 1
            gone.append((entry, RemovalCause.EXPIRED))
            return False
        if cause is RemovalCause.REPLACED:
            self._tally.replaced += 1
        else:
            self._tally.explicit += 1
        gone.append((entry, cause))
        return True

    def _release(self, entry: Entry[K, V], now: float, gone: "Gone[K, V]") -> None:
        """Take out an entry that is due. Under the lock."""
        taken = self._data.pop(entry[KEY], None)
        if taken is entry:
            self._book_out(entry, now, RemovalCause.EXPIRED, gone)
            return
        self._order.discard(entry)
        if taken is not None:  # a finalizer that the collector ran just now, in this very thread, has replaced it
            self._data[entry[KEY]] = taken

    def _release_batch(self, now: float, gone: "Gone[K, V]") -> bool:
        """Release at most a batch of what is due at `now`, and say if there may be more. Under the lock."""
        if now < self._soonest:
            return False
        for _ in range(_BATCH):
            expires, first = self._order.look()
            if first is not None and expires <= now:
                self._release(first, now, gone)
            elif first is not None or expires == NEVER:
                self._soonest = expires
                return False
        return True

    def _release_due(self, now: float | None = None) -> tuple[float, "Gone[K, V]"]:
        """Release all that is due at `now` (default: at this moment), a batch at a time; return that time and it."""
        released: Gone[K, V] = []
        while True:
            gone: Gone[K, V] = []
            with self._lock:
                if now is None:
                    now = self._timer()
                more = self._release_batch(now, gone)
            self._settle(gone, now)
            released += gone
            if not more:
                return now, released
            time.sleep(0)  # let those in who wait for the lock

    def _tend(self) -> float | None:
        """Release a batch for the janitor and say in how many seconds to come again (None: when there is work)."""
        gone: Gone[K, V] = []
        wide: object = None  # what a great table leaves is freed outside the lock: it may take milliseconds
        with self._own_lock:  # being tended is no use of the map: it must not wake the janitor, who may be told to rest
            now = self._timer()
            self._catch_up()
            if not self._release_batch(now, gone) and len(self._data) <= _BATCH:
                wide = self._data, self._order.narrow()
                self._data = narrowed(self._data)
            due = self._soonest
        del wide
        self._settle(gone, now, alone=True)
        if due == NEVER:
            return _IDLE_SECONDS if self._ttl is not None else None
        return due - now if self._timer is time.monotonic else min(due - now, _FOREIGN_CLOCK_SECONDS)

    def _settle(self, gone: "Gone[K, V]", now: float, *, crossed: bool = False, alone: bool = False) -> None:
        """Tell the outside what happened; `alone`: in a thread of ours. Outside the lock."""
        if crossed and self._threshold is not None:
            size = self._weight if self._warn_by_weight else len(self._data)
            warn_crossed(self._name, size, self._threshold.level, self._maxsize)
        if self._tells:
            calls = (partial(self._removed, entry, cause, now) for entry, cause in gone)
            tell_all(self._name, calls, alone=alone)

    def _removed(self, entry: Entry[K, V], cause: RemovalCause, now: float) -> None:
        """What a kind of map does about a removed entry; it may raise. Outside the lock."""

    def _clear(self) -> None:
        """Remove everything in one step for other threads: what is due by batches, the live ones all at once."""
        data: OrderedDict[K, Entry[K, V]] = OrderedDict()
        order: ExpiryOrder[K, V] = ExpiryOrder()
        now, _ = self._release_due()
        with self._lock:
            self._catch_up()
            # Nothing is called between these four lines, so the collector runs no finalizer that uses the map there.
            cleared, self._data = self._data, data
            order, self._order = self._order, order  # what is in it is freed outside the lock
            self._weight = 0
            self._tally.explicit += len(cleared)
            self._emptied()
        self._settle([(entry, RemovalCause.EXPLICIT) for entry in cleared.values()], now)

    def _emptied(self) -> None:
        """What else goes when everything goes. Under the lock."""

    def _forget_everything(self) -> None:
        """Begin anew in a forked child, without telling anybody."""
        self._data = OrderedDict()
        self._order = ExpiryOrder()
        self._weight = 0

    def _after_fork(self, in_child: bool) -> None:
        super()._after_fork(in_child)
        self._most_reads = 0  # so that a read, which takes no lock, counts as the first use as well

    def _begin_in_child(self, *, whole: bool) -> None:
        if not whole:
            self._forget_everything()

    def _resume(self) -> None:
        self._most_reads = _MOST_READS
        self._soonest, _ = self._order.first()
        if self._soonest < NEVER:
            janitor.attend(self._tend)
        registry.resume_log()


Gone = list[tuple[Entry[K, V], RemovalCause]]
