"""The errors of the maps: each carries what it is about as fields, and says it in its text."""

from collections.abc import Hashable
from typing import Any, TypeVar

_E = TypeVar("_E", bound=BaseException)


def hinted(error: _E, hint: str) -> _E:
    """The error with a note that says what to do: tracebacks show it, and the text stays one sentence."""
    error.add_note(f"hint: {hint}")
    return error


class CachesError(Exception):
    """Base of the errors that only this package raises; bad arguments stay plain ValueError and TypeError.

    `hint` is what the caller or the operator can do. Tracebacks show it as a note, `str` leaves it out. Pickling and
    copying keep the text, the fields and the hint, so that an error can leave the process that raised it.
    """

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint
        hinted(self, hint)

    def __reduce__(self) -> tuple[Any, ...]:
        # What the subclasses are made from are their fields, and the default would make them from the text.
        return _again, (type(self), self.args), dict(vars(self))


def _again(kind: type[CachesError], args: tuple[object, ...]) -> CachesError:
    """An error as it was, but for its fields."""
    error = kind.__new__(kind, *args)
    error.args = args
    return error


class PendingFull(CachesError):  # noqa: N818 - names the state that the caller handles, as queue.Full does
    """Raised when every place of a PendingSet is taken by a live claim: a live claim is never given up for a new one.

    `name` is the set's name, `maxsize` how many claims it holds at most.
    """

    def __init__(self, name: str, maxsize: int) -> None:
        super().__init__(
            f"pending set {name!r} is full: {maxsize} live claims",
            "release claims when their work ends, shorten the ttl, or raise maxsize",
        )
        self.name = name
        self.maxsize = maxsize


class LockTimeout(CachesError, TimeoutError):  # noqa: N818 - a TimeoutError by another name
    """Raised when the locks of some keys were not all free in time; none of them is held then.

    `name` is the name of the KeyedLocks, `keys` what was asked for, `timeout` how long was waited, in seconds.
    """

    def __init__(self, name: str, keys: tuple[Hashable, ...], timeout: float) -> None:
        super().__init__(
            f"keyed locks {name!r}: no lock on {', '.join(map(repr, keys))} within {timeout:g} s",
            "see who holds the key, or wait longer",
        )
        self.name = name
        self.keys = keys
        self.timeout = timeout
