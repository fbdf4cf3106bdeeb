"""The one agent of this process: when it starts, when it steps aside for a fork, and how it comes back.

A process that forks must have no thread of ours at that moment: CPython warns of it, and rightly. So the agent ends
before the fork, the child starts its own, and the parent gets its agent back after a quiet minute. Since no thread may
exist in that minute, the clock is looked at by a callback of the garbage collector, which runs wherever Python does.
"""

import atexit
import gc
import os
import sys
import time
from typing import Any, Final

from floodmark_sidecar.agent import _link
from floodmark_sidecar.agent._originals import get_ident
from floodmark_sidecar.agent._thread import Agent, platform_refusal

QUIET: Final = 60.0
"""Seconds without a fork after which a process that forked gets its agent back."""

_FORK_WAIT: Final = 0.5
_EXIT_WAIT: Final = 0.3


class _Process:
    """What this process knows of its agent. Changed under the GIL only, in steps that need no lock."""

    def __init__(self) -> None:
        self.agent: Agent | None = None
        self.wanted: tuple[str, str] | None = None
        self.due: float | None = None
        self.hooked = False
        self.failures = 0


_process = _Process()


def start(service: str | None = None, socket: str | None = None) -> str | None:
    """Start this process's agent and return None, or return in words why it has not started. Never raises.

    *service* and *socket* (the path of the sidecar's unix socket) default to FLOODMARK_SERVICE and FLOODMARK_SOCKET. A
    sidecar that is not there is no reason: the agent keeps looking for it. A second call changes nothing.
    """
    path = socket if socket is not None else os.environ.get("FLOODMARK_SOCKET", "")
    name = service if service is not None else os.environ.get("FLOODMARK_SERVICE", "")
    if os.environ.get("FLOODMARK_DISABLED") == "1":
        return "FLOODMARK_DISABLED is set"
    reason = platform_refusal() or _link.refusal(path)
    if reason is not None:
        return reason
    if _process.wanted is not None:
        return None
    _process.wanted = (path, name or _default_name())
    if not _process.hooked:
        _process.hooked = True
        os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
        atexit.register(_at_exit)
    return _begin()


def stop(timeout: float = 2.0) -> bool:
    """End this process's agent and keep it from coming back; True once its thread is gone. Never raises."""
    _process.wanted = None
    _process.due = None
    return _end(timeout)


def _default_name() -> str:
    return os.path.basename(sys.argv[0] if sys.argv and sys.argv[0] not in {"", "-c", "-m"} else "python")  # noqa: PTH119  see `_files`


def _begin() -> str | None:
    if _process.wanted is None:
        return None
    try:
        agent = Agent(*_process.wanted)
        agent.start()
    except Exception as error:  # noqa: BLE001  no room for a thread or a descriptor: the service goes on without
        _process.failures += 1
        return f"no agent thread could be started: {error}"
    _process.agent = agent
    return None


def _end(timeout: float) -> bool:
    agent = _process.agent
    if agent is None:
        return True
    try:
        gone = agent.stop(timeout)
    except Exception:  # noqa: BLE001  counted; a fork or an exit of the service goes on
        _process.failures += 1
        return False
    if gone:
        _process.agent = None
    return gone


def _ours() -> bool:
    """Whether this thread is forking for a census, in which case the agent stays as it is."""
    fork = sys.modules.get("floodmark_sidecar.agent._fork")
    return fork is not None and fork.capturing == get_ident()


def _before_fork() -> None:
    if not _ours() and _process.wanted is not None:
        _end(_FORK_WAIT)


def _after_in_parent() -> None:
    if _ours() or _process.wanted is None:
        return
    _process.due = time.monotonic() + QUIET
    if _look_at_clock not in gc.callbacks:
        gc.callbacks.append(_look_at_clock)


def _after_in_child() -> None:
    if _ours():
        return
    agent, _process.agent, _process.due = _process.agent, None, None
    if agent is not None:
        agent.close()
    _forget_clock()
    _begin()


def _look_at_clock(phase: str, _info: dict[str, Any]) -> None:
    """Start the agent again once the process has not forked for a while; called at each end of a collection."""
    if phase != "stop" or (_process.due is not None and time.monotonic() < _process.due):
        return
    if _process.due is not None:
        _process.due = None
        if _end(0.0):
            _begin()
    _forget_clock()


def _forget_clock() -> None:
    """Take our callback out, if that moves no other: the collector may be half through the list."""
    if gc.callbacks and gc.callbacks[-1] is _look_at_clock:
        gc.callbacks.pop()


def _at_exit() -> None:
    _process.wanted = None
    _end(_EXIT_WAIT)
