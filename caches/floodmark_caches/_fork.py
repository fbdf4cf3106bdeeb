"""What maps do around a fork: no lock is ever found taken in the child, no map half changed, no thread missed.

Before a fork our threads are put to rest and every map's lock is taken, so that the child gets whole maps. Afterwards
the locks are given back (the child makes new ones), and every map is left with a lock that wakes the threads on the
map's first use, in the parent as in the child: a prefork master that only forks keeps no thread.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from floodmark_caches._primitives import new_rlock
from floodmark_caches._weak import WeakMethod

logger = logging.getLogger("floodmark.caches")

_PATIENCE_SECONDS = 1.0  # a lock that is not free by then belongs to a stuck thread; the fork goes on without it

THREADS_FIRST = 0
LOCKS_NEXT = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Hooks:
    rank: int
    before: WeakMethod[Callable[[float], None]]
    after: WeakMethod[Callable[[bool], None]]


_all_hooks: dict[int, _Hooks] = {}


def at_fork(rank: int, before: Callable[[float], None], after: Callable[[bool], None]) -> None:
    """Have the bound method `before(patience_seconds)` called ahead of each fork, `after(in_child)` behind it.

    Both are held weakly: their object may go at any time. Hooks of a lower rank come first. `after` may be called
    without `before`, where the object was made meanwhile or `before` failed; what they raise is logged.
    """
    all_hooks = _all_hooks  # the globals of a module may be gone before the last map is
    hooks = _Hooks(rank, WeakMethod(before, lambda _: all_hooks.pop(key, None)), WeakMethod(after))
    key = id(hooks)
    all_hooks[key] = hooks  # single dict operations are atomic, so the callback needs no lock


def _sorted_hooks() -> list[_Hooks]:
    return sorted(_all_hooks.values(), key=lambda hooks: hooks.rank)


def _before() -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for hooks in _sorted_hooks():
        before = hooks.before()
        if before is not None:
            try:
                before(max(0.0, deadline - time.monotonic()))
            except BaseException:
                logger.exception("a fork could not be prepared in one place")


def _after(in_child: bool) -> None:
    for hooks in _sorted_hooks():
        after = hooks.after()
        if after is not None:
            try:
                after(in_child)
            except BaseException:
                logger.exception("a fork could not be cleared up in one place")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before,
        after_in_parent=lambda: _after(in_child=False),
        after_in_child=lambda: _after(in_child=True),
    )


class FirstUseLock:
    """Stands in for the lock of a guarded object after a fork, until the object is used again."""

    def __init__(self, lock: threading.RLock, first_use: Callable[[], None]) -> None:
        self._lock = lock
        self._first_use = WeakMethod(first_use)

    def __enter__(self) -> bool:
        self._lock.acquire()
        try:
            first_use = self._first_use()
            if first_use is not None:
                first_use()
        except BaseException:  # an interrupt: the block is not entered
            self._lock.release()
            raise
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class Guarded:
    """Base of everything that has a lock of its own: `_lock`, re-entrant, whole and free after a fork.

    Re-entrant because the garbage collector may run a finalizer that uses the same map inside any of its operations.
    """

    def __init__(self) -> None:
        self._own_lock = new_rlock()
        self._lock: threading.RLock | FirstUseLock = self._own_lock
        self._held_by_fork = False
        at_fork(LOCKS_NEXT, self._before_fork, self._after_fork)

    def _before_fork(self, patience: float) -> None:
        self._held_by_fork = self._own_lock.acquire(timeout=patience)

    def _after_fork(self, in_child: bool) -> None:
        held, self._held_by_fork = self._held_by_fork, False
        if in_child:
            self._own_lock = new_rlock()
            self._begin_in_child(whole=held)
        elif held:
            self._own_lock.release()
        self._lock = FirstUseLock(self._own_lock, self._on_first_use)

    def _on_first_use(self) -> None:
        waiting, self._lock = self._lock, self._own_lock
        try:
            self._resume()
        except BaseException:  # an interrupt: the next use is the first
            self._lock = waiting
            raise

    def _begin_in_child(self, *, whole: bool) -> None:
        """What the child does with what it inherited; not `whole`: a thread was in the middle of changing it."""

    def _resume(self) -> None:
        """What the first use after a fork has to start again. Called under the lock."""
