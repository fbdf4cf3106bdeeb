"""Work in the background: what the plugin did in one goroutine per image, on a few threads."""

import logging
import queue
import threading
import time
from collections.abc import Callable

_LOG = logging.getLogger(__name__)
_LOG_EVERY = 30.0


class Background:
    """A few threads with a bounded queue of jobs.

    A job's exception is logged, at most once in 30 seconds with the number of those passed over: a service that fails
    eleven times a second must not fill its log.
    """

    def __init__(self, name: str, *, workers: int, backlog: int) -> None:
        self._name = name
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(backlog)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._failures = 0
        self._logged_at = float("-inf")
        # All from the start: a thread that came with the first burst would bring its stack and its malloc arena then.
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Callable[[], None], *, wait: bool) -> bool:
        """Queue a job. False where the queue is full (unless told to wait for room) or closed."""
        if self._closed.is_set():
            return False
        try:
            self._jobs.put(job, block=wait)
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """Forget the jobs that have not begun and wait for those that have. Nobody may be waiting in `submit`."""
        self._closed.set()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._closed.is_set():
                continue
            try:
                job()
            except Exception as error:  # noqa: BLE001 whatever a job raises, its thread goes on
                self._report(error)

    def _report(self, error: Exception) -> None:
        with self._lock:
            self._failures += 1
            now = time.monotonic()
            if now - self._logged_at < _LOG_EVERY:
                return
            failures, self._failures, self._logged_at = self._failures, 0, now
        _LOG.warning("%s: %d job(s) failed since the last message, the latest with %r", self._name, failures, error)
