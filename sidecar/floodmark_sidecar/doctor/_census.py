"""Whether a census may be taken: a fork of the service, whose copy has to fit."""

from typing import Final

from floodmark_sidecar.doctor._facts import Facts
from floodmark_sidecar.doctor._finding import Finding, fine, note, problem
from floodmark_sidecar.units import format_bytes

_GROUP: Final = "https://github.com/kubernetes/kubernetes/pull/117793"
_OVERCOMMIT: Final = "https://docs.kernel.org/mm/overcommit-accounting.html"
_LEAST_DISK: Final = 256 << 20
"""What the files of captures may take together, before the oldest go."""


def census(facts: Facts) -> Finding | None:
    """Whether the agent would take one now."""
    if facts.census is None or facts.code is None or facts.code.python is None:
        return None
    if facts.census.refusal is not None:
        return problem(
            "census",
            f"cannot be taken of a forked copy: {facts.census.refusal}",
            "It is taken in the process itself, slowly, where there is some room: then it names the containers that modules "
            "lead to, and no types; registered maps and the trend are told all the same.",
        )
    if facts.census.handles_sigchld:
        return note(
            "census",
            "the process handles SIGCHLD",
            "If the handler is one in Python, as in the master of a prefork server, it is not forked for a census, since the "
            "end of the child would reach the handler; its census is taken in the process itself, slowly.",
        )
    if facts.own:
        return fine("census", "can be taken here")
    return fine("census", f"can be taken; its fork would hold the process for {_stall(facts.census.stall_seconds)}")


def together(facts: Facts) -> Finding | None:
    """Cgroups whose processes the kernel ends all at once."""
    group = next((group for group in facts.groups if group.ends_together), None)
    if group is None:
        return None
    return note(
        "memory.oom.group",
        f"1 in {group.path}",
        "Where memory runs out, the kernel ends the whole service and not one worker. floodmark forks only where the copy fits "
        "in full; singleProcessOOMKill of the kubelet switches it off.",
        _GROUP,
    )


def victim(facts: Facts) -> Finding | None:
    """Whether the forked child can have itself ended in the service's place."""
    if facts.census is None or facts.census.oom_score_writable:
        return None
    return note(
        "oom_score_adj",
        "cannot be written: /proc is mounted read-only",
        "Should memory run out during a census, the kernel may end the service in place of the forked child: mount /proc "
        "for writing, or leave more room.",
    )


def promised(facts: Facts) -> Finding | None:
    """Whether the kernel would let the process fork, where it promises no more memory than there is."""
    left = facts.machine.commit_left_bytes
    if left is None or facts.census is None:
        return None
    value = f"strict (vm.overcommit_memory is 2), {format_bytes(left)} left to promise"
    if facts.own or facts.census.committed_bytes < left:
        return fine("overcommit", value)
    return problem(
        "overcommit",
        value,
        f"A fork asks for {format_bytes(facts.census.committed_bytes)} and is refused, and so is every census: set "
        "vm.overcommit_memory to 0, or raise vm.overcommit_ratio.",
        _OVERCOMMIT,
    )


def folder(facts: Facts) -> Finding | None:
    """Whether captures have where to go, where that was asked."""
    captures = facts.captures
    if captures is None:
        return None
    if not captures.writable:
        return problem(
            "captures",
            f"{captures.path} is no folder that can be made and written to",
            "Give another with --captures, here and to floodmark serve: without, no census is kept.",
        )
    if not captures.open_to_service:
        return problem(
            "captures",
            f"{captures.path} is closed to user {facts.uid}, as whom the service runs",
            "The agent in the service writes them: make the folder, and let that user write to it.",
        )
    value = f"{format_bytes(captures.free_bytes)} free in {captures.path}"
    if captures.free_bytes < _LEAST_DISK:
        return note(
            "captures",
            value,
            f"floodmark keeps up to {format_bytes(_LEAST_DISK)} of captures, then the oldest go: a full disk loses them.",
        )
    return fine("captures", value)


def _stall(seconds: float) -> str:
    return f"some {seconds * 1000:.0f} ms" if seconds >= 0.001 else "under a millisecond"
