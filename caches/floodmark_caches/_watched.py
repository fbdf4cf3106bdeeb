"""What is not ours, published as it is: one number is read of it, and nothing changed."""

import logging
import math
import reprlib
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Sized
from typing import Generic, TypeVar

from floodmark_caches._stats import MapStats
from floodmark_caches._threshold import Threshold, warn_crossed

T = TypeVar("T")

logger = logging.getLogger("floodmark.caches")

_BUILTIN_CONTAINERS = (dict, OrderedDict, defaultdict, list, set, deque)


class Watch(ABC, Generic[T]):
    """One thing under the registry's eye: `_size` of it is read when the numbers are.

    Held weakly where its type allows it; a plain dict or list does not, and is kept alive until it is unwatched.
    """

    what = "the size"
    """What is read, as the log calls it."""

    def __init__(self, name: str, thing: T, *, kind: str, maxsize: int | None, warn_at: float | None) -> None:
        self._name = name
        self._kind = kind
        self._maxsize = maxsize
        self._ttl: float | None = None
        self._ids: tuple[int, ...] = ()
        self._threshold = Threshold.of(warn_at, maxsize)
        self._complained = False
        self._get: Callable[[], T | None]
        try:
            self._get = weakref.ref(thing)
        except TypeError:
            self._get = lambda: thing

    @property
    def alive(self) -> bool:
        """Whether the thing still exists."""
        return self._get() is not None

    def stats(self) -> MapStats | None:
        """The numbers now, or None if the thing is gone or cannot be read.

        What came and went between two reads is not seen: adds and removes are as few as they can have been.
        """
        thing = self._get()
        if thing is None:
            return None
        try:
            size = self._size(thing)
        except Exception:
            if self._first_complaint():
                logger.exception("%s of %r cannot be read", self.what, self._name)
            return None
        threshold = self._threshold
        if threshold is not None and threshold.crossed(size, size):
            warn_crossed(self._name, size, threshold.level, self._maxsize)
        return MapStats(
            name=self._name,
            kind=self._kind,
            entries=size,
            maxsize=self._maxsize,
            ttl=self._ttl,
            bytes=None,
            adds=size,
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

    @abstractmethod
    def _size(self, thing: T) -> int:
        """The number to publish; whatever it raises is logged once."""

    def _first_complaint(self) -> bool:
        """Whether nothing was wrong with the thing until this call."""
        first, self._complained = not self._complained, True
        return first


class Watched(Watch[Sized]):
    """A sized container, of which only its length is read, never an entry."""

    what = "the length"

    def __init__(self, name: str, container: Sized, warn_at: float | None) -> None:
        kind = type(container).__qualname__
        given: object = container
        if not isinstance(given, Sized):  # asks the type: a class has the methods of its instances, and no length
            msg = f"only a container with a length can be watched (got {reprlib.repr(given)}, a {kind})"
            raise TypeError(msg)
        super().__init__(name, container, kind=kind, maxsize=stated_maxsize(container), warn_at=warn_at)
        self._ttl = stated(container, "ttl")
        self._ids = (id(container), *inner_ids(container))

    def _size(self, thing: Sized) -> int:
        return len(thing)


def stated(container: object, attribute: str) -> int | float | None:
    """A bound or ttl that a cache states about itself, if it is a number that can be one."""
    try:
        value = getattr(container, attribute, None)
    except Exception:  # noqa: BLE001 - a foreign property may raise anything, and says nothing then
        return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf else None


def stated_maxsize(container: object) -> int | None:
    """The bound that a cache states about itself, as whole entries."""
    maxsize = stated(container, "maxsize")
    return None if maxsize is None else int(maxsize)


def inner_ids(container: object) -> tuple[int, ...]:
    """The built-in containers one step inside, where a class such as a cache keeps its entries."""
    return tuple(
        id(value) for value in getattr(container, "__dict__", {}).values() if type(value) in _BUILTIN_CONTAINERS
    )
