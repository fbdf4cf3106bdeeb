"""One lock for each key between the tasks of every event loop of the process."""

import weakref
from collections import OrderedDict, deque
from collections.abc import Hashable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from floodmark_caches._checks import check_hashable
from floodmark_caches._errors import LockTimeout
from floodmark_caches._lock_table import LockTable, check_hold, entered_twice

if TYPE_CHECKING:  # whoever runs a loop has asyncio loaded; the others need not
    import asyncio

K = TypeVar("K", bound=Hashable)

_LOOK_AGAIN_SECONDS = 1.0


class _Line(Generic[K]):
    """The holds that want one key, first come first served: the first of them has it."""

    __slots__ = ("holds", "key")

    def __init__(self, key: K) -> None:
        self.key = key
        self.holds: OrderedDict[_Hold[K], None] = OrderedDict()

    def first(self) -> "_Hold[K] | None":
        return next(iter(self.holds), None)


class AsyncKeyedLocks(LockTable[K, _Line[K]]):
    """Mutual exclusion by key for tasks, in one event loop or in several loops of several threads.

    An entry lives while its key is held or waited for, and is deleted at zero, as in KeyedLocks. A `hold` joins the
    lines of all its keys in one step and has them when it is first in each: nobody is overtaken, and two holds
    cannot block each other, whatever the order of their keys; a `hold` inside another can, as with any lock. Not
    re-entrant: a task that asks again for a key it holds gets a RuntimeError with the key. A hold whose event loop
    was closed is passed over, whether it waited or had its keys: at once by whoever comes, within a second by whoever
    waits. One whose coroutine was dropped ends with it. A forked child starts with no key held. `warn_at` is a number
    of keys. Thread-safe; names are unique among live maps (ValueError); O(1) for each key.

    >>> import asyncio
    >>> move_locks = AsyncKeyedLocks("async_move_locks")
    >>> async def move():
    ...     async with move_locks.hold("/in/1.jpg", "/out/1.jpg", timeout=5):
    ...         return len(move_locks)
    >>> asyncio.run(move()), len(move_locks)
    (2, 0)
    """

    def __init__(self, name: str, *, warn_at: int | None = None) -> None:
        self._leaving: deque[_Hold[K]] = deque()
        self._inside = False  # the table is being changed by the thread that has the lock
        super().__init__(name, warn_at=warn_at)

    def hold(self, *keys: K, timeout: float | None = None) -> AbstractAsyncContextManager[None]:
        """Hold all `keys` in an `async with`, once; equal keys count once.

        Without a key, or with one that cannot be hashed, this raises TypeError, with a `timeout` below zero ValueError.
        The rest comes when the `async with` is entered, and none of the keys is held then, nor after a cancellation:
        LockTimeout, a TimeoutError, if not all are free within `timeout` seconds (0: at once, None: wait for ever),
        RuntimeError if this task has a key already, or the hold was entered before. What the equality of keys raises
        comes out too; raised at the end of the `async with`, the keys are handed on all the same. O(n) for n keys.
        """
        check_hold(keys, timeout)
        try:
            once = tuple(dict.fromkeys(keys))
        except TypeError:
            for key in keys:
                check_hashable(key)
            raise
        return _Hold(self, once, timeout)

    # Foreign code of the interpreter's own may run inside any change: the garbage collector ends the coroutines that
    # were dropped, and with them their holds. Those only line up in `_leaving`, and the change that is under way
    # takes them out at its end. So the table is never seen half changed, and no key has two owners.

    def _join(self, hold: "_Hold[K]", task: "asyncio.Task[object] | None") -> "asyncio.Future[bool] | None":
        """Put a hold behind those that are in line for its keys; what to wait for, if it has not them all already."""
        crossed = False
        try:
            with self._lock:
                self._inside = True
                try:
                    for key in hold.keys:
                        crossed |= self._line_up(key, hold, task)
                    wait_for = None
                    if not hold.is_first():
                        wait_for = hold.expect()
                        self._leaving.extend(hold.closed_ahead())
                finally:
                    self._inside = False
        finally:
            if self._leaving:
                self._end_those_leaving()
        if crossed:
            self._warn()
        return wait_for

    def _leave(self, hold: "_Hold[K]") -> None:
        """Take a hold out of its lines, whether it had its keys or waited, and hand them on. Again is no harm."""
        self._leaving.append(hold)
        self._end_those_leaving()

    def _look_again(self, hold: "_Hold[K]") -> None:
        """End the holds of closed loops that a waiting hold waits for; nobody else may ever come to do it."""
        with self._lock:
            self._leaving.extend(hold.closed_ahead())
            granted = hold.is_first()  # the hand-over was cut off by an interrupt
        self._end_those_leaving()
        if granted:
            hold.wake()

    def _line_up(self, key: K, hold: "_Hold[K]", task: "asyncio.Task[object] | None") -> bool:
        """Put a hold at the end of one line, and say whether warn_at was crossed. Under the lock."""
        line = self._table.get(key)
        new = line is None
        if line is None:
            line = _Line(key)
        else:
            self._found += 1
            owner = line.first()
            if task is not None and owner is not None and owner.is_of(task):
                msg = f"{self._name}: this task holds {key!r} already, and would wait for itself"
                raise RuntimeError(msg)
        hold.lines.append(line)  # first, for an interrupt to leave nothing that `_leave` does not find
        line.holds[hold] = None
        return new and self._put(key, line)

    def _end_those_leaving(self) -> None:
        error: BaseException | None = None
        while True:
            with self._lock:
                if self._inside:
                    return
                heirs, raised = self._take_out()
            error = error or raised
            dead = [heir for heir in heirs if not heir.wake()]
            if not dead:
                break
            self._leaving.extend(dead)  # they can never run again
        try:
            if error is not None:
                raise error
        finally:
            del error, raised  # else it would refer to itself by the variables of its traceback

    def _take_out(self) -> "tuple[list[_Hold[K]], BaseException | None]":
        """Take out all that are leaving; who may have all their keys by that, and the first error. Under the lock."""
        error: BaseException | None = None
        raised: BaseException | None = None
        heirs: list[_Hold[K]] = []
        while self._leaving:
            self._inside = True
            try:
                hold = self._leaving[0]  # out of it when it is done: an interrupt may come before
                for line in hold.lines:  # all of them, before the first key is looked up: that may raise
                    if hold in line.holds:
                        was_first = line.first() is hold
                        del line.holds[hold]
                        heir = line.first()
                        if was_first and heir is not None:
                            heirs.append(heir)
                raised = self._drop_unused(hold.lines)
                error = error or raised
                self._leaving.popleft()
            finally:
                self._inside = False
        try:
            return [heir for heir in heirs if heir.is_first()], error
        finally:
            del error, raised

    def _begin_in_child(self, *, whole: bool) -> None:
        for line in list(self._table.values()):  # those who wait in them are the parent's
            line.holds = OrderedDict()
        super()._begin_in_child(whole=whole)
        self._leaving.clear()
        self._inside = False


class _Hold(Generic[K]):
    """One `hold`, in line for all its keys.

    Its loop, its task and the future that it waits for are held weakly: the lines must not keep a loop alive that was
    dropped with tasks in it, for it is the end of such a task that takes the hold out.
    """

    __slots__ = ("_entered", "_future", "_locks", "_loop", "_task", "_timeout", "keys", "lines")

    def __init__(self, locks: AsyncKeyedLocks[K], keys: tuple[K, ...], timeout: float | None) -> None:
        self.keys = keys
        self.lines: list[_Line[K]] = []
        self._locks = locks
        self._timeout = timeout
        self._entered = False
        self._loop: weakref.ref[asyncio.AbstractEventLoop] | None = None
        self._task: weakref.ref[asyncio.Task[object]] | None = None
        self._future: weakref.ref[asyncio.Future[bool]] | None = None

    async def __aenter__(self) -> None:
        import asyncio  # noqa: PLC0415 - see above

        if self._entered:
            raise entered_twice()
        self._entered = True
        self._loop = weakref.ref(asyncio.get_running_loop())
        task = asyncio.current_task()
        self._task = None if task is None else weakref.ref(task)
        try:
            future = self._locks._join(self, task)  # noqa: SLF001 - our own
            if future is not None:
                await self._wait(future)
        except BaseException:  # a cancellation too, also one that comes together with the keys
            self._locks._leave(self)  # noqa: SLF001 - our own
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._locks._leave(self)  # noqa: SLF001 - our own

    def is_of(self, task: "asyncio.Task[object]") -> bool:
        """Whether this is a hold of that task."""
        return self._task is not None and self._task() is task

    def is_first(self) -> bool:
        """Whether it is first in the lines of all its keys. Under the lock."""
        for line in self.lines:  # noqa: SIM110 - all() costs twice as much
            if line.first() is not self:
                return False
        return True

    def closed_ahead(self) -> "list[_Hold[K]]":
        """The holds at the head of its lines whose loop was closed. Under the lock."""
        firsts = [line.first() for line in self.lines]
        return [first for first in firsts if first is not None and first.is_closed()]

    def is_closed(self) -> bool:
        """Whether its loop was closed, or is gone."""
        loop = None if self._loop is None else self._loop()
        return loop is None or loop.is_closed()

    def expect(self) -> "asyncio.Future[bool]":
        """What to wait for, made in the waiter's loop. Under the lock: whoever leaves next may wake it."""
        import asyncio  # noqa: PLC0415 - see above

        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._future = weakref.ref(future)
        return future

    def wake(self) -> bool:
        """Tell the waiter that the keys are its own; False if its loop is closed or its coroutine gone."""
        future = None if self._future is None else self._future()
        if future is None:
            return False
        loop = future.get_loop()
        if loop is _running_loop():
            _resolve(future, granted=True)
            return True
        try:
            loop.call_soon_threadsafe(_resolve, future, True)
        except RuntimeError:  # closed
            return False
        return True

    async def _wait(self, future: "asyncio.Future[bool]") -> None:
        """Wait for the keys; LockTimeout when the time is over first."""
        loop = future.get_loop()
        deadline = None if self._timeout is None else loop.time() + self._timeout

        waiting = True
        timer: asyncio.TimerHandle | None = None

        def look_again() -> None:
            nonlocal timer
            if not waiting:
                return
            if deadline is not None and loop.time() >= deadline:
                _resolve(future, granted=False)
            else:
                self._locks._look_again(self)  # noqa: SLF001 - our own
                timer = loop.call_later(_interval(deadline, loop.time()), look_again)

        try:
            timer = loop.call_later(_interval(deadline, loop.time()), look_again)
            if (self._timeout == 0 and not future.done()) or not await future:
                raise LockTimeout(self._locks.name, self.keys, self._timeout or 0.0)
        finally:
            waiting = False
            if timer is not None:
                timer.cancel()


def _interval(deadline: float | None, now: float) -> float:
    """Seconds until a waiter looks again whether those ahead of it are there at all."""
    return _LOOK_AGAIN_SECONDS if deadline is None else max(0.0, min(_LOOK_AGAIN_SECONDS, deadline - now))


def _resolve(future: "asyncio.Future[bool]", granted: bool) -> None:
    if not future.done():
        future.set_result(granted)


def _running_loop() -> "asyncio.AbstractEventLoop | None":
    import asyncio  # noqa: PLC0415 - see above

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
