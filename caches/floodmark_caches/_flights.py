"""Values that are made when they are missing: each by one caller, for all who ask at the same time."""

import threading
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from floodmark_caches._checks import check_callable, check_seconds
from floodmark_caches._expiry import EXPIRES, VALUE
from floodmark_caches._store import MISSING, Gone, Store

if TYPE_CHECKING:
    import asyncio

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_abandoned: "set[asyncio.Task[Any]]" = set()  # event loops hold their tasks weakly; these are ending


class _Flight(Generic[V]):
    """One value under way: `landed` is taken until its thread is done; then `value` or `error` is there."""

    __slots__ = ("error", "landed", "owner", "value")

    def __init__(self) -> None:
        self.owner = threading.get_ident()
        # A bare lock, for its release is one step: whoever forks in a factory finds it usable in the child.
        self.landed = threading.Lock()
        self.landed.acquire()
        self.value: V = MISSING
        self.error: BaseException | None = None


class _TaskFlight(Generic[V]):
    """One value under way in an event loop, for as many `waiters`. Used in that loop's thread only."""

    __slots__ = ("task", "waiters")

    def __init__(self) -> None:
        self.task: asyncio.Task[V] | None = None
        self.waiters = 0


class FlightStore(Store[K, V]):
    """A store that has missing values made, once for all who ask.

    A flight is in the table from its start until it lands, or until its key is set or removed: what it brings then is
    handed to those who wait for it, but not kept, for it is older than what was asked of the map meanwhile.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        # By key, then by event loop; None is for threads.
        self._flights: dict[K, dict[object, _Flight[V] | _TaskFlight[V]]] = {}
        self._waits: dict[int, _Flight[V]] = {}  # by the thread that waits
        super().__init__(*args, **options)

    def get_or_create(self, key: K, factory: Callable[[], V], *, ttl: float | None = None) -> V:
        """The live value, else what `factory()` returns, which is put in (for `ttl` seconds, if that is given).

        Of the threads that miss a key at the same time one calls its factory, outside the lock, and the others wait
        for the result; what it raises is raised in all of them. If the key is set or removed meanwhile, the result is
        returned and not put in. RuntimeError where waiting would be for ever: a factory asks for its own key, or two
        factories for each other's. A value that is too heavy is a ValueError for all.
        """
        entry = self._data.get(key)
        now = self._timer()
        if entry is not None and now < entry[EXPIRES]:
            reads = self._reads
            reads.append(key)
            if len(reads) >= self._most_reads:
                self._settle_reads()
            return entry[VALUE]
        check_callable("factory", factory)
        if ttl is not None:
            check_seconds("ttl", ttl)
        return self._fly(key, factory, ttl, now)

    async def get_or_create_async(self, key: K, factory: Callable[[], Awaitable[V]], *, ttl: float | None = None) -> V:
        """The live value, else what `await factory()` gives, which is put in; as `get_or_create`, for coroutines.

        Of the tasks of one event loop that miss a key at the same time, the first has the factory run in a task of its
        own, and all wait for that one. A waiter that is cancelled leaves the others waiting; with the last waiter the
        task is cancelled. Event loops do not wait for each other, nor for threads.
        """
        entry = self._data.get(key)
        now = self._timer()
        if entry is not None and now < entry[EXPIRES]:
            reads = self._reads
            reads.append(key)
            if len(reads) >= self._most_reads:
                self._settle_reads()
            return entry[VALUE]
        check_callable("factory", factory)
        if ttl is not None:
            check_seconds("ttl", ttl)
        return await self._fly_in_task(key, factory, ttl, now)

    def _checked_weight(self, value: V) -> float:  # noqa: ARG002 - a map with a getsizeof looks at it
        """The weight of a value; it raises if that cannot be."""
        return 1

    def _fly(self, key: K, factory: Callable[[], V], ttl: float | None, now: float) -> V:
        with self._lock:
            value = self._look_again(key, now)
            if value is not MISSING:
                return value
            flights = self._flights.setdefault(key, {})
            flight = flights.get(None)
            leads = not isinstance(flight, _Flight)
            if not isinstance(flight, _Flight):
                flights[None] = flight = _Flight()
            else:
                self._refuse_endless_wait(key, flight)
                self._waits[threading.get_ident()] = flight
        try:
            if leads:
                self._make(key, factory, ttl, flight)
            else:
                self._await(flight)
            if flight.error is not None:
                raise flight.error
            return flight.value
        finally:
            del flight  # an error that is raised from here holds this frame, and the flight holds the error

    def _make(self, key: K, factory: Callable[[], V], ttl: float | None, flight: _Flight[V]) -> None:
        try:
            value = factory()
            self._land(key, value, ttl, flight, None)
            flight.value = value
        except BaseException as error:  # noqa: BLE001 - it is raised again, here and in all who wait
            flight.error = error
        finally:
            self._end(key, flight, None)
            flight.landed.release()
            del flight

    def _await(self, flight: _Flight[V]) -> None:
        try:
            with flight.landed:
                pass
        finally:
            with self._lock:
                self._waits.pop(threading.get_ident(), None)

    def _refuse_endless_wait(self, key: K, flight: _Flight[V]) -> None:
        """RuntimeError if the thread of the flight waits for us, directly or over others. Under the lock."""
        ahead: _Flight[V] | None = flight
        while ahead is not None and ahead.landed.locked():
            if ahead.owner == threading.get_ident():
                msg = f"map {self._name!r}: the factory for {key!r} asks for {key!r} itself, and would wait for ever"
                raise RuntimeError(msg)
            ahead = self._waits.get(ahead.owner)

    async def _fly_in_task(self, key: K, factory: Callable[[], Awaitable[V]], ttl: float | None, now: float) -> V:
        import asyncio  # noqa: PLC0415 - who awaits this has it loaded

        loop = asyncio.get_running_loop()
        with self._lock:
            value = self._look_again(key, now)
            if value is not MISSING:
                return value
            flights = self._flights.setdefault(key, {})
            flight = flights.get(loop)
            if not isinstance(flight, _TaskFlight):
                for other in [other for other in flights if isinstance(other, asyncio.AbstractEventLoop)]:
                    if other.is_closed():
                        del flights[other]
                flights[loop] = flight = _TaskFlight()
        if flight.task is None:
            flight.task = loop.create_task(self._make_in_task(key, factory, ttl, flight))
        elif flight.task is asyncio.current_task():
            msg = f"map {self._name!r}: the factory for {key!r} asks for {key!r} itself, and would wait for ever"
            raise RuntimeError(msg)
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if flight.waiters == 0 and not flight.task.done():
                self._end(key, flight, loop)
                _abandoned.add(flight.task)
                flight.task.add_done_callback(_gone)
                flight.task.cancel()
            del flight

    async def _make_in_task(
        self, key: K, factory: Callable[[], Awaitable[V]], ttl: float | None, flight: _TaskFlight[V]
    ) -> V:
        import asyncio  # noqa: PLC0415 - as above

        loop = asyncio.get_running_loop()
        try:
            value = await factory()
            self._land(key, value, ttl, flight, loop)
            return value
        finally:
            self._end(key, flight, loop)
            del flight

    def _land(self, key: K, value: V, ttl: float | None, flight: object, loop: object) -> None:
        """Put in what the flight brought, unless the key was set or removed meanwhile."""
        weight = self._checked_weight(value)
        gone: Gone[K, V] = []
        with self._lock:
            if self._flights.get(key, {}).get(loop) is not flight:
                return
            now = self._timer()
            crossed = self._insert(key, value, now, gone, weight=weight, ttl=ttl)
        self._settle(gone, now, crossed=crossed)

    def _end(self, key: K, flight: object, loop: object) -> None:
        with self._lock:
            flights = self._flights.get(key)
            if flights is not None and flights.get(loop) is flight:
                del flights[loop]
                if not flights:
                    del self._flights[key]

    def _insert(
        self, key: K, value: V, now: float, gone: Gone[K, V], *, weight: float = 1, ttl: float | None = None
    ) -> bool:
        if self._flights:
            self._flights.pop(key, None)
        return super()._insert(key, value, now, gone, weight=weight, ttl=ttl)

    def _emptied(self) -> None:
        self._flights.clear()

    def _begin_in_child(self, *, whole: bool) -> None:
        self._flights = {}
        self._waits = {}
        super()._begin_in_child(whole=whole)


def _gone(task: "asyncio.Task[Any]") -> None:
    """The end of a task that nobody waits for: what it raises after its cancellation is nobody's."""
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()
