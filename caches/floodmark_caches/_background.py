"""Background work, in threads and as tasks, that keeps its promises."""

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

from floodmark_caches._checks import check_callable, check_count, check_seconds
from floodmark_caches._tasks import tasks
from floodmark_caches._workers import Workers
from floodmark_caches._works import CANCELLED, COMPLETED, FAILED, Owns, Work, Works, made_by

if TYPE_CHECKING:  # loaded with the first work, not with the maps
    import asyncio
    from concurrent.futures import Executor, Future

P = ParamSpec("P")
T = TypeVar("T")
Within = Callable[[], AbstractContextManager[Any]]
WithinTask = Callable[[], AbstractContextManager[Any] | AbstractAsyncContextManager[Any]]

logger = logging.getLogger("floodmark.caches")


class Background(Works):
    """Runs work in threads or as tasks, and keeps three promises whatever becomes of it.

    What the work owns is released; an exception is logged once (logger `floodmark.caches`, with the traceback) and
    counted; the numbers add up: `started == active + completed + failed + cancelled`. `spawn` uses the `executor`
    given (any that runs in threads of this process), else a pool of its own with up to `max_workers` threads (default:
    CPUs + 4, at most 32), which are there only while there is work. When the interpreter exits, its own pool has
    `patience` seconds for what is under way; then what waits is cancelled, and what runs is given up, with a word in
    the log; work that is under way then can spawn no more (RuntimeError). The queue is not bounded: `warn_at` logs when
    that many pieces of work are under way. A forked child starts with nothing under way. `patience` is in seconds.
    Thread-safe, but for a task's own loop, in which alone it can be spawned; names are unique among live maps
    (ValueError); calls are O(1) for each thing that is owned, unless it is said otherwise.

    >>> with Background("thumbnails") as background:
    ...     background.spawn(max, 2, 3).result()
    3
    >>> background.completed
    1
    """

    def __init__(
        self,
        name: str,
        executor: "Executor | None" = None,
        *,
        max_workers: int | None = None,
        warn_at: int | None = None,
        patience: float = 5.0,
    ) -> None:
        self._executor = None if executor is None else _check_executor(executor)
        self._executor_used_in: int | None = None  # the process
        if executor is not None and max_workers is not None:
            msg = f"max_workers is for a pool of its own; the executor given has its own number (got {max_workers!r})"
            raise TypeError(msg)
        self._max_workers = _default_workers() if max_workers is None else check_count("max_workers", max_workers)
        self._patience = check_seconds("patience", patience)
        self._pool: Workers | None = None
        self._closed = self._exiting = False
        super().__init__(name, warn_at=warn_at)
        _backgrounds.add(self)

    @overload
    def spawn(
        self,
        function: Callable[..., T],
        /,
        *args: Any,
        owns: Owns,
        within: Within | Iterable[Within] = ...,
        **kwargs: Any,
    ) -> "Future[T]": ...
    @overload
    def spawn(
        self, function: Callable[..., T], /, *args: Any, within: Within | Iterable[Within], **kwargs: Any
    ) -> "Future[T]": ...
    @overload
    def spawn(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]": ...
    def spawn(  # type: ignore[misc]  # a function's own argument `owns` or `within` has to come in a partial
        self,
        function: Callable[..., T],
        /,
        *args: Any,
        owns: Owns = (),
        within: Within | Iterable[Within] = (),
        **kwargs: Any,
    ) -> "Future[T]":
        """Run `function(*args, **kwargs)` in a thread; the future carries what it returns or raises.

        Type checkers hold the arguments against the function, but with `owns` or `within` they cannot: give it a
        `lambda` or a `functools.partial` then, if they shall.

        `owns` is what the caller has taken for this work: one thing or several that have `release()`, or context
        managers that were entered. It is the work's from here on, whatever happens: each is released once, the last
        one first, when the work returned, raised or was cancelled, and also if this call raises (of an iterable that
        fails half way, what it has yielded). Managers are told of the exception and cannot suppress it. If this call
        raises, the work does not run; only an interrupt (the exception of a signal handler) may come when it has begun,
        and then it goes on and ends as any other.

        A thread's own lock cannot be given away: `within` is one callable or several that make context managers,
        entered by the worker around the function. So write `within=lambda: locks.hold(path)`; what is made already, as
        `within=locks.hold(path)`, is refused. What a manager raises is the work's own error.

        RuntimeError if the background is closed, no thread can be started, or the executor takes no more work;
        TypeError if `function` or one of `within` cannot be called, or something owned cannot be released.
        """
        work: Work | None = None
        try:
            work = Work(function)
            work.take(owns)
            work.check_owned()
            call = partial(check_callable("function", function), *args, **kwargs)
            future: Future[T] = self._submit(partial(self._run, work, call, made_by(within)))
            self._enter(work)
            self._keep(work, future)
            future.add_done_callback(partial(self._future_done, work))
        except BaseException as error:
            self._revoke(work or Work(function), owns, error)
            raise
        return future

    def spawn_async(
        self,
        coroutine: Coroutine[Any, Any, T],
        *,
        owns: Owns = (),
        within: WithinTask | Iterable[WithinTask] = (),
    ) -> "asyncio.Task[T]":
        """Run the coroutine as a task of the running loop; the task is held until it is done.

        `owns` and `within` as for `spawn`; `within` may make asynchronous context managers too, as
        `lambda: async_locks.hold(path)`. What is owned is released in the loop's thread. RuntimeError if no loop is
        running or the background is closed, TypeError if it is not a coroutine, or as for `spawn`; a coroutine is
        closed then. A task whose loop is closed before it is done is cancelled with the next one that is spawned.
        O(loops).
        """
        import asyncio  # noqa: PLC0415 - see above

        work: Work | None = None
        body: Coroutine[Any, Any, T] | None = None
        task: asyncio.Task[T] | None = None
        try:
            work = Work(coroutine)
            work.take(owns)
            work.check_owned()
            body = self._run_async(work, _check_coroutine(coroutine), made_by(within))
            self._refuse_if_closed()
            task = asyncio.get_running_loop().create_task(body, name=f"{self._name}: {work.label}")
            self._enter(work)
            tasks.hold(task, partial(self._given_up, work, coroutine, body))
            task.add_done_callback(partial(self._task_done, work, coroutine))
        except BaseException as error:
            work = work or Work(coroutine)
            if task is not None:
                task.cancel()  # it ends at its first step, or goes on to its end if a task factory began it already
            if not work.begun:
                if body is not None and task is None:
                    body.close()
                if isinstance(coroutine, Coroutine):
                    coroutine.close()
            self._revoke(work, owns, error)
            raise
        return task

    def close(self, wait: bool = True) -> None:
        """Accept no more work and, if told to, wait for the end of what is in threads or waits for one.

        That blocks the calling thread, for as long as the work takes; work that closes its own background does not wait
        for itself. The threads of its own pool end, a given executor is left as it is. Tasks run on: await them in
        their loop. Again is no harm; a `with` of the background closes it at its end, and waits. O(work under way).
        """
        with self._lock:
            self._closed = True
            pool = self._pool
        if pool is not None:
            pool.close()
        if wait:
            self._wait(None)
            if pool is not None:
                pool.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, run: Callable[[], T]) -> "Future[T]":
        with self._lock:
            self._refuse_if_closed()
            if self._executor is None:
                if self._pool is not None and self._pool.outdated:
                    self._pool.close()
                    self._pool = None
                if self._pool is None:
                    self._pool = Workers(self._name, self._max_workers)
                return self._pool.submit(run)
            if self._executor_used_in not in (None, os.getpid()):
                msg = (
                    f"background {self._name!r}: its executor was used before the fork, and its threads are not in "
                    "this process; make it after the fork, or let the background make its own"
                )
                raise RuntimeError(msg)
            self._executor_used_in = os.getpid()
        return self._executor.submit(run)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            why = "takes no more work: the interpreter is exiting" if self._exiting else "is closed"
            msg = f"background {self._name!r} {why}"
            raise RuntimeError(msg)

    def _run(self, work: Work, call: Callable[[], T], within: tuple[Within, ...]) -> T:
        """The whole of a piece of work, in its thread."""
        if not self._begin(work):
            from concurrent.futures import CancelledError  # noqa: PLC0415 - see above

            raise CancelledError
        work.thread = threading.get_ident()
        try:
            with contextlib.ExitStack() as stack:
                for make in within:
                    stack.enter_context(make())
                result = call()
        except BaseException as error:
            self._end(work, FAILED, error)
            raise
        self._end(work, COMPLETED)
        return result

    async def _run_async(self, work: Work, coroutine: Coroutine[Any, Any, T], within: tuple[WithinTask, ...]) -> T:
        """The whole of a piece of work, in its task."""
        import asyncio  # noqa: PLC0415 - see above

        if not self._begin(work):
            raise asyncio.CancelledError
        try:
            async with contextlib.AsyncExitStack() as stack:
                stack.callback(coroutine.close)  # of use if a manager cannot be entered
                for make in within:
                    manager = make()
                    if isinstance(manager, AbstractAsyncContextManager):
                        await stack.enter_async_context(manager)
                    else:
                        stack.enter_context(manager)
                result = await coroutine
        except BaseException as error:
            given_up = isinstance(error, (asyncio.CancelledError, GeneratorExit))
            self._end(work, CANCELLED if given_up else FAILED, error)
            raise
        self._end(work, COMPLETED)
        return result

    def _future_done(self, work: Work, future: "Future[Any]") -> None:
        """End what never ran: it was cancelled in the queue, or its executor broke. Or what an interrupt left."""
        if work.revoked or (work.begun and work not in self._works):
            return
        from concurrent.futures import CancelledError  # noqa: PLC0415 - see above

        if future.cancelled():
            self._end(work, CANCELLED, CancelledError())
        else:
            error = future.exception()
            self._end(work, COMPLETED if error is None else FAILED, error)

    def _task_done(self, work: Work, coroutine: Coroutine[Any, Any, Any], task: "asyncio.Task[Any]") -> None:
        error = None if task.cancelled() else task.exception()  # asked for, or asyncio would say that nobody did
        if work.revoked or (work.begun and work not in self._works):
            return
        # It was cancelled before its first step, or an interrupt kept it from ending itself.
        import asyncio  # noqa: PLC0415 - see above

        coroutine.close()
        if task.cancelled():
            self._end(work, CANCELLED, asyncio.CancelledError())
        else:
            self._end(work, COMPLETED if error is None else FAILED, error)

    def _given_up(self, work: Work, coroutine: Coroutine[Any, Any, Any], body: Coroutine[Any, Any, Any]) -> None:
        """End a task whose loop was closed before it was done."""
        import asyncio  # noqa: PLC0415 - see above

        for suspended in (body, coroutine):
            try:
                suspended.close()
            except Exception:
                logger.exception("background %r: %s could not be ended with its loop", self._name, work.label)
        self._end(work, CANCELLED, asyncio.CancelledError())

    def _wait(self, patience: float | None) -> "set[Future[Any]]":
        """Wait for the work in threads, but for that of this thread; what is not done within `patience` seconds."""
        with self._lock:
            me = threading.get_ident()
            futures = [work.future for work in self._works if work.future is not None and work.thread != me]
        if not futures:
            return set()
        from concurrent.futures import wait  # noqa: PLC0415 - see above

        return wait(futures, patience).not_done

    def _end_with_the_interpreter(self, since: float) -> None:
        """Wait for its own pool until `patience` seconds after `since`, then give up what is left."""
        left = self._wait(max(0.0, since + self._patience - time.monotonic()))
        cancelled = sum(future.cancel() for future in left)
        if left:
            message = "background %r: the interpreter exits, %d pieces of work are cancelled and %d given up"
            logger.warning(message, self._name, cancelled, len(left) - cancelled)

    def _begin_in_child(self, *, whole: bool) -> None:
        super()._begin_in_child(whole=whole)
        self._pool = None


_backgrounds: weakref.WeakSet[Background] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    since = time.monotonic()
    pools = [background for background in list(_backgrounds) if background._pool is not None]  # noqa: SLF001 - our own
    for background in pools:
        background._exiting = True  # noqa: SLF001 - our own
        background.close(wait=False)
    for background in pools:
        background._end_with_the_interpreter(since)  # noqa: SLF001 - our own


def _check_executor(executor: "Executor") -> "Executor":
    if not callable(getattr(executor, "submit", None)):
        msg = f"executor must be a concurrent.futures.Executor (got {executor!r})"
        raise TypeError(msg)
    processes = sys.modules.get("concurrent.futures.process")
    if processes is not None and isinstance(executor, processes.ProcessPoolExecutor):
        msg = f"executor must run in threads: what work owns cannot leave the process (got {executor!r})"
        raise TypeError(msg)
    return executor


def _default_workers() -> int:
    return min(32, (os.cpu_count() or 1) + 4)


def _check_coroutine(coroutine: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    if not isinstance(coroutine, Coroutine):
        msg = f"only a coroutine can be spawned (got {coroutine!r})"
        raise TypeError(msg)
    return coroutine
