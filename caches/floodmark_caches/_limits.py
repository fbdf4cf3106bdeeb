"""Semaphores, pools and queues: how much of their limit is in use."""

import logging
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

from floodmark_caches._checks import check_callable
from floodmark_caches._stats import MapStats
from floodmark_caches._threshold import Threshold, warn_crossed

logger = logging.getLogger("floodmark.caches")

# The standard library offers the limit and the use of queues. Of the others it keeps them in private attributes, which
# have been the same in every version we know; one that lacks them is refused, and wants `in_use` and `limit`.
_FREE = "_value"  # of a semaphore: its places that are free now, not its start value


class LimitWatch:
    """One thing with a limit under the registry's eye: read, and never changed; held weakly where its type allows it.

    `in_use(thing)` (`in_use()` without a thing) is called at each reading of the numbers.
    """

    def __init__(
        self,
        name: str,
        thing: object,
        *,
        limit: int | None,
        in_use: Callable[..., int] | None,
        warn_at: float | None,
    ) -> None:
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            msg = f"limit must be an int (got {limit!r})"
            raise TypeError(msg)
        if limit is not None and limit < 1:
            msg = f"limit must be >= 1 (got {limit!r})"
            raise ValueError(msg)
        self._name = name
        self._kind = "limit" if thing is None else type(thing).__qualname__
        self._own_limit = _limit_of(thing)
        self._limit = self._checked_limit(limit)
        self._in_use: Callable[..., int] = self._reader(thing) if in_use is None else check_callable("in_use", in_use)
        self._without_thing = thing is None
        self._threshold = Threshold.of(warn_at, self._limit)
        self._complained = False
        used = self._read(thing)
        if not 0 <= used <= self._limit:
            msg = f"{self._kind} {name!r} has {used} in use, which its limit, {self._limit}, does not allow"
            raise ValueError(msg)
        self._get: Callable[[], object]
        try:
            self._get = weakref.ref(thing)
        except TypeError:
            self._get = lambda: thing

    @property
    def alive(self) -> bool:
        """Whether the thing still exists."""
        return self._without_thing or self._get() is not None

    def stats(self) -> MapStats | None:
        """The numbers now, or None if the thing is gone or cannot be read."""
        thing = self._get()
        if thing is None and not self._without_thing:
            return None
        try:
            used = self._read(thing)
        except Exception:
            if not self._complained:
                self._complained = True
                logger.exception("what is in use of %r cannot be read", self._name)
            return None
        if not 0 <= used <= self._limit and not self._complained:
            self._complained = True
            logger.error("%s %r has %d in use, its limit is %d", self._kind, self._name, used, self._limit)
        threshold = self._threshold
        if threshold is not None and threshold.crossed(used, used):
            warn_crossed(self._name, used, threshold.level, self._limit)
        used = max(0, used)
        return MapStats(
            name=self._name,
            kind=self._kind,
            entries=used,
            maxsize=self._limit,
            ttl=None,
            bytes=None,
            adds=used,
            removes=0,
            hits=0,
            misses=0,
            removals={},
            evicted_before_ttl=0,
            warn_at=None if threshold is None else threshold.level,
            warnings=0 if threshold is None else threshold.crossings,
            oldest_age=None,
            container_ids=(),
        )

    def _checked_limit(self, limit: int | None) -> int:
        own = self._own_limit
        if limit is None and own is None:
            msg = f"{self._kind} {self._name!r} does not tell its limit: give it as limit="
            raise ValueError(msg)
        if limit is not None and own is not None and limit != own:
            msg = f"{self._kind} {self._name!r} has a limit of its own, {own} (got limit={limit})"
            raise ValueError(msg)
        return limit or own or 0

    def _reader(self, thing: object) -> Callable[[Any], int]:
        if isinstance(getattr(thing, _FREE, None), int) and _is(thing, "threading", "Semaphore", "asyncio"):
            limit = self._limit
            return lambda semaphore: limit - semaphore._value  # noqa: SLF001 - its use is nowhere else
        if _is(thing, "queue", "Queue", "asyncio"):
            return lambda each: int(each.qsize())
        if isinstance(getattr(thing, "_idle_semaphore", None), threading.Semaphore):
            return _busy_workers
        msg = (
            "a limit is watched of a semaphore, a queue or a ThreadPoolExecutor, or with in_use= and limit= "
            f"(got a {type(thing).__qualname__})"
        )
        raise TypeError(msg)

    def _read(self, thing: object) -> int:
        used = self._in_use() if self._without_thing else self._in_use(thing)
        if isinstance(used, bool) or not isinstance(used, int):
            msg = f"in_use must return an int (got {used!r})"
            raise TypeError(msg)
        return used


def _is(thing: object, module: str, kind: str, other_module: str) -> bool:
    """Whether the thing is of that class in one of two modules; none of them is imported for the question."""
    kinds = (getattr(sys.modules.get(name), kind, None) for name in (module, other_module))
    return any(isinstance(each, type) and isinstance(thing, each) for each in kinds)


def _limit_of(thing: object) -> int | None:
    """The limit that the thing keeps itself: a plain semaphore does not, nor does a queue without a bound."""
    if _is(thing, "queue", "Queue", "asyncio"):
        limit = getattr(thing, "maxsize", None)
    elif _is(thing, "threading", "BoundedSemaphore", "asyncio"):
        limit = getattr(thing, "_initial_value", getattr(thing, "_bound_value", None))
    else:
        limit = getattr(thing, "_max_workers", None)
    return limit if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1 else None


def _busy_workers(pool: Any) -> int:
    """The threads of a ThreadPoolExecutor that are not waiting for work; what is queued behind them is not counted."""
    busy: int = max(0, len(pool._threads) - pool._idle_semaphore._value)  # noqa: SLF001 - its use is nowhere else
    return busy
