"""What can be seen of a process from outside, and what bounds it."""

from typing import Final

from floodmark_sidecar.doctor._facts import Facts, Group
from floodmark_sidecar.doctor._finding import Finding, fine, note, problem
from floodmark_sidecar.units import format_bytes

_FULL: Final = 0.9
"""Share of a limit from which on little is left."""

_PTRACE: Final = "https://man7.org/linux/man-pages/man2/ptrace.2.html"
_TITLES: Final = "https://github.com/dvarrazzo/py-setproctitle"
_PROC: Final = "https://man7.org/linux/man-pages/man5/proc.5.html"


def memory(facts: Facts) -> Finding | None:
    """Whether the memory of the process can be read."""
    if facts.refused is None:
        return fine("memory", "private, shared and swapped bytes can be read (smaps_rollup)")
    if facts.uid != facts.reader_uid:
        return problem(
            "memory",
            f"cannot be read by user {facts.reader_uid}: {facts.refused} (the process is of user {facts.uid})",
            f"Run floodmark as user {facts.uid}, or with the capability SYS_PTRACE: its interpreter and allocator cannot be "
            f"told either. An agent inside can tell of itself, to a sidecar with --allow-uid {facts.uid}.",
            _PTRACE,
        )
    return problem(
        "memory",
        f"cannot be read: {facts.refused}",
        "The process may have changed its user or its capabilities, or the kernel have no smaps_rollup: run floodmark with "
        "the capability SYS_PTRACE, or put the agent inside.",
        _PTRACE,
    )


def environment(facts: Facts) -> Finding | None:
    """Whether the variables that the process was started with are still there."""
    if facts.environ is not None or facts.code is None or facts.refused is not None:
        return None
    return note(
        "environment",
        "the process has written over the variables that it was started with",
        "Settings of malloc and of the interpreter are not known, and not spoken of here. setproctitle, which gunicorn uses "
        "where it is installed, leaves them alone with SPT_NOENV=1.",
        _TITLES,
    )


def hidden(facts: Facts) -> Finding | None:
    """Processes of others that /proc does not show."""
    if not facts.machine.hides_processes or facts.reader_uid == 0:
        return None
    return note(
        "/proc",
        "is mounted with hidepid",
        "Workers that run as other users are not seen, as if they were not there: run floodmark as the service's user.",
        _PROC,
    )


def namespace(facts: Facts) -> Finding | None:
    """Where the process has another number inside its container."""
    if len(facts.pids) < 2:
        return None
    return note(
        "pid namespace",
        f"pid {facts.pids[0]} here is pid {facts.pids[-1]} in its container",
        f"Give floodmark the number it has here, {facts.pids[0]}: logs inside the container speak of the other one.",
    )


def limit(facts: Facts) -> Finding | None:
    """The memory that the process may have, with all that is in its cgroup."""
    group = _tightest(facts)
    if group is None or group.limit_bytes is None or group.used_bytes is None:
        available = format_bytes(facts.machine.available_bytes)
        return fine("memory limit", f"none but the machine's, which has {available} left")
    value = (
        f"{format_bytes(group.used_bytes)} of {format_bytes(group.limit_bytes)} in use (cgroup v{group.version}), "
        f"{format_bytes(facts.headroom_bytes)} left but for page cache"
    )
    if facts.headroom_bytes > (1 - _FULL) * group.limit_bytes:
        return fine("memory limit", value)
    return note(
        "memory limit",
        value,
        "Little is left before the kernel slows or ends the service: take a capture while one fits, and raise the limit to "
        "look for what climbs.",
    )


def swap(facts: Facts) -> Finding | None:
    """What of the process is swapped out, and what could be."""
    if facts.swap_bytes and not facts.own:
        return note(
            "swap",
            f"{format_bytes(facts.swap_bytes)} of the process are swapped out",
            "floodmark counts them; resident memory, as top and most dashboards show it, falls by them and hides a climb.",
        )
    total = facts.machine.swap_total_bytes
    return fine("swap", f"{format_bytes(total)}, none in use by the process" if total else "none")


def files(facts: Facts) -> Finding | None:
    """Descriptors that are open, and how many there may be."""
    if facts.fds_limit is None:
        return None
    if facts.fds is None or facts.own:
        return fine("open files", f"at most {facts.fds_limit:,}")
    value = f"{facts.fds:,} of at most {facts.fds_limit:,}"
    if facts.fds < _FULL * facts.fds_limit:
        return fine("open files", value)
    return note(
        "open files",
        value,
        "The service soon fails to open files and connections: a capture says of which kind they are and, where it can, "
        "which line opens them.",
    )


def _tightest(facts: Facts) -> Group | None:
    limited = [group for group in facts.groups if group.limit_bytes is not None and group.used_bytes is not None]
    return min(limited, key=lambda group: (group.limit_bytes or 0) - (group.used_bytes or 0), default=None)
