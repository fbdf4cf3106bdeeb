"""One lock for each key, for as long as anybody needs it."""

import sys
import threading
import time
from collections.abc import Generator, Hashable, Iterator
from contextlib import AbstractContextManager
from operator import attrgetter
from types import TracebackType
from typing import Any, Generic, TypeVar

from floodmark_caches._checks import check_hashable
from floodmark_caches._errors import LockTimeout
from floodmark_caches._lock_table import LockTable, check_hold, entered_twice
from floodmark_caches._one_step import in_one_step
from floodmark_caches._primitives import greenlet_id

K = TypeVar("K", bound=Hashable)


class _KeyLock(Generic[K]):
    """The lock of one key; `holds` are the ids of those who have it or wait for it, each with its thread and greenlet.

    `serial` is its place in the order of acquisition. The holds themselves are not here: each must be free to end.
    """

    __slots__ = ("holds", "key", "lock", "serial")

    def __init__(self, key: K, serial: int) -> None:
        self.key = key
        self.serial = serial
        self.lock = threading.RLock()
        self.holds: dict[int, tuple[int, int]] = {}

    def acquire(self, timeout: float) -> Iterator[bool]:
        """One step that takes the lock, -1 being for ever, and gives True; none if it is not free in time."""
        return filter(None, map(self.lock.acquire, (True,), (timeout,)))

    @property
    def users(self) -> int:
        """How many hold it or wait for it."""
        return len(self.holds)


class KeyedLocks(LockTable[K, _KeyLock[K]]):
    """Mutual exclusion by key: an entry lives while its key is held or waited for, and is deleted at zero.

    There is no bound and no time to live: a lock that is given up while somebody holds it or waits for it would let
    two owners in. The number of entries is the number of keys in use, which `warn_at` can watch. Locks are re-entrant
    within a thread, and for threads: where an event loop runs, a second `hold` of a key that its thread has already
    may come from another task, and raises RuntimeError instead of letting it in (AsyncKeyedLocks is for tasks), and so
    does one that comes from another greenlet of the thread, unless gevent has patched threads. A forked child starts with no key held; a `with` that was entered before the fork protects nothing there.
    An exception that a signal handler raises leaves no key behind: if it cuts off the very end of a `with`, the keys
    are free when that exception is dropped. `warn_at` is a number of keys. Thread-safe; names are unique among live
    maps (ValueError); O(1) for each key.

    >>> move_locks = KeyedLocks("move_locks")
    >>> with move_locks.hold("/in/1.jpg", "/out/1.jpg", timeout=5):
    ...     len(move_locks)
    2
    >>> len(move_locks)
    0
    """

    def hold(self, *keys: K, timeout: float | None = None) -> AbstractContextManager[None]:
        """Hold the locks of all `keys` in a `with`, once; equal keys count once.

        All threads take the keys of one `hold` in the same order, so two of them cannot block each other; a `hold`
        inside another can, as with any lock. Those who wait for a key are let in in no particular order.

        Without a key this raises TypeError, with a `timeout` below zero ValueError. The rest comes when the `with` is
        entered, and none of the keys is held then: LockTimeout, a TimeoutError, if not all are free within `timeout`
        seconds (0: at once, None: wait for ever), TypeError with a key that cannot be hashed, RuntimeError where
        another task or greenlet of this thread may have a key, or the hold was entered before. What the equality of keys raises comes out too; raised
        at the end of the `with`, the keys are free all the same. O(n log n) for n keys.
        """
        check_hold(keys, timeout)
        return _With(_Hold(self, keys, timeout))

    def _enlist(self, hold: "_Hold[K]") -> None:
        """Make a hold a user of each of its keys, before any wait, and put the locks in the order of acquisition.

        The order is that of the entries' making: an entry outlives all who use it, so all agree on its place, and
        keys need not be comparable.
        """
        crossed = False
        me = threading.get_ident(), greenlet_id()
        with self._lock:
            for key in hold.keys:
                try:
                    entry = self._table.get(key)
                except TypeError:
                    check_hashable(key)
                    raise
                if entry is None:
                    entry = _KeyLock(key, self._made)
                elif entry in hold.used:
                    continue
                else:
                    self._found += 1
                # In this order, so that whoever is interrupted here knows what to undo.
                hold.used.append(entry)
                entry.holds[id(hold)] = me
                if self._table.get(key) is not entry:  # new, or dropped by a finalizer that ran since we looked
                    crossed |= self._put(key, entry)
        hold.used.sort(key=attrgetter("serial"))
        if crossed:
            self._warn()

    def _dismiss(self, hold: "_Hold[K]") -> None:
        """Make a hold no user of its keys, and delete the entries that have no other. Again is no harm."""
        with self._lock:
            for entry in hold.used:  # all of them, before the first key is looked up: that may raise
                entry.holds.pop(id(hold), None)
            error = self._drop_unused(hold.used)
        try:
            if error is not None:
                raise error
        finally:
            del error  # else it would refer to itself by the variables of its traceback


class _Hold(Generic[K]):
    """One `hold`: its keys, the locks it is a user of, and how many of those, from the first, it has.

    A signal handler may raise between any two calls that Python code makes. So to take a lock or release it and to note
    that are one call here, of a function in C that makes both; and giving back can go on from where it stopped.
    """

    __slots__ = ("_locks", "_taken", "_timeout", "keys", "used")

    def __init__(self, locks: KeyedLocks[K], keys: tuple[K, ...], timeout: float | None) -> None:
        self._taken: list[bool] = []
        self.used: list[_KeyLock[K]] = []
        self.keys = keys
        self._locks = locks
        self._timeout = timeout

    def __enter__(self) -> None:
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        try:
            self._locks._enlist(self)  # noqa: SLF001 - our own
            self._refuse_others_of_this_thread()
            self._take(deadline)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        try:
            self._give_back()
        except BaseException:  # an interrupt: the rest first
            self._give_back()
            raise

    def _take(self, deadline: float | None) -> None:
        for number, each in enumerate(self.used, 1):
            self._taken.extend(each.acquire(_wait(deadline)))
            if len(self._taken) < number:
                raise LockTimeout(self._locks.name, self.keys, self._timeout or 0.0)

    def _give_back(self) -> None:
        while self._taken:
            lock = self.used[len(self._taken) - 1].lock
            in_one_step(self._taken.pop, lock.release)
        self._locks._dismiss(self)  # noqa: SLF001 - our own
        self.used = []

    def _refuse_others_of_this_thread(self) -> None:
        """RuntimeError for a key that another task or greenlet may have: for it the lock would be re-entrant."""
        thread, greenlet = threading.get_ident(), greenlet_id()
        loop_runs = _loop_runs()
        if not loop_runs and not greenlet:
            return
        for each in self.used:
            here = [other for in_thread, other in list(each.holds.values()) if in_thread == thread]
            if any(other not in (0, greenlet) for other in here):
                msg = (
                    f"{self._locks.name}: another greenlet of this thread holds {each.key!r}, and its lock would let "
                    "this one in too; gevent has to patch threads (monkey.patch_all()) before greenlets share locks"
                )
                raise RuntimeError(msg)
            if loop_runs and len(here) > 1:
                msg = (
                    f"{self._locks.name}: the thread of this event loop holds {each.key!r} already, perhaps in another "
                    "task; hold it in a worker thread, or use AsyncKeyedLocks between tasks"
                )
                raise RuntimeError(msg)


class _With:
    """The `with` of a hold."""

    __slots__ = ("_entered", "_steps")

    def __init__(self, hold: _Hold[Any]) -> None:
        self._entered = False
        self._steps = _steps(hold)

    def __enter__(self) -> None:
        if self._entered:
            raise entered_twice()
        self._entered = True
        try:
            next(self._steps)
        except BaseException:
            self._steps.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                next(self._steps, None)
        finally:
            self._steps.close()


def _steps(hold: _Hold[Any]) -> Generator[None, None, None]:
    # A generator, for it ends the hold when it is dropped, and runs no code then if it is over.
    try:
        with hold:
            yield
    except BaseException:
        hold.__exit__()  # again is no harm, and the first may have been interrupted before it began
        raise


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
