"""The errors of the maps: each carries what it is about as fields, and says it in its text."""

from collections.abc import Hashable


class CachesError(Exception):
    """Base of the errors that only this package raises; bad arguments stay plain ValueError and TypeError."""


class PendingFull(CachesError):  # noqa: N818 - names the state that the caller handles, as queue.Full does
    """Raised when every place of a PendingSet is taken by a live claim: a live claim is never given up for a new one.

    `name` is the set's name, `maxsize` how many claims it holds at most, `hint` what the operator can do.
    """

    def __init__(self, name: str, maxsize: int) -> None:
        super().__init__(f"pending set {name!r} is full: {maxsize} live claims")
        self.name = name
        self.maxsize = maxsize
        self.hint = "release claims when their work ends, shorten the ttl, or raise maxsize"


class LockTimeout(CachesError, TimeoutError):  # noqa: N818 - a TimeoutError by another name
    """Raised when the locks of some keys were not all free in time; none of them is held then.

    `name` is the name of the KeyedLocks, `keys` what was asked for, `timeout` how long was waited, in seconds.
    """

    def __init__(self, name: str, keys: tuple[Hashable, ...], timeout: float) -> None:
        super().__init__(f"keyed locks {name!r}: no lock on {', '.join(map(repr, keys))} within {timeout:g} s")
        self.name = name
        self.keys = keys
        self.timeout = timeout
        self.hint = "see who holds the key, or wait longer"
