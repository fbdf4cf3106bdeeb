"""A process that floodmark starts: in a session of its own, its output in a file, and ended with everything below it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

from floodmark_sidecar.errors import UsageError
from floodmark_soak._keeper import keeper
from floodmark_soak._members import members_of, runs
from floodmark_soak._orphans import orphans

_TICK: Final = 0.05
_KILL_WAIT: Final = 10.0
_TAIL_BYTES: Final = 8192
_TAIL_LINES: Final = 15


class Child:
    """A started process, known by *what* it is in messages (`the service`).

    It leads its own session, so that a Ctrl-C at the terminal reaches floodmark alone, which ends it in order. Its
    standard output and error are appended to *log*: a file and never a pipe, or it would die of SIGPIPE with its
    reader. *marker* (`NAME=value`) is a variable of its environment whose value no other process has; it finds those
    descendants that made a session of their own. Not thread-safe.
    """

    def __init__(
        self, what: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, marker: str = ""
    ) -> None:
        self.what = what
        self.log = log
        self._marker = marker
        self._descendants: set[psutil.Process] = set()
        self._also: Callable[[], Iterable[psutil.Process]] = tuple
        with log.open("ab") as output:
            self._before = output.tell()
            try:
                self._popen = subprocess.Popen(
                    command,
                    env=env,
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise UsageError(_not_found(what, command, cwd)) from None
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                msg = f"{what} cannot be started: {reason}: {command[0]}"
                raise UsageError(msg) from None
        self.pid: Final = self._popen.pid
        orphans.spare(self.pid)
        keeper.watch(self.pid, marker)

    @property
    def alive(self) -> bool:
        """True while the process itself runs, whatever is below it."""
        return self._popen.poll() is None

    @property
    def ending(self) -> str:
        """How the process ended: `exit code 3` or `signal SIGKILL`; empty while it runs."""
        code = self._popen.poll()
        if code is None:
            return ""
        if code >= 0:
            return f"exit code {code}"
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"

    def tail(self, size: int) -> str:
        """Return the last *size* bytes of what it has printed, as text; what others left in the log before is not its own."""
        try:
            with self.log.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                # A log that was cut meanwhile has only what is newer.
                before = self._before if self._before <= end else 0
                file.seek(max(before, end - size))
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def with_output(self, message: str) -> str:
        """Return *message*, a sentence without its stop, and under it the last lines that the process printed."""
        lines = [_plain(line) for line in self.tail(_TAIL_BYTES).splitlines()[-_TAIL_LINES:]]
        if not lines:
            return f"{message}; it printed nothing"
        return "\n".join([f"{message}; its last output:", *(f"    {line}" for line in lines)])

    def end(
        self,
        *,
        grace: float,
        pause: Callable[[float], None],
        hurried: Callable[[], bool] = lambda: False,
        also: Callable[[], Iterable[psutil.Process]] = tuple,
    ) -> bool:
        """End the process and all below it: SIGTERM to the group, SIGKILL after *grace* seconds or when *hurried*.

        *also* returns more processes that belong to it. Returns whether everything is gone, which only a process stuck
        in the kernel prevents. Idempotent.
        """
        self._also = also
        self._remember_descendants()
        if grace > 0 and not hurried():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGTERM)
            for process in self._strays():
                with contextlib.suppress(psutil.Error):
                    process.terminate()
            deadline = time.monotonic() + grace
            while self._members() and time.monotonic() < deadline and not hurried():
                pause(_TICK)
        members = self._kill(pause=pause)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=0 if members else _KILL_WAIT)
        if not members:
            keeper.forget(self.pid)
        return not members

    def _kill(self, *, pause: Callable[[float], None]) -> list[psutil.Process]:
        """Kill whatever is left; return what is there even so."""
        deadline, calm = time.monotonic() + _KILL_WAIT, False
        while (members := self._members()) or not calm:
            if members and time.monotonic() > deadline:
                break
            for process in members:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            # For a moment of its exec a process has no environment: it is looked for once more.
            calm = not members
            if members or self._marker:
                pause(_TICK)
        return members

    def _remember_descendants(self) -> None:
        with contextlib.suppress(psutil.Error):
            self._descendants.update(psutil.Process(self.pid).children(recursive=True))
        self._descendants.update(self._also())

    def _strays(self) -> list[psutil.Process]:
        return [process for process in self._members() if _group_of(process) != self.pid]

    def _members(self) -> list[psutil.Process]:
        """Everything that is left of the tree. Zombies are gone: whoever inherited them has to reap them."""
        self._remember_descendants()
        # Our own dead child is a zombie until poll() reaps it, and only then does its group count as empty.
        self._popen.poll()
        found = members_of(self.pid, self._marker)
        return list({*(process for process in self._descendants if runs(process)), *found})


def read_tail(path: Path, size: int) -> str:
    """Return the last *size* bytes of *path* as text; empty if there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _plain(line: str) -> str:
    """Return *line* with its control characters written out: they would act on the terminal that shows it."""
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in line)


def _group_of(process: psutil.Process) -> int:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return -1


def _not_found(what: str, command: Sequence[str], cwd: Path) -> str:
    return f"{what} cannot be started: there is no command {command[0]!r} (in {' '.join(command)!r}, run in {cwd})"
