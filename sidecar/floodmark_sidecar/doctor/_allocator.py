"""What is known of the allocator of C memory: which it is, how much it may keep, and how it was set."""

from typing import Final

from floodmark_sidecar.doctor._facts import Facts
from floodmark_sidecar.doctor._finding import Finding, fine, note, problem
from floodmark_sidecar.units import format_bytes

_PER_CORE: Final = 8
"""The most arenas that glibc makes for each core of a 64-bit machine, where it is not told."""

_MANY_ARENAS: Final = 64
_MANY_THREADS: Final = 8
_MANY_HEAPS: Final = 4
_ACCOUNTS: Final = (2, 33)
"""The first glibc with `mallinfo2`."""

_OTHERS: Final = {"jemalloc": "jemalloc", "tcmalloc": "tcmalloc", "mimalloc": "mimalloc", "snmalloc": "snmalloc"}

_MALLOPT: Final = "https://man7.org/linux/man-pages/man3/mallopt.3.html"
_MALLINFO: Final = "https://man7.org/linux/man-pages/man3/mallinfo.3.html"
_HUGE: Final = "https://docs.kernel.org/admin-guide/mm/transhuge.html"


def malloc(facts: Facts) -> Finding | None:
    """Which allocator it is."""
    if facts.code is None:
        return None
    other = _other(facts)
    if other is not None:
        return note(
            "malloc",
            other,
            f"floodmark cannot ask {other} what it holds and keeps: growth that is no Python object is told by the kernel's "
            "numbers alone. Its own statistics tell more.",
        )
    if _musl(facts):
        return problem(
            "malloc",
            "musl",
            "No census is taken, and malloc gives no account of what it keeps: run the service on an image with glibc, such "
            "as python:3-slim in place of python:3-alpine, to have what grows named.",
        )
    if facts.code.glibc is None:
        return None
    text = "glibc {}.{}".format(*facts.code.glibc)
    if facts.code.glibc < _ACCOUNTS:
        return note(
            "malloc",
            text,
            "It has no mallinfo2 (2.33 and newer do): what malloc holds and what it keeps cannot be told apart.",
            _MALLINFO,
        )
    return fine("malloc", text)


def preload(facts: Facts) -> Finding | None:
    """Libraries that were to be loaded before all others, and were not."""
    if facts.environ is None or facts.code is None:
        return None
    asked = facts.environ.get("LD_PRELOAD", "").replace(":", " ").split()
    # A symbolic link is mapped under the name it leads to, which may have more digits behind it.
    absent = [path for path in asked if not any(_stem(path) == _stem(name) for name in facts.code.libraries)]
    if not absent:
        return None
    return note(
        "LD_PRELOAD",
        f"{absent[0]} is not loaded",
        "The dynamic linker only warns of a library that it does not find: correct the path, or unset the variable.",
        "https://man7.org/linux/man-pages/man8/ld.so.8.html",
    )


def arenas(facts: Facts) -> Finding | None:
    """How many pools glibc may spread its memory over."""
    if facts.code is None or facts.code.glibc is None or facts.environ is None or _other(facts) is not None:
        return None
    limit = facts.tunables.get("MALLOC_ARENA_MAX", "")
    if limit.isdecimal() and int(limit) > 0:
        return fine("malloc arenas", f"at most {int(limit)}, as MALLOC_ARENA_MAX says{_heaps(facts)}")
    most = _PER_CORE * facts.machine.cores
    cores = f"{facts.machine.cores} core{'s' * (facts.machine.cores != 1)}"
    value = f"up to {most} on {cores}{_heaps(facts)}"
    used = facts.threads >= _MANY_THREADS or facts.code.arenas >= _MANY_HEAPS
    if used if not facts.own else most >= _MANY_ARENAS:
        return note(
            "malloc arenas",
            value,
            "Threads may each fill an arena of their own, and what is freed stays in it: memory climbs to a plateau that is "
            "no leak. Cores are the machine's, whatever CPU a container may use; MALLOC_ARENA_MAX=2 bounds it.",
            _MALLOPT,
        )
    return fine("malloc arenas", value)


def thresholds(facts: Facts) -> Finding | None:
    """Settings of malloc that end its adjusting of itself."""
    chosen = {name: value for name, value in facts.tunables.items() if name != "MALLOC_ARENA_MAX"}
    if not chosen or facts.code is None or facts.code.glibc is None or _other(facts) is not None:
        return None
    return note(
        "malloc settings",
        " ".join(f"{name}={value}" for name, value in chosen.items()),
        "Any of these ends glibc's adjusting of its thresholds, and a high one keeps freed memory: compare with a run without.",
        _MALLOPT,
    )


def huge_pages(facts: Facts) -> Finding | None:
    """Pages of 2 MiB that the kernel puts under a heap unasked."""
    setting = facts.machine.huge_pages
    if not setting:
        return None
    held = f", {format_bytes(facts.huge_bytes)} of this process" if facts.huge_bytes and not facts.own else ""
    if setting != "always":
        return fine("huge pages", f"{setting}{held}")
    return note(
        "huge pages",
        f"always{held}",
        "Memory grows in steps of 2 MiB, and a block in use may hold all of a page: more is resident than was asked for. To "
        "compare, set /sys/kernel/mm/transparent_hugepage/enabled to madvise.",
        _HUGE,
    )


def _other(facts: Facts) -> str | None:
    names = facts.code.libraries if facts.code else ()
    return next(
        (other for part, other in _OTHERS.items() if any(name.startswith(f"lib{part}") for name in names)), None
    )


def _musl(facts: Facts) -> bool:
    return facts.code is not None and any(name.startswith(("ld-musl-", "libc.musl-")) for name in facts.code.libraries)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".so")[0]


def _heaps(facts: Facts) -> str:
    """Return how many there are in a process that runs."""
    if facts.own or facts.code is None:
        return ""
    count = facts.code.arenas
    threads = f"{facts.threads} thread{'s' * (facts.threads != 1)}"
    return f"; {threads}, {count or 'no'} heap{'s' * (count != 1)} beside the main one"
