"""The one writer of a store: a thread with a queue, batched commits, and a state that says when the disk is full."""

import contextlib
import errno
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from floodmark_sidecar.errors import FloodmarkError, UsageError
from floodmark_sidecar.store._cap import Cap
from floodmark_sidecar.store._lock import FileLock
from floodmark_sidecar.store._rows import CaptureRow, Event, Life, Sample
from floodmark_sidecar.store._schema import check_ours, migrate
from floodmark_sidecar.store._writes import Writes
from floodmark_sidecar.units import format_bytes

DEFAULT_CAP_BYTES: Final = 1 << 30
MIN_CAP_BYTES: Final = 1 << 20
"""Below this the WAL of a single commit could not be kept under the cap."""

_QUEUE: Final = 256
_BATCH: Final = 64
_CLOSE_SECONDS: Final = 10.0
_DISK_ERRORS: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


class StoreError(FloodmarkError):
    """Raised (through the future of a write) when something could not be stored."""


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How the store is: `error` is the sentence of the last write that failed, None once writing works again."""

    size_bytes: int
    cap_bytes: int
    error: str | None
    failed: int
    pruned: int


@dataclass(slots=True)
class _Job:
    run: Callable[[Writes], None]
    done: Future[None]


class Store:
    """Writes history to *path* from one thread of its own; every method may be called from any thread.

    A write returns at once with a future that is done once the row is committed: it then survives the end of this
    process, however that ends. A write that fails sets `StoreError` there, is counted in `status()`, and the next one
    is tried afresh. File and WAL together stay under *cap_bytes*: the oldest readings are deleted, and an event says
    how many. Raises `UsageError` when *path* cannot be such a store.
    """

    def __init__(
        self, path: Path, *, cap_bytes: int = DEFAULT_CAP_BYTES, clock: Callable[[], float] = time.time
    ) -> None:
        if cap_bytes < MIN_CAP_BYTES:
            msg = f"a store's cap must be at least {format_bytes(MIN_CAP_BYTES)} (got {format_bytes(cap_bytes)})"
            raise UsageError(msg)
        self.path = path
        self._clock = clock
        self._cap = Cap(path, cap_bytes)
        self._lock, self._db = _open(path, cap_bytes)
        self._writes = Writes(self._db)
        self._queue: queue.Queue[_Job | None] = queue.Queue(_QUEUE)
        self._error: str | None = None
        self._failed = 0
        self._pruned = 0
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="floodmark-store", daemon=True)
        self._thread.start()

    def put_service(self, name: str, *, cwd: Path | None = None) -> Future[None]:
        """Know a service, and its working directory when given."""
        folder = None if cwd is None else str(cwd)
        return self._submit(lambda writes: writes.service(name, folder))

    def put_sample(self, sample: Sample) -> Future[None]:
        """Store one instant of a service."""
        return self._submit(lambda writes: writes.sample(sample))

    def put_lives(self, service: str, lives: tuple[Life, ...]) -> Future[None]:
        """Store lives that have no reading to come with."""
        return self._submit(lambda writes: writes.lives(service, lives))

    def put_capture(self, service: str, row: CaptureRow) -> Future[None]:
        """Store the outcome of one census; without effect for a life that never had a reading."""
        return self._submit(lambda writes: writes.capture(service, row))

    def put_event(self, event: Event, *, service: str | None = None) -> Future[None]:
        """Store an event of a service, or of the sidecar itself."""
        return self._submit(lambda writes: writes.event(service, event))

    def status(self) -> StoreStatus:
        """Return how the store is now."""
        return StoreStatus(self._cap.size(), self._cap.bytes, self._error, self._failed, self._pruned)

    def close(self) -> None:
        """Write what is queued, then close the file; idempotent. Raises `StoreError` if that takes over ten seconds."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive():
            msg = f"the store {self.path} is still writing after {_CLOSE_SECONDS:.0f} s"
            raise StoreError(msg)
        self._db.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, run: Callable[[Writes], None]) -> Future[None]:
        done: Future[None] = Future()
        if self._closed:
            done.set_exception(StoreError("the store is closed"))
            return done
        try:
            self._queue.put_nowait(_Job(run, done))
        except queue.Full:
            self._failed += 1
            done.set_exception(StoreError(f"the store is {_QUEUE} writes behind"))
        return done

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            jobs = [job for job in batch if job is not None]
            if jobs:
                self._commit(jobs)
                self._trim()
            if None in batch:
                return

    def _next_batch(self) -> list[_Job | None]:
        batch = [self._queue.get()]
        with contextlib.suppress(queue.Empty):
            while len(batch) < _BATCH:
                batch.append(self._queue.get_nowait())
        return batch

    def _commit(self, jobs: list[_Job]) -> None:
        """Run *jobs* in one transaction; one that fails by itself leaves the others in, a full disk fails them all."""
        # A caller may have stopped waiting; what it asked for is written all the same.
        waiting = [job.done.set_running_or_notify_cancel() for job in jobs]
        failures: dict[int, Exception] = {}
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for index, job in enumerate(jobs):
                self._db.execute("SAVEPOINT job")
                try:
                    job.run(self._writes)
                except Exception as error:
                    if _is_disk(error) or not self._db.in_transaction:
                        raise
                    failures[index] = error
                    self._writes.forget()
                    self._db.execute("ROLLBACK TO job")
                self._db.execute("RELEASE job")
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers are told and the thread lives on
            self._give_up()
            failures = dict.fromkeys(range(len(jobs)), error)
        self._error = _sentence(self.path, next(iter(failures.values()))) if failures else None
        self._failed += len(failures)
        for index, job in enumerate(jobs):
            failure = failures.get(index)
            if not waiting[index]:
                continue
            if failure is None:
                job.done.set_result(None)
            else:
                job.done.set_exception(StoreError(_sentence(self.path, failure)))

    def _trim(self) -> None:
        try:
            pruned = self._cap.trim(self._db)
            if not pruned:
                return
            self._pruned += pruned
            self._writes.forget()
            text = f"oldest readings deleted to stay under {format_bytes(self._cap.bytes)}"
            self._writes.event(None, Event(self._clock(), "pruned", text, pruned))
        except sqlite3.Error as error:
            self._give_up()
            self._error = _sentence(self.path, error)

    def _give_up(self) -> None:
        self._writes.forget()
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _open(path: Path, cap_bytes: int) -> tuple[FileLock, sqlite3.Connection]:
    lock: FileLock | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        # Command lines may hold secrets: the history is for its owner's eyes. SQLite gives the WAL the same mode.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return lock, _connect(path, cap_bytes)
    except (OSError, sqlite3.Error, FloodmarkError) as error:
        if lock is not None:
            lock.release()
        raise _refusal(path, error) from None


def _refusal(path: Path, error: Exception) -> Exception:
    """Return what to say of a store that cannot be opened; a full disk is no fault of the command."""
    if _is_full(error):
        return StoreError(_sentence(path, error))
    if isinstance(error, OSError):
        return UsageError(f"the store {path} cannot be opened: {error.strerror or error}")
    if isinstance(error, sqlite3.Error):
        return UsageError(f"the store {path} cannot be opened: {error}", hint="move the file away for a new history")
    if isinstance(error, UsageError):
        return UsageError(f"the store {path} cannot be opened: {error.message}", hint=error.hint)
    return error


def _connect(path: Path, cap_bytes: int) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)
    try:
        check_ours(db)
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        # A commit then survives a power cut, for an fsync of the log each; there is one a reading.
        db.execute("PRAGMA synchronous = FULL")
        wal_bytes = min(4 << 20, cap_bytes // 32)
        db.execute(f"PRAGMA wal_autocheckpoint = {max(16, wal_bytes // 4096)}")
        db.execute(f"PRAGMA journal_size_limit = {wal_bytes}")
        migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _is_disk(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DISK_ERRORS


def _is_full(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    full = (errno.ENOSPC, errno.EDQUOT)
    return (isinstance(error, OSError) and error.errno in full) or (
        code is not None and code & 0xFF == sqlite3.SQLITE_FULL
    )


def _sentence(path: Path, error: BaseException) -> str:
    if _is_full(error):
        return f"there is no room on the disk for the store {path}"
    return f"the store {path} cannot be written: {error}"
