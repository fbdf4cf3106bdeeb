"""The bounded mapping."""

import time
from collections.abc import Callable, Hashable, ItemsView, Iterator, MutableMapping, ValuesView
from contextlib import suppress
from math import inf
from typing import Any, TypeVar, cast, overload

from floodmark_caches._checks import check_callable, check_hashable, check_number, check_seconds
from floodmark_caches._expiry import ADDED, EXPIRES, KEY, NEVER, SERIAL, VALUE, Entry
from floodmark_caches._flights import FlightStore
from floodmark_caches._stats import RemovalCause
from floodmark_caches._store import MISSING, Gone

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")


class BoundedMap(FlightStore[K, V], MutableMapping[K, V]):
    """A mapping that never holds more than `maxsize`, forgets after `ttl` seconds, and publishes its size.

    At the bound the least recently used entry goes; a read refreshes recency, `in` does not. The time to live counts
    from the insert (`set` gives one entry its own); expired entries are never seen and are released soon. `getsizeof`
    weighs a value once, at its insert; then `maxsize` bounds the weight, and each entry weighs at least 1, so that
    the number of entries stays bounded too. `on_remove(key, value, cause)` is told of each entry that went, after it
    went and outside the lock, maybe in another thread; what it raises is logged, except that SystemExit and interrupts
    come out of your own call, behind the other callbacks. Keep it quick, and hand long work to a Background: one thread
    releases the expired entries of all maps, and waits for it. `warn_at` logs when that many entries (or that fraction
    of maxsize, as a float) are reached.

    It speaks the protocol of cachetools, works under `cachetools.cached`, and is an instance of `cachetools.Cache`
    where cachetools is installed. It behaves as a `TTLCache` (an `LRUCache` without a ttl), except that

    - it is thread-safe, and reads that find their key wait for no other thread;
    - it cannot be copied or pickled, for it is one live map under one name;
    - `maxsize` is a whole number of at least 1 and `ttl` a finite number of seconds: an infinite or empty bound is none;
    - `timer` is the clock as it was given, and returns numbers;
    - each entry weighs at least 1;
    - iteration is in the order of eviction, over what was live at its start, and `items()` and `values()` refresh
      nothing;
    - evictions do not go through `popitem`: `on_remove` is told of them.

    Names are unique among live maps (ValueError). A key that cannot be hashed is a TypeError with the key in it; what
    `getsizeof` or `timer` raise comes through, and nothing has changed. Operations are O(1), with a ttl of an entry's
    own O(log n). `len`, `currsize`, `expire`, `popitem` and `clear` also release what is due, O(1) for each, 500 in one
    hold of the lock; iteration, views and `clear` are O(n).

    >>> sessions = BoundedMap("sessions", maxsize=2, ttl=60)
    >>> sessions.update(ann=1, bob=2)
    >>> sessions["ann"]
    1
    >>> sessions["cid"] = 3
    >>> list(sessions)
    ['ann', 'cid']
    """

    def __init__(
        self,
        name: str,
        *,
        maxsize: int,
        ttl: float | None = None,
        getsizeof: Callable[[V], float] | None = None,
        timer: Callable[[], float] = time.monotonic,
        on_remove: Callable[[K, V, RemovalCause], object] | None = None,
        warn_at: float | None = None,
    ) -> None:
        self._weigh = None if getsizeof is None else check_callable("getsizeof", getsizeof)
        self._on_remove = None if on_remove is None else check_callable("on_remove", on_remove)
        weighted = getsizeof is not None or type(self).getsizeof is not BoundedMap.getsizeof
        self._simple = self._plain = not weighted and on_remove is None
        self._tells = on_remove is not None
        super().__init__(name, maxsize=maxsize, ttl=ttl, timer=timer, warn_at=warn_at, weighted=weighted)

    @property
    def currsize(self) -> float:
        """The weight of the live entries; without a getsizeof, their number. Releases what is due."""
        self._release_due()
        with self._own_lock:
            return self._weight if self._weighted else len(self._data)

    def getsizeof(self, value: V) -> float:
        """The weight of a value, 1 where the map was given no getsizeof; a subclass may weigh in its own way."""
        return 1 if self._weigh is None else self._weigh(value)

    def __getitem__(self, key: K) -> V:
        # Written out here and in `get`: reads are where a service feels its maps, and each call more shows.
        try:
            entry = self._data.get(key)
        except TypeError:
            check_hashable(key)
            raise
        now = self._timer()
        if entry is not None and now < entry[EXPIRES]:
            reads = self._reads
            reads.append(key)
            if len(reads) >= self._most_reads:
                self._settle_reads()
            return entry[VALUE]
        value = self._look_again(key, now)
        return self.__missing__(key) if value is MISSING else value

    @overload
    def get(self, key: K, default: None = None) -> V | None: ...
    @overload
    def get(self, key: K, default: V | T) -> V | T: ...
    def get(self, key: K, default: Any = None) -> Any:
        """The live value, else `default`."""
        try:
            entry = self._data.get(key)
        except TypeError:
            check_hashable(key)
            raise
        now = self._timer()
        if entry is not None and now < entry[EXPIRES]:
            reads = self._reads
            reads.append(key)
            if len(reads) >= self._most_reads:
                self._settle_reads()
            return entry[VALUE]
        value = self._look_again(key, now)
        return default if value is MISSING else value

    def __missing__(self, key: K) -> V:
        """What `map[key]` gives for a key that is not there; a subclass may return something."""
        raise KeyError(key)

    def __setitem__(self, key: K, value: V) -> None:  # noqa: C901, PLR0912, PLR0915 - a call saved is a tenth of the time
        # What `set` does, written out for maps without weights and listeners: here, too, each call more shows.
        if not self._plain:
            self.set(key, value)
            return
        crossed = False
        gone: object = None  # what goes is held until the lock is free, for its finalizers
        lock = self._own_lock
        try:  # as `with lock`, at half its cost: whatever is raised in here, we have the lock or never got it
            lock.acquire()
            if self._reads:
                self._catch_up()
            if self._flights:
                self._flights.pop(key, None)
            now = self._timer()
            expires = now + self._lifetime
            if now < self._soonest <= self._latest <= expires:  # nothing is due, and the janitor need not know
                data = self._data
                old = data.pop(key, None) if key in data else None
                self._serial = serial = self._serial + 1
                self._latest = expires
                queue = self._order.queue
                data[key] = entry = (key, expires, value, 1, now, serial)
                if expires != NEVER:
                    queue[serial] = entry
                excess = len(data) - self._maxsize
                if old is not None:
                    gone = old
                    self._order.discard(old)
                    self._tally.replaced += 1
                elif excess > 0:
                    gone = data.popitem(False)
                    evicted = gone[1]
                    tally = self._tally
                    tally.evicted += 1
                    try:
                        del queue[evicted[SERIAL]]
                    except KeyError:
                        self._order.discard(evicted)
                        tally.evicted_forever += evicted[EXPIRES] == NEVER
                    tally.last_age = age = now - evicted[ADDED]
                    tally.age_sum += age
                    if excess > 1:  # an interrupt came between an insert and its eviction
                        others: Gone[K, V] = []
                        self._evict_one(now, others)
                        gone = (gone, others)
                elif self._threshold is not None:
                    crossed = self._threshold.crossed(len(data) - 1, len(data))
            else:
                gone = []
                crossed = self._insert(key, value, now, gone)
        except BaseException as error:
            with suppress(RuntimeError):  # we never got it
                lock.release()
            if isinstance(error, TypeError):
                check_hashable(key)
            raise
        lock.release()
        if crossed:
            self._settle([], now, crossed=True)

    def set(self, key: K, value: V, *, ttl: float | None = None) -> None:
        """Put in a value, with a time to live of its own in seconds if `ttl` is given, shorter or longer than the map's.

        ValueError if the value alone is heavier than the map; nothing has changed then.
        """
        if ttl is not None:
            check_seconds("ttl", ttl)
        weight = self._checked_weight(value)
        gone: Gone[K, V] = []
        try:
            with self._lock:
                now = self._timer()
                crossed = self._insert(key, value, now, gone, weight=weight, ttl=ttl)
        except TypeError:
            check_hashable(key)
            raise
        self._settle(gone, now, crossed=crossed)

    def __delitem__(self, key: K) -> None:
        if self._remove(key) is MISSING:
            raise KeyError(key)

    @overload
    def pop(self, key: K) -> V: ...
    @overload
    def pop(self, key: K, default: V | T) -> V | T: ...
    def pop(self, key: K, default: Any = MISSING) -> Any:
        """Remove the key and return its live value, else `default`; KeyError without one."""
        value = self._remove(key)
        if value is not MISSING:
            return value
        if default is MISSING:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[K, V]:
        """Remove and return the least recently used live pair; KeyError if there is none."""
        now, _ = self._release_due()
        gone: Gone[K, V] = []
        with self._lock:
            self._catch_up()
            if not self._data:
                msg = f"{self!r} is empty"
                raise KeyError(msg) from None
            try:
                key, entry = self._data.popitem(last=False)
                self._book_out(entry, now, RemovalCause.EXPLICIT, gone)
            except BaseException:
                self._weigh_again()
                raise
        self._settle(gone, now)
        return key, entry[VALUE]

    def setdefault(self, key: K, default: V = cast("Any", None)) -> V:  # noqa: B008 - only a cast of None
        """The live value; without one, `default`, which is put in. One step for other threads.

        ValueError if `default` is needed and heavier than the map; nothing has changed then.
        """
        gone: Gone[K, V] = []
        # A value is weighed outside the lock, and only if it is needed, so we may have to look twice.
        weight = None if self._weighted else 1.0
        now = self._timer()
        while True:
            with self._lock:
                entry = self._find(key)
                if entry is not None and now < entry[EXPIRES]:
                    self._refresh(key)
                    return entry[VALUE]
                if weight is not None:
                    self._tally.misses += 1
                    crossed = self._insert(key, default, now, gone, weight=weight)
                    break
            weight = self._checked_weight(default)
        self._settle(gone, now, crossed=crossed)
        return default

    def clear(self) -> None:
        """Remove everything, in one step for other threads; O(n), of which they wait for little."""
        try:
            self._clear()
        except BaseException:
            with self._lock:
                self._weigh_again()
            raise

    def expire(self, time: float | None = None) -> list[tuple[K, V]]:
        """Release what has expired (at `time` of the map's clock, default now) and return the pairs.

        TypeError or ValueError if `time` is no number or NaN.
        """
        if time is not None and time not in (inf, -inf):
            check_number("time", time)
        _, released = self._release_due(time)
        return [(entry[KEY], entry[VALUE]) for entry, _ in released]

    def items(self) -> ItemsView[K, V]:
        """A view whose iteration sees one moment and refreshes nothing."""
        return _Items(self)

    def values(self) -> ValuesView[V]:
        """A view whose iteration sees one moment and refreshes nothing."""
        return _Values(self)

    def _peek(self, key: K) -> V:
        """The live value, nothing refreshed or counted, or MISSING."""
        with self._lock:
            entry = self._find(key)
            return entry[VALUE] if entry is not None and self._timer() < entry[EXPIRES] else cast("V", MISSING)

    def _remove(self, key: K) -> V:
        """Take the key out: its value if it was live, else MISSING."""
        gone: Gone[K, V] = []
        with self._lock:
            try:
                entry = self._find(key)
                if self._flights:
                    self._flights.pop(key, None)
                now = 0.0 if entry is None else self._timer()  # first, for a clock may raise
                entry = self._data.pop(key, None)
                if entry is None:
                    return cast("V", MISSING)
                live = self._book_out(entry, now, RemovalCause.EXPLICIT, gone)
            except BaseException:
                self._weigh_again()
                raise
        self._settle(gone, now)
        return entry[VALUE] if live else cast("V", MISSING)

    def _release_batch(self, now: float, gone: Gone[K, V]) -> bool:
        try:
            return super()._release_batch(now, gone)
        except BaseException:
            self._weigh_again()
            raise

    def _checked_weight(self, value: V) -> float:
        if not self._weighted:
            return 1
        weight = check_number("the weight from getsizeof", self.getsizeof(value))
        if weight < 0:
            msg = f"the weight from getsizeof must be >= 0 (got {weight!r})"
            raise ValueError(msg)
        if weight > self._maxsize:
            msg = f"value too large: it weighs {weight!r}, the maxsize of map {self._name!r} is {self._maxsize}"
            raise ValueError(msg)
        return max(1, weight)

    def _after_fork(self, in_child: bool) -> None:
        super()._after_fork(in_child)
        self._plain = False  # what is written out above does not look for the first use

    def _resume(self) -> None:
        super()._resume()
        self._plain = self._simple

    def _removed(self, entry: Entry[K, V], cause: RemovalCause, now: float) -> None:  # noqa: ARG002 - others tell the age
        if self._on_remove is not None:
            self._on_remove(entry[KEY], entry[VALUE], cause)


class _Items(ItemsView[K, V]):
    _mapping: BoundedMap[K, V]

    def __contains__(self, item: object) -> bool:
        key, value = cast("tuple[K, V]", item)
        found = self._mapping._peek(key)  # noqa: SLF001 - the map's own view
        return found is value or found == value

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return iter([(entry[KEY], entry[VALUE]) for entry in self._mapping._live()])  # noqa: SLF001 - the map's own view


class _Values(ValuesView[V]):
    _mapping: BoundedMap[Any, V]

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)

    def __iter__(self) -> Iterator[V]:
        return iter([entry[VALUE] for entry in self._mapping._live()])  # noqa: SLF001 - the map's own view
