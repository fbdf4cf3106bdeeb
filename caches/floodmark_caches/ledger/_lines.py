"""Lines of the log that may come by the thousand: a few of them, and then how many more there were."""

import logging
import time
from collections.abc import Callable

from floodmark_caches._fork import Guarded

logger = logging.getLogger("floodmark.caches")

_LINES = 10
"""Lines of one matter in one span."""
SPAN_SECONDS = 1.0


class FewLines(Guarded):
    """Admits ten lines a second of each matter, and counts the others; `settle` says how many these were.

    A matter is a text that fits behind "17 more", as "tasks timed out". `now` is a monotonic clock, in seconds.
    Thread-safe; O(matters). A forked child begins with nothing left to say.
    """

    def __init__(self, name: str, now: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._now = now
        self._spans: dict[str, tuple[float, int]] = {}  # when it began, and how many lines were asked for in it
        super().__init__()

    def admit(self, matter: str) -> bool:
        """Whether the line may be written; else it is counted, and to be settled when its second is over."""
        self.settle()
        with self._lock:
            began, asked = self._spans.get(matter, (self._now(), 0))
            self._spans[matter] = began, asked + 1
        return asked < _LINES

    def settle(self, *, early: bool = False) -> float | None:
        """Say what was left out in the seconds that are over (`early`: in all); seconds until the next, None if none."""
        now = self._now()
        over: dict[str, int] = {}
        with self._lock:
            for matter, (began, asked) in list(self._spans.items()):
                if early or now - began >= SPAN_SECONDS:
                    over[matter] = asked - _LINES
                    del self._spans[matter]
            left = [began + SPAN_SECONDS - now for began, asked in self._spans.values() if asked > _LINES]
        for matter, more in over.items():
            if more > 0:
                logger.warning("ledger %r: %d more %s", self._name, more, matter)
        return min(left, default=None)

    def _begin_in_child(self, *, whole: bool) -> None:  # noqa: ARG002 - it is the parent's to say either way
        self._spans = {}
