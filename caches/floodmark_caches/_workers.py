"""A pool of daemon threads that are there only while there is work."""

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from floodmark_caches._fork import THREADS_FIRST, at_fork

if TYPE_CHECKING:  # loaded with the first work, not with the maps
    from concurrent.futures import Future

_IDLE_SECONDS = 5.0


class Workers:
    """Runs work in up to `max_workers` threads; first submitted, first run.

    The threads start as they are needed and end when they were idle for some seconds, before a fork, or when the pool
    is closed. They are daemons: the interpreter does not wait for them at its exit, so whoever owns the pool decides
    how long to. A forked child must make a pool of its own. Thread-safe; the queue is not bounded.

    The threads, and what they wait with, are of the kind that is in force when the pool is made: the work is the
    application's, and under gevent it belongs in greenlets, like that of any pool.
    """

    def __init__(self, name: str, max_workers: int) -> None:
        self._name = name
        self._max_workers = max_workers
        self._lock = threading.RLock()  # entered as itself: to enter a Condition is a call that can be interrupted
        self._changed = threading.Condition(self._lock)
        self._queue: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._threads: set[threading.Thread] = set()
        self._idle: set[threading.Thread] = set()
        self._inside_work: set[threading.Thread] = set()
        self._closed = self._resting = False
        at_fork(THREADS_FIRST, self._rest, self._after_fork)

    @property
    def outdated(self) -> bool:
        """Whether gevent has replaced threads since: a pool of both kinds stands still, so another is needed."""
        return type(self._lock) is not type(threading.RLock())

    def submit(self, work: Callable[[], Any]) -> "Future[Any]":
        """Have `work()` run in a thread. RuntimeError if the pool is closed, or has no thread and can start none.

        If it raises anything, the work is not in the queue, unless an interrupt came when all was done.
        """
        from concurrent.futures import Future  # noqa: PLC0415 - see above

        future: Future[Any] = Future()
        entry = (future, work)
        with self._lock:
            if self._closed:
                msg = f"{self._name}: the pool is closed"
                raise RuntimeError(msg)
            try:
                self._queue.append(entry)
                if len(self._idle) >= len(self._queue):
                    self._changed.notify()
                elif len(self._threads) < self._max_workers:
                    self._start_one()
            except BaseException:
                if entry in self._queue:
                    self._queue.remove(entry)
                raise
        return future

    def close(self) -> None:
        """Take no more work; the threads end when the queue is empty."""
        with self._lock:
            self._closed = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait for the end of the threads, but for the one that asks. Only of use after `close`."""
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join()

    def _start_one(self) -> None:
        """Start a thread, under the lock: it comes to its first step when this is over, and only if it is wanted."""
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            self._threads.add(thread)
            thread.start()
        except BaseException as error:
            # Whether it runs is not known: an interrupt comes while start() waits for it, a lack of memory anywhere.
            self._threads.discard(thread)
            # No more threads are allowed, or the interpreter is ending: those that are there must do.
            if not self._threads or not isinstance(error, RuntimeError):
                raise

    def _run(self) -> None:
        try:
            self._work(threading.current_thread())
        finally:
            # If threads were replaced meanwhile, the list of threads, which we leave now, looks for us under another
            # number. To ask who we are puts us in under that one too.
            threading.current_thread()

    def _work(self, me: threading.Thread) -> None:
        while True:
            with self._lock:
                if me not in self._threads:
                    return
                self._idle.add(me)
                self._changed.wait_for(self._has_news, _IDLE_SECONDS)
                self._idle.discard(me)
                if not self._queue:
                    # In one step with the look at the queue, or work could come to a pool that seems to have us.
                    self._threads.discard(me)
                    return
                future, work = self._queue.popleft()
            self._carry_out(future, work, me)
            del future, work  # they would live here until the next work comes

    def _carry_out(self, future: "Future[Any]", work: Callable[[], Any], me: threading.Thread) -> None:
        if not future.set_running_or_notify_cancel():
            return
        self._inside_work.add(me)
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - the future carries whatever it was
            self._inside_work.discard(me)
            future.set_exception(error)
            del future, work  # the traceback of the error holds this frame
        else:
            self._inside_work.discard(me)
            future.set_result(result)

    def _has_news(self) -> bool:
        return bool(self._queue) or self._closed or self._resting

    def _rest(self, patience: float) -> None:
        """End the threads that do no work just now, for the forked child to have no more of them than it must."""
        with self._lock:
            self._resting = True
            self._changed.notify_all()
            ending = [] if self._queue else self._threads - self._inside_work - {threading.current_thread()}
        for thread in ending:
            thread.join(patience)

    def _after_fork(self, in_child: bool) -> None:
        self._resting = False
        if in_child:  # nothing of it is here, and its lock may be taken for ever
            self._lock = threading.RLock()
            self._changed = threading.Condition(self._lock)
            self._closed = True
            self._queue.clear()
            self._threads.clear()
            self._idle.clear()
            self._inside_work.clear()
