"""The level at which a map warns: once for each time it is crossed, not for each entry above it."""

import logging

from floodmark_caches._checks import check_warn_at

logger = logging.getLogger("floodmark.caches")


class Threshold:
    """Counts the upward crossings of `level`; not thread-safe, its owner calls it under the owner's lock.

    After a crossing it is armed again only when the size has been a tenth below the level, so that a map which hovers
    around it does not warn for every entry.
    """

    __slots__ = ("_armed", "_rearm_at", "crossings", "level")

    def __init__(self, level: int) -> None:
        self.level = level
        self.crossings = 0
        self._armed = True
        self._rearm_at = level - max(1, level // 10)

    @classmethod
    def of(cls, warn_at: float | None, maxsize: int | None) -> "Threshold | None":
        """The threshold that `warn_at` asks for, or None; ValueError or TypeError if it makes no sense."""
        level = check_warn_at(warn_at, maxsize)
        return None if level is None else cls(level)

    def crossed(self, before: float, after: float) -> bool:
        """Whether growing from `before` to `after` is a crossing; counts it."""
        if before <= self._rearm_at:
            self._armed = True
        if not self._armed or after < self.level:
            return False
        self._armed = False
        self.crossings += 1
        return True


def warn_crossed(name: str, size: float, level: int, maxsize: int | None) -> None:
    """Log that the map `name` has reached its level. Call it outside every lock: handlers are foreign code."""
    bound = "no maxsize" if maxsize is None else f"maxsize {maxsize}"
    logger.warning("map %r is at %s, its warn_at is %d (%s)", name, size, level, bound)
