"""The bounded mapping."""

import time
from collections.abc import Callable, Hashable, ItemsView, Iterator, MutableMapping, ValuesView
from typing import Any, TypeVar, cast, overload

from floodmark_caches._checks import check_callable, check_number, check_seconds
from floodmark_caches._expiry import Entry, OwnTtlEntry
from floodmark_caches._stats import RemovalCause
from floodmark_caches._store import Gone, Store

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

_MISSING: Any = object()


class BoundedMap(Store[K, V], MutableMapping[K, V]):
    """A mapping that never holds more than `maxsize`, forgets after `ttl` seconds, and publishes its size.

    At the bound the least recently used entry goes; a read refreshes recency, `in` does not. The time to live counts
    from the insert (`set` gives one entry its own); expired entries are never seen and are released soon. `getsizeof`
    weighs a value once, at its insert; then `maxsize` bounds the weight, and each entry weighs at least 1, so that
    the number of entries stays bounded too. `on_remove(key, value, cause)` is told of each entry that went, after it
    went and outside the lock, maybe in another thread; what it raises is logged. `warn_at` logs when that many
    entries (or that fraction of maxsize) are reached.

    It speaks the protocol of cachetools, works under `cachetools.cached`, and is an instance of `cachetools.Cache`
    where cachetools is installed. Unlike those it is thread-safe, cannot be copied or pickled, refuses an infinite or
    empty bound, iterates in the order of eviction over the keys that were live at the start, and `items()` and
    `values()` refresh nothing. Names are unique among live maps (ValueError). Operations are O(1).

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
        weighted = getsizeof is not None
        self._tells = on_remove is not None
        super().__init__(name, maxsize=maxsize, ttl=ttl, timer=timer, warn_at=warn_at, weighted=weighted)

    @property
    def currsize(self) -> float:
        """The weight of the live entries; without a getsizeof, their number."""
        self._release_due()
        return self._currsize

    def getsizeof(self, value: V) -> float:
        """The weight of a value: at least 1, and 1 where the map was given no getsizeof."""
        if self._weigh is None:
            return 1
        weight = check_number("the weight from getsizeof", self._weigh(value))
        if weight < 0:
            msg = f"the weight from getsizeof must be >= 0 (got {weight!r})"
            raise ValueError(msg)
        return max(1, weight)

    def __getitem__(self, key: K) -> V:
        # Written out here and in `get`: reads are where a service feels its maps, and each call more shows.
        with self._lock:
            entry = self._data.get(key)
            if entry is not None:
                expires = entry.expires
                if expires is None or self._timer() < expires:
                    self._hits += 1
                    try:  # noqa: SIM105 - as in _refresh
                        self._data.move_to_end(key)
                    except KeyError:
                        pass
                    return entry.value
            self._misses += 1
        return self.__missing__(key)

    @overload
    def get(self, key: K, default: None = None, /) -> V | None: ...
    @overload
    def get(self, key: K, default: V | T, /) -> V | T: ...
    def get(self, key: K, default: Any = None, /) -> Any:
        """The live value, else `default`."""
        with self._lock:
            entry = self._data.get(key)
            if entry is not None:
                expires = entry.expires
                if expires is None or self._timer() < expires:
                    self._hits += 1
                    try:  # noqa: SIM105 - as in _refresh
                        self._data.move_to_end(key)
                    except KeyError:
                        pass
                    return entry.value
            self._misses += 1
        return default

    def __missing__(self, key: K) -> V:
        """What `map[key]` gives for a key that is not there; a subclass may return something."""
        raise KeyError(key)

    def __setitem__(self, key: K, value: V) -> None:
        self.set(key, value)

    def set(self, key: K, value: V, *, ttl: float | None = None) -> None:
        """Put in a value, with a time to live of its own in seconds if `ttl` is given, shorter or longer than the map's.

        ValueError if the value alone is heavier than the map; nothing has changed then.
        """
        if ttl is not None:
            check_seconds("ttl", ttl)
        weight = 1 if self._weigh is None else self._checked_weight(value)
        gone: Gone[K, V] = []
        with self._lock:
            now = self._timer()
            crossed = self._insert(self._entry(key, value, weight, ttl, now), now, gone)
        if crossed or self._tells:
            self._settle(gone, now, crossed=crossed)

    def __delitem__(self, key: K) -> None:
        if self._remove(key) is _MISSING:
            raise KeyError(key)

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, /, default: V | T) -> V | T: ...
    def pop(self, key: K, /, default: Any = _MISSING) -> Any:
        """Remove the key and return its live value, else `default`; KeyError without one."""
        value = self._remove(key)
        if value is not _MISSING:
            return value
        if default is _MISSING:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[K, V]:
        """Remove and return the least recently used live pair; KeyError if there is none."""
        now, _ = self._release_due()
        gone: Gone[K, V] = []
        with self._lock:
            if not self._data:
                msg = f"{self!r} is empty"
                raise KeyError(msg)
            key, entry = self._data.popitem(last=False)
            self._book_out(entry, RemovalCause.EXPLICIT, gone)
        self._settle(gone, now)
        return key, entry.value

    def setdefault(self, key: K, default: V = cast("Any", None)) -> V:  # noqa: B008 - only a cast of None
        """The live value; without one, `default`, which is put in. One step for other threads."""
        gone: Gone[K, V] = []
        # A value is weighed outside the lock, and only if it is needed, so we may have to look twice.
        weight = None if self._weigh is not None else 1.0
        now: float | None = None
        while True:
            with self._lock:
                if now is None:
                    now = self._timer()
                entry = self._data.get(key)
                if entry is not None and (entry.expires is None or now < entry.expires):
                    self._hits += 1
                    self._refresh(key)
                    return entry.value
                if weight is not None:
                    self._misses += 1
                    crossed = self._insert(self._entry(key, default, weight, None, now), now, gone)
                    break
            weight = self._checked_weight(default)
        self._settle(gone, now, crossed=crossed)
        return default

    def clear(self) -> None:
        """Remove everything, in one step for other threads; O(n)."""
        self._clear()

    def expire(self, time: float | None = None) -> list[tuple[K, V]]:
        """Release what has expired (at `time` of the map's clock, default now) and return the pairs."""
        _, released = self._release_due(time)
        return [(entry.key, entry.value) for entry, _ in released]

    def items(self) -> ItemsView[K, V]:
        """A view whose iteration sees one moment and refreshes nothing."""
        return _Items(self)

    def values(self) -> ValuesView[V]:
        """A view whose iteration sees one moment and refreshes nothing."""
        return _Values(self)

    def _peek(self, key: K) -> V:
        """The live value, nothing refreshed or counted, or _MISSING."""
        with self._lock:
            entry = self._data.get(key)
            live = entry is not None and (entry.expires is None or self._timer() < entry.expires)
            return entry.value if entry is not None and live else cast("V", _MISSING)

    def _remove(self, key: K) -> V:
        """Take the key out: its value if it was live, else _MISSING."""
        gone: Gone[K, V] = []
        with self._lock:
            entry = self._data.pop(key, None)
            if entry is None:
                return cast("V", _MISSING)
            now = self._timer()
            live = entry.expires is None or now < entry.expires
            self._book_out(entry, RemovalCause.EXPLICIT if live else RemovalCause.EXPIRED, gone)
        self._settle(gone, now)
        return entry.value if live else cast("V", _MISSING)

    def _checked_weight(self, value: V) -> float:
        weight = self.getsizeof(value)
        if weight > self._maxsize:
            msg = f"value too large: it weighs {weight!r}, the maxsize of map {self._name!r} is {self._maxsize}"
            raise ValueError(msg)
        return weight

    def _entry(self, key: K, value: V, weight: float, ttl: float | None, now: float) -> Entry[K, V]:
        if ttl is not None:
            return OwnTtlEntry(key, value, weight, now + ttl)
        return Entry(key, value, weight, None if self._ttl is None else now + self._ttl)

    def _removed(self, entry: Entry[K, V], cause: RemovalCause, now: float) -> None:  # noqa: ARG002 - others tell the age
        if self._on_remove is not None:
            self._on_remove(entry.key, entry.value, cause)


class _Items(ItemsView[K, V]):
    _mapping: BoundedMap[K, V]

    def __contains__(self, item: object) -> bool:
        key, value = cast("tuple[K, V]", item)
        found = self._mapping._peek(key)  # noqa: SLF001 - the map's own view
        return found is value or found == value

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return iter([(entry.key, entry.value) for entry in self._mapping._live()])  # noqa: SLF001 - the map's own view


class _Values(ValuesView[V]):
    _mapping: BoundedMap[Any, V]

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)

    def __iter__(self) -> Iterator[V]:
        return iter([entry.value for entry in self._mapping._live()])  # noqa: SLF001 - the map's own view
