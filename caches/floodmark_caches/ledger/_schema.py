"""The tables of a ledger's file: made in an empty file, and looked for in any other before it is used."""

import sqlite3
import time
from pathlib import Path
from typing import Final

from floodmark_caches._primitives import sleep
from floodmark_caches.ledger._errors import LedgerFileError

_APPLICATION: Final = 0x464C4D4C
"""Stands in the file's header and says that it is a ledger of ours."""
_VERSION: Final = 2
_RETRY_SECONDS: Final = 0.005
_WAL_LIMIT_BYTES: Final = 1 << 20

_SCHEMA: Final = (
    """CREATE TABLE tasks (
        serial INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, token TEXT NOT NULL, kind TEXT NOT NULL, key TEXT,
        state TEXT NOT NULL, started REAL NOT NULL, due REAL NOT NULL, ended REAL, pid INTEGER NOT NULL,
        error_type TEXT, error TEXT, result_json TEXT,
        keep REAL NOT NULL, key_ttl REAL NOT NULL,
        worker TEXT NOT NULL, boot TEXT NOT NULL, alive_clock REAL NOT NULL, due_clock REAL NOT NULL,
        ended_serial INTEGER,
        CHECK ((ended IS NULL) = (state = 'active')))""",
    "CREATE INDEX tasks_by_key ON tasks (key, serial) WHERE key IS NOT NULL",
    "CREATE INDEX tasks_active ON tasks (due_clock, alive_clock, boot, started) WHERE ended IS NULL",
    "CREATE INDEX tasks_of_worker ON tasks (worker, started) WHERE ended IS NULL",
    "CREATE INDEX tasks_finished ON tasks (ended_serial) WHERE ended IS NOT NULL",
    """CREATE TABLE totals (
        one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL,
        started INTEGER NOT NULL DEFAULT 0, completed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
        timed_out INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0, late INTEGER NOT NULL DEFAULT 0,
        evicted INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0)""",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
)


def prepare(db: sqlite3.Connection, path: Path, name: str, patience: float) -> None:
    """See that the file is this ledger's before anything in it is changed; make the tables if it is empty."""
    new = _is_new(db, path)
    _log_ahead(db, path, patience)
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    if new:
        _make(db, path, name)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != _VERSION:
        reason = f"it is a ledger of version {version}, this is version {_VERSION}"
        raise LedgerFileError(path, reason, "use the version of floodmark that wrote it, or another file")
    found = db.execute("SELECT name FROM totals").fetchone()[0]
    if found != name:
        reason = f"it holds the ledger {found!r}, not {name!r}"
        hint = f"give it the name {found!r}, or the ledger {name!r} a file of its own"
        raise LedgerFileError(path, reason, hint)


def check(db: sqlite3.Connection, path: Path) -> None:
    """See that every page is whole; some milliseconds for a ledger at its bound."""
    fault = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise damaged(path, fault)


def damaged(path: Path, fault: str) -> LedgerFileError:
    """What to raise for a file that cannot be read as a ledger."""
    hint = "move it away, with its -wal and -shm files; the ledger begins anew without it"
    return LedgerFileError(path, f"it is no ledger, or is damaged ({fault})", hint)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection was in the way."""
    return code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def code(error: sqlite3.Error) -> int:
    """The primary result code of SQLite; 0 for an error of Python's own layer."""
    extended: int = getattr(error, "sqlite_errorcode", 0)
    return extended & 0xFF


def _is_new(db: sqlite3.Connection, path: Path) -> bool:
    """Whether nobody has made the tables yet; refuses what is neither a ledger nor empty."""
    tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    # Read last: a worker who makes the tables between two of these lines sets it with them.
    application = db.execute("PRAGMA application_id").fetchone()[0]
    if application == _APPLICATION:
        return False
    if tables or version or application:
        raise LedgerFileError(path, "it is another program's database", "name a file of the ledger's own")
    return True


def _log_ahead(db: sqlite3.Connection, path: Path, patience: float) -> None:
    """Switch to the write-ahead log; SQLite does not wait by itself for others who do the same just now."""
    deadline = time.monotonic() + patience
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
            sleep(_RETRY_SECONDS)  # under the file's lock, which is of the same kind
            continue
        if mode != "wal":
            reason = f"its file system allows no write-ahead log (journal mode {mode})"
            raise LedgerFileError(path, reason, "name a file on a local disk")
        return


def _make(db: sqlite3.Connection, path: Path, name: str) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        if _is_new(db, path):
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute("INSERT INTO totals (one, name) VALUES (1, ?)", (name,))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
