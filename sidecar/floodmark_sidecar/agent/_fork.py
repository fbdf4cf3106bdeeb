"""The forked child in which a census is taken: a frozen copy of the process in which nothing of the service ever runs.

`os.fork()` will not do: in its child CPython drops the states of the other threads, and with them finalises objects of
the service that are still alive, such as a temporary directory held in another thread's `threading.local`, which then
vanishes from the disk. Here the child takes a reference to every object first.

The calls from `PyOS_BeforeFork` to `PyOS_AfterFork_*` are made by one chain of C iterators, without a bytecode between
them. Between bytecodes the interpreter may hand over the GIL: in the child that waits for ever for threads which do not
exist there, and in the parent (3.13 and later) another thread could meet the runtime lock that is held across a fork.
"""

import ctypes
import gc
import os
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fcntl import F_DUPFD_CLOEXEC, fcntl
from functools import partial
from itertools import chain, compress, islice, starmap
from operator import call, is_, is_not, setitem
from types import FrameType, ModuleType
from typing import Any, Final
from weakref import ReferenceType

from floodmark_sidecar.agent._originals import get_ident, poll, waitpid

_NEEDED: Final = ("PyOS_BeforeFork", "PyOS_AfterFork_Parent", "PyOS_AfterFork_Child", "fork", "close_range")
_PR_SET_PDEATHSIG: Final = 1
_LENGTH: Final = struct.Struct(">I")
_Step = Callable[[], object]
_LOOK_EVERY: Final = 1.0
"""Seconds. A process forked by the service meanwhile may hold our pipe open, so its end is not the only sign."""

capturing: int | None = None
"""The thread that is forking for a census now, by its ident: fork hooks of this project do nothing in that thread."""


class ForkRefusedError(Exception):
    """Raised before anything was done: this process cannot be forked in safety; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """What one forked child gave. `answer` is None when it failed, and then `failure` says how."""

    pid: int
    stall_seconds: float
    answer: bytes | None
    failure: str | None


@dataclass(frozen=True)
class Heap:
    """What the child holds on to: every tracked object, and every plain dict one of them refers to (repeats included).

    A dict of atomic keys and values is not tracked by the collector, so only the second list has it. `frames` are the
    tops of the stacks of the service's threads, by ident, which the child could not ask for any more. `kept` is what else
    must not end. All are empty in the parent.
    """

    objects: list[object]
    dicts: list[dict[object, object]]
    frames: dict[int, FrameType]
    kept: list[object]


def _marker() -> None:
    """The fork hook by which the child recognises the interpreter's own list of fork hooks."""


class _Library:
    """The C functions that are called with the GIL held; made once, before the first fork."""

    def __init__(self) -> None:
        self._lib = ctypes.PyDLL(None, use_errno=True)
        self._functions: dict[str, ctypes._NamedFuncPointer] = {}
        for name in _NEEDED:
            if not hasattr(self._lib, name):
                msg = f"this interpreter or its C library has no {name}"
                raise ForkRefusedError(msg)
        if not hasattr(self._lib, "gnu_get_libc_version"):
            msg = "the C library is not glibc, whose fork prepares malloc for the child"
            raise ForkRefusedError(msg)
        os.register_at_fork(after_in_child=_marker)

    def silent(self, name: str, *arguments: Any) -> Callable[[], None]:
        """Return a call of C function *name* that gives None whatever the function returns."""
        return partial(self._function(name, None), *arguments)

    def fork(self) -> Callable[[], int]:
        """Return a call of the C library's fork."""
        return partial(self._function("fork", ctypes.c_int))

    def _function(self, name: str, gives: Any) -> Callable[..., Any]:
        # Kept: each function object refers to itself, and would stay for ever where the service's collector is off.
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = self._lib[name]
            function.restype = gives
        return function


_library: _Library | None = None


def prepare() -> None:
    """Load what forking needs; raises `ForkRefusedError` where it is missing. Repeated calls cost nothing."""
    global _library  # noqa: PLW0603  one per process: it registers a fork hook
    if _library is None:
        _library = _Library()


def run(
    work: Callable[[Heap], bytes], *, deadline: float, cpu_seconds: int, cancel: int | None = None, nice: int = 10
) -> Outcome:
    """Run *work* in a forked child and return its bytes; the child ends whatever happens and never returns from here.

    The parent waits at most *deadline* seconds, or until file descriptor *cancel* can be read, then kills the child.
    Exceptions of *work* become a `failure` of their type and place, without their text, which may hold values.
    Raises `ForkRefusedError` when nothing was forked. Blocks the calling thread only; one run at a time per process.
    """
    global capturing  # noqa: PLW0603  the flag that makes the process's own fork hooks no-ops
    prepare()
    null, (reader, writer) = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), _pipe()
    heap = Heap([], [], {}, [])
    try:
        times: list[float] = []
        forking = _chain(heap, times, null=null, writer=writer, alarm=int(deadline) + 5)
        parent = os.getpid()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        capturing = get_ident()
        try:
            heap.frames.update(sys._current_frames())  # noqa: SLF001  documented, for uses such as this
            del heap.frames[capturing]
            forked = next(forking, None)
            if forked is None:
                _child(work, heap, writer, cpu_seconds, nice)
        finally:
            if os.getpid() != parent:
                os._exit(0)
            heap.frames.clear()
            capturing = None
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(writer)
        writer = -1
        pid = forked[0] if forked else -1
        if pid < 0:
            msg = f"fork failed: {os.strerror(ctypes.get_errno())}"
            raise ForkRefusedError(msg)
        return _result(pid, times[1] - times[0], reader, deadline, cancel)
    finally:
        for fd in (null, reader, writer):
            if fd >= 0:
                os.close(fd)


def _pipe() -> tuple[int, int]:
    reader, low = os.pipe2(os.O_CLOEXEC)
    writer = fcntl(low, F_DUPFD_CLOEXEC, 3)
    os.close(low)
    return reader, writer


def _chain(
    heap: Heap, times: list[float], *, null: int, writer: int, alarm: int
) -> Iterator[tuple[Any, object, object]]:
    """Return an iterator whose first `next` forks: it gives `(pid, …)` in the parent, and nothing in the child.

    `filter(None, map(call, …))` stops in the parent at the first true value, which is the pid; in the child that is 0
    and every other step gives None, so that all steps run. `zip` then makes the parent's steps in the parent alone.
    *times* gets the clock before and after the fork, between which no other thread of the service could run.
    """
    library = _library
    if library is None:
        msg = "not prepared"
        raise ForkRefusedError(msg)
    found: list[Any] = []
    hooks: list[list[Any]] = []
    tracked: list[Any] = []
    asked: list[Any] = []
    referents: list[Any] = []
    alarm_only = ctypes.create_string_buffer(128)
    library.silent("sigemptyset", alarm_only)()
    library.silent("sigaddset", alarm_only, int(signal.SIGALRM))()
    flat = chain.from_iterable
    in_child: tuple[_Step, ...] = (
        # The child ends with its parent, or by an alarm, and leaves no core file of the service's memory.
        library.silent("prctl", _PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0),
        library.silent("signal", int(signal.SIGALRM), None),
        library.silent("alarm", alarm),
        library.silent("sigprocmask", int(signal.SIG_UNBLOCK), alarm_only, None),
        library.silent("setrlimit", resource.RLIMIT_CORE, (ctypes.c_ulong * 2)(1, 1)),
        *(library.silent("dup2", null, fd) for fd in (0, 1, 2)),
        library.silent("close_range", 3, writer - 1, 0),
        library.silent("close_range", writer + 1, ctypes.c_uint(0xFFFFFFFF), 0),
        gc.disable,
        # The hooks of the service and its libraries are meant for workers: they start threads and open connections.
        # They are kept, since their closures may hold what has a finaliser, but the interpreter will find none.
        partial(found.extend, islice(starmap(gc.get_referrers, ((_marker,),)), 1)),
        partial(hooks.extend, _of_type(found, list)),
        partial(heap.kept.extend, flat(hooks)),
        partial(heap.kept.extend, map(list.clear, hooks)),
        # One reference to every object, and to the dicts that the collector does not track.
        partial(tracked.extend, islice(iter(gc.get_objects, None), 1)),
        partial(heap.objects.extend, flat(tracked)),
        # What a `threading.local` has for a thread goes with an object that only the thread's state holds, and that the
        # collector does not track. A weak reference leads to it, as to all else whose end would be told to a callback.
        partial(heap.kept.extend, map(call, _of_type(tracked, ReferenceType))),
        # But not what modules refer to: for `_asyncio` of 3.12 that is also what it has freed and keeps for later, which
        # is freed once more when `referents` is. The namespaces of modules are tracked themselves.
        partial(asked.extend, _of_type(tracked, ModuleType, is_not)),
        partial(referents.extend, islice(starmap(gc.get_referents, (asked,)), 1)),
        partial(heap.dicts.extend, _of_type(referents, dict)),
        referents.clear,
        asked.clear,
        tracked.clear,
        partial(setitem, sys.__dict__, "unraisablehook", _silence),
        library.silent("PyOS_AfterFork_Child"),
    )
    clock = partial(times.extend, islice(iter(time.perf_counter, None), 1))
    clock_again = partial(times.extend, islice(iter(time.perf_counter, None), 1))
    steps: tuple[_Step, ...] = (library.silent("PyOS_BeforeFork"), clock, library.fork(), *in_child)
    after = library.silent("PyOS_AfterFork_Parent")
    return zip(filter(None, _call_each(*steps)), _call_each(clock_again), _call_each(after), strict=False)


def _call_each(*steps: _Step) -> Iterator[Any]:
    """Call *steps* one by one, in C and when asked."""
    return map(call, steps)


def _of_type(lists: list[Any], kind: type, test: Callable[[object, object], bool] = is_) -> Iterator[Any]:
    """Yield the members of *lists*, in C and when asked, whose type is exactly *kind*; with `is_not`, all the others.

    The extra member makes `compress` reach the end of its selectors, which else would keep the lists alive.
    """
    flat = chain.from_iterable
    return compress(chain(flat(lists), (None,)), map(partial(test, kind), map(type, flat(lists))))


def _silence(_: object) -> None:
    """Standard error is the null device in the child; what a finaliser does wrong there is nobody's business."""


def _child(work: Callable[[Heap], bytes], heap: Heap, writer: int, cpu_seconds: int, nice: int) -> None:
    """Do the child's part and end the process. Exit status 0 always: a master may take any other for a broken worker."""
    try:
        sys.settrace(None)
        sys.setprofile(None)
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        limit = cpu_seconds if most == resource.RLIM_INFINITY else min(cpu_seconds, most)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        os.nice(nice)
        _send(writer, b"+" + work(heap))
    except BaseException as error:  # noqa: BLE001  nothing may leave the child
        _send(writer, b"-" + place(error).encode())
    finally:
        os._exit(0)


def place(error: BaseException) -> str:
    """Return the type of *error* and the line that raised it, without its text, which may hold values."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119  pathlib is not needed here otherwise
    detail = f" ({error.strerror})" if isinstance(error, OSError) else ""
    return f"{type(error).__name__}{detail}{where}"


def _send(writer: int, body: bytes) -> None:
    data = memoryview(_LENGTH.pack(len(body)) + body)
    while data:
        data = data[os.write(writer, data) :]


def _result(pid: int, stall: float, reader: int, deadline: float, cancel: int | None) -> Outcome:
    frame, why = _receive(pid, reader, time.monotonic() + deadline, cancel)
    status = _end(pid, kill=frame is None)
    if frame is not None and frame[:1] == b"+":
        return Outcome(pid, stall, frame[1:], None)
    if frame is not None:
        why = f"the census failed: {frame[1:].decode(errors='replace')}"
    elif status is not None and os.WIFSIGNALED(status) and not why:
        why = f"the census was ended by signal {os.WTERMSIG(status)}"
    return Outcome(pid, stall, None, why or "the census ended without an answer")


def _receive(pid: int, reader: int, until: float, cancel: int | None) -> tuple[bytes | None, str]:
    """Return the child's frame, or None and the reason the parent must not wait for it any longer ("" = it ended)."""
    data = bytearray()
    poller = poll()
    poller.register(reader, select.POLLIN)
    if cancel is not None:
        poller.register(cancel, select.POLLIN)
    ended = False
    while True:
        left = until - time.monotonic()
        if left <= 0:
            return None, "the census took too long and was ended"
        ready = dict(poller.poll(0 if ended else min(left, _LOOK_EVERY) * 1000))
        if cancel in ready:
            return None, "the agent was stopped during the census"
        if reader in ready:
            chunk = os.read(reader, 65536)
            data += chunk
            if len(data) >= _LENGTH.size and len(data) - _LENGTH.size >= _LENGTH.unpack_from(data)[0]:
                return bytes(data[_LENGTH.size :]), ""
            if not chunk:
                return None, ""
        elif ended:
            return None, ""
        else:
            # It may have answered and ended since we looked: what is in the pipe is read before it is given up.
            ended = not _running(pid)


def _running(pid: int) -> bool:
    """Whether *pid* is still our child and has not ended; leaves an ended child to be reaped."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def _end(pid: int, *, kill: bool) -> int | None:
    """Reap *pid*, after killing it if asked; None where the service has reaped it or told the kernel to."""
    try:
        if kill and _running(pid):
            os.kill(pid, signal.SIGKILL)
        return waitpid(pid, 0)[1]
    except (ChildProcessError, ProcessLookupError):
        return None
