"""What is known of a process and of where it runs: plain values, read once, from which every finding follows."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a process runs, from the files that are mapped into it.

    *python* is CPython's version as `sys.hexversion` has it, None where there is no CPython of at least 3.11; *libraries*
    are the names of all mapped files. *replaced* says that files of it have been replaced or removed since it started.
    """

    program: str
    python: int | None
    free_threaded: bool
    libraries: frozenset[str]
    glibc: tuple[int, int] | None
    replaced: bool
    arenas: int
    """Heaps of glibc's malloc beside the main one that are not full; an arena has one or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Whether a census may be taken now, and what its fork would meet. *refusal* is the agent's own reason, or None."""

    refusal: str | None
    stall_seconds: float
    handles_sigchld: bool
    oom_score_writable: bool
    committed_bytes: int
    """What a fork has to be promised, where the kernel promises no more than there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A cgroup above the process: version 1 or 2, bytes in use and the most there may be (None without a limit)."""

    version: int
    path: str
    used_bytes: int | None
    limit_bytes: int | None
    ends_together: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The kernel's settings, and what there is. *commit_left_bytes* is None where memory may be promised freely."""

    cores: int
    available_bytes: int
    swap_total_bytes: int
    huge_pages: str
    commit_left_bytes: int | None
    hides_processes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What floodmark's own environment has: versions by the name of the package, None for one that is not there.

    *extras* are the packages that each extra needs.
    """

    packages: Mapping[str, str | None]
    extras: Mapping[str, tuple[str, ...]]
    draws: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where captures are to go: whether floodmark can make it and write there, and whether the agent in the service can."""

    path: str
    writable: bool
    open_to_service: bool
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the findings follow from. What could not be read of the process is None.

    *own* says that the process is floodmark's own, in place of a service that would be started as it was. Of *refused* are
    the kernel's words where the memory of the process may not be read; *uid* and *reader_uid* are the users of both.
    """

    pid: int
    own: bool
    command: str
    words: tuple[str, ...]
    children: tuple[int, ...]
    uid: int
    reader_uid: int
    pids: tuple[int, ...]
    """The number of the process in each pid namespace, from the reader's to its own."""
    threads: int
    fds: int | None
    fds_limit: int | None
    refused: str | None
    swap_bytes: int
    huge_bytes: int
    headroom_bytes: int
    environ: Mapping[str, str] | None
    code: Code | None
    census: Census | None
    groups: tuple[Group, ...]
    machine: Machine
    installed: Installed
    captures: Folder | None

    @property
    def tunables(self) -> Mapping[str, str]:
        """The settings of glibc's malloc that the process was started with, by the names of their variables."""
        environ = self.environ or {}
        found = {}
        for part in environ.get("GLIBC_TUNABLES", "").split(":"):
            name, _, value = part.partition("=")
            if name.startswith("glibc.malloc.") and value:
                found[_VARIABLES.get(name.removeprefix("glibc.malloc."), name)] = value
        return {name: environ[name] for name in _VARIABLES.values() if environ.get(name)} | found


_VARIABLES = {
    "arena_max": "MALLOC_ARENA_MAX",
    "trim_threshold": "MALLOC_TRIM_THRESHOLD_",
    "top_pad": "MALLOC_TOP_PAD_",
    "mmap_threshold": "MALLOC_MMAP_THRESHOLD_",
    "mmap_max": "MALLOC_MMAP_MAX_",
}
"""What glibc reads a setting of malloc from, by its name among the tunables."""
