"""A daemon thread that runs only while it has something to do."""

import atexit
import contextlib
import logging
import queue
from collections.abc import Callable
from functools import partial

from floodmark_caches._fork import THREADS_FIRST, at_fork
from floodmark_caches._primitives import OwnThread, SimpleQueue, new_rlock

logger = logging.getLogger("floodmark.caches")

_LONGEST_WAIT_SECONDS = 3600.0
_AFTER_ERROR_SECONDS = 1.0
_EXIT_PATIENCE_SECONDS = 1.0


class LazyThread:
    """Calls `step()` again and again, in a thread of its own that starts at the first `wake()`.

    A step returns the seconds until the next one, or None to end the thread; the next `wake()` starts it again. What
    it raises, SystemExit too, is logged and does not end the thread.
    Before a fork and at the exit of the interpreter the thread ends, so that it can never freeze while it holds a
    lock. Thread-safe; `nudge` may even be called from a weak reference's callback.
    """

    def __init__(self, name: str, step: Callable[[], float | None]) -> None:
        self._name = name
        self._step = step
        self._lock = new_rlock()
        # The one queue of the standard library that is safe to use from finalizers and weakref callbacks.
        self._wakes: queue.SimpleQueue[None] = SimpleQueue()
        self._thread: OwnThread | None = None
        at_fork(THREADS_FIRST, self.rest, self._after_fork)
        atexit.register(self.rest, _EXIT_PATIENCE_SECONDS)

    @property
    def running(self) -> bool:
        """Whether the thread exists now, in this process."""
        return self._thread is not None

    def wake(self) -> None:
        """Have the next step made now, in a new thread if there is none."""
        with self._lock:
            if self._thread is not None:
                self._wakes.put(None)
                return
            started = False
            try:
                wakes: queue.SimpleQueue[None] = SimpleQueue()  # of its own: no thread takes the word meant for another
                self._wakes = wakes
                self._thread = OwnThread(self._name, partial(self._run, wakes=wakes))
                self._thread.start()
                started = True
            except Exception:  # noqa: BLE001, S110 - no thread, no memory, or the interpreter ends: the map works without
                pass
            finally:
                if not started:  # also by an interrupt; it may have started nevertheless, and ends then
                    self._thread = None
                    self._wakes.put(None)

    def nudge(self) -> None:
        """Have the next step made now if the thread runs; never start it."""
        self._wakes.put(None)

    def rest(self, patience: float) -> None:
        """End the thread and wait up to `patience` seconds for its current step; `wake` starts another."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._wakes.put(None)
        if thread is not None and not thread.current:
            thread.join(patience)

    def _after_fork(self, in_child: bool) -> None:
        if in_child:
            self._lock = new_rlock()
            self._wakes = SimpleQueue()
            self._thread = None

    def _run(self, me: OwnThread, wakes: queue.SimpleQueue[None]) -> None:
        try:
            while self._thread is me:
                with contextlib.suppress(queue.Empty):
                    while True:
                        wakes.get_nowait()
                try:
                    delay = self._step()
                except BaseException:
                    logger.exception("%s: a step failed", self._name)
                    delay = _AFTER_ERROR_SECONDS
                if self._thread is not me:  # told to rest, by a call that the loop above may have taken off the queue
                    return
                if delay is not None:
                    with contextlib.suppress(queue.Empty):
                        wakes.get(timeout=min(delay, _LONGEST_WAIT_SECONDS))
                elif self._ended(me, wakes):
                    return
        finally:
            with self._lock:
                if self._thread is me:
                    self._thread = None

    def _ended(self, me: OwnThread, wakes: queue.SimpleQueue[None]) -> bool:
        """Give the place up, unless somebody called just now."""
        with self._lock:
            if self._thread is not me:
                return True
            self._thread = None
            if wakes.empty():
                return True
            self._thread = me
            return False
