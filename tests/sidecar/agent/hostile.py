"""Types that refuse everything: what a census must never ask of an object."""

from typing import Any

_NAMES = (
    "__len__",
    "__hash__",
    "__eq__",
    "__sizeof__",
    "__repr__",
    "__iter__",
    "__reversed__",
    "__getattribute__",
    "__bool__",
    "items",
)


class Hostile:
    """Makes types whose methods, attributes and metaclass raise and count themselves in `asked`."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        meta: Any = type("HostileMeta", (type,), dict.fromkeys([*_NAMES, "__instancecheck__"], self._refuse))
        self._meta = meta

    def type(self, name: str, *bases: type) -> Any:
        """Return a new type of that *name*; its instances are made with `object.__new__` or that of a base."""
        body = {**dict.fromkeys(_NAMES, self._refuse), "__class__": property(self._refuse)}
        return type.__call__(self._meta, name, bases, body)

    def _refuse(self, *arguments: Any) -> Any:
        self.asked.append(len(arguments))
        raise AssertionError
