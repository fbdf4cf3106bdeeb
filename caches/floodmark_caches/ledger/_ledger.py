"""The ledger of tasks: who works on what, since when, and what became of it."""

import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from floodmark_caches._checks import check_callable, check_clock, check_count, check_name, check_seconds
from floodmark_caches._janitor import Janitor
from floodmark_caches._registry import registry
from floodmark_caches._stats import MapStats
from floodmark_caches._threshold import Threshold
from floodmark_caches._told import tell_all
from floodmark_caches.ledger._boot import this_boot
from floodmark_caches.ledger._errors import DuplicateTask
from floodmark_caches.ledger._input import as_failure, as_json, check_path, check_state, check_text, check_token
from floodmark_caches.ledger._lines import SPAN_SECONDS, FewLines
from floodmark_caches.ledger._memory import MemoryStore
from floodmark_caches.ledger._published import Published
from floodmark_caches.ledger._record import TaskCounts, TaskRecord, TaskState
from floodmark_caches.ledger._row import Ending, Gone, Limits, Moment, NewTask
from floodmark_caches.ledger._store import TaskStore
from floodmark_caches.ledger._task import Task

logger = logging.getLogger("floodmark.caches")

_LOOK_AGAIN_SECONDS = 30.0  # how late the tasks of a dead process may be swept; readers see them timed out at once

sweeper = Janitor("floodmark-sweeper")  # a thread of its own: the maps must not wait for a disk


class TaskLedger:
    """Tasks with their outcome: each is active, then completed, failed or timed out, and counted exactly once.

    Without `path` the tasks are this process's, and a forked child begins with none. With `path`, an SQLite file on a
    local disk, all processes that open it see one truth, which goes on after a restart and a `kill -9`.

    `timeout`: seconds after which a task that nobody ended or extended has timed out; whichever process is there sees
    to it. `keep`: seconds for which a finished task can be asked for. `key_ttl` (at most `keep`, which is the default):
    seconds for which a key stays with its task after it has completed. These three are settled for each task when it is
    started, by the ledger that starts it: processes with other settings, in a rolling deploy, change nothing of it.
    `max_finished`: how many finished tasks are kept at most; the longest finished goes first, with its key. In a file
    that is for whoever ends a task to see to, by its own number: one log line warns when a ledger is opened whose
    `max_finished` is below what its file keeps.

    All times are by `timer`, the machine's monotonic clock, so that a wall clock that is set changes none of them. Where
    it stands below a task's last sign of life, the machine was started anew: what was active has timed out, and `wall`
    tells how long ago a task had finished. A `timer` that goes backwards is taken for that, too; where it does not go
    back so far, what is under way gets that much more time. The processes of a file need the same clocks, in seconds.

    `max_active`: at that bound a start raises LedgerFull. `on_timeout(record)` is told of each task that timed out, at
    most once over all processes, outside every lock, maybe in another thread; errors that it raises are logged. Any
    other exception, as SystemExit, comes out of the call that told it when all are told (the sweeper logs it): then a
    task that this call was to start has failed with it, all other calls have happened. The log has at most ten lines a
    second of tasks that timed out, and then how many more there were. `warn_at` warns about the active tasks of the
    whole ledger: a number of them as an int, or a fraction of `max_active` as a float. `busy_timeout`: the longest wait
    for the file, in seconds.

    Thread-safe; names are unique among live maps (ValueError). LedgerFileError and LedgerBusy say when the file cannot
    be used; nothing has happened then. After an exception that a signal handler raised inside a call, as a rule
    KeyboardInterrupt, all of the call has happened or nothing. A finalizer that the collector runs inside a call gets
    RuntimeError. Calls are O(log n) and block for microseconds in memory, for some tenths of a millisecond in a file,
    but for the first after tasks have timed out, which enters all of those that did.

    >>> tasks = TaskLedger("synthesis", timeout=600, keep=86_400)
    >>> with tasks.start("speech", key="text 17") as task:
    ...     task.extend(600)
    True
    >>> tasks.get(task.id).state, tasks.counts().completed
    (<TaskState.COMPLETED: 'completed'>, 1)
    """

    def __init__(
        self,
        name: str,
        *,
        timeout: float,
        keep: float,
        key_ttl: float | None = None,
        path: str | os.PathLike[str] | None = None,
        max_active: int = 10_000,
        max_finished: int = 10_000,
        on_timeout: Callable[[TaskRecord], object] | None = None,
        warn_at: float | None = None,
        busy_timeout: float = 5.0,
        wall: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = check_name(name)
        self._timeout = check_seconds("timeout", timeout)
        keep = check_seconds("keep", keep)
        key_ttl = keep if key_ttl is None else check_seconds("key_ttl", key_ttl)
        if key_ttl > keep:
            msg = f"key_ttl must be <= keep, {keep:g} s, for which the task of a key is known (got {key_ttl!r})"
            raise ValueError(msg)
        self._limits = Limits(
            keep, key_ttl, check_count("max_active", max_active), check_count("max_finished", max_finished)
        )
        self._on_timeout = None if on_timeout is None else check_callable("on_timeout", on_timeout)
        threshold = Threshold.of(warn_at, max_active)
        self._wall = check_clock("wall", wall)
        self._timer = check_clock("timer", timer)
        file = None if path is None else check_path(path)
        patience = check_seconds("busy_timeout", busy_timeout)
        self._boot = this_boot()
        self._lines = FewLines(name)
        self._wake_at = math.inf  # by the machine's clock: the sweeper will look at us by then
        self._attended = False
        self._store: TaskStore
        if file is None:
            self._store = MemoryStore(name, self._limits, self._moment)
        else:
            from floodmark_caches.ledger._sqlite import SqliteStore  # noqa: PLC0415 - sqlite3 where it is asked for

            self._store = SqliteStore(name, self._limits, self._moment, file, patience)
        self._published = Published(name, self._store, timeout=timeout, maxsize=max_active, threshold=threshold)
        try:
            kept = self._store.kept()  # a file that cannot be used is refused here
        except BaseException:
            del self._published  # the name is free again, although the traceback still holds us
            raise
        if kept > max_finished:
            logger.warning(
                "ledger %r: its max_finished is %d, and its file keeps %d finished tasks: with the next task that ends, "
                "the %d longest finished and their keys are given up; hint: give all processes of a file one max_finished",
                *(name, max_finished, kept, kept - max_finished),
            )

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self._name

    def start(self, kind: str, *, key: str | None = None, timeout: float | None = None) -> Task:
        """Start a task, due in `timeout` seconds (default: the ledger's), and hand it to its owner.

        `key` says that the same work must not be done twice: DuplicateTask, with the other task's record, if it belongs
        to a task that is active, or completed within `key_ttl`. A task that failed or timed out gives its key back.
        Of several starts with one key, in whatever threads and processes, one succeeds. LedgerFull at the bound.
        TypeError or ValueError, and nothing started, for a kind or a key that is not 1 to 500 printable characters, or
        a timeout that is not above zero.
        """
        kind = check_text("kind", kind)
        key = None if key is None else check_text("key", key)
        seconds = self._timeout if timeout is None else check_seconds("timeout", timeout)
        new = NewTask(os.urandom(16).hex(), os.urandom(16).hex(), kind, key, seconds, os.getpid())
        gone: list[Gone] = []
        existing, active = self._store.start(new, gone)
        self._see_to(seconds)
        if existing is not None:
            self._tell(gone)
            raise DuplicateTask(self._name, existing)
        self._published.grown(active)
        task = Task(self, new.id, new.token)
        if gone:
            with ExitStack() as unless_told:
                unless_told.push(task)  # if an exit comes out of this, nobody will ever have the task: it fails by that
                self._tell(gone)
                unless_told.pop_all()
        return task

    def task(self, task_id: str, token: str) -> Task:
        """Take up a task that another process started: its id, and the token of its owner.

        KeyError if no such task is known, ValueError if the token is not its owner's. TypeError or ValueError for an id
        that cannot be one, as in all calls that take an id: it is 1 to 500 printable characters; TypeError for a token
        that is no str.
        """
        check_token(token)
        row = self._store.get(check_text("task_id", task_id))
        if row is None:
            msg = f"ledger {self._name!r} knows no task {task_id!r}"
            raise KeyError(msg)
        if row.token != token:
            msg = f"ledger {self._name!r}: that is not the token of task {task_id!r}"
            raise ValueError(msg)
        return Task(self, task_id, token)

    def complete(self, task_id: str, token: str, result: object = None) -> bool:
        """End a task well, by its id and the token of its owner, and say whether it was active until this call.

        `result` is kept with it: a JSON value of up to 4096 characters, TypeError or ValueError and no change for any
        other. False, and nothing changed, if the task is over, timed out, not known, or the token is not its owner's.
        """
        return self._end(task_id, token, Ending(TaskState.COMPLETED, result_json=as_json(result)))

    def fail(self, task_id: str, token: str, error: BaseException | str) -> bool:
        """End a task badly, by its id and the token of its owner, and say whether it was active until this call.

        The exception's type and its message, cut to 500 characters, are kept with it; a str is a message without a
        type, TypeError and no change for anything else. False as for `complete`.
        """
        return self._end(task_id, token, Ending(TaskState.FAILED, *as_failure(error)))

    def extend(self, task_id: str, token: str, seconds: float) -> bool:
        """Let an active task be due no sooner than `seconds` from this moment, and say whether it was active.

        It never comes to be due sooner by this. False as for `complete`; ValueError unless `seconds` is above zero.
        """
        check_text("task_id", task_id)
        seconds = check_seconds("seconds", seconds)
        gone: list[Gone] = []
        done = self._store.extend(task_id, check_token(token), seconds, gone)
        self._see_to(seconds)
        self._tell(gone)
        return done

    def get(self, task_id: str) -> TaskRecord | None:
        """The task as it is at this moment, active or finished within `keep`; None if it is not known."""
        row = self._store.get(check_text("task_id", task_id))
        self._see_to()
        return None if row is None else row.record

    def tasks(
        self, state: TaskState | str | None = None, *, kind: str | None = None, limit: int = 100
    ) -> tuple[TaskRecord, ...]:
        """The newest tasks, of one state and one kind if given, at most `limit` of them, the newest first.

        O(tasks kept), in a file only where few of them match. ValueError for a state that is none or a limit below 1,
        TypeError or ValueError for a kind that no task can have.
        """
        asked = None if state is None else check_state(state), None if kind is None else check_text("kind", kind)
        found = self._store.tasks(*asked, check_count("limit", limit))
        self._see_to()
        return found

    def stats(self) -> MapStats:
        """The numbers for the registry: active tasks are the entries, hits are refused duplicates.

        With a file they are of this process's tasks alone, to be summed over the workers; `counts` has all of them.
        """
        return self._published.stats()

    def counts(self) -> TaskCounts:
        """How many tasks there are and were, of one instant: started == active + completed + failed + timed_out.

        With a file, of all processes since the file was made. O(active) in a file, and in memory when one is overdue.
        """
        counts = self._store.counts()
        self._see_to()
        return counts

    def close(self) -> None:
        """Give the file back and be swept no more, until the next use. Tasks that are under way stay so. Again is no harm.

        While another thread uses the file for longer than `busy_timeout`, it stays open.
        """
        self._attended = False
        self._lines.settle(early=True)
        self._store.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, timeout={self._timeout:g}, keep={self._limits.keep:g})"

    def __reduce__(self) -> str | tuple[object, ...]:
        msg = f"{self!r} cannot be pickled or copied: it is one live ledger under one name"
        raise TypeError(msg)

    def _moment(self) -> Moment:
        return Moment(self._wall(), self._timer(), self._boot)

    def _end(self, task_id: str, token: str, ending: Ending) -> bool:
        gone: list[Gone] = []
        done = self._store.end(check_text("task_id", task_id), check_token(token), ending, gone)
        self._see_to(self._limits.keep if done else None)
        self._tell(gone)
        return done

    def _see_to(self, seconds: float | None = None) -> None:
        """See that we are swept within `seconds`. Outside every lock."""
        due = math.inf if seconds is None else self._timer() + seconds
        # Not running although there is work: after a fork, or where no thread could be started.
        if not self._attended or due < self._wake_at or (self._wake_at < math.inf and not sweeper.running):
            self._attended = True
            sweeper.attend(self._tend)
            self._wake_at = min(due, self._wake_at)  # last: if we are cut short before, the next call comes here again
        registry.resume_log()

    def _tell(self, gone: list[Gone], *, alone: bool = False) -> None:
        """Tell of the tasks that timed out; `alone` as for `tell_all`. Outside every lock."""
        calls = [partial(self._tell_one, each) for each in gone]
        tell_all(self._name, calls, alone=alone, failed="ledger %r: on_timeout failed")

    def _tell_one(self, gone: Gone) -> None:
        if self._may_say("tasks timed out"):
            logger.warning("ledger %r: %s", self._name, gone)
        if self._on_timeout is not None:
            try:
                self._on_timeout(gone.record)
            except Exception:
                if self._may_say("calls of on_timeout failed"):
                    logger.exception("ledger %r: on_timeout failed", self._name)

    def _late(self, task_id: str) -> None:
        """Say that a task was over before its `with` was. Outside every lock."""
        if self._may_say("tasks were over before their work was"):
            logger.warning("ledger %r: task %s was over before its work was", self._name, task_id)

    def _may_say(self, matter: str) -> bool:
        """Whether a line may be written; if not, the sweeper will say how many could not."""
        if self._lines.admit(matter):
            return True
        self._see_to(SPAN_SECONDS)
        return False

    def _tend(self) -> float | None:
        """One sweep; the seconds until the next. Runs in the sweeper's thread."""
        if not self._attended:
            return None
        self._wake_at = math.inf  # whoever starts a task from here on has us called again
        gone: list[Gone] = []
        delay = self._store.sweep(gone)
        self._tell(gone, alone=True)
        again = None if isinstance(self._store, MemoryStore) else _LOOK_AGAIN_SECONDS
        waits = [wait for wait in (delay, again, self._lines.settle()) if wait is not None]
        if not waits:
            return None
        self._wake_at = min(self._wake_at, self._timer() + min(waits))
        return min(waits)
