"""Looking at foreign objects without running any of their code: types and the interpreter's own descriptors only.

`isinstance`, `len`, `repr`, `hash`, `==`, `vars` and attribute access can all be overridden in Python; nothing here uses
them on an object of the service, nor on its class, whose metaclass may override them too. What is looked at may still be lied about by C extensions, as far as the collector, which
trusts them too, can be lied to.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import GetSetDescriptorType, MappingProxyType, MemberDescriptorType, MethodDescriptorType
from typing import Any, Final

from floodmark_sidecar.agent._originals import Local

_MRO: Final = type.__dict__["__mro__"].__get__
_NAMESPACE: Final = type.__dict__["__dict__"].__get__
_MODULE: Final = type.__dict__["__module__"].__get__
_QUALNAME: Final = type.__dict__["__qualname__"].__get__
_FLAGS: Final = type.__dict__["__flags__"].__get__
_SUBCLASSES: Final = type.__subclasses__
_HEAP_TYPE: Final = 1 << 9
_HAVE_GC: Final = 1 << 14
_GC_HEAD: Final = 16
_MANAGED: Final = 1 << 3 | 1 << 4
"""Attributes or weak references that the interpreter keeps in two pointers before the object."""
_POINTERS: Final = 16
_CONTAINERS: Final = (dict, list, set, deque)

Sizer = Callable[[Any], int]


def mro(kind: type) -> tuple[type, ...]:
    """Return the method resolution order of a class, whatever its metaclass says. Compare its members by `is`."""
    found: tuple[type, ...] = _MRO(kind)
    return found


def namespace(kind: type) -> MappingProxyType[str, Any]:
    """Return the class's own namespace."""
    found: MappingProxyType[str, Any] = _NAMESPACE(kind)
    return found


def module_name(kind: type) -> str:
    """Return the name of the module a class says it is from, "" if it says none."""
    return _text(_MODULE, kind)


def qualname(kind: type) -> str:
    """Return the qualified name of a class."""
    return _text(_QUALNAME, kind)


def _text(getter: Callable[[type], Any], kind: type) -> str:
    try:
        found = getter(kind)
    except (AttributeError, TypeError):
        return ""
    return found if type(found) is str else ""


def is_static(kind: type) -> bool:
    """Whether a class is one of the interpreter's, or of C code that says so: whatever is written in Python is not."""
    return not _FLAGS(kind) & _HEAP_TYPE


def is_class(value: object) -> bool:
    """Whether *value* is a class of any metaclass."""
    return issubclass(type(value), type)


def attributes(value: object) -> dict[str, Any] | None:
    """Return the instance dictionary of *value*; None if it has none.

    Where the interpreter keeps attributes inside the object, this makes the dictionary: for the census' child only.
    """
    for kind in mro(type(value)):
        found = namespace(kind).get("__dict__")
        if type(found) is GetSetDescriptorType or type(found) is MemberDescriptorType:
            try:
                own = found.__get__(value)
            except Exception:  # noqa: BLE001  a C extension's own getter
                return None
            return own if type(own) is dict else None
    return None


def namespaces(value: object) -> Iterator[dict[Any, Any]]:
    """Yield the dictionaries that hold attributes of *value*: its own, and of a `threading.local` one for each thread.

    For the census' child only, as `attributes`.
    """
    own = attributes(value)
    if own is not None:
        yield own
    if issubclass(type(value), Local):
        for known in gc.get_referents(value):
            if type(known) is dict:
                # Beside what `__init__` is called with, by name: a dictionary of each thread, by an object of the thread's.
                yield from (each for key, each in known.items() if type(key) is not str and type(each) is dict)


def slots(value: object) -> Iterator[tuple[str, object]]:
    """Yield name and value of each filled slot of *value*."""
    for kind in mro(type(value)):
        for name, found in namespace(kind).items():
            if type(found) is MemberDescriptorType and type(name) is str:
                try:
                    yield name, found.__get__(value)
                except Exception:  # noqa: BLE001, S112  an empty slot raises AttributeError; a C member may raise more
                    continue


def family(base: type) -> Iterator[type]:
    """Yield *base* and every class below it, once each."""
    waiting = [base]
    seen: set[int] = set()
    while waiting:
        kind = waiting.pop()
        if id(kind) not in seen:
            seen.add(id(kind))
            yield kind
            waiting.extend(_SUBCLASSES(kind))


def container_types() -> dict[int, type]:
    """Return, by the id of each class that is or extends dict, list, set or deque, which of these it is.

    The key is the id because a metaclass may define `__hash__`.
    """
    found: dict[int, type] = {}
    for base in _CONTAINERS:
        for kind in family(base):
            found.setdefault(id(kind), base)
    return found


class Sizes:
    """Shallow sizes in bytes, by the first `__sizeof__` of a type's classes that is written in C; cached by type."""

    def __init__(self) -> None:
        self._by_type: dict[int, tuple[Sizer, int]] = {}

    def __call__(self, value: object) -> int:
        """Return the size of *value* with what the interpreter keeps before it, as `sys.getsizeof` does."""
        sizer, before = self._of(type(value))
        try:
            return sizer(value) + before
        except Exception:  # noqa: BLE001  a C extension's own method
            return object.__sizeof__(value)

    def total(self, values: Sequence[object]) -> int:
        """Return the sizes of *values* together, of which there is one at least and which are all of one type."""
        sizer, before = self._of(type(values[0]))
        try:
            return sum(map(sizer, values)) + before * len(values)
        except Exception:  # noqa: BLE001  as above
            return sum(map(self, values))

    def _of(self, kind: type) -> tuple[Sizer, int]:
        known = self._by_type.get(id(kind))
        if known is None:
            flags = _FLAGS(kind)
            before = (_GC_HEAD if flags & _HAVE_GC else 0) + (_POINTERS if flags & _MANAGED else 0)
            known = self._by_type[id(kind)] = (_sizer(kind), before)
        return known


def _sizer(kind: type) -> Sizer:
    for each in mro(kind):
        found = namespace(each).get("__sizeof__")
        if type(found) is MethodDescriptorType:
            return found
    return object.__sizeof__
