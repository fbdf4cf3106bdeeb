"""The values that threads have under way, and who would wait for ever: known for all maps of the process together."""

import os
import threading
import weakref
from collections.abc import Hashable, Sequence
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from floodmark_caches._primitives import greenlet_id
from floodmark_caches._store import MISSING

V = TypeVar("V")

_GLANCE_SECONDS = 1.0  # how often who waits looks whether the leader is still there


class Leader:
    """Lives in the frame of who leads a flight, and nowhere else: it goes with the frame, whatever ends that."""

    __slots__ = ("__weakref__",)


class Flight(Generic[V]):
    """One value under way: `landed` is taken until its thread is done; then `value` or `error` is there, or neither.

    Neither means that the leader was stopped by what is no plain Exception: that is its own affair, and one of those
    who waited leads next.
    """

    __slots__ = (
        "__weakref__",
        "done",
        "error",
        "greenlet",
        "key",
        "landed",
        "leader",
        "owner",
        "store",
        "traceback",
        "value",
    )

    def __init__(self, store: str, key: Hashable, leader: Leader) -> None:
        self.store = store
        self.key = key
        self.leader = weakref.ref(leader)
        self.owner = threading.get_ident()
        self.greenlet = greenlet_id()
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


Asked = tuple[weakref.ref[Flight[Any]], ...]

# By thread, what it has asked for and has not yet: the flights that it leads, each within the one before, and last the
# one that it waits for. A thread changes its own entry alone, and each change is one step, so no lock is needed, which
# a finalizer or a fork would find taken. Weak, for an interrupt may leave an entry behind.
_asked: dict[int, Asked] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_asked.clear)


def asked_before() -> Asked:
    """What this thread has asked for so far, for `ask` and `ask_no_more`."""
    asked = _asked.get(threading.get_ident())
    return () if asked is None else tuple(ref for ref in asked if ref() is not None)


def ask(before: Asked, flight: Flight[Any]) -> None:
    """Note that this thread leads the flight from here on, or waits for it."""
    _asked[threading.get_ident()] = (*before, weakref.ref(flight))


def ask_no_more(before: Asked) -> None:
    """Note that it has ended."""
    if before:
        _asked[threading.get_ident()] = before
    else:
        _asked.pop(threading.get_ident(), None)


def refuse_endless_wait(flight: Flight[Any]) -> None:
    """RuntimeError if the thread of the flight is this one, or waits for this one, directly or over others.

    To be called by who has asked for it: of those who close a circle together, the last then sees all others, and no
    lock has to be held. Two who come at the same moment may be told both.
    """
    way: list[Flight[Any]] = []
    ahead: Flight[Any] | None = flight
    while ahead is not None and not ahead.over and ahead not in way:
        asked = [each for each in (ref() for ref in _asked.get(ahead.owner, ())) if each is not None]
        since = asked[asked.index(ahead) :] if ahead in asked else [ahead]
        way += [each for each in since if each.owner == ahead.owner]
        ahead = None if since[-1].owner == ahead.owner else since[-1]
    me = threading.get_ident()
    ours = next((each for each in way if each.owner == me), None)
    if ours is None:
        return
    here = greenlet_id()
    if here and ours.greenlet and here != ours.greenlet:
        msg = (
            f"map {ours.store!r}: another greenlet of this thread makes {ours.key!r}, and to wait would stop both; "
            "gevent has to patch threads (monkey.patch_all()) before greenlets share a map"
        )
        raise RuntimeError(msg)
    raise endless([way[-1], *way])


class Wanted(Protocol):
    """A flight, of whatever kind."""

    @property
    def store(self) -> str:
        """The name of its map."""

    @property
    def key(self) -> Hashable:
        """What is made."""


def endless(way: Sequence[Wanted]) -> RuntimeError:
    """What to raise in the factory of the first; each asks for the next, and the last is the first again."""
    first, *asked = way
    if len(asked) == 1:
        said = f"asks for {first.key!r} itself"
    else:
        one_map = all(each.store == first.store for each in asked)
        names = [repr(each.key) if one_map else f"{each.key!r} of map {each.store!r}" for each in asked]
        said = ", whose factory ".join(f"asks for {name}" for name in names)
    return RuntimeError(f"map {first.store!r}: the factory for {first.key!r} would wait for ever: it {said}")
