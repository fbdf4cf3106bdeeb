"""Keeps file + WAL under their cap by deleting the oldest readings, a bounded piece at a time."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

_PIECE: Final = 20_000
"""Rows deleted in one transaction, fewer in a small store: some megabytes of WAL, some tens of milliseconds."""

_ROW_BYTES: Final = 60

_PAGES: Final = 512
"""Pages given back to the file system between two checkpoints; each goes through the WAL."""

_ROUNDS: Final = 64


class Cap:
    """The limit on one store's size in bytes. Owned by the writer thread.

    Trimming starts at nine tenths of the cap, so that the commit and the WAL that lead there still fit under it.
    """

    def __init__(self, path: Path, cap_bytes: int) -> None:
        self._files = (path, path.with_name(f"{path.name}-wal"))
        self.bytes = cap_bytes
        self._high = cap_bytes * 9 // 10
        self._low = cap_bytes * 17 // 20
        self._piece = min(_PIECE, cap_bytes // 20 // _ROW_BYTES)

    def size(self) -> int:
        """Return the bytes that file and WAL take now."""
        total = 0
        for file in self._files:
            with contextlib.suppress(OSError):
                total += file.stat().st_size
        return total

    def trim(self, db: sqlite3.Connection) -> int:
        """Delete the oldest readings until the store is well under its cap; returns how many worker readings went.

        While a reader keeps the WAL from being emptied, deleting would only add to it: the next commit tries again.
        """
        if self.size() <= self._high:
            return 0
        deleted = 0
        for _ in range(_ROUNDS):
            if _is_pinned(db) or self.size() <= self._low:
                break
            (free,) = db.execute("PRAGMA freelist_count").fetchone()
            if not free:
                rows, went = _delete_oldest(db, self._piece)
                deleted += went
                if not rows:
                    break
            db.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        return deleted


def _is_pinned(db: sqlite3.Connection) -> bool:
    """Empty the WAL without waiting for anybody; true if a reader is in the way."""
    (patience,) = db.execute("PRAGMA busy_timeout").fetchone()
    db.execute("PRAGMA busy_timeout = 0")
    try:
        (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        db.execute(f"PRAGMA busy_timeout = {patience}")
    return bool(busy)


def _delete_oldest(db: sqlite3.Connection, piece: int) -> tuple[int, int]:
    """Delete one piece of the oldest service's history, and what only it had; returns (rows, worker readings)."""
    oldest = db.execute(
        """SELECT id, first FROM (SELECT id, (SELECT min(t) FROM ticks WHERE service_id = services.id) AS first FROM services)
        WHERE first IS NOT NULL ORDER BY first LIMIT 1"""
    ).fetchone()
    if oldest is None:
        return 0, 0
    service, first = oldest
    (workers,) = db.execute("SELECT count(*) FROM readings WHERE service_id = ? AND t = ?", (service, first)).fetchone()
    (maps,) = db.execute(
        "SELECT count(*) FROM map_readings WHERE service_id = ? AND t = ?", (service, first)
    ).fetchone()
    ticks = max(1, piece // (1 + workers + maps))
    (last,) = db.execute(
        "SELECT max(t) FROM (SELECT t FROM ticks WHERE service_id = ? ORDER BY t LIMIT ?)", (service, ticks)
    ).fetchone()
    upto = (service, last)
    db.execute("BEGIN IMMEDIATE")
    rows = db.execute("DELETE FROM map_readings WHERE service_id = ? AND t <= ?", upto).rowcount
    went = db.execute("DELETE FROM readings WHERE service_id = ? AND t <= ?", upto).rowcount
    rows += went + db.execute("DELETE FROM ticks WHERE service_id = ? AND t <= ?", upto).rowcount
    gone = "SELECT id FROM lives WHERE service_id = ? AND ended IS NOT NULL AND ended <= ?"
    for table in ("maps", "containers", "captures"):
        db.execute(f"DELETE FROM {table} WHERE life_id IN ({gone})", upto)  # noqa: S608 - fixed names
    db.execute(f"DELETE FROM lives WHERE id IN ({gone})", upto)  # noqa: S608 - a fixed text
    db.execute("DELETE FROM captures WHERE life_id IN (SELECT id FROM lives WHERE service_id = ?) AND t <= ?", upto)
    db.execute("COMMIT")
    return rows, went
