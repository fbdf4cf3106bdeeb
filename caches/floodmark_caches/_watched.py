"""Containers that are not ours, published as they are."""

import logging
import math
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Sized

from floodmark_caches._stats import MapStats
from floodmark_caches._threshold import Threshold, warn_crossed

logger = logging.getLogger("floodmark.caches")

_BUILTIN_CONTAINERS = (dict, OrderedDict, defaultdict, list, set, deque)


class Watched:
    """One sized container under the registry's eye: only its length is read, never an entry, and nothing is changed.

    Held weakly where its type allows it; a plain dict or list does not, and is kept alive until it is unwatched.
    """

    def __init__(self, name: str, container: Sized, warn_at: float | None) -> None:
        if not hasattr(container, "__len__"):
            msg = f"only a container with a length can be watched (got a {type(container).__qualname__})"
            raise TypeError(msg)
        self._name = name
        maxsize = stated(container, "maxsize")
        self._maxsize = None if maxsize is None else int(maxsize)
        self._ttl = stated(container, "ttl")
        self._threshold = Threshold.of(warn_at, self._maxsize)
        self._ids = (id(container), *inner_ids(container))
        self._complained = False
        self._get: Callable[[], Sized | None]
        try:
            self._get = weakref.ref(container)
        except TypeError:
            self._get = lambda: container

    @property
    def alive(self) -> bool:
        """Whether the container still exists."""
        return self._get() is not None

    def stats(self) -> MapStats | None:
        """The container's numbers now, or None if it is gone or its length cannot be read.

        What was put in and taken out between two reads is not seen: adds and removes are as few as they can have been.
        """
        container = self._get()
        if container is None:
            return None
        try:
            entries = len(container)
        except Exception:
            if not self._complained:
                self._complained = True
                logger.exception("the length of watched container %r cannot be read", self._name)
            return None
        threshold = self._threshold
        if threshold is not None and threshold.crossed(entries, entries):
            warn_crossed(self._name, entries, threshold.level, self._maxsize)
        return MapStats(
            name=self._name,
            kind=type(container).__qualname__,
            entries=entries,
            maxsize=self._maxsize,
            ttl=self._ttl,
            bytes=None,
            adds=entries,
            removes=0,
            hits=0,
            misses=0,
            removals={},
            evicted_before_ttl=0,
            warn_at=None if threshold is None else threshold.level,
            warnings=0 if threshold is None else threshold.crossings,
            oldest_age=None,
            container_ids=self._ids,
        )


def stated(container: object, attribute: str) -> int | float | None:
    """A bound or ttl that a cache states about itself, if it is a number that can be one."""
    try:
        value = getattr(container, attribute, None)
    except Exception:  # noqa: BLE001 - a foreign property may raise anything, and says nothing then
        return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf else None


def inner_ids(container: object) -> tuple[int, ...]:
    """The built-in containers one step inside, where a class such as a cache keeps its entries."""
    return tuple(
        id(value) for value in getattr(container, "__dict__", {}).values() if type(value) in _BUILTIN_CONTAINERS
    )
