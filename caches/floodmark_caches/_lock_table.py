"""The keys in use of one set of keyed locks, counted and published."""

from collections.abc import Hashable, Iterable, Sized
from typing import Generic, Protocol, TypeVar

from floodmark_caches._checks import check_hashable, check_name, check_number
from floodmark_caches._fork import Guarded
from floodmark_caches._registry import registry
from floodmark_caches._stats import MapStats, RemovalCause
from floodmark_caches._threshold import Threshold, warn_crossed

K = TypeVar("K", bound=Hashable)


class Entry(Protocol):
    """What is kept for one key: who holds it or waits for it. Two entries are equal if they are one."""

    @property
    def key(self) -> Hashable:
        """The key."""

    @property
    def holds(self) -> Sized:
        """Its users; without any, the entry can go."""


E = TypeVar("E", bound=Entry)


class LockTable(Guarded, Generic[K, E]):
    """An entry for each key that somebody holds or waits for, and for no other.

    Base of the public locks, not one itself. Thread-safe by its own lock; names are unique among live maps
    (ValueError). A forked child starts with an empty table. What is said of one key is O(1).
    """

    def __init__(self, name: str, *, warn_at: int | None = None) -> None:
        self._name = check_name(name)
        self._threshold = Threshold.of(warn_at, None)
        self._table: dict[Hashable, E] = {}
        self._stuck: dict[E, None] = {}  # unused, but their keys could not be looked up
        self._made = self._found = 0
        super().__init__()
        registry.register(name, self.stats)

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self._name

    def stats(self) -> MapStats:
        """The numbers of one moment: `hits` are keys that were in use when asked for, `misses` those that were not."""
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
        """Whether the key is held or waited for; TypeError with the key if it cannot be one."""
        try:
            with self._lock:
                return key in self._table
        except TypeError:
            check_hashable(key)
            raise

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

    def _drop_unused(self, entries: Iterable[E]) -> BaseException | None:
        """Delete those of the entries that nobody uses; the first error, for the caller to raise. Under the lock.

        The hash and the equality of keys are foreign code. One that raises stops no other entry, and keeps its own
        here without a user; later calls try that again, each time, and say nothing of it. Again is no harm.
        """
        first: BaseException | None = None
        for entry in (*entries, *self._stuck):
            try:
                if not entry.holds:
                    if self._table.get(entry.key) is entry:
                        del self._table[entry.key]
                    elif self._has(entry) and not self._rebuilt_without(entry):  # after a fork it is in no table
                        self._stuck[entry] = None
                        continue
                if self._stuck:
                    self._stuck.pop(entry, None)
            except BaseException as error:  # noqa: BLE001 - it is for the caller to raise
                known = entry in self._stuck
                if not known and self._has(entry):
                    self._stuck[entry] = None
                interrupt = not isinstance(error, Exception)
                if interrupt or (first is None and not known):
                    first = error
        try:
            return first
        finally:
            del first  # else it would refer to itself by the variables of its traceback

    def _has(self, entry: E) -> bool:
        """Whether the entry is there, whatever its key says. Under the lock; O(n)."""
        return any(each is entry for each in list(self._table.values()))

    def _rebuilt_without(self, unfit: E) -> bool:
        """Delete an entry that its key does not lead to, for its hash has changed since. Under the lock; O(n).

        False, and nothing is changed, if another key would get lost by that, or was put in by a finalizer meanwhile.
        """
        made = self._made
        entries = [*self._table.items()]  # in one step
        table = {key: entry for key, entry in entries if entry is not unfit}
        if len(table) == len(entries) - 1 and made == self._made:
            self._table = table
            return True
        return False

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


def entered_twice() -> RuntimeError:
    """What to raise when a hold is entered again."""
    return RuntimeError("a hold can be entered once; ask the locks for another")
