"""The locks, the queues, the threads and the sleep of the maps themselves: of one kind, taken when this is imported.

gevent and eventlet put greenlets in the place of the standard library's threads, at any moment. Half of each would be
fatal: a greenlet that waits in a queue for real threads stops all others. So nothing here is looked up twice. Imported
before the patching, our threads are real whatever comes later; imported after it, they are greenlets and wait as such.
"""

import _thread
import queue
import sys
import threading
import time
from collections.abc import Callable

new_rlock: Callable[[], threading.RLock] = type(threading.RLock())
"""Makes a re-entrant lock. The factory of the standard library would make one of the kind that is in force now."""

SimpleQueue = queue.SimpleQueue

sleep = time.sleep
"""Lets nobody in who shares a lock of `new_rlock` with the sleeper: where that is one of threads, no greenlet runs."""

_new_lock = _thread.allocate_lock
_start_new_thread = _thread.start_new_thread
_get_ident = _thread.get_ident


class OwnThread:
    """A daemon thread that calls `target(this)` once. `target` may not raise."""

    def __init__(self, name: str, target: Callable[["OwnThread"], object]) -> None:
        self._target = target
        self._over = _new_lock()  # taken until the thread is over
        self._over.acquire()
        self._ident: int | None = None
        # Without a Thread it is in no list of threads, but for one its class would start a greenlet.
        self._thread = None if _patched() else threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def current(self) -> bool:
        """Whether this is the thread that asks."""
        return self._ident == _get_ident()

    def start(self) -> None:
        """Start it; RuntimeError if there is no thread to be had."""
        if self._thread is None:
            _start_new_thread(self._run, ())
        else:
            self._thread.start()

    def is_alive(self) -> bool:
        """Whether the target has yet to return."""
        return self._over.locked()

    def join(self, patience: float) -> None:
        """Wait up to `patience` seconds for the end of a thread that was started. Not from the thread itself."""
        deadline = time.monotonic() + patience
        if self._over.acquire(timeout=patience):
            self._over.release()
        if self._thread is not None and not _patched():  # for what the interpreter has to do after the target
            self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        self._ident = _get_ident()
        try:
            self._target(self)
        finally:
            if self._thread is not None and _patched():
                # Patched while we ran: the list of threads, which a Thread leaves at its end, knows us by another
                # number than the one that it will look for. To ask who we are puts us in under that one too.
                threading.current_thread()
            self._over.release()


def _patched() -> bool:
    """Whether threads have been replaced since this was imported."""
    return _thread.start_new_thread is not _start_new_thread


def greenlet_id() -> int:
    """Which greenlet of its thread runs here; 0 where greenlets are not loaded, which are not for this question."""
    getcurrent = getattr(sys.modules.get("greenlet"), "getcurrent", None)
    return 0 if getcurrent is None else id(getcurrent())
