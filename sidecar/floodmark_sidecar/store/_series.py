"""Memory for charts: a bounded number of instants, picked by index searches, whatever history holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from floodmark_sidecar.store._reader import Reader

_ROWS: Final = 30_000
"""Rows behind one answer; services with very many maps get fewer instants rather than slower answers."""


@dataclass(frozen=True, slots=True)
class WorkerSeries:
    """Memory (USS + swap, bytes) of each worker slot and of all together at the times `t`; None is "not measured"."""

    t: tuple[float, ...]
    masked: tuple[bool, ...]
    workers: Mapping[str, tuple[int | None, ...]]
    total: tuple[int | None, ...]


def worker_series(
    reader: Reader, service: str, *, since: float | None = None, until: float | None = None, points: int
) -> WorkerSeries:
    """Return the memory of a service's workers at no more than *points* instants."""
    width = reader.width(service, since=since, until=until)[0]
    times = reader.ticks(service, since=since, until=until, at_most=affordable(width, points))
    place = {t: index for index, t in enumerate(times)}
    masked = [False] * len(times)
    workers: dict[str, list[int | None]] = {}
    total: list[int | None] = [None] * len(times)
    for t, worker, memory, mask in reader.at(
        times,
        """SELECT r.t, l.worker, r.uss_bytes + ifnull(r.swap_bytes, 0), k.masked FROM readings r
        JOIN lives l ON l.id = r.life_id JOIN ticks k ON k.service_id = r.service_id AND k.t = r.t
        WHERE r.service_id = ? AND r.t IN ({times}) ORDER BY l.worker""",
        service,
    ):
        index = place[t]
        masked[index] = bool(mask)
        workers.setdefault(worker, [None] * len(times))[index] = memory
        if memory is not None:
            total[index] = (total[index] or 0) + memory
    return WorkerSeries(
        tuple(times), tuple(masked), {name: tuple(line) for name, line in workers.items()}, tuple(total)
    )


def affordable(rows: int, points: int) -> int:
    """Return how many instants of *rows* rows each an answer of at most *points* may have."""
    return max(2, min(points, _ROWS // max(1, rows)))
