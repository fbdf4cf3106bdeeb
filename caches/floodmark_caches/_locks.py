"""One lock for each key, for as long as anybody needs it."""

import sys
import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from operator import attrgetter
from typing import Generic, TypeVar

from floodmark_caches._checks import check_name, check_number
from floodmark_caches._errors import LockTimeout
from floodmark_caches._fork import Guarded
from floodmark_caches._registry import registry
from floodmark_caches._stats import MapStats, RemovalCause
from floodmark_caches._threshold import Threshold, warn_crossed

K = TypeVar("K", bound=Hashable)


class _KeyLock(Generic[K]):
    """The lock of one key; `users` hold it or wait for it, `serial` is its place in the order of acquisition.

    `owner` and `depth` are changed by the thread that holds the lock.
    """

    __slots__ = ("depth", "key", "lock", "owner", "serial", "users")

    def __init__(self, key: K, serial: int) -> None:
        self.key = key
        self.serial = serial
        self.users = 0
        self.lock = threading.RLock()
        self.owner: int | None = None
        self.depth = 0

    def acquire(self, timeout: float) -> bool:
        """Take the lock, again if this thread has it; False after `timeout` seconds, -1 being for ever."""
        if not self.lock.acquire(timeout=timeout):
            return False
        self.owner = threading.get_ident()
        self.depth += 1
        return True

    def release(self) -> None:
        """Give it back as often as it was taken."""
        self.depth -= 1
        if not self.depth:
            self.owner = None
        self.lock.release()


class KeyedLocks(Guarded, Generic[K]):
    """Mutual exclusion by key: an entry lives while its key is held or waited for, and is deleted at zero.

    There is no bound and no time to live: a lock that is given up while somebody holds it or waits for it would let
    two owners in. The number of entries is the number of keys in use, which `warn_at` can watch. Locks are re-entrant
    within a thread, and for threads: where an event loop runs, a second `hold` of a key that its thread has already may
    come from another task, and raises RuntimeError instead of letting it in. A forked child starts with no key held; a `with` that was entered before the fork protects
    nothing there. Thread-safe; names are unique among live maps (ValueError); O(1) for each key.

    >>> move_locks = KeyedLocks("move_locks")
    >>> with move_locks.hold("/in/1.jpg", "/out/1.jpg", timeout=5):
    ...     len(move_locks)
    2
    >>> len(move_locks)
    0
    """

    def __init__(self, name: str, *, warn_at: int | None = None) -> None:
        self._name = check_name(name)
        self._threshold = Threshold.of(warn_at, None)
        self._table: dict[K, _KeyLock[K]] = {}
        self._made = self._deleted = self._found = 0
        super().__init__()
        registry.register(name, self.stats)

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self._name

    def hold(self, *keys: K, timeout: float | None = None) -> AbstractContextManager[None]:
        """Hold the locks of all `keys` in a `with`; equal keys count once.

        All threads take the keys of one `hold` in the same order, so two of them cannot block each other; a `hold`
        inside another can, as with any lock. LockTimeout, a TimeoutError, if not all are free within `timeout`
        seconds (0: at once, None: wait for ever); none is held then.
        """
        if not keys:
            msg = "hold needs at least one key"
            raise TypeError(msg)
        if timeout is not None and check_number("timeout", timeout) < 0:
            msg = f"timeout must be >= 0 seconds or None (got {timeout!r})"
            raise ValueError(msg)
        return self._hold(keys, timeout)

    def stats(self) -> MapStats:
        """The numbers now: `hits` are keys that were in use when asked for."""
        threshold = self._threshold
        with self._lock:
            return MapStats(
                name=self._name,
                kind=type(self).__name__,
                entries=len(self._table),
                maxsize=None,
                ttl=None,
                bytes=None,
                adds=self._made,
                removes=self._deleted,
                hits=self._found,
                misses=self._made,
                removals={cause.value: 0 for cause in RemovalCause} | {RemovalCause.EXPLICIT.value: self._deleted},
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

    @contextmanager
    def _hold(self, keys: tuple[K, ...], timeout: float | None) -> Iterator[None]:
        deadline = None if timeout is None else time.monotonic() + timeout
        used: list[_KeyLock[K]] = []
        taken: list[_KeyLock[K]] = []
        try:
            self._enlist(keys, used)
            for each in used:
                if each.owner == threading.get_ident() and _loop_runs():
                    msg = (
                        f"{self._name}: the thread of this event loop holds {each.key!r} already, perhaps in another task; "
                        "hold it in a worker thread, or use asyncio's own locks between tasks"
                    )
                    raise RuntimeError(msg)
                if not each.acquire(_wait(deadline)):
                    raise LockTimeout(self._name, keys, timeout or 0.0)
                taken.append(each)
            yield
        finally:
            for each in reversed(taken):
                each.release()
            self._dismiss(used)

    def _enlist(self, keys: tuple[K, ...], used: list[_KeyLock[K]]) -> None:
        """Count us as a user of each key, before any wait, and put the locks in the order of acquisition.

        The order is that of the entries' making: an entry outlives all who use it, so all agree on its place, and
        keys need not be comparable.
        """
        crossed = False
        with self._lock:
            for key in keys:
                entry = self._table.get(key)
                if entry is None:
                    self._made += 1
                    entry = self._table[key] = _KeyLock(key, self._made)
                    size = len(self._table)
                    crossed |= self._threshold is not None and self._threshold.crossed(size - 1, size)
                elif entry in used:
                    continue
                else:
                    self._found += 1
                entry.users += 1
                used.append(entry)
            size = len(self._table)
        used.sort(key=attrgetter("serial"))
        if crossed and self._threshold is not None:
            warn_crossed(self._name, size, self._threshold.level, None)

    def _dismiss(self, used: list[_KeyLock[K]]) -> None:
        """Uncount us, and delete the entries that nobody uses any more."""
        with self._lock:
            for entry in used:
                entry.users -= 1
                # After a fork the child's table is another one.
                if entry.users == 0 and self._table.get(entry.key) is entry:
                    del self._table[entry.key]
                    self._deleted += 1

    def _begin_in_child(self, *, whole: bool) -> None:  # noqa: ARG002 - the parent's holders are not ours either way
        self._table = {}
        self._deleted = self._made

    def _resume(self) -> None:
        registry.resume_log()


def _loop_runs() -> bool:
    """Whether this thread is running an event loop; asyncio is not imported for the question."""
    asyncio = sys.modules.get("asyncio")
    try:
        return asyncio is not None and asyncio.get_running_loop() is not None
    except RuntimeError:
        return False


def _wait(deadline: float | None) -> float:
    """How long to wait for one lock; -1 is for ever."""
    return -1 if deadline is None else min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)
