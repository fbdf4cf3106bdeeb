"""A cache of somebody else's, under the registry and behind a lock."""

from collections.abc import Callable, Hashable, Iterator, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

from floodmark_caches._checks import check_name
from floodmark_caches._fork import Guarded
from floodmark_caches._stats import MapStats
from floodmark_caches._watched import Watched, inner_ids, stated, stated_maxsize

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MISSING: Any = object()


class Adopted(Guarded, MutableMapping[K, V]):
    """An existing cache, with its own policy, as a mapping that is thread-safe and publishes its size.

    `cache` is the cache itself, `lock` what every operation holds: the lock that was given, or a re-entrant one of our
    own, which is free again in a forked child. Whoever uses the cache directly must hold it too. What else the cache
    has (`expire`, `ttl`, `timer`) is found here as well, its methods under the lock. Reads are counted as hits and
    misses, which asks the cache once more; iteration sees one moment, O(n). Other costs, and what is raised, are those
    of the cache: TypeError for a key that cannot be hashed, KeyError for one that is not there. `registry.adopt` makes
    it. Thread-safe.
    """

    def __init__(self, name: str, cache: MutableMapping[K, V], lock: AbstractContextManager[Any] | None = None) -> None:
        check_name(name)
        given: object = cache
        if isinstance(given, Guarded):
            msg = f"only a cache of somebody else's can be adopted: {given!r} has its lock and its name already"
            raise TypeError(msg)
        if not isinstance(given, MutableMapping) or not {"maxsize", "currsize"} <= set(dir(given)):
            msg = f"only a mutable mapping with maxsize and currsize can be adopted (got a {type(cache).__qualname__})"
            raise TypeError(msg)
        if lock is not None and not isinstance(lock, AbstractContextManager):
            msg = f"lock must work in a with statement (got {lock!r})"
            raise TypeError(msg)
        self.name = name
        self.cache: Any = cache
        self._given = lock
        self._hits = self._misses = 0
        super().__init__()
        self._watched = Watched(name, self, None)

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """What every operation holds."""
        return self._own_lock if self._given is None else self._given

    @property
    def maxsize(self) -> float:
        """The bound of the cache."""
        bound: float = self.cache.maxsize
        return bound

    @property
    def currsize(self) -> float:
        """The size of the cache by its own measure."""
        with self.lock:
            size: float = self.cache.currsize
            return size

    def stats(self) -> MapStats | None:
        """The numbers now, or None if the cache cannot be read. What came and went between two reads is not seen."""
        seen = self._watched.stats()
        if seen is None:
            return None
        return replace(
            seen,
            kind=type(self.cache).__qualname__,
            maxsize=stated_maxsize(self.cache),
            ttl=stated(self.cache, "ttl"),
            hits=self._hits,
            misses=self._misses,
            container_ids=(id(self.cache), *inner_ids(self.cache)),
        )

    def __getitem__(self, key: K) -> V:
        with self.lock:
            self._count(key)
            value: V = self.cache[key]
            return value

    def get(self, key: K, default: Any = None) -> Any:
        """The cache's own `get`; counted as a hit or a miss."""
        with self.lock:
            self._count(key)
            return self.cache.get(key, default)

    def __contains__(self, key: object) -> bool:
        with self.lock:
            return key in self.cache

    def __setitem__(self, key: K, value: V) -> None:
        with self.lock:
            self.cache[key] = value

    def __delitem__(self, key: K) -> None:
        with self.lock:
            del self.cache[key]

    def __iter__(self) -> Iterator[K]:
        with self.lock:
            return iter(list(self.cache))

    def __len__(self) -> int:
        with self.lock:
            return len(self.cache)

    def pop(self, key: K, default: Any = _MISSING) -> Any:
        """The cache's own `pop`; KeyError if the key is not there and no default is given."""
        with self.lock:
            return self.cache.pop(key) if default is _MISSING else self.cache.pop(key, default)

    def popitem(self) -> tuple[K, V]:
        """The cache's own `popitem`; KeyError if the cache is empty."""
        with self.lock:
            pair: tuple[K, V] = self.cache.popitem()
            return pair

    def setdefault(self, key: K, default: Any = None) -> Any:
        """The cache's own `setdefault`, one step for other threads; counted as a hit or a miss."""
        with self.lock:
            self._count(key)
            return self.cache.setdefault(key, default)

    def clear(self) -> None:
        """The cache's own `clear`."""
        with self.lock:
            self.cache.clear()

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_") or attribute == "cache":
            raise AttributeError(attribute)
        found = getattr(self.cache, attribute)
        return self._under_lock(found) if callable(found) else found

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {type(self.cache).__qualname__}, maxsize={self.maxsize})"

    def __reduce__(self) -> str | tuple[object, ...]:
        msg = f"{self!r} cannot be pickled or copied: it is one live cache under one name"
        raise TypeError(msg)

    def _count(self, key: K) -> None:
        """Count a read: a hit if the key is there at this moment. Under the lock."""
        if key in self.cache:
            self._hits += 1
        else:
            self._misses += 1

    def _under_lock(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def locked(*args: Any, **options: Any) -> Any:
            with self.lock:
                return method(*args, **options)

        return locked


def at_odds(one: Adopted[Any, Any], other: object) -> bool:
    """Whether both have one cache, but no lock that was given to both: then neither keeps the other out.

    A lock of our own is none for another: a forked child gets a new one.
    """
    if not isinstance(other, Adopted) or other.cache is not one.cache:
        return False
    given, others = one._given, other._given  # noqa: SLF001 - our own
    return given is None or given is not others
