"""Bound methods held without keeping their object alive."""

import weakref
from collections.abc import Callable
from types import MethodType
from typing import Any, Generic, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


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
