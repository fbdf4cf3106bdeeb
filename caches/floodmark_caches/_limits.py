"""Semaphores, pools and queues: how much of their limit is in use."""

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

from floodmark_caches._checks import check_callable, check_count
from floodmark_caches._errors import hinted
from floodmark_caches._watched import Watch

logger = logging.getLogger("floodmark.caches")

# The standard library offers the limit and the use of queues. Of the others it keeps them in private attributes, which
# have been the same in every version we know; one that lacks them is refused, and wants `in_use` and `limit`.
_FREE = "_value"  # of a semaphore: its places that are free now, not its start value

_NOTHING = object()  # in the place of a thing where there is none; it never goes


class LimitWatch(Watch[object]):
    """A thing with a limit, of which it is read how much is in use.

    `in_use(thing)` (`in_use()` without a thing) is called at each reading of the numbers.
    """

    what = "what is in use"

    def __init__(
        self,
        name: str,
        thing: object,
        *,
        limit: int | None,
        in_use: Callable[..., int] | None,
        warn_at: float | None,
    ) -> None:
        kind = "limit" if thing is None else type(thing).__qualname__
        self._title = f"{kind} {name!r}"
        reader = _reader(thing) if in_use is None else _asks(check_callable("in_use", in_use), thing)
        if reader is None:
            msg = f"{self._title} does not tell what is in use: give both limit= and in_use=, which returns an int"
            hint = "semaphores, queues and a ThreadPoolExecutor tell it; registry.watch is for a container's length"
            raise hinted(TypeError(msg), hint)
        self._reader = reader
        self._limit = _checked_limit(self._title, limit, _limit_of(thing))
        super().__init__(name, _NOTHING if thing is None else thing, kind=kind, maxsize=self._limit, warn_at=warn_at)
        used = self._used(thing)
        if not 0 <= used <= self._limit:
            msg = f"{self._title} has {used} in use, which its limit, {self._limit}, does not allow"
            raise ValueError(msg)

    def _size(self, thing: object) -> int:
        used = self._used(thing)
        if not 0 <= used <= self._limit and self._first_complaint():
            logger.error("%s has %d in use, its limit is %d", self._title, used, self._limit)
        return max(0, used)

    def _used(self, thing: object) -> int:
        used = self._reader(thing, self._limit)
        if isinstance(used, bool) or not isinstance(used, int):
            msg = f"in_use must return an int (got {used!r})"
            raise TypeError(msg)
        return used


def _checked_limit(title: str, limit: int | None, own: int | None) -> int:
    """The limit that was given, else the thing's own; they must not contradict each other."""
    if limit is None:
        if own is None:
            msg = f"{title} does not tell its limit: give it as limit="
            raise ValueError(msg)
        return own
    check_count("limit", limit)
    if own not in (None, limit):
        msg = f"{title} has a limit of its own, {own} (got limit={limit})"
        raise ValueError(msg)
    return limit


def _asks(in_use: Callable[..., object], thing: object) -> Callable[[Any, int], object]:
    """A caller's function as what reads the thing."""
    return (lambda _, __: in_use()) if thing is None else (lambda each, _: in_use(each))


def _reader(thing: object) -> Callable[[Any, int], object] | None:
    """What reads how much of the thing is in use, by the thing and its limit, for the kinds that we know."""
    if isinstance(getattr(thing, _FREE, None), int) and _is(thing, "threading", "Semaphore", "asyncio"):
        return lambda semaphore, limit: limit - semaphore._value  # noqa: SLF001 - its use is nowhere else
    if _is(thing, "queue", "Queue", "asyncio"):
        return lambda each, _: int(each.qsize())
    if isinstance(getattr(thing, "_idle_semaphore", None), threading.Semaphore):
        return lambda pool, _: _busy_workers(pool)
    return None


def _limit_of(thing: object) -> int | None:
    """The limit that the thing keeps itself: a plain semaphore does not, nor does a queue without a bound."""
    if _is(thing, "queue", "Queue", "asyncio"):
        limit = getattr(thing, "maxsize", None)
    elif _is(thing, "threading", "BoundedSemaphore", "asyncio"):
        limit = getattr(thing, "_initial_value", getattr(thing, "_bound_value", None))
    else:
        limit = getattr(thing, "_max_workers", None)
    return limit if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1 else None


def _is(thing: object, module: str, kind: str, other_module: str) -> bool:
    """Whether the thing is of that class in one of two modules; none of them is imported for the question."""
    kinds = (getattr(sys.modules.get(name), kind, None) for name in (module, other_module))
    return any(isinstance(each, type) and isinstance(thing, each) for each in kinds)


def _busy_workers(pool: Any) -> int:
    """The threads of a ThreadPoolExecutor that are not waiting for work; what is queued behind them is not counted."""
    busy: int = max(0, len(pool._threads) - pool._idle_semaphore._value)  # noqa: SLF001 - its use is nowhere else
    return busy
