"""Flags for work under way, each cleared by its owner or by time."""

import logging
import time
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Generic, TypeVar

from floodmark_caches._checks import check_callable, check_seconds
from floodmark_caches._errors import PendingFull
from floodmark_caches._expiry import ADDED, EXPIRES, KEY, VALUE, Entry
from floodmark_caches._stats import RemovalCause
from floodmark_caches._store import Gone, Store

K = TypeVar("K", bound=Hashable)

logger = logging.getLogger("floodmark.caches")


class PendingSet(Store[K, int]):
    """Keys whose work is under way: at most one live claim for a key, at most `maxsize` in all.

    A claim ends when its owner releases it, by its token, or when it is `ttl` seconds old: then its worker is taken
    for lost, and `on_expire(key, age_seconds)` is told, outside the lock, maybe in another thread; what it raises is
    logged, except that SystemExit and interrupts come out of your own call. Keep it quick, and hand long work to a
    Background: one thread releases what expires in all maps, and waits for it. After a fork it starts with the next use
    of any map in that process. Let `ttl` be longer than the work can take, and `renew` a claim that had to wait for its
    worker. A live claim is never given up for another: at the bound `claim` raises PendingFull. A forked child starts with no claims, for those it inherits are its
    parent's. `warn_at` logs when that many claims (or that fraction of maxsize, as a float) are held.

    Thread-safe; names are unique among live maps (ValueError); a key that cannot be hashed is a TypeError. Operations
    are O(1); `len` also releases what is due, O(1) for each; iteration is O(n).

    >>> pending = PendingSet("pending_inference", maxsize=10_000, ttl=300)
    >>> with pending.claim("/in/1.jpg") as mine, pending.claim("/in/1.jpg") as theirs:
    ...     print(mine is not None, theirs is not None)
    True False
    """

    _tells = True

    def __init__(
        self,
        name: str,
        *,
        maxsize: int,
        ttl: float,
        on_expire: Callable[[K, float], object] | None = None,
        timer: Callable[[], float] = time.monotonic,
        warn_at: float | None = None,
    ) -> None:
        check_seconds("ttl", ttl)  # here it may not be None
        self._on_expire = None if on_expire is None else check_callable("on_expire", on_expire)
        self._last_token = 0
        super().__init__(name, maxsize=maxsize, ttl=ttl, timer=timer, warn_at=warn_at)

    @property
    def duplicates(self) -> int:
        """How many claims were refused because somebody held the key."""
        return self._tally.hits + len(self._reads)

    @property
    def expired(self) -> int:
        """How many claims were never released: lost workers."""
        return self._tally.expired

    def claim(self, key: K) -> "Claim[K]":
        """Claim the key now; the result is false, and None in a `with`, if somebody holds it.

        A `with` releases the claim at its end, also after an exception; without one, call `release()` on it.
        PendingFull if there is no room, TypeError for a key that cannot be hashed; nothing has changed then.
        """
        gone: Gone[K, int] = []
        with self._lock:
            now = self._timer()
            entry = self._find(key)
            if entry is not None and now < entry[EXPIRES]:
                self._tally.hits += 1
                return Claim(self, key, None)
            expires, first = self._order.first()
            if len(self._data) >= self._maxsize and (first is None or now < expires):
                raise PendingFull(self._name, self._maxsize)
            self._tally.misses += 1
            self._last_token = token = self._last_token + 1
            crossed = self._insert(key, token, now, gone)
        self._settle(gone, now, crossed=crossed)
        return Claim(self, key, token)

    def renew(self, key: K, token: int) -> bool:
        """Let the claim with this token live for a whole ttl from now; False if it is over, and nothing has changed."""
        with self._lock:
            now = self._timer()
            entry = self._find(key)
            if entry is None or entry[VALUE] != token or entry[EXPIRES] <= now:
                return False
            self._data[entry[KEY]] = self._renewed(entry, now)
            return True

    def release(self, key: K, token: int) -> bool:
        """End the claim with this token, and say whether it was still the key's claim."""
        gone: Gone[K, int] = []
        with self._lock:
            now = self._timer()  # first, for a clock may raise
            entry = self._find(key)
            if entry is None or entry[VALUE] != token:
                return False
            del self._data[key]
            live = self._book_out(entry, now, RemovalCause.EXPLICIT, gone)
        self._settle(gone, now)
        return live

    def _settle(self, gone: Gone[K, int], now: float, *, crossed: bool = False, alone: bool = False) -> None:
        ages = [now - entry[ADDED] for entry, cause in gone if cause is RemovalCause.EXPIRED]
        if ages:  # one line for all: thousands may expire at once
            logger.info(
                "pending set %r: claims expired: %d, the oldest after %.1f s; their workers seem lost",
                self._name,
                len(ages),
                max(ages),
            )
        super()._settle(gone, now, crossed=crossed, alone=alone)

    def _removed(self, entry: Entry[K, int], cause: RemovalCause, now: float) -> None:
        if cause is RemovalCause.EXPIRED and self._on_expire is not None:
            self._on_expire(entry[KEY], now - entry[ADDED])

    def _begin_in_child(self, *, whole: bool) -> None:  # noqa: ARG002 - claims of the parent are not ours either way
        self._forget_everything()


class Claim(Generic[K]):
    """The outcome of claiming a key: true if it was granted, with the `token` that alone can end it."""

    __slots__ = ("_pending", "key", "token")

    def __init__(self, pending: PendingSet[K], key: K, token: int | None) -> None:
        self._pending = pending
        self.key = key
        self.token = token

    def renew(self) -> bool:
        """Let the claim live for a whole ttl from now; False if it was refused, or is over already.

        For work that waited in a queue: ask when it begins, and leave it to the next owner if the answer is False.
        """
        return self.token is not None and self._pending.renew(self.key, self.token)

    def release(self) -> bool:
        """End the claim; False if it was refused, or is over already. A newer claim on the key stays untouched."""
        return self.token is not None and self._pending.release(self.key, self.token)

    def __repr__(self) -> str:
        return f"Claim({self._pending.name!r}, granted={self.token is not None})"  # never the key: it may be secret

    def __bool__(self) -> bool:
        return self.token is not None

    def __enter__(self) -> "Claim[K] | None":
        return self or None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
