"""History on disk: one SQLite file in WAL mode, one writer thread, short-lived readers."""

from floodmark_sidecar.store._map_series import MapChart, MapSeries, map_series
from floodmark_sidecar.store._reader import Reader
from floodmark_sidecar.store._rows import CaptureRow, Event, Life, Sample
from floodmark_sidecar.store._series import WorkerSeries, worker_series
from floodmark_sidecar.store._store import DEFAULT_CAP_BYTES, MIN_CAP_BYTES, Store, StoreError, StoreStatus

__all__ = [
    "DEFAULT_CAP_BYTES",
    "MIN_CAP_BYTES",
    "CaptureRow",
    "Event",
    "Life",
    "MapChart",
    "MapSeries",
    "Reader",
    "Sample",
    "Store",
    "StoreError",
    "StoreStatus",
    "WorkerSeries",
    "map_series",
    "worker_series",
]
