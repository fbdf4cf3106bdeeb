"""Values that are made when they are missing: each by one caller, for all who ask at the same time."""

from collections.abc import Awaitable, Callable, Hashable
from contextvars import ContextVar
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from floodmark_caches._checks import check_callable, check_ttl
from floodmark_caches._expiry import EXPIRES, VALUE, WEIGHT
from floodmark_caches._store import MISSING, Gone, Store
from floodmark_caches._waits import Flight, Leader, ask, ask_no_more, asked_before, endless, refuse_endless_wait

if TYPE_CHECKING:
    import asyncio

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_abandoned: "set[asyncio.Task[Any]]" = set()  # event loops hold their tasks weakly; these are ending


class _TaskFlight(Generic[V]):
    """One value under way in an event loop. `task` is None before its first step came back, and in the end.

    `waiters` has a mark for each who waits for it; `awaits` has, by such marks, the flights for which its factory
    waits, the tasks that the factory started included.
    """

    __slots__ = ("awaits", "key", "over", "store", "task", "waiters")

    def __init__(self, store: str, key: Hashable) -> None:
        self.store = store
        self.key = key
        self.over = False
        self.task: asyncio.Task[V] | None = None
        self.waiters: set[object] = set()
        self.awaits: dict[object, _TaskFlight[Any]] = {}

    @property
    def ending(self) -> bool:
        """Whether all who waited have gone, and its task is still at it."""
        return not self.waiters and self.task is not None and not self.task.done()

    def way_to(self, goal: "_TaskFlight[Any]") -> "list[_TaskFlight[Any]]":
        """The flights from here to the goal, both included, each waiting for the next; empty if there is no way."""
        came_from: dict[_TaskFlight[Any], _TaskFlight[Any] | None] = {self: None}
        ahead: list[_TaskFlight[Any]] = [self]
        while ahead and goal not in came_from:
            each = ahead.pop()
            for flight in [*each.awaits.values()]:
                if flight not in came_from and not flight.over:
                    came_from[flight] = each
                    ahead.append(flight)
        way: list[_TaskFlight[Any]] = []
        step = goal if goal in came_from else None
        while step is not None:
            way.append(step)
            step = came_from[step]
        return way[::-1]


# The flight whose factory runs here. The tasks that a factory starts inherit it, so they count as the factory.
_within: ContextVar[_TaskFlight[Any] | None] = ContextVar("floodmark_flight", default=None)


class FlightStore(Store[K, V]):
    """A store that has missing values made, once for all who ask.

    A flight is in the table from its start until it lands, or until its key is set or removed: what it brings then is
    handed to those who wait for it, but not kept, for it is older than what was asked of the map meanwhile. A signal
    handler may raise anywhere in here: a flight that it leaves in the table is over, and the next who asks replaces it.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        # By key, then by event loop; None is for threads.
        self._flights: dict[K, dict[object, Flight[V] | _TaskFlight[V]]] = {}
        super().__init__(*args, **options)

    def get_or_create(self, key: K, factory: Callable[[], V], *, ttl: float | None = None) -> V:
        """The live value, else what `factory()` returns, which is put in (for `ttl` seconds, if that is given).

        Of the threads that miss a key at the same time one calls its factory, outside the lock, and the others wait
        for the result; an Exception that it raises is raised in all of them, and if anything else stops it, one of
        the others calls its own. If the key is set or removed meanwhile, the result is returned and not put in.
        RuntimeError where waiting would be for ever: a factory asks for its own key, or factories for each other's, of
        this map or of several. A value that is too heavy is a ValueError for all.
        """
        entry = self._find(key)
        now = self._timer()
        if entry is not None and now < entry[EXPIRES]:
            reads = self._reads
            reads.append(key)
            if len(reads) >= self._most_reads:
                self._settle_reads()
            return entry[VALUE]
        check_callable("factory", factory)
        check_ttl(ttl)
        return self._fly(key, factory, ttl, now)

    async def get_or_create_async(self, key: K, factory: Callable[[], Awaitable[V]], *, ttl: float | None = None) -> V:
        """The live value, else what `await factory()` gives, which is put in; as `get_or_create`, for coroutines.

        Of the tasks of one event loop that miss a key at the same time, the first has the factory run in a task of its
        own, and all wait for that one. A waiter that is cancelled leaves the others waiting; with the last waiter the
        task is cancelled, and who asks while it is still ending waits for its end and then starts anew. Event loops do
        not wait for each other, nor for threads. The tasks that a factory starts count as the factory: until it has
        ended, they cannot ask for its key either.
        """
        entry = self._find(key)
        now = self._timer()
        if entry is not None and now < entry[EXPIRES]:
            reads = self._reads
            reads.append(key)
            if len(reads) >= self._most_reads:
                self._settle_reads()
            return entry[VALUE]
        check_callable("factory", factory)
        check_ttl(ttl)
        return await self._fly_in_task(key, factory, ttl, now)

    def _checked_weight(self, value: V) -> float:  # noqa: ARG002 - a map with a getsizeof looks at it
        """The weight of a value; it raises if that cannot be."""
        return 1

    def _weigh_again(self) -> None:
        """Add up the weight anew, for a change of the data was interrupted before it was accounted for. Under the lock.

        O(n), in one step of the interpreter, so that a second interrupt cannot come in between.
        """
        if self._weighted:
            self._weight = sum(map(itemgetter(WEIGHT), self._data.values()))

    def _fly(self, key: K, factory: Callable[[], V], ttl: float | None, now: float) -> V:
        while True:
            leader = Leader()
            flight = mine = Flight[V](self._name, key, leader)
            before = asked_before()
            try:
                with self._lock:
                    value = self._look_again(key, now)
                    if value is not MISSING:
                        return value
                    flight = self._join(key, mine)
                    if flight.owner != mine.owner or flight is mine:
                        ask(before, flight)
                    if flight is not mine:
                        refuse_endless_wait(flight)
                if flight is mine:
                    return self._lead(key, factory, ttl, mine)
                flight.wait()
                if flight.error is not None:
                    raise flight.error.with_traceback(flight.traceback)
                if flight.value is not MISSING:
                    return flight.value
            finally:
                mine.done = True  # first, and before the lock: from here on it is over, whatever comes in between
                mine.landed.release()
                ask_no_more(before)
                if flight is mine:
                    self._end(key, mine, None)
                del flight, mine, leader  # an error that is raised from here holds this frame, and the flight the error
            now = self._timer()

    def _lead(self, key: K, factory: Callable[[], V], ttl: float | None, flight: Flight[V]) -> V:
        try:
            value = factory()
            self._land(key, value, ttl, flight, None)
            flight.value = value
        except Exception as error:
            flight.traceback = error.__traceback__
            flight.error = error
            raise
        finally:
            del flight
        return value

    def _join(self, key: K, mine: Flight[V]) -> Flight[V]:
        """The flight of the key to wait for, else our own, which is in the table then. Under the lock."""
        flights = self._flights.setdefault(key, {})
        flight = flights.get(None)
        if not isinstance(flight, Flight) or flight.over:
            flights[None] = flight = mine
        return flight

    async def _fly_in_task(self, key: K, factory: Callable[[], Awaitable[V]], ttl: float | None, now: float) -> V:
        import asyncio  # noqa: PLC0415 - who awaits this has it loaded

        loop = asyncio.get_running_loop()
        mark = object()
        while True:
            within = _within.get()
            flight = mine = _TaskFlight[V](self._name, key)
            try:
                with self._lock:
                    value = self._look_again(key, now)
                    if value is not MISSING:
                        return value
                    flight = self._join_in_loop(key, mine, loop, within)
                if within is not None:
                    way = flight.way_to(within)
                    if way:
                        raise endless([within, *way])
                    within.awaits[mark] = flight
                if flight.ending and flight.task is not None:
                    await asyncio.wait([flight.task])
                else:
                    flight.waiters.add(mark)
                    if flight is mine:
                        flight.task = loop.create_task(self._make_in_task(key, factory, ttl, flight, loop))
                    elif flight.task is None:  # an eager task: we are called from the first step of its factory
                        raise endless([flight, flight])
                    return await asyncio.shield(flight.task)
            finally:
                if within is not None:
                    within.awaits.pop(mark, None)
                flight.waiters.discard(mark)
                if not flight.waiters:
                    self._give_up(key, flight, loop)
                del flight, mine, within
            now = self._timer()

    def _give_up(self, key: K, flight: _TaskFlight[V], loop: "asyncio.AbstractEventLoop") -> None:
        """Nobody waits for the flight: it is cancelled, once, and in the table until its task has ended."""
        task = flight.task
        if task is None or task.done():
            flight.task = None  # its context holds the flight, and so do the tasks that the factory started
            self._end(key, flight, loop)
        elif task not in _abandoned:
            _abandoned.add(task)
            task.add_done_callback(partial(self._gone, key, flight, loop))
            task.cancel()

    def _gone(self, key: K, flight: _TaskFlight[V], loop: "asyncio.AbstractEventLoop", task: "asyncio.Task[V]") -> None:
        """The end of a task that nobody waited for: what it raises after its cancellation is nobody's."""
        _abandoned.discard(task)
        flight.task = None
        self._end(key, flight, loop)
        if not task.cancelled():
            task.exception()

    def _join_in_loop(
        self, key: K, mine: _TaskFlight[V], loop: "asyncio.AbstractEventLoop", within: _TaskFlight[Any] | None
    ) -> _TaskFlight[V]:
        """The flight of the key in this loop, else our own, which is in the table then. Under the lock.

        One that is ending is to be waited for as well, unless we are what it waits for.
        """
        import asyncio  # noqa: PLC0415 - as above

        flights = self._flights.setdefault(key, {})
        flight = flights.get(loop)
        if isinstance(flight, _TaskFlight):
            if flight.waiters:
                return flight
            if flight.ending and (within is None or not flight.way_to(within)):
                return flight
        for other in [other for other in flights if isinstance(other, asyncio.AbstractEventLoop)]:
            if other.is_closed():
                del flights[other]
        flights[loop] = mine
        return mine

    async def _make_in_task(
        self,
        key: K,
        factory: Callable[[], Awaitable[V]],
        ttl: float | None,
        flight: _TaskFlight[V],
        loop: "asyncio.AbstractEventLoop",
    ) -> V:
        _within.set(flight)  # in the context of this task alone
        try:
            value = await factory()
            if flight.waiters:
                self._land(key, value, ttl, flight, loop)
            return value
        finally:
            flight.over = True
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
        """Take the flight out of the table, if it is there."""
        with self._lock:
            flights = self._flights.get(key)
            if flights is not None:
                if flights.get(loop) is flight:
                    del flights[loop]
                if not flights:
                    del self._flights[key]

    def _insert(
        self, key: K, value: V, now: float, gone: Gone[K, V], *, weight: float = 1, ttl: float | None = None
    ) -> bool:
        if self._flights:
            self._flights.pop(key, None)
        try:
            return super()._insert(key, value, now, gone, weight=weight, ttl=ttl)
        except BaseException:
            self._weigh_again()
            raise

    def _emptied(self) -> None:
        self._flights.clear()

    def _begin_in_child(self, *, whole: bool) -> None:
        self._flights = {}
        super()._begin_in_child(whole=whole)
