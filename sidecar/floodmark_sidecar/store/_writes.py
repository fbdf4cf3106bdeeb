"""What the writer does with one sample, life, capture or event. Runs inside the writer's transaction."""

import sqlite3
from collections.abc import Iterable
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from floodmark_sidecar.readings import MapReading, WorkerReading
from floodmark_sidecar.store._rows import CaptureRow, Event, Life, Sample
from floodmark_sidecar.store._schema import NUMBERS

_LIFE: Final = tuple(field.name for field in fields(Life))
_numbers: Final = attrgetter(*NUMBERS)

_PUT_LIFE: Final = (
    f"INSERT INTO lives (service_id, {', '.join(_LIFE)}) VALUES (?{', ?' * len(_LIFE)}) "  # noqa: S608 - fixed names
    "ON CONFLICT (service_id, worker, life) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in _LIFE if name not in {'worker', 'life', 'started'})} RETURNING id"
)
_PUT_READING: Final = (
    f"INSERT OR REPLACE INTO readings (service_id, t, life_id, {', '.join(NUMBERS)}) "  # noqa: S608 - fixed names
    f"VALUES (?, ?, ?{', ?' * len(NUMBERS)})"
)
_KEPT_EVENTS: Final = 10_000


class Writes:
    """The statements of the store, with what they remember of rows already there. Not thread-safe: the writer's own."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._services: dict[str, int] = {}
        self._lives: dict[tuple[int, str, int], tuple[int, Life]] = {}
        self._maps: dict[tuple[int, str], tuple[int, MapReading]] = {}

    def forget(self) -> None:
        """Remember nothing any more: rows may have been rolled back or deleted."""
        self._services.clear()
        self._lives.clear()
        self._maps.clear()

    def service(self, name: str, cwd: str | None) -> None:
        """Know a service, and the folder it runs in when that is given."""
        row = (self._service(name), cwd)
        if cwd is not None:
            self._db.execute("UPDATE services SET cwd = ?2 WHERE id = ?1", row)

    def sample(self, sample: Sample) -> None:
        """Store one instant of one service: its lives as they are now, and the numbers of each."""
        service = self._service(sample.service)
        put = self._db.execute
        for life in sample.ended:
            self._end(service, life)
        if sample.rows:
            put("INSERT OR REPLACE INTO ticks VALUES (?, ?, ?)", (service, sample.t, sample.masked))
        for life, reading in sample.rows:
            life_id = self._life(service, life)
            put(_PUT_READING, (service, sample.t, life_id, *_numbers(reading)))
            self._db.executemany(
                "INSERT OR REPLACE INTO map_readings VALUES (?, ?, ?, ?, ?, ?, ?)",
                self._map_rows(service, sample.t, life_id, reading),
            )

    def lives(self, service: str, lives: Iterable[Life]) -> None:
        """Store lives without readings, as a sidecar does that finds them ended when it starts."""
        service_id = self._service(service)
        for life in lives:
            self._life(service_id, life)

    def capture(self, service: str, row: CaptureRow) -> None:
        """Store the outcome of one census; the life it belongs to is known from its readings."""
        self._db.execute(
            """INSERT INTO captures (life_id, t, path, refused, seconds, stall_seconds, kind, "trigger")
            SELECT id, ?, ?, ?, ?, ?, ?, ? FROM lives WHERE service_id = ? AND worker = ? AND life = ?""",
            (
                row.t,
                row.path,
                row.refused,
                row.seconds,
                row.stall_seconds,
                row.kind,
                row.trigger,
                self._service(service),
                row.worker,
                row.life,
            ),
        )

    def event(self, service: str | None, event: Event) -> None:
        """Store an event; one that repeats within a day adds to the count of the first."""
        service_id = None if service is None else self._service(service)
        day = event.t - event.t % 86400
        known = self._db.execute(
            "SELECT id FROM events WHERE kind = ? AND service_id IS ? AND text = ? AND t >= ? ORDER BY id DESC LIMIT 1",
            (event.kind, service_id, event.text, day),
        ).fetchone()
        if known:
            self._db.execute("UPDATE events SET t = ?, count = count + ? WHERE id = ?", (event.t, event.count, *known))
            return
        self._db.execute(
            "INSERT INTO events (service_id, t, kind, text, count) VALUES (?, ?, ?, ?, ?)",
            (service_id, event.t, event.kind, event.text, event.count),
        )
        self._db.execute("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", (_KEPT_EVENTS,))

    def _service(self, name: str) -> int:
        known = self._services.get(name)
        if known is None:
            self._db.execute("INSERT OR IGNORE INTO services (name) VALUES (?)", (name,))
            (known,) = self._db.execute("SELECT id FROM services WHERE name = ?", (name,)).fetchone()
            self._services[name] = known
        return known

    def _life(self, service: int, life: Life) -> int:
        key = (service, life.worker, life.life)
        known = self._lives.get(key)
        if known is None or known[1] != life:
            (life_id,) = self._db.execute(_PUT_LIFE, (service, *(getattr(life, name) for name in _LIFE))).fetchone()
            known = self._lives[key] = (life_id, life)
        return known[0]

    def _end(self, service: int, life: Life) -> None:
        life_id = self._life(service, life)
        self._lives.pop((service, life.worker, life.life), None)
        for key in [key for key in self._maps if key[0] == life_id]:
            del self._maps[key]

    def _map_rows(self, service: int, t: float, life_id: int, reading: WorkerReading) -> list[tuple[Any, ...]]:
        return [(service, t, self._map(life_id, m), m.entries, m.bytes, m.adds, m.removes) for m in reading.maps]

    def _map(self, life_id: int, reading: MapReading) -> int:
        key = (life_id, reading.name)
        known = self._maps.get(key)
        same = known and (known[1].kind, known[1].maxsize, known[1].ttl) == (reading.kind, reading.maxsize, reading.ttl)
        if known and same and known[1].container_ids == reading.container_ids:
            return known[0]
        map_id = known[0] if known and same else self._put_map(life_id, reading)
        self._db.executemany(
            "INSERT OR REPLACE INTO containers VALUES (?, ?, ?)",
            [(life_id, container, reading.name) for container in reading.container_ids],
        )
        self._maps[key] = (map_id, reading)
        return map_id

    def _put_map(self, life_id: int, reading: MapReading) -> int:
        row = (life_id, reading.name, reading.kind, reading.maxsize, reading.ttl)
        known = self._db.execute(
            "SELECT id FROM maps WHERE life_id = ? AND name = ? AND kind = ? AND maxsize IS ? AND ttl IS ?", row
        ).fetchone()
        if known:
            return int(known[0])
        inserted = self._db.execute("INSERT INTO maps (life_id, name, kind, maxsize, ttl) VALUES (?, ?, ?, ?, ?)", row)
        return int(inserted.lastrowid or 0)
