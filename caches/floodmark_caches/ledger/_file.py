"""The file of a ledger: opened with care, one connection for all threads of this process, none over a fork."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from floodmark_caches._fork import LOCKS_NEXT, at_fork
from floodmark_caches._primitives import new_rlock
from floodmark_caches.ledger._errors import LedgerBusy, LedgerFileError
from floodmark_caches.ledger._reentry import refuse_reentry
from floodmark_caches.ledger._schema import check, code, damaged, is_busy, prepare

T = TypeVar("T")

_SMALLEST_PAGE: Final = 512

_crossed_a_fork: list[sqlite3.Connection | None] = []
"""Connections that a child inherited in the middle of their use, kept from being closed: the locks are its parent's."""


class LedgerFile:
    """The connection to one ledger file; LedgerBusy and LedgerFileError are the only errors it raises for the file.

    Thread-safe: threads take turns. Commits are in the file when they return and survive the end of the process; after
    a power cut the last ones may be missing, the rest is whole. No wait for our own threads, and then none for other
    processes, is longer than `patience` seconds.
    """

    def __init__(self, path: Path, name: str, patience: float) -> None:
        self.path = path
        self._name = name
        self._patience = patience
        self._lock = new_rlock()  # of the sweeper's kind: it is the other one who takes it
        self._db: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._ours = True
        self._torn = False
        self._checked = False
        self._no_fork = threading.Event()
        self._no_fork.set()
        at_fork(LOCKS_NEXT, self._before_fork, self._after_fork)

    def look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` reads in the file as it is at one instant."""
        return self._alone("BEGIN", work)

    def turn(self, work: Callable[[sqlite3.Connection], T], then: Callable[[], object]) -> T:
        """Have `work` write, with the file for us alone: all of it is committed, or nothing if it raises.

        `then` is called when it is committed, before another thread of ours has its turn.
        """
        return self._alone("BEGIN IMMEDIATE", work, then)

    def close(self) -> None:
        """Close the connection; the next use opens another. Nothing happens while another thread uses it for long."""
        lock = self._lock
        refuse_reentry(lock, self._name)
        try:
            if lock.acquire(timeout=self._patience):
                self._close()
        finally:
            try:  # noqa: SIM105 - see below
                lock.release()
            except RuntimeError:
                pass

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self._close()

    # Plain functions, no context managers: an exception of a signal handler can come between two lines of one.

    def _alone(
        self, begin: str, work: Callable[[sqlite3.Connection], T], then: Callable[[], object] | None = None
    ) -> T:
        lock = self._lock
        refuse_reentry(lock, self._name)
        # Who forks goes first; a lock alone would let busy threads pass it on among themselves.
        if not (self._no_fork.is_set() or self._no_fork.wait(self._patience)):
            raise LedgerBusy(self.path, self._patience)
        try:
            if not lock.acquire(timeout=self._patience):
                raise LedgerBusy(self.path, self._patience)
            return self._translated(begin, work, then)
        finally:
            # No note of having it either: the exception could come before the note is made.
            try:  # noqa: SIM105 - see above
                lock.release()
            except RuntimeError:
                pass  # the wait for it was in vain

    def _translated(self, begin: str, work: Callable[[sqlite3.Connection], T], then: Callable[[], object] | None) -> T:
        try:
            return self._transaction(begin, work, then)
        except sqlite3.Error as error:
            raise self._said(error) from error
        except OSError as error:
            reason = f"it cannot be opened: {error.strerror or error}"
            raise LedgerFileError(
                self.path, reason, "name a file in a folder that exists and may be written"
            ) from error

    def _transaction(self, begin: str, work: Callable[[sqlite3.Connection], T], then: Callable[[], object] | None) -> T:
        db = self._connection()
        if db.in_transaction:  # an exception cut the last one short, and its end as well
            db.execute("ROLLBACK")
        try:
            db.execute(begin)
            done = work(db)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        if then is not None:
            then()
        return done

    def _connection(self) -> sqlite3.Connection:
        if self._torn:
            reason = "this process was forked while a thread of its parent was using it"
            raise LedgerFileError(self.path, reason, "fork where no thread waits for the file, or start anew with exec")
        if self._db is None:
            self._db = self._opened()
        elif _identity(self.path) != self._identity:
            # Other processes have another truth by now, and to close ours would harm their log, which goes by name.
            raise LedgerFileError(self.path, "it was removed or replaced while in use", "start the workers again")
        return self._db

    def _opened(self) -> sqlite3.Connection:
        # Keys and messages may hold secrets: the file is for its owner's eyes. SQLite gives its log the same mode.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))
        # SQLite takes less than a page of anything for an empty database. The file is not read to see what it is: to
        # close it again would take the locks of every other connection of this process.
        size = self.path.stat().st_size
        if 0 < size < _SMALLEST_PAGE:
            fault = f"it has {size} bytes"
            raise damaged(self.path, fault)
        db = sqlite3.connect(self.path, timeout=self._patience, isolation_level=None, check_same_thread=False)
        try:
            prepare(db, self.path, self._name, self._patience)
            if not self._checked:
                check(db, self.path)
                self._checked = True
        except BaseException:
            db.close()
            raise
        self._identity = _identity(self.path)
        return db

    def _said(self, error: sqlite3.Error) -> Exception:
        if is_busy(error):
            return LedgerBusy(self.path, self._patience)
        if code(error) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return damaged(self.path, str(error))
        if code(error) == sqlite3.SQLITE_FULL:
            return LedgerFileError(self.path, "the disk is full", "make room on the disk")
        if code(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            hint = "let this user write the file and its folder"
            return LedgerFileError(self.path, f"it cannot be opened or written ({error})", hint)
        return LedgerFileError(self.path, f"SQLite says: {error}", "see whether the disk is sound and has room")

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _before_fork(self, patience: float) -> None:
        self._no_fork.clear()
        self._ours = self._lock.acquire(timeout=patience)
        if self._ours:
            with contextlib.suppress(sqlite3.Error):
                self._close()

    def _after_fork(self, in_child: bool) -> None:
        if in_child:
            if not self._ours:
                # SQLite's own memory of who has which lock was copied in the middle: another connection trusts it, too.
                self._torn = True
                _crossed_a_fork.append(self._db)
                self._db = None
            self._lock = new_rlock()
            self._no_fork = threading.Event()
        elif self._ours:
            self._lock.release()
        self._no_fork.set()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
