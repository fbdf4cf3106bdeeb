"""The keys in use of one set of keyed locks, counted and published."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from floodmark_caches._checks import check_name, check_number
from floodmark_caches._fork import Guarded
from floodmark_caches._registry import registry
from floodmark_caches._stats import MapStats, RemovalCause
from floodmark_caches._threshold import Threshold, warn_crossed

K = TypeVar("K", bound=Hashable)
E = TypeVar("E")


class LockTable(Guarded, Generic[K, E]):
    """An entry for each key that somebody holds or waits for, and for no other.

    Base of the public locks, not one itself. Thread-safe by its own lock; names are unique among live maps
    (ValueError). A forked child starts with an empty table.
    """

    def __init__(self, name: str, *, warn_at: int | None = None) -> None:
        self._name = check_name(name)
        self._threshold = Threshold.of(warn_at, None)
        self._table: dict[K, E] = {}
        self._made = self._found = 0
        super().__init__()
        registry.register(name, self.stats)

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self._name

    def stats(self) -> MapStats:
        """The numbers now: `hits` are keys that were in use when asked for."""
        threshold = self._threshold
        with self._lock:
            entries = len(self._table)
            deleted = self._made - entries
            return MapStats(
                name=self._name,
                kind=type(self).__name__,
                entries=entries,
                maxsize=None,
                ttl=None,
                bytes=None,
                adds=self._made,
                removes=deleted,
                hits=self._found,
                misses=self._made,
                removals={cause.value: 0 for cause in RemovalCause} | {RemovalCause.EXPLICIT.value: deleted},
                evicted_before_ttl=0,
                warn_at=None if threshold is None else threshold.level,
                warnings=0 if threshold is None else threshold.crossings,
                oldest_age=None,
                container_ids=(id(self._table),),
            )

    def __len__(self) -> int:
        """How many keys are held or waited for."""
        return len(self._table)

    def __contains__(self, key: object) -> bool:
        """Whether the key is held or waited for."""
        with self._lock:
            return key in self._table

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, entries={len(self._table)})"

    def __reduce__(self) -> str | tuple[object, ...]:
        msg = f"{self!r} cannot be pickled or copied: its locks are this process's"
        raise TypeError(msg)

    # What follows with "under the lock" expects the caller to hold it.

    def _put(self, key: K, entry: E) -> bool:
        """Enter a key that was not in use, and say whether warn_at was crossed. Under the lock."""
        self._made += 1
        self._table[key] = entry
        size = len(self._table)
        return self._threshold is not None and self._threshold.crossed(size - 1, size)

    def _drop(self, key: K) -> None:
        """Delete a key that nobody uses any more. Under the lock."""
        del self._table[key]

    def _warn(self) -> None:
        """Log that warn_at was crossed. Outside the lock."""
        if self._threshold is not None:
            warn_crossed(self._name, len(self._table), self._threshold.level, None)

    def _begin_in_child(self, *, whole: bool) -> None:  # noqa: ARG002 - the parent's holders are not ours either way
        self._table = {}

    def _resume(self) -> None:
        registry.resume_log()


def check_hold(keys: tuple[object, ...], timeout: float | None) -> None:
    """What a `hold` is asked for: at least one key, and a number of seconds or None."""
    if not keys:
        msg = "hold needs at least one key"
        raise TypeError(msg)
    if timeout is not None and check_number("timeout", timeout) < 0:
        msg = f"timeout must be >= 0 seconds or None (got {timeout!r})"
        raise ValueError(msg)
