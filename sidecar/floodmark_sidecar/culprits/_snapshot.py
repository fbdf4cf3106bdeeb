"""One capture, and the process it is of, as it is compared with another. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from floodmark_sidecar.culprits._capture import Capture, _count, _text, parse_capture
from floodmark_sidecar.culprits._lines import Window, parse_window


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One capture and what it says of its process.

    `capture.worker` is `""` and `capture.life` 0 where nobody knows them; the other fields are None then. Of a trace
    window, which has no census, `capture` has the time and the worker alone, and `window` the lines.
    """

    capture: Capture
    service: str | None
    pid: int | None
    python: str | None
    window: Window | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return which process this is of, and when it was taken (UTC epoch seconds)."""
        return {
            "service": self.service,
            "worker": self.capture.worker or None,
            "life": self.capture.life or None,
            "pid": self.pid,
            "python": self.python,
            "t": self.capture.t,
        }

    def is_of_the_process_of(self, other: "Snapshot") -> bool:
        """Say whether both are of one process, as far as the captures can tell: a pid alone may be used again."""
        places = [(one.capture.worker, one.capture.life) for one in (self, other)]
        known = all(worker for worker, _ in places)
        return (
            self.pid is not None
            and (self.service, self.pid, self.python) == (other.service, other.pid, other.python)
            and (not known or places[0] == places[1])
        )


def parse_snapshot(obj: Mapping[str, Any], *, worker: str = "", life: int = 0) -> Snapshot:
    """Return the capture in *obj*; raises `ValueError` that says what is wrong. Unknown keys are ignored."""
    kind = obj.get("kind", "census")
    if kind not in ("census", "trace"):
        msg = f"it is of kind {kind!r:.40}, which has neither a census nor traces"
        raise ValueError(msg)
    window = parse_window(obj, worker=worker, life=life) if kind == "trace" else None
    return Snapshot(
        capture=parse_capture(obj, worker=worker, life=life)
        if window is None
        else Capture(worker, life, window.t, complete=True, containers=()),
        service=_text(obj, "service", "the capture"),
        pid=None if obj.get("pid") is None else _count(obj, "pid", "the capture"),
        python=_text(obj, "python", "the capture"),
        window=window,
    )
