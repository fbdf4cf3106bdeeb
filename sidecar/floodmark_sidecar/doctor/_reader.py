"""Reads the facts of one process, and has those of the place it runs in read with them."""

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

from floodmark_sidecar.agent import _files, _safety
from floodmark_sidecar.doctor._code import code_of
from floodmark_sidecar.doctor._facts import Census, Code, Facts
from floodmark_sidecar.doctor._installed import installed
from floodmark_sidecar.doctor._place import folder_of, groups_of, machine_of, mount_of_proc, text_of
from floodmark_sidecar.errors import UsageError


class NoProcessError(UsageError):
    """Raised when there is no process of the number that was given; *pid* is it."""

    def __init__(self, pid: int, why: str = "") -> None:
        super().__init__(why or f"there is no process {pid}", hint="pgrep -af python lists those that run Python")
        self.pid = pid


class Reader:
    """Reads what is known of the process *pid*, or of this one in place of a service that would be started as it was.

    *proc*, *cgroup* and *system* are where the kernel's files are mounted; *environ* is used where the process is this
    one; *captures* is where captures would go. Nothing is changed, started or sent; it takes some ten milliseconds. Not thread-safe.
    """

    def __init__(
        self,
        pid: int | None = None,
        *,
        proc: Path = Path("/proc"),
        cgroup: Path = Path("/sys/fs/cgroup"),
        system: Path = Path("/sys"),
        environ: Mapping[str, str] = os.environ,
        captures: Path | None = None,
    ) -> None:
        self._own = pid is None
        self._pid = os.getpid() if pid is None else pid
        self._proc, self._cgroup, self._system = proc, cgroup, system
        self._environ = environ
        self._captures = captures
        self._home = proc / str(self._pid)

    def read(self) -> Facts:
        """Return the facts as they are at this moment; raises `NoProcessError` where there is no such process, or no more."""
        status = self._status()
        try:
            return self._facts(status)
        except OSError as error:
            if not self._home.exists():
                raise NoProcessError(self._pid, f"the process {self._pid} ended while it was looked at") from None
            msg = f"what the kernel tells cannot be read: {error.filename}: {error.strerror}"
            raise UsageError(msg) from None

    def _facts(self, status: Mapping[str, str]) -> Facts:
        refused, parts = self._memory()
        uid = _first_number(status, "Uid", place=1)
        words = tuple(word for word in text_of(self._home / "cmdline").split("\0") if word)
        room = _safety.room(proc=str(self._proc), cgroup=str(self._cgroup), pid=self._pid)
        code = code_of(self._home)
        return Facts(
            pid=self._pid,
            own=self._own,
            command=" ".join(words) or _line(status, "Name"),
            words=() if self._own else words,
            children=tuple(sorted(self._children())),
            uid=uid,
            reader_uid=os.geteuid(),
            pids=tuple(int(pid) for pid in _line(status, "NSpid").split()),
            threads=_first_number(status, "Threads"),
            fds=self._fds(),
            fds_limit=self._fds_limit(),
            refused=refused,
            swap_bytes=parts.get("Swap", 0),
            huge_bytes=parts.get("AnonHugePages", 0),
            headroom_bytes=room.headroom_bytes,
            environ=self._variables(),
            code=code,
            census=self._census(status, code),
            groups=tuple(groups_of(self._home, self._cgroup)),
            machine=machine_of(self._proc, self._system, self._proc / str(os.getpid())),
            installed=installed(),
            captures=None if self._captures is None else folder_of(self._captures, uid),
        )

    def _status(self) -> Mapping[str, str]:
        try:
            lines = _files.read(str(self._home / "status")).splitlines()
        except OSError:
            if self._home.is_dir():
                raise NoProcessError(
                    self._pid, f"the process {self._pid} may not be looked at: /proc hides it"
                ) from None
            raise NoProcessError(self._pid) from None
        status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if _line(status, "State")[:1] in {"Z", "X"}:
            raise NoProcessError(
                self._pid, f"the process {self._pid} has ended, and its parent has not asked how (a zombie)"
            )
        if "VmRSS" not in status:
            raise NoProcessError(self._pid, f"{self._pid} is a thread of the kernel, which has no memory of its own")
        if _first_number(status, "Tgid") != self._pid:
            why = f"{self._pid} is a thread of the process {_line(status, 'Tgid')}: give that number"
            raise NoProcessError(self._pid, why)
        return status

    def _memory(self) -> tuple[str | None, Mapping[str, int]]:
        """Return why the memory cannot be read, and what of it was."""
        try:
            parts = _files.fields(str(self._home / "smaps_rollup"))
        except OSError as error:
            return error.strerror or str(error), {}
        return None, parts

    def _variables(self) -> Mapping[str, str] | None:
        if self._own:
            return self._environ
        try:
            text = _files.read(str(self._home / "environ"))
        except OSError:
            return None
        entries = [entry for entry in text.split("\0") if entry]
        # A process that writes a title for itself writes it, or zeros, over what was here.
        if text and not (entries and all("=" in entry for entry in entries)):
            return None
        return dict(entry.split("=", 1) for entry in entries)

    def _census(self, status: Mapping[str, str], code: Code | None) -> Census | None:
        if code is None:
            return None
        caught = int(_line(status, "SigCgt") or "0", 16)
        return Census(
            refusal=_safety.refusal(
                proc=str(self._proc), cgroup=str(self._cgroup), pid=self._pid, implementation="cpython"
            ),
            stall_seconds=_kilobytes(status, "VmRSS") * _safety.STALL_PER_BYTE,
            handles_sigchld=bool(caught >> signal.SIGCHLD - 1 & 1) and not self._own,
            oom_score_writable="ro" not in mount_of_proc(self._home)[0],
            committed_bytes=_kilobytes(status, "VmData") + _kilobytes(status, "VmStk"),
        )

    def _children(self) -> Iterator[int]:
        try:
            tasks = list((self._home / "task").iterdir())
        except OSError:
            return
        for task in tasks:
            yield from map(int, text_of(task / "children").split())

    def _fds(self) -> int | None:
        try:
            return len(list((self._home / "fd").iterdir()))
        except OSError:
            return None

    def _fds_limit(self) -> int | None:
        for line in text_of(self._home / "limits").splitlines():
            if line.startswith("Max open files"):
                soft = line.split()[3]
                return int(soft) if soft.isdigit() else None
        return None


def _line(status: Mapping[str, str], name: str) -> str:
    return status.get(name, "")


def _first_number(status: Mapping[str, str], name: str, *, place: int = 0) -> int:
    words = _line(status, name).split()
    return int(words[place]) if len(words) > place and words[place].isdigit() else 0


def _kilobytes(status: Mapping[str, str], name: str) -> int:
    return _first_number(status, name) * 1024
