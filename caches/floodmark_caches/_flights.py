"""Values that are made when they are missing: each by one caller, for all who ask at the same time."""

import threading
import weakref
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import ContextVar
from operator import itemgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from floodmark_caches._checks import check_callable, check_ttl
from floodmark_caches._expiry import EXPIRES, VALUE, WEIGHT
from floodmark_caches._store import MISSING, Gone, Store

if TYPE_CHECKING:
    import asyncio

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_GLANCE_SECONDS = 1.0  # how often who waits looks whether the leader is still there

_abandoned: "set[asyncio.Task[Any]]" = set()  # event loops hold their tasks weakly; these are ending


class _Leader:
    """Lives in the frame of who leads a flight, and nowhere else: it goes with the frame, whatever ends that."""

    __slots__ = ("__weakref__",)


class _Flight(Generic[V]):
    """One value under way: `landed` is taken until its thread is done; then `value` or `error` is there, or neither.

    Neither means that the leader was stopped by what is no plain Exception: that is its own affair, and one of those
    who waited leads next.
    """

    __slots__ = ("done", "error", "key", "landed", "leader", "owner", "traceback", "value")

    def __init__(self, key: Hashable, leader: _Leader) -> None:
        self.key = key
        self.leader = weakref.ref(leader)
        self.owner = threading.get_ident()
        # A bare lock, for its release is one step: whoever forks in a factory finds it usable in the child.
        self.landed = threading.Lock()
        self.landed.acquire()
        self.done = False
        self.value: V = MISSING
        self.error: Exception | None = None
        self.traceback: TracebackType | None = None

    @property
    def over(self) -> bool:
        """Whether nobody is at it any more: it has ended, or its leader was torn away before it could say so."""
        return self.done or self.leader() is None

    def wait(self) -> None:
        """Until it is over. A wake-up that an interrupt swallows costs a glance, not the wait of the others."""
        while not self.over:
            if self.landed.acquire(timeout=_GLANCE_SECONDS):
                self.landed.release()


class _TaskFlight(Generic[V]):
    """One value under way in an event loop. `task` is None before its first step came back, and in the end.

    `waiters` has a mark for each who waits for it; `awaits` has, by such marks, the flights for which its factory
    waits, the tasks that the factory started included.
    """

    __slots__ = ("awaits", "key", "over", "task", "waiters")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.over = False
        self.task: asyncio.Task[V] | None = None
        self.waiters: set[object] = set()
        self.awaits: dict[object, _TaskFlight[Any]] = {}

    def way_to(self, goal: "_TaskFlight[Any]") -> list[Hashable]:
        """The keys from here to the goal, both included, over what each flight waits for; empty if there is no way."""
        came_from: dict[_TaskFlight[Any], _TaskFlight[Any] | None] = {self: None}
        ahead: list[_TaskFlight[Any]] = [self]
        while ahead and goal not in came_from:
            each = ahead.pop()
            for flight in [*each.awaits.values()]:
                if flight not in came_from and not flight.over:
                    came_from[flight] = each
                    ahead.append(flight)
        keys: list[Hashable] = []
        step = goal if goal in came_from else None
        while step is not None:
            keys.append(step.key)
            step = came_from[step]
        return keys[::-1]


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
        self._flights: dict[K, dict[object, _Flight[V] | _TaskFlight[V]]] = {}
        self._waits: dict[int, _Flight[V]] = {}  # by the thread that waits
        super().__init__(*args, **options)

    def get_or_create(self, key: K, factory: Callable[[], V], *, ttl: float | None = None) -> V:
        """The live value, else what `factory()` returns, which is put in (for `ttl` seconds, if that is given).

        Of the threads that miss a key at the same time one calls its factory, outside the lock, and the others wait
        for the result; an Exception that it raises is raised in all of them, and if anything else stops it, one of
        the others calls its own. If the key is set or removed meanwhile, the result is returned and not put in.
        RuntimeError where waiting would be for ever: a factory asks for its own key, or two factories for each
        other's. A value that is too heavy is a ValueError for all.
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
        task is cancelled. Event loops do not wait for each other, nor for threads. The tasks that a factory starts
        count as the factory: until it has ended, they cannot ask for its key either.
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
            leader = _Leader()
            flight = mine = _Flight[V](key, leader)
            try:
                with self._lock:
                    value = self._look_again(key, now)
                    if value is not MISSING:
                        return value
                    flight = self._join(key, mine)
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
                self._waits.pop(threading.get_ident(), None)
                if flight is mine:
                    self._end(key, mine, None)
                del flight, mine, leader  # an error that is raised from here holds this frame, and the flight the error
            now = self._timer()

    def _lead(self, key: K, factory: Callable[[], V], ttl: float | None, flight: _Flight[V]) -> V:
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

    def _join(self, key: K, mine: _Flight[V]) -> _Flight[V]:
        """The flight of the key to wait for, else our own, which is in the table then. Under the lock."""
        flights = self._flights.setdefault(key, {})
        flight = flights.get(None)
        if not isinstance(flight, _Flight) or flight.over:
            flights[None] = mine
            return mine
        self._refuse_endless_wait(flight)
        self._waits[threading.get_ident()] = flight
        return flight

    def _refuse_endless_wait(self, flight: _Flight[V]) -> None:
        """RuntimeError if the thread of the flight waits for us, directly or over others. Under the lock."""
        keys: list[Hashable] = []
        ahead: _Flight[V] | None = flight
        while ahead is not None and not ahead.over:
            keys += self._led_since(ahead)
            if ahead.owner == threading.get_ident():
                raise self._endless([keys[-1], *keys])
            ahead = self._waits.get(ahead.owner)

    def _led_since(self, flight: _Flight[V]) -> list[Hashable]:
        """The key of the flight, and of those that its thread began within it. Under the lock."""
        flights = (flights.get(None) for flights in [*self._flights.values()])
        led = [each for each in flights if isinstance(each, _Flight) and each.owner == flight.owner and not each.over]
        return [each.key for each in led[led.index(flight) :]] if flight in led else [flight.key]

    def _endless(self, keys: Sequence[Hashable]) -> RuntimeError:
        """What to raise in the factory of the first key; each asks for the next, and the last is the first again."""
        if len(keys) == 2:
            way = f"asks for {keys[1]!r} itself"
        else:
            way = ", whose factory ".join(f"asks for {key!r}" for key in keys[1:])
        return RuntimeError(f"map {self._name!r}: the factory for {keys[0]!r} would wait for ever: it {way}")

    async def _fly_in_task(self, key: K, factory: Callable[[], Awaitable[V]], ttl: float | None, now: float) -> V:
        import asyncio  # noqa: PLC0415 - who awaits this has it loaded

        loop = asyncio.get_running_loop()
        within = _within.get()
        mark = object()
        flight = mine = _TaskFlight[V](key)
        try:
            with self._lock:
                value = self._look_again(key, now)
                if value is not MISSING:
                    return value
                flight = self._join_in_loop(key, mine, loop)
            if within is not None:
                way = flight.way_to(within)
                if way:
                    raise self._endless([within.key, *way])
                within.awaits[mark] = flight
            flight.waiters.add(mark)
            if flight is mine:
                flight.task = loop.create_task(self._make_in_task(key, factory, ttl, flight, loop))
            elif flight.task is None:  # an eager task: we are called from the first step of its factory
                raise self._endless([key, key])
            return await asyncio.shield(flight.task)
        finally:
            if within is not None:
                within.awaits.pop(mark, None)
            flight.waiters.discard(mark)
            if not flight.waiters:
                self._end(key, flight, loop)
                # Its context holds the flight, and so do the tasks that the factory started.
                task, flight.task = flight.task, None
                if task is not None and not task.done():
                    _abandoned.add(task)
                    task.add_done_callback(_gone)
                    task.cancel()
                del task
            del flight, mine, within

    def _join_in_loop(self, key: K, mine: _TaskFlight[V], loop: "asyncio.AbstractEventLoop") -> _TaskFlight[V]:
        """The flight of the key in this loop, else our own, which is in the table then. Under the lock."""
        import asyncio  # noqa: PLC0415 - as above

        flights = self._flights.setdefault(key, {})
        flight = flights.get(loop)
        if isinstance(flight, _TaskFlight) and flight.waiters:
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
        self._waits = {}
        super()._begin_in_child(whole=whole)


def _gone(task: "asyncio.Task[Any]") -> None:
    """The end of a task that nobody waits for: what it raises after its cancellation is nobody's."""
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()
