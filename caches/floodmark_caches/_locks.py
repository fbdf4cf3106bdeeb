"""One lock for each key, for as long as anybody needs it."""

import sys
import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from operator import attrgetter
from typing import Generic, TypeVar

from floodmark_caches._errors import LockTimeout
from floodmark_caches._lock_table import LockTable, check_hold

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


class KeyedLocks(LockTable[K, _KeyLock[K]]):
    """Mutual exclusion by key: an entry lives while its key is held or waited for, and is deleted at zero.

    There is no bound and no time to live: a lock that is given up while somebody holds it or waits for it would let
    two owners in. The number of entries is the number of keys in use, which `warn_at` can watch. Locks are re-entrant
    within a thread, and for threads: where an event loop runs, a second `hold` of a key that its thread has already
    may come from another task, and raises RuntimeError instead of letting it in (AsyncKeyedLocks is for tasks). A
    forked child starts with no key held; a `with` that was entered before the fork protects nothing there.
    Thread-safe; names are unique among live maps (ValueError); O(1) for each key.

    >>> move_locks = KeyedLocks("move_locks")
    >>> with move_locks.hold("/in/1.jpg", "/out/1.jpg", timeout=5):
    ...     len(move_locks)
    2
    >>> len(move_locks)
    0
    """

    def hold(self, *keys: K, timeout: float | None = None) -> AbstractContextManager[None]:
        """Hold the locks of all `keys` in a `with`; equal keys count once.

        All threads take the keys of one `hold` in the same order, so two of them cannot block each other; a `hold`
        inside another can, as with any lock. Those who wait for a key are let in in no particular order. LockTimeout,
        a TimeoutError, if not all are free within `timeout` seconds (0: at once, None: wait for ever); none is held
        then.
        """
        check_hold(keys, timeout)
        return self._hold(keys, timeout)

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
                        "hold it in a worker thread, or use AsyncKeyedLocks between tasks"
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
                    entry = _KeyLock(key, self._made)
                    crossed |= self._put(key, entry)
                elif entry in used:
                    continue
                else:
                    self._found += 1
                entry.users += 1
                used.append(entry)
        used.sort(key=attrgetter("serial"))
        if crossed:
            self._warn()

    def _dismiss(self, used: list[_KeyLock[K]]) -> None:
        """Uncount us, and delete the entries that nobody uses any more."""
        with self._lock:
            for entry in used:
                entry.users -= 1
                # After a fork the child's table is another one.
                if entry.users == 0 and self._table.get(entry.key) is entry:
                    self._drop(entry.key)


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
