"""The tables, as an ordered list of migrations: each a named function, run once, in one transaction with its record.

Readings are clustered by service and time: a new one is an append, a window is one range, the oldest are one end.
"""

import sqlite3
from collections.abc import Callable
from typing import Final

from floodmark_sidecar.errors import UsageError

NUMBERS: Final = (
    "uss_bytes",
    "swap_bytes",
    "rss_bytes",
    "pss_bytes",
    "fds",
    "threads",
    "children",
    "python_blocks",
    "heap_used_bytes",
    "heap_free_bytes",
    "mmap_bytes",
    "tasks",
    "requests_total",
    "zombies",
)
"""The numeric columns of `readings`, named as the fields of `WorkerReading`; the last came by a migration."""


def first_tables(db: sqlite3.Connection) -> None:
    """Services, lives, the readings of workers and of maps, captures and events."""
    statements = (
        "CREATE TABLE services (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, cwd TEXT)",
        """CREATE TABLE lives (
            id INTEGER PRIMARY KEY, service_id INTEGER NOT NULL REFERENCES services, worker TEXT NOT NULL,
            life INTEGER NOT NULL, pid INTEGER NOT NULL, born REAL NOT NULL, started REAL NOT NULL, ended REAL,
            parent TEXT NOT NULL, command TEXT NOT NULL, python TEXT, agent TEXT NOT NULL,
            UNIQUE (service_id, worker, life))""",
        """CREATE TABLE ticks (
            service_id INTEGER NOT NULL, t REAL NOT NULL, masked INTEGER NOT NULL,
            PRIMARY KEY (service_id, t)) WITHOUT ROWID""",
        f"""CREATE TABLE readings (
            service_id INTEGER NOT NULL, t REAL NOT NULL, life_id INTEGER NOT NULL,
            {", ".join(f"{name} INTEGER" for name in NUMBERS[:-1])},
            PRIMARY KEY (service_id, t, life_id)) WITHOUT ROWID""",
        # What hardly ever changes about a map is said once a life; a changed bound is another row here.
        """CREATE TABLE maps (
            id INTEGER PRIMARY KEY, life_id INTEGER NOT NULL REFERENCES lives, name TEXT NOT NULL, kind TEXT NOT NULL,
            maxsize INTEGER, ttl REAL)""",
        "CREATE INDEX maps_by_life ON maps (life_id, name)",
        """CREATE TABLE map_readings (
            service_id INTEGER NOT NULL, t REAL NOT NULL, map_id INTEGER NOT NULL,
            entries INTEGER NOT NULL, bytes INTEGER, adds INTEGER, removes INTEGER,
            PRIMARY KEY (service_id, t, map_id)) WITHOUT ROWID""",
        """CREATE TABLE containers (
            life_id INTEGER NOT NULL, container_id INTEGER NOT NULL, name TEXT NOT NULL,
            PRIMARY KEY (life_id, container_id)) WITHOUT ROWID""",
        """CREATE TABLE captures (
            id INTEGER PRIMARY KEY, life_id INTEGER NOT NULL REFERENCES lives, t REAL NOT NULL, path TEXT, refused TEXT,
            seconds REAL, stall_seconds REAL)""",
        "CREATE INDEX captures_by_life ON captures (life_id, t)",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY, service_id INTEGER, t REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
            count INTEGER NOT NULL)""",
    )
    for statement in statements:
        db.execute(statement)


def kinds_of_capture(db: sqlite3.Connection) -> None:
    """What was asked for: a census, or what survives of a trace window."""
    db.execute("ALTER TABLE captures ADD COLUMN kind TEXT NOT NULL DEFAULT 'census'")


def triggers_of_captures(db: sqlite3.Connection) -> None:
    """On whose account it was taken."""
    db.execute('ALTER TABLE captures ADD COLUMN "trigger" TEXT')


def zombies(db: sqlite3.Connection) -> None:
    """Children of a worker that ended, and that it has not waited for."""
    db.execute("ALTER TABLE readings ADD COLUMN zombies INTEGER")


MIGRATIONS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (
    first_tables,
    kinds_of_capture,
    triggers_of_captures,
    zombies,
)


def check_ours(db: sqlite3.Connection) -> None:
    """Refuse a database that another program made, before anything in it is changed."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if tables and "migrations" not in tables:
        msg = f"it is another program's database (it has a table {min(tables)!r})"
        raise UsageError(msg, hint="--store names a file of floodmark's own; it is made if it is not there")


def migrate(db: sqlite3.Connection) -> None:
    """Bring *db* (in autocommit mode) to the newest schema; refuses one that a newer floodmark wrote."""
    db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, t TEXT DEFAULT CURRENT_TIMESTAMP)")
    done = _done(db)
    for step in MIGRATIONS:
        if step.__name__ in done:
            continue
        db.execute("BEGIN IMMEDIATE")
        try:
            step(db)
            db.execute("INSERT INTO migrations (name) VALUES (?)", (step.__name__,))
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def check_newest(db: sqlite3.Connection) -> None:
    """Refuse a database that another program made, or another version of this one."""
    check_ours(db)
    lacking = [step.__name__ for step in MIGRATIONS if step.__name__ not in _done(db)]
    if lacking:
        msg = f"it was written by an older floodmark (it lacks {', '.join(lacking)})"
        raise UsageError(msg, hint="floodmark serve --store brings it up to date and keeps what it has")


def _done(db: sqlite3.Connection) -> set[str]:
    """Return the migrations that *db* has had; refuses one that a newer floodmark wrote."""
    done = {name for (name,) in db.execute("SELECT name FROM migrations").fetchall()}
    unknown = done - {step.__name__ for step in MIGRATIONS}
    if unknown:
        msg = f"it was written by a newer floodmark (it has {', '.join(sorted(unknown))})"
        raise UsageError(msg, hint="use that version, or another file")
    return done
