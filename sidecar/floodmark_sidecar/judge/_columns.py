"""The columns of a trace: which there are, in which order they are written, and how a map's are named."""

from typing import Final

NUMBERS: Final = (
    "uss_bytes",
    "swap_bytes",
    "rss_bytes",
    "python_blocks",
    "heap_used_bytes",
    "heap_free_bytes",
    "mmap_bytes",
    "requests_total",
    "sessions",
    "threads",
    "fds",
    "tasks",
    "zombies",
)
LABELS: Final = ("worker", "life", "segment")
FIELDS: Final = ("entries", "maxsize", "ttl", "bytes", "adds", "removes")
"""What is known of one map in one reading, the last part of `map.<name>.<field>`."""

ORDER: Final = ("t", *LABELS, "masked", *NUMBERS)
"""The order of a written trace; maps follow by name."""


def split_map(column: str) -> tuple[str, str] | None:
    """Return (name, field) of a map's column, or None for any other; a name may hold dots itself."""
    if not column.startswith("map."):
        return None
    name, _, field = column[4:].rpartition(".")
    return (name, field) if name and field in FIELDS else None


def _is_measured(column: str) -> bool:
    """Say whether *column* holds measured numbers the judge knows."""
    return column in NUMBERS or split_map(column) is not None


def is_numeric(column: str) -> bool:
    """Say whether *column* holds numbers at all: measured ones, the time, or whether a reading is masked."""
    return column in {"t", "masked"} or _is_measured(column)


def known(column: str) -> bool:
    """Say whether *column* is one that a trace is read from."""
    return column in LABELS or is_numeric(column)


def in_order(columns: set[str]) -> list[str]:
    """Return the known ones among *columns*, in the order of a written trace."""
    maps = sorted(parts for column in columns if (parts := split_map(column)))
    by_field = sorted(maps, key=lambda parts: (parts[0], FIELDS.index(parts[1])))
    return [column for column in ORDER if column in columns] + [f"map.{name}.{field}" for name, field in by_field]
