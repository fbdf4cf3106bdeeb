"""The names of capture files: by the worker's slot, which process in it this was, and when. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_NAME: Final = re.compile(
    r"(?P<worker>.+)\.life(?P<life>\d{1,9})\.(?P<stamp>\d{8}T\d{9}Z)(?:\.(?P<kind>trace|native|trim))?\.json(?:\.gz)?"
)
_UNFINISHED: Final = re.compile(rf"{_NAME.pattern}(?:\.memray)?\.\d+\.part")


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """What the name of a capture file says: its worker's slot, the process in it, and a stamp that sorts by time.

    `kind` is `census`, `trace`, `native` or `trim`.
    """

    worker: str
    life: int
    stamp: str
    kind: str = "census"

    @classmethod
    def at(cls, worker: str, life: int, t: float, *, kind: str = "census") -> "CaptureFile":
        """Return the file of a capture that began at *t* (epoch seconds)."""
        return cls(worker, life, f"{datetime.fromtimestamp(t, UTC).strftime('%Y%m%dT%H%M%S%f')[:-3]}Z", kind)

    @classmethod
    def named(cls, name: str) -> "CaptureFile | None":
        """Return what the file *name*, plain or in gzip, says; None if it is not one of a sidecar's."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        return cls(found["worker"], int(found["life"]), found["stamp"], found["kind"] or "census")

    @staticmethod
    def is_unfinished(name: str) -> bool:
        """Say whether *name* is that of a capture file while an agent still writes it."""
        return _UNFINISHED.fullmatch(name) is not None

    @property
    def name(self) -> str:
        """The name of the file as a sidecar writes it."""
        kind = "" if self.kind == "census" else f".{self.kind}"
        return f"{self.worker}.life{self.life}.{self.stamp}{kind}.json"
