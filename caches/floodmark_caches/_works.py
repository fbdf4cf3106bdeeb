"""Pieces of work under way: what each owns, how it ends, and the numbers of all of them."""

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, cast

from floodmark_caches._checks import check_name
from floodmark_caches._fork import Guarded
from floodmark_caches._one_step import in_one_step
from floodmark_caches._registry import registry
from floodmark_caches._stats import MapStats
from floodmark_caches._threshold import Threshold, warn_crossed

if TYPE_CHECKING:  # loaded with the first work, not with the maps
    from concurrent.futures import Future

logger = logging.getLogger("floodmark.caches")

_MANAGERS = (AbstractContextManager, AbstractAsyncContextManager)

COMPLETED, FAILED, CANCELLED = OUTCOMES = ("completed", "failed", "cancelled")


class Releasable(Protocol):
    """What can be given back, such as a claim."""

    def release(self) -> object:
        """Give it back."""


Owned = Releasable | AbstractContextManager[Any]
Owns = Owned | Iterable[Owned]


class Work:
    """One piece of work: what it is called, what it still owns, and how far it is."""

    __slots__ = ("begun", "counted", "future", "label", "owns", "revoked", "taken", "thread")

    def __init__(self, task: object) -> None:
        self.owns: list[object] = []
        self.label = _label(task)
        self.taken = False
        """All of what it is to own is its own, or was."""
        self.begun = False
        """Its own code runs or has run, so it is for that code to end it."""
        self.revoked = False
        """The call that was to start it raised: it has ended and never runs."""
        self.counted = False
        self.thread: int | None = None
        self.future: Future[Any] | None = None

    def take(self, owns: Owns) -> None:
        """Make these things the work's own; what an iterable yields before it raises is. Again is no harm."""
        if self.taken or self.owns:
            return
        if isinstance(owns, Iterable) and not _is_owned(owns):
            self.owns.extend(owns)  # C makes the steps: no interrupt takes a thing that was yielded
        else:
            self.owns.append(owns)
        self.taken = True

    def check_owned(self) -> None:
        """TypeError if it was to own something that cannot be released."""
        for thing in self.owns:
            if not _is_owned(thing):
                msg = f"only things with release() or context managers can be owned (got {thing!r})"
                raise TypeError(msg)


class Works(Guarded):
    """The work under way under one name, and how much of it ended how: `started` is always the sum of the rest.

    Base of Background, not public itself. Thread-safe by its own lock; what is owned is released outside it. A forked
    child starts with nothing under way. An exception that a signal handler raises between two steps loses nothing: each
    step can be done again, and is.
    """

    def __init__(self, name: str, *, warn_at: int | None) -> None:
        self._name = check_name(name)
        self._threshold = Threshold.of(warn_at, None)
        self._works: dict[Work, None] = {}
        self._unreleased = 0
        self._outcomes = dict.fromkeys(OUTCOMES, 0)
        super().__init__()
        registry.register(name, self.stats)

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self._name

    @property
    def started(self) -> int:
        """How many pieces of work were accepted; the sum of the four others, of one moment."""
        with self._lock:
            return len(self._works) + sum(self._outcomes.values())

    @property
    def active(self) -> int:
        """How many of them wait or run."""
        return len(self._works)

    @property
    def completed(self) -> int:
        """How many returned."""
        return self._outcomes[COMPLETED]

    @property
    def failed(self) -> int:
        """How many raised."""
        return self._outcomes[FAILED]

    @property
    def cancelled(self) -> int:
        """How many were cancelled: before they ran or, if they are tasks, while they did."""
        return self._outcomes[CANCELLED]

    @property
    def unreleased(self) -> int:
        """How many owned things raised when they were released; each of these errors is in the log."""
        return self._unreleased

    def stats(self) -> MapStats:
        """The numbers at one moment: `adds` are the works started, `removals` the ended ones by outcome."""
        threshold = self._threshold
        with self._lock:
            ended = sum(self._outcomes.values())
            return MapStats(
                name=self._name,
                kind=type(self).__name__,
                entries=len(self._works),
                maxsize=None,
                ttl=None,
                bytes=None,
                adds=len(self._works) + ended,
                removes=ended,
                hits=0,
                misses=0,
                removals=dict(self._outcomes),
                evicted_before_ttl=0,
                warn_at=None if threshold is None else threshold.level,
                warnings=0 if threshold is None else threshold.crossings,
                oldest_age=None,
                container_ids=(id(self._works),),
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, active={len(self._works)})"

    def __reduce__(self) -> str | tuple[object, ...]:
        msg = f"{self!r} cannot be pickled or copied: its work is this process's"
        raise TypeError(msg)

    def _begin(self, work: Work) -> bool:
        """Have the work begin; False if it was revoked. Called by its own code, first of all."""
        with self._lock:
            if not work.revoked:
                work.begun = True
        if work.begun:
            self._enter(work)
        return work.begun

    def _enter(self, work: Work) -> None:
        """Count a piece of work that was accepted. By the caller of spawn or by the work, whoever comes first."""
        with self._lock:
            if work.counted:
                return
            self._works[work] = None
            work.counted = True
            size = len(self._works)
            crossed = self._threshold is not None and self._threshold.crossed(size - 1, size)
        if crossed and self._threshold is not None:
            warn_crossed(self._name, size, self._threshold.level, None)

    def _keep(self, work: Work, future: "Future[Any]") -> None:
        """Remember the future of a piece of work while it is under way."""
        with self._lock:
            if work in self._works:
                work.future = future

    def _revoke(self, work: Work, owns: Owns, error: BaseException) -> None:
        """End work whose start raised, whether it was accepted by then or not; what has begun ends itself."""
        try:
            work.take(owns)  # an interrupt may have come first
        finally:
            self._revoke_taken(work, error)

    def _revoke_taken(self, work: Work, error: BaseException) -> None:
        with self._lock:
            if work.begun:
                return
            work.revoked = True
        if work.counted:
            self._end(work, CANCELLED, error)
        else:
            self._release(work, error)

    def _end(self, work: Work, outcome: str, error: BaseException | None = None) -> None:
        """Release what the work owns, count it, and log its error if it failed. Again is no harm."""
        try:
            self._end_once(work, outcome, error)
        except BaseException:  # an interrupt, or what a release raised
            self._end_once(work, outcome, error)
            raise

    def _end_once(self, work: Work, outcome: str, error: BaseException | None) -> None:
        self._enter(work)
        self._release(work, error)
        with self._lock:
            # After a fork the child has no work of before.
            ended = work in self._works
            work.future = None  # an error's traceback leads here: the future would be its own prisoner
            if ended:
                self._outcomes[outcome] += 1
                del self._works[work]
        if ended and outcome is FAILED:
            logger.error("background %r: %s failed", self._name, work.label, exc_info=error)

    def _release(self, work: Work, error: BaseException | None) -> None:
        """Give back what the work owns, the last first, each of it whatever the others do."""
        try:
            while work.owns:
                self._release_last(work, len(work.owns) - 1, error)
        except BaseException:
            self._release(work, error)
            raise

    def _release_last(self, work: Work, number: int, error: BaseException | None) -> None:
        thing = work.owns[number]
        try:
            if not _is_owned(thing):  # it was refused
                del work.owns[number:]
                return
            leave = getattr(type(thing), "__exit__", None)
            if leave is not None:
                trace = getattr(error, "__traceback__", None)
                release: Callable[[], object] = partial(
                    leave, thing, None if error is None else type(error), error, trace
                )
            else:
                release = cast("Releasable", thing).release
            in_one_step(work.owns.pop, release)  # so it is released once, whatever interrupts us
        except Exception:
            del work.owns[number:]
            with self._lock:
                self._unreleased += 1
            kind = type(thing).__qualname__
            logger.exception("background %r: %s could not release its %s", self._name, work.label, kind)

    def _begin_in_child(self, *, whole: bool) -> None:  # noqa: ARG002 - the parent's work is not ours either way
        self._works = {}

    def _resume(self) -> None:
        registry.resume_log()


def _is_owned(thing: object) -> TypeGuard[Owned]:
    return hasattr(type(thing), "__exit__") or callable(getattr(thing, "release", None))


def _label(task: object) -> str:
    """What to call a function or a coroutine in the log: never its arguments, they may be secret."""
    while isinstance(task, partial):
        task = task.func
    return str(getattr(task, "__qualname__", None) or type(task).__qualname__)


def made_by(within: Callable[[], Any] | Iterable[Callable[[], Any]]) -> tuple[Callable[[], Any], ...]:
    """`within` as a tuple of callables; TypeError if it is anything else, such as a manager that was made already."""
    several = isinstance(within, Iterable) and not isinstance(within, _MANAGERS)
    makers: tuple[Any, ...] = tuple(cast("Iterable[Any]", within)) if several else (within,)
    for make in makers:
        if not callable(make) or isinstance(make, _MANAGERS):  # those of @contextmanager can be called: they decorate
            msg = f"within takes callables that make context managers, as `lambda: locks.hold(key)` (got {make!r})"
            raise TypeError(msg)
    return makers
