"""Bound methods held without keeping their object alive."""

import weakref
from collections.abc import Callable
from types import MethodType
from typing import Any, Generic, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_lent: list[None] = []  # one for each call by which an object is kept alive now; changed in single, atomic steps


def lending() -> bool:
    """Whether some object is kept alive at this moment, for as long as the `call` of its method takes."""
    return bool(_lent)


def owner_id(method: Callable[..., Any]) -> int:
    """What tells the object of a bound method from others while it lives."""
    return id(getattr(method, "__self__", None))


class WeakMethod(Generic[F]):
    """A bound method whose object may go; calling this gives the method, or None once it is gone.

    The standard library's own WeakMethod runs Python code of its module when the object goes, and so fails noisily
    when that happens at the exit of the interpreter, which is when most maps go.
    """

    __slots__ = ("_function", "_owner")

    def __init__(self, method: F, gone: Callable[["WeakMethod[F]"], object] | None = None) -> None:
        if not isinstance(method, MethodType):
            msg = f"only a bound method can be held weakly (got {method!r})"
            raise TypeError(msg)
        self._function = method.__func__
        self._owner = weakref.ref(method.__self__, None if gone is None else lambda _: gone(self))

    def __call__(self) -> F | None:
        owner = self._owner()
        return None if owner is None else cast("F", MethodType(self._function, owner))

    def call(self) -> Any:
        """Call the method and return its result, None if it is gone; its object is held for no longer than that."""
        _lent.append(None)
        try:
            return self._result()
        finally:
            _lent.pop()

    def _result(self) -> Any:
        # By itself, so that the object is let go before we say so.
        method = self()
        return None if method is None else method()
