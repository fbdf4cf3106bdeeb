"""Whether this process may be forked for a census now, and if not, why: a sentence for the operator."""

import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from floodmark_sidecar.agent import _files

STALL_PER_BYTE: Final = 0.014 / (1 << 30)
"""Seconds the process stands still in a fork per resident byte: copying page tables, measured at 14 ms a GB."""

CENSUS_BYTES: Final = 64 << 20
"""What a census needs beside the copy of the heap."""

CENSUS_HERE_BYTES: Final = 64 << 20
"""What a census in the process itself may need: it holds what it has visited."""

_FORBIDDEN: Final = {
    "libcuda.so": "CUDA",
    "libcudart": "CUDA",
    "libamdhip64": "ROCm",
    "cygrpc": "gRPC",
    "libgrpc.so": "gRPC",
}
"""Parts of mapped file names whose owners do not survive a fork of a running process."""


@dataclass(frozen=True)
class Room:
    """Memory that may still be used, in bytes, the place that sets the limit, and whether CPU time is rationed there."""

    headroom_bytes: int
    where: str
    cpu_limited: bool


def refusal(  # noqa: PLR0911  one return a reason
    *,
    proc: str = "/proc",
    pid: int | None = None,
    cgroup: str = "/sys/fs/cgroup",
    platform: str = sys.platform,
    implementation: str = sys.implementation.name,
    sigchld: Any = None,
    stall_limit: float = 0.1,
) -> str | None:
    """Return why no census may be taken, or None if one may. Reads a few kernel files, changes nothing.

    *pid* is another process than this one, *sigchld* the process's handler as `signal.getsignal` gives it; *stall_limit*
    is in seconds.
    """
    if platform != "linux" or implementation != "cpython":
        return f"a census needs CPython on Linux, not {implementation} on {platform}"
    if pid is None and not getattr(sys, "_is_gil_enabled", lambda: True)():
        return "a free-threaded interpreter cannot be forked in safety"
    if callable(sigchld) and not isinstance(sigchld, signal.Handlers):
        return "the service handles SIGCHLD itself, and the end of the census would reach its handler"
    try:
        process = f"{proc}/{pid or 'self'}"
        loaded = forbidden(_files.read(f"{process}/maps").splitlines())
        if loaded:
            return f"{loaded} is loaded, which does not survive a fork"
        status = _files.fields(f"{process}/status")
        free = room(proc=proc, cgroup=cgroup, pid=pid)
    except OSError as error:
        return f"the state of the process cannot be read: {error.filename}: {error.strerror}"
    stall = status.get("VmRSS", 0) * STALL_PER_BYTE
    if stall > stall_limit:
        return f"the fork would hold the service for some {stall * 1000:.0f} ms, more than {stall_limit * 1000:.0f} ms"
    needed = status.get("RssAnon", 0) + CENSUS_BYTES
    if free.headroom_bytes < needed:
        return f"no room: a census may need {needed >> 20} MiB, and {free.where} leaves {free.headroom_bytes >> 20} MiB"
    return None


def refusal_here(*, proc: str = "/proc", cgroup: str = "/sys/fs/cgroup") -> str | None:
    """Return why no census may be taken in this process itself either, or None if one may."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return "without its lock, the interpreter cannot be looked at while it runs"
    try:
        free = room(proc=proc, cgroup=cgroup)
    except OSError as error:
        return f"the state of the process cannot be read: {error.filename}: {error.strerror}"
    if free.headroom_bytes < CENSUS_HERE_BYTES:
        return f"no room: {free.where} leaves {free.headroom_bytes >> 20} MiB"
    return None


def forbidden(maps: Iterable[str]) -> str | None:
    """Return the name of a mapped library that does not survive a fork, given the lines of `/proc/self/maps`."""
    for line in maps:
        _, slash, name = line.rpartition("/")
        if slash:
            for part, owner in _FORBIDDEN.items():
                if name.startswith(part):
                    return owner
    return None


def room(*, proc: str = "/proc", cgroup: str = "/sys/fs/cgroup", pid: int | None = None) -> Room:
    """Return the least memory headroom of the machine and of every cgroup (v1 or v2) above this process, or *pid*.

    Page cache that the kernel would drop first counts as free. Raises OSError where /proc itself cannot be read.
    """
    memory = _files.fields(f"{proc}/meminfo")
    least, where = memory.get("MemAvailable", memory.get("MemFree", 0)), "the machine"
    text = _files.read(f"{proc}/{pid or 'self'}/cgroup")
    for folder, version in groups(text, cgroup, "memory"):
        used = number(f"{folder}/memory.current" if version == 2 else f"{folder}/memory.usage_in_bytes")
        limit = limit_of(folder, version)
        if used is None or limit is None:
            continue
        cache = _optional_fields(f"{folder}/memory.stat").get(
            "inactive_file" if version == 2 else "total_inactive_file"
        )
        left = limit - used + min(cache or 0, used)
        if left < least:
            least, where = left, f"the memory limit of its cgroup ({limit >> 20} MiB)"
    quota = any(
        number(f"{folder}/cpu.max" if version == 2 else f"{folder}/cpu.cfs_quota_us") is not None
        for folder, version in groups(text, cgroup, "cpu")
    )
    return Room(max(least, 0), where, quota)


def groups(text: str, root: str, controller: str) -> Iterator[tuple[str, int]]:
    """Yield the folder of each cgroup above the process that has *controller*, innermost first, and its version."""
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        version = 1 if controllers else 2
        top = f"{root}/{controller}" if controllers else root
        path = os.path.normpath(f"/{path.lstrip('/')}")
        if not os.path.isdir(top + path):  # noqa: PTH112  pathlib is not needed here otherwise
            path = "/"  # a container sees its own group as the root, under another name
        while True:
            yield top + path.rstrip("/"), version
            if path == "/":
                break
            path = path.rpartition("/")[0] or "/"


def limit_of(folder: str, version: int) -> int | None:
    """Return the bytes at which a cgroup is ended or slowed down, or None where it has no limit."""
    if version == 1:
        return number(f"{folder}/memory.limit_in_bytes")
    limits = [n for n in (number(f"{folder}/memory.max"), number(f"{folder}/memory.high")) if n is not None]
    return min(limits, default=None)


def number(path: str) -> int | None:
    """Return the first word of a file if it is a number; `max`, -1 and a missing file are none."""
    try:
        first = _files.read(path).split()[:1]
    except OSError:
        return None
    return int(first[0]) if first and first[0].isdigit() else None


def _optional_fields(path: str) -> Mapping[str, int]:
    try:
        return _files.fields(path)
    except OSError:
        return {}
