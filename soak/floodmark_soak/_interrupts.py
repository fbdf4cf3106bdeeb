"""Ctrl-C and SIGTERM as a state that a run looks at, not as an exception that may strike anywhere."""

import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any, Final, Self

from floodmark_sidecar.errors import ExitCode, FloodmarkError

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TICK: Final = 0.1


class InterruptedRunError(FloodmarkError):
    """Raised by the waits of a run when the operator has asked it to end; what was seen is judged all the same."""

    exit_code = ExitCode.INTERRUPTED


class Interrupts:
    """Counts the signals that ask a run to end, and waits in a way that notices them at once.

    A context manager for the main thread. A signal that was ignored when floodmark was started (`nohup`, a background
    job of a script) stays ignored. Not thread-safe.
    """

    def __init__(self) -> None:
        self.count = 0
        self._previous: dict[int, Any] = {}
        self._reader, self._writer = -1, -1

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        os.set_blocking(self._reader, False)
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, lambda *_: self._note())
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    @property
    def hurried(self) -> bool:
        """True from the second signal on: end now, keep only what is cheap to keep."""
        return self.count > 1

    def check(self) -> None:
        """Raise `InterruptedRunError` if a signal has come."""
        if self.count:
            msg = "the run was interrupted"
            raise InterruptedRunError(msg)

    def pause(self, seconds: float) -> None:
        """Wait *seconds*, or until a signal comes; never raises."""
        # A pipe, and not threading.Event: a handler that sets an event deadlocks if it strikes inside the event's lock.
        ready, _, _ = select.select([self._reader], [], [], max(0.0, seconds))
        if ready:
            os.read(self._reader, 64)

    def wait_until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until *done* returns true, for at most *seconds*; return its last answer. Raises `InterruptedRunError`."""
        deadline = time.monotonic() + seconds
        while True:
            self.check()
            if done():
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.pause(min(_TICK, left))

    def _note(self) -> None:
        self.count += 1
        os.write(self._writer, b"!")
