"""Every live map of this process by its name, and the numbers of all of them."""

import gc
import logging
import sys
import time
import typing
from collections.abc import Callable, Hashable, MutableMapping, Sized
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from floodmark_caches._adopted import Adopted, at_odds
from floodmark_caches._checks import check_name, check_seconds
from floodmark_caches._errors import hinted
from floodmark_caches._fork import Guarded
from floodmark_caches._limits import LimitWatch
from floodmark_caches._stats import MapStats
from floodmark_caches._thread import LazyThread
from floodmark_caches._watched import Watch, Watched
from floodmark_caches._weak import WeakMethod, lending

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

logger = logging.getLogger("floodmark.caches")

_NO_CALLERS = (__file__.rpartition("_registry")[0], typing.__file__)  # BoundedMap[str, int](…) goes by way of typing
_TAKEN_HINT = "keep a reference to it and use that, or take another name; a module that runs again makes its maps again"
_PATIENCE_SECONDS = 0.2  # for a map that was dropped while the janitor, or a reader of the numbers, looks at it


class Registry(Guarded):
    """The names of live maps. Maps put themselves in when they are made and are held weakly: a dropped map is gone.

    Thread-safe. Reading it takes one lock after the other, each for a moment, and runs no code of the entries. To enter
    a name is O(1), unless it is taken: then the collector is asked first whether its map is garbage.
    """

    def __init__(self) -> None:
        self._maps: dict[str, WeakMethod[Callable[[], MapStats | None]]] = {}
        self._watched: dict[str, Watch[Any]] = {}
        self._made_at: dict[str, str] = {}  # file and line
        self._unreadable: set[str] = set()  # names of which the log has told
        self._log_seconds: float | None = None
        self._log_due = 0.0
        self._log_thread = LazyThread("floodmark-maps-log", self._log_step)
        super().__init__()

    def register(self, name: str, stats: Callable[[], MapStats | None]) -> None:
        """Enter a map by its bound method `stats`; maps do this themselves. ValueError if the name is taken."""
        self._let_go(lambda: self._taken(name))
        with self._lock:
            self._enter(name, stats)

    def watch(self, name: str, container: Sized, warn_at: float | None = None) -> None:
        """Publish any sized container as it is, under `name`, until `unwatch`.

        `warn_at` is a number of entries as an int, or a fraction of the container's own maxsize as a float. It is
        checked whenever the numbers are read, by `log_every`, the agent or `stats`: a container that nobody reads never
        warns, nor one that has shrunk again by then. A container whose type cannot be weakly referenced, such as a
        plain dict, is kept alive by this. ValueError if the name is taken or `warn_at` cannot be reached, TypeError if
        the container has no length.
        """
        self._watch(name, Watched(check_name(name), container, warn_at))

    def watch_limit(
        self,
        name: str,
        thing: object = None,
        *,
        limit: int | None = None,
        in_use: Callable[..., int] | None = None,
        warn_at: float | None = None,
    ) -> None:
        """Publish how much of its limit a semaphore, a pool or a queue has in use, until `unwatch`.

        - Queues tell both: what is in them, of their maxsize.
        - Bounded semaphores tell both: the places taken, of their start value.
        - A plain semaphore forgets its start value, so `limit` must be given.
        - A ThreadPoolExecutor: its busy threads, of max_workers; what is queued behind them is not in that number.
        - Anything else, or nothing: `limit`, and `in_use(thing)`, or `in_use()` where there is no thing.

        The numbers are those of `stats`: `entries` in use, `maxsize` the limit. `warn_at` is as in `watch`. The thing
        is held weakly where its type allows it. ValueError if the limit is not known, or what is in use now contradicts
        it, or the name is taken; TypeError if what is in use cannot be known.
        """
        self._watch(name, LimitWatch(check_name(name), thing, limit=limit, in_use=in_use, warn_at=warn_at))

    def adopt(
        self, name: str, cache: MutableMapping[K, V], lock: AbstractContextManager[Any] | None = None
    ) -> Adopted[K, V]:
        """Put an existing cache (of cachetools, or any mapping with maxsize and currsize) under the registry.

        The result is to be used in its place: the same cache, each operation under `lock` (a new one if none is given).
        It is held weakly, as maps are. ValueError if the name is taken, or another that was adopted has this cache and
        they were not both given the same lock; TypeError for what is no such cache, and for a map of ours. O(maps).
        """
        adopted = Adopted(name, cache, lock)
        self._let_go(lambda: self._taken(name) or bool(self._rivals(adopted)))
        with self._lock:
            rivals = self._rivals(adopted)
            if rivals:
                msg = (
                    f"this cache is adopted already, as {rivals[0]!r}: use that, or give the same lock to both, for "
                    f"under two locks it has none (got lock={lock!r})"
                )
                raise ValueError(msg)
            self._enter(name, adopted.stats)
        return adopted

    def unwatch(self, name: str) -> None:
        """End a `watch` or a `watch_limit`. KeyError if nothing is watched under that name."""
        with self._lock:
            self._unreadable.discard(name)
            if self._watched.pop(name, None) is None:
                msg = f"nothing is watched under the name {name!r}"
                raise KeyError(msg)
            self._forget_place(name)

    def stats(self) -> tuple[MapStats, ...]:
        """The numbers of every live map and watched container, in the order of their making; O(maps).

        What cannot be read is left out, and told of in the log, once for each name.
        """
        with self._lock:
            maps = list(self._maps.items())
            watched = list(self._watched.items())
        numbers: list[MapStats] = []
        for name, reference in maps:
            numbers += self._read(name, reference.call)
        for name, container in watched:
            numbers += self._read(name, container.stats)
            if not container.alive:
                self._forget(self._watched, name, container)
        return tuple(numbers)

    def log_every(self, seconds: float | None) -> None:
        """Log one line with the size of every map each `seconds` (logger `floodmark.caches`, INFO); None ends that.

        The line is written by a daemon thread, which is there only while this is on; in a forked child it starts
        again when a map is used. ValueError unless `seconds` is above zero and finite, TypeError if it is no number.
        """
        if seconds is not None:
            seconds = check_seconds("seconds", seconds)
        with self._lock:
            self._log_seconds = seconds
            self._log_due = time.monotonic() + (seconds or 0.0)
        if seconds is None:
            self._log_thread.nudge()
        else:
            self._log_thread.wake()

    def resume_log(self) -> None:
        """Start the thread of the periodic line again after a fork, if the line is on; maps do this themselves."""
        if self._log_seconds is not None and not self._log_thread.running:
            self._log_thread.wake()

    def _resume(self) -> None:
        self.resume_log()

    def _log_step(self) -> float | None:
        with self._lock:
            seconds = self._log_seconds
            now = time.monotonic()
            due = seconds is not None and now >= self._log_due
            if seconds is not None and due:
                self._log_due = now + seconds
            wait = self._log_due - now
        if seconds is None:
            return None
        if due:
            logger.info("maps: %s", ", ".join(map(_size, self.stats())) or "none")
        return wait

    def _let_go(self, taken: Callable[[], bool]) -> None:
        """See that a map which nobody can reach any more takes nothing, such as its name. Outside the lock."""
        if not taken():
            return
        gc.collect()  # it may wait for the collector
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while taken() and lending() and time.monotonic() < deadline:
            time.sleep(0.001)

    def _enter(self, name: str, stats: Callable[[], MapStats | None]) -> None:
        """Enter a map, ValueError if the name is taken. Under the lock."""
        self._refuse_taken(name)
        self._made_at[name] = _caller()
        self._maps[name] = WeakMethod(stats, lambda gone: self._forget(self._maps, name, gone))

    def _rivals(self, adopted: Adopted[Any, Any]) -> list[str]:
        """The names of those that have the same cache, and no lock in common with this one."""
        maps = list(self._maps.items())
        return [name for name, reference in maps if at_odds(adopted, getattr(reference(), "__self__", None))]

    def _read(self, name: str, stats: Callable[[], MapStats | None]) -> tuple[MapStats, ...]:
        """The numbers of one, or none: it may be gone, or of foreign code that fails, which blinds nobody to the rest."""
        try:
            seen = stats()
        except Exception:
            with self._lock:
                told = name in self._unreadable
                self._unreadable.add(name)
            if not told:
                logger.exception("the numbers of %r cannot be read", name)
            return ()
        return () if seen is None else (seen,)

    def _refuse_taken(self, name: str) -> None:
        if self._taken(name):
            msg = f"a live map is already named {name!r}, made at {self._made_at.get(name, 'a place not known')}"
            raise hinted(ValueError(msg), _TAKEN_HINT)

    def _taken(self, name: str) -> bool:
        reference = self._maps.get(name)
        watched = self._watched.get(name)
        return (reference is not None and reference() is not None) or (watched is not None and watched.alive)

    def _watch(self, name: str, watched: Watch[Any]) -> None:
        self._let_go(lambda: self._taken(name))
        with self._lock:
            self._refuse_taken(name)
            self._made_at[name] = _caller()
            self._watched[name] = watched

    def _forget(self, table: dict[str, Any], name: str, gone: object) -> None:
        """Delete the name, unless it is another's already."""
        with self._lock:
            self._unreadable.discard(name)
            if table.get(name) is gone:
                del table[name]
                self._forget_place(name)

    def _forget_place(self, name: str) -> None:
        if name not in self._maps and name not in self._watched:
            self._made_at.pop(name, None)


def _caller() -> str:
    """The file and the line outside this package from which it was called."""
    frame = sys._getframe(1)  # noqa: SLF001 - the one way that takes less than a microsecond
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NO_CALLERS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _size(stats: MapStats) -> str:
    return f"{stats.name} {stats.entries}" + ("" if stats.maxsize is None else f"/{stats.maxsize}")


registry = Registry()
"""The registry of this process."""
