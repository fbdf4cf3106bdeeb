"""The agent thread: take a reading, send it, listen until the next; take a capture when asked."""

import _thread
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from floodmark_sidecar.agent._governor import Governor
from floodmark_sidecar.agent._link import Link
from floodmark_sidecar.agent._originals import sleep, start_new_thread
from floodmark_sidecar.agent._plant import planted
from floodmark_sidecar.agent._readings import Readings

READ_EVERY: Final = 15.0
"""Seconds between readings until the sidecar says otherwise."""

_LEAST_EVERY: Final = 0.05
_MOST_ERRORS: Final = 10
_FAULTS: Final = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT})


class _Window(Protocol):
    """A time in which the service's allocations are noted: a trace window or a native one."""

    asked: object

    @property
    def next_look(self) -> float:
        """When to look again (monotonic)."""

    def look(self) -> None:
        """Look into it, if that is due."""

    def over(self) -> bool:
        """Whether it is to end."""

    def end(self) -> dict[str, Any]:
        """End it and return the answer to whoever asked."""

    def close(self) -> None:
        """End it without an answer."""


class Agent:
    """One agent in one process: a thread that nothing of the service waits for, and that raises into nothing.

    Started once by `start`, ended by `stop`; both may be called from any thread. It gives up for good after
    `_MOST_ERRORS` errors of its own in a row. It uses no lock and no class of `threading`, so that it may be started
    wherever the interpreter runs Python, fork hooks and collector callbacks included.
    """

    def __init__(self, socket: str, service: str, *, proc: str = "/proc") -> None:
        self.pid = os.getpid()
        self.socket, self.service = socket, service
        self.errors = 0
        self._proc = proc
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._stopping = False
        self._ended = True
        self._native: int | None = None
        self._every = READ_EVERY
        self._window: _Window | None = None

    def start(self) -> None:
        """Start the thread; raises RuntimeError where the process can have no more threads."""
        self._ended = False
        try:
            start_new_thread(self._main, ())
        except BaseException:
            self._ended = True
            raise

    def stop(self, timeout: float) -> bool:
        """Ask the thread to end and wait up to *timeout* seconds until the kernel has forgotten it; True if it has.

        CPython counts the kernel's threads when it warns of a fork, so the end of the Python function is not enough.
        """
        self._stopping = True
        if self._wake >= 0:
            os.eventfd_write(self._wake, 1)
        until = time.monotonic() + timeout
        wait = 0.0002
        while not self._gone():
            if time.monotonic() >= until:
                return False
            sleep(wait)
            wait = min(wait * 2, 0.01)
        self.close()
        return True

    def close(self) -> None:
        """Close the descriptor by which the thread is woken; only when the thread is gone, or is another process's.

        A process that was forked in C, past the hooks, may have inherited a trace window.
        """
        self._close_window()
        if self._wake >= 0:
            os.close(self._wake)
        self._wake = -1

    def _gone(self) -> bool:
        if not self._ended:
            return False
        return self._native is None or not os.path.exists(f"{self._proc}/self/task/{self._native}")  # noqa: PTH110  see `_files`

    def _main(self) -> None:
        try:
            self._native = _thread.get_native_id()
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _FAULTS)
            self._show_name()
            self._loop()
        except BaseException:  # noqa: BLE001  nothing of the agent is the service's business
            self.errors += 1
        finally:
            self._ended = True

    def _show_name(self) -> None:
        """Give the thread a name in /proc; which is only a help to people."""
        try:
            fd = os.open(f"{self._proc}/thread-self/comm", os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            os.write(fd, b"floodmark")
        except OSError:
            pass
        finally:
            os.close(fd)

    def _loop(self) -> None:
        link, readings, governor = Link(self.socket, self.service), Readings(proc=self._proc), Governor()
        plant = planted()
        in_a_row = breaks = 0
        due = time.monotonic()
        try:
            while not self._stopping and in_a_row < _MOST_ERRORS:
                try:
                    if time.monotonic() >= due:
                        cpu = time.thread_time()
                        link.push({**readings.take(), "lost": link.lost})
                        if plant is not None:
                            plant(time.time())
                        governor.spent(time.thread_time() - cpu, self._every)
                        due = time.monotonic() + governor.interval(self._every)
                    self._end_window(link)
                    until = due if self._window is None else min(due, self._window.next_look)
                    arrived = link.wait(max(0.0, until - time.monotonic()), self._wake)
                    if link.breaks != breaks:
                        breaks = link.breaks
                        # Whoever asked for the window has gone, and it costs the service something each second.
                        self._close_window()
                    for message in arrived:
                        if self._heed(message, link):
                            due = min(due, time.monotonic() + governor.interval(self._every))
                    in_a_row = 0
                except Exception:  # noqa: BLE001  counted; the service has no use for it
                    self.errors += 1
                    in_a_row += 1
                    link.close()
        finally:
            self._close_window()
            link.close()

    def _heed(self, message: dict[str, Any], link: Link) -> bool:
        """Do what the sidecar asks; True if the interval of readings has changed."""
        if message["type"] == "capture":
            told = self._capture(message)
            if told is not None:
                link.push({"type": "captured", "id": message.get("id"), **told})
        every = message.get("read_every") if message["type"] == "welcome" else None
        if isinstance(every, int | float) and 0.0 < every < float("inf"):
            self._every = max(float(every), _LEAST_EVERY)
            return True
        return False

    def _capture(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Take the capture asked for and return the answer, or None where it follows when a window has ended."""
        path, kind = message.get("path"), message.get("kind", "census")
        if not isinstance(path, str) or not path.startswith("/"):
            return self._refused(f"not an absolute path: {path!r}")
        if kind not in ("census", "trace", "native", "trim"):
            return self._refused(f"this agent takes no capture of kind {kind!r:.40}")
        if self._window is not None:
            return self._refused("a window is open")
        if kind in ("trace", "native"):
            return self._open_window(path, kind, message)
        if kind == "trim":
            from floodmark_sidecar.agent import _trim  # noqa: PLC0415  as below

            return _trim.take(path, service=self.service, proc=self._proc)
        from floodmark_sidecar.agent import capture  # noqa: PLC0415  many services never need it

        take: Callable[..., dict[str, Any]] = capture.take
        return take(path, service=self.service, cancel=self._wake, proc=self._proc)

    def _open_window(self, path: str, kind: str, message: dict[str, Any]) -> dict[str, Any] | None:
        window = (self._native_window if kind == "native" else self._trace_window)(path, message)
        if isinstance(window, str):
            return self._refused(window)
        self._window = window
        return None

    def _trace_window(self, path: str, message: dict[str, Any]) -> _Window | str:
        from floodmark_sidecar.agent import _trace  # noqa: PLC0415  as above

        take = partial(_trace.take, path, service=self.service, cancel=self._wake, proc=self._proc)
        look = partial(_trace.look, cancel=self._wake, proc=self._proc)
        seconds, frames = message.get("seconds"), message.get("frames", 1)
        return _trace.open_window(seconds, frames, take=take, look=look, asked=message.get("id"), proc=self._proc)

    def _native_window(self, path: str, message: dict[str, Any]) -> _Window | str:
        from floodmark_sidecar.agent import _native  # noqa: PLC0415  as above

        take = partial(_native.take, path, service=self.service, cancel=self._wake, proc=self._proc)
        return _native.open_window(message.get("seconds"), path, take=take, asked=message.get("id"), proc=self._proc)

    def _end_window(self, link: Link) -> None:
        """Look into the window that is open, if that is due, and answer for it, if it is over."""
        window = self._window
        if window is not None:
            window.look()
        if window is not None and window.over():
            try:
                link.push({"type": "captured", "id": window.asked, **window.end()})
            finally:
                self._close_window()

    def _close_window(self) -> None:
        window, self._window = self._window, None
        if window is not None:
            window.close()

    def _refused(self, why: str) -> dict[str, Any]:
        now = time.time()
        return {"pid": self.pid, "started": now, "ended": now, "refused": why}


def platform_refusal() -> str | None:
    """Return why no agent can run here, or None."""
    if sys.platform != "linux" or sys.implementation.name != "cpython":
        return f"the agent needs CPython on Linux, not {sys.implementation.name} on {sys.platform}"
    return None
