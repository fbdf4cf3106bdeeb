"""History as if time had gone more slowly: a judge wants minutes, and a test has seconds."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from floodmark_sidecar.store import CaptureRow, Reader


class SlowReader(Reader):
    """Reads the store at *path* with every time since its first reading multiplied by *stretch*.

    Sizes stay, so rates are so much lower. Capture files are read from copies beside them. Not thread-safe.
    """

    def __init__(self, path: Path, service: str, *, stretch: float) -> None:
        super().__init__(path)
        self._stretch = stretch
        span = self.span(service)
        self._start = span[0] if span else 0.0

    def rows(
        self, service: str, *, since: float | None = None, until: float | None = None, at_most: int | None = None
    ) -> Iterator[dict[str, object]]:
        """Yield the service's trace; see `Reader.rows`. *since* and *until* are times of the store."""
        for row in super().rows(service, since=since, until=until, at_most=at_most):
            yield {**row, "t": self._later(row["t"])}

    def captures(self, service: str) -> list[CaptureRow]:
        """Return every capture that was asked for, oldest first."""
        return [
            replace(row, t=self._later(row.t), path=row.path and self._copied(Path(row.path)))
            for row in super().captures(service)
        ]

    def _later(self, t: object) -> float:
        assert isinstance(t, float)
        return self._start + (t - self._start) * self._stretch

    def _copied(self, path: Path) -> str:
        content = json.loads(path.read_bytes())
        content["t"] = self._later(content["t"])
        if "window_seconds" in content:
            content["window_seconds"] *= self._stretch
            content["look_seconds"] = [at * self._stretch for at in content["look_seconds"]]
        slow = path.with_name(f"slow-{path.name}")
        slow.write_text(json.dumps(content), encoding="utf-8")
        return str(slow)
