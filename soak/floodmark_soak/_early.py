"""Looks at a run before its end: growth beyond doubt need not be watched for a day. No look ever passes a run."""

import sqlite3
from collections.abc import Callable
from typing import Any, Protocol

from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.judge import Verdict, looks
from floodmark_sidecar.units import format_duration


class Pending(Protocol):
    """The verdict of a look that is under way."""

    @property
    def done(self) -> bool:
        """True when `result` has an answer."""

    def result(self) -> Verdict:
        """Return the verdict, or raise what kept it from being had."""


class Early:
    """The looks at a run of *planned* seconds that are still due after the first *seen*; *begin* starts to take one.

    Not thread-safe; what *begin* returns may be at work in a thread of its own.
    """

    def __init__(self, begin: Callable[[], Pending], *, planned: float, seen: float) -> None:
        self._begin = begin
        self._planned = planned
        self._due = [at for at in looks(planned) if at > seen]
        self._pending: Pending | None = None

    def found(self, elapsed: float) -> str | None:
        """Take a look if one is due *elapsed* seconds into the run; return what to say once one has shown a climb, else None.

        A look that fails, as while the disk is full, shows nothing.
        """
        if self._pending is None and self._due and elapsed >= self._due[0]:
            self._due = [at for at in self._due if at > elapsed]
            self._pending = self._begin()
        if self._pending is None or not self._pending.done:
            return None
        pending, self._pending = self._pending, None
        try:
            verdict: Any = pending.result().verdict
        except (FloodmarkError, OSError, ValueError, sqlite3.Error):
            return None
        if verdict != "climbing":
            return None
        self._due = []
        return f"growth beyond doubt after {format_duration(elapsed)} of {format_duration(self._planned)}"
