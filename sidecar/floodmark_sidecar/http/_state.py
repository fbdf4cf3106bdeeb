"""What the handlers of HTTP requests work with."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from floodmark_sidecar.captures import Captures
from floodmark_sidecar.http._assessments import Assessments
from floodmark_sidecar.store import Reader, Sample, StoreStatus


class Seen(Protocol):
    """What the sampler tells: the newest sample of each service, and which watched roots still run."""

    @property
    def latest(self) -> Mapping[str, Sample]:
        """The newest sample of each service."""

    @property
    def roots(self) -> Mapping[str, tuple[int, bool]]:
        """The root pid of each watched service, and whether it still runs."""


class Status(Protocol):
    """What the store tells of itself."""

    def status(self) -> StoreStatus:
        """Return how the store is now."""


@dataclass(frozen=True)
class State:
    """The sidecar as the HTTP side sees it. `token` is what changes need; `loopback` says where it listens."""

    store_path: Path
    store: Status
    seen: Seen
    captures: Captures
    read_every: float
    token: str | None = None
    loopback: bool = True
    started: float = field(default_factory=time.time)
    version: str = field(default_factory=lambda: version("floodmark"))
    assessments: Assessments = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "assessments", Assessments(self.store_path))

    def reader(self) -> Reader:
        """Return a reader of the store, for one request in one thread."""
        return Reader(self.store_path)

    @property
    def last_reading_age(self) -> float | None:
        """Seconds since the newest reading of any service, None before the first."""
        newest = max((sample.t for sample in self.seen.latest.values()), default=None)
        return None if newest is None else max(0.0, time.time() - newest)
