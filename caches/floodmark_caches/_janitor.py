"""The one thread that releases expired entries of all maps, soon after they expire."""

import logging
from collections.abc import Callable

from floodmark_caches._thread import LazyThread
from floodmark_caches._weak import WeakMethod, owner_id

logger = logging.getLogger("floodmark.caches")

_AFTER_ERROR_SECONDS = 1.0
_PACE_SECONDS = 0.1  # expiries that come one after another are released together, so that a busy map costs few wake-ups
_PAUSE_SECONDS = 0.001  # between two batches of one backlog, for the threads that wait for the map


class Janitor:
    """Calls the `tend` of each map when its next entry is due. Maps are held weakly; ends with the last of them.

    A `tend` releases at most one batch and returns the seconds until it wants to be called again: 0 or less for at
    once, None for not at all (the map will call `attend` again). Thread-safe; a bare import starts nothing.
    """

    def __init__(self, name: str = "floodmark-janitor") -> None:
        self._tends: dict[int, WeakMethod[Callable[[], float | None]]] = {}
        self._failing: set[int] = set()
        self._thread = LazyThread(name, self._step)

    @property
    def running(self) -> bool:
        """Whether the thread exists now, in this process."""
        return self._thread.running

    def attend(self, tend: Callable[[], float | None]) -> None:
        """Have the bound method `tend` called now, and from then on when it asks for it."""
        key = owner_id(tend)
        if key not in self._tends:
            self._tends[key] = WeakMethod(tend, lambda _: self._forget(key))
        self._thread.wake()

    def _forget(self, key: int) -> None:
        self._tends.pop(key, None)
        self._failing.discard(key)
        self._thread.nudge()

    def _step(self) -> float | None:
        soonest: float | None = None
        for key, tend in list(self._tends.items()):
            delay = self._tended(key, tend)
            if delay is None:
                continue
            delay = _PAUSE_SECONDS if delay <= 0 else max(delay, _PACE_SECONDS)
            soonest = delay if soonest is None else min(soonest, delay)
        return soonest

    def _tended(self, key: int, tend: WeakMethod[Callable[[], float | None]]) -> float | None:
        """What `tend` returned; one map that fails, by its clock or its keys, must not keep the others waiting."""
        try:
            delay: float | None = tend.call()
        except BaseException:
            if key not in self._failing:
                self._failing.add(key)
                logger.exception("a map could not be tended, its expired entries stay for now")
            return _AFTER_ERROR_SECONDS
        self._failing.discard(key)
        return delay


janitor = Janitor()
"""The janitor of every map in this process."""
