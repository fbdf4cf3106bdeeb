"""From a chain of objects to a chain of names: which attribute, variable or element leads from each to the next."""

import gc
from _contextvars import Context, ContextVar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import CellType, FrameType, FunctionType
from typing import Any, Final

from floodmark_sidecar.agent import _graph, _objects
from floodmark_sidecar.agent._origin import USER, Modules

_TUPLES: Final = frozenset({id(tuple), id(frozenset)})
_NAME_OF: Final = ContextVar.__dict__["name"].__get__
_WRAPPED: Final = "__wrapped__"
"""What `functools.wraps` leaves on a decorated function: a way through, not a name anybody wrote."""


@dataclass(frozen=True)
class Owner:
    """Where a name is written: an attribute of a class or its instances, a global, a variable of a function.

    `qualname` is the class or function, "" for a global. `origin` says whose code that is.
    """

    module: str
    file: str | None
    qualname: str
    attribute: str
    origin: int

    @property
    def path(self) -> str:
        """The owner in dotted form."""
        return ".".join(part for part in (self.module, self.qualname, self.attribute) if part)


@dataclass(frozen=True)
class _Space:
    """The names in one object: an owner without its attribute, and the attributes by the id of what they name.

    `instance` is set for attributes of an instance, which are written in one of the classes of its type.
    """

    module: str
    file: str | None
    qualname: str
    origin: int
    names: Mapping[int, str]
    instance: type | None = None


class Hops:
    """Names the steps of chains that begin at the namespace of a module, by its id in *roots*, or at a frame."""

    def __init__(self, modules: Modules, roots: Mapping[int, str]) -> None:
        self._modules, self._roots = modules, roots
        self._kinds = _objects.container_types()
        self._globals: dict[int, Owner] | None = None

    def of(self, chain: list[object]) -> list[tuple[Owner | None, object]]:
        """Return the steps of *chain* that have a name, with what they lead to; elements of containers have None.

        A step through a namespace, a cell or the inside of a C object has no name of its own and is left out; a chain
        that ends in a namespace ends in `__dict__`. A class or function goes by its own name, whoever imported it.
        """
        hops: list[tuple[Owner | None, object]] = []
        space: _Space | None = None
        for parent, child in pairwise(chain):
            definition = self.definition(child)
            if definition is not None:
                hops, space = [(definition, child)], None
                continue
            if type(parent) is Context:
                hops, space = [*hops, (self._variable(parent, child), child)], None
                continue
            space = space or self._space(parent)
            name = space.names.get(id(child)) if space is not None else None
            if space is not None and name is not None:
                hops.append((self._owner(space, name), child))
                space = None
                continue
            space = self._passage(parent, child, space)
            if space is None and (id(type(parent)) in self._kinds or id(type(parent)) in _TUPLES):
                hops.append((None, child))
        if space is not None and type(chain[-1]) is dict:
            hops.append((self._owner(space, "__dict__"), chain[-1]))
        return hops

    def definition(self, value: object) -> Owner | None:
        """Return where *value* is written, if it is a class or a function."""
        if _objects.is_class(value):
            module, qualname = _objects.module_name(value), _objects.qualname(value)  # type: ignore[arg-type]
        elif type(value) is FunctionType:
            module, qualname = value.__module__, value.__qualname__
        else:
            return None
        modules, (outer, _, name) = self._modules, qualname.rpartition(".")
        module = module if type(module) is str else ""
        return Owner(modules.shown(module), modules.file(module), outer, name, modules.origin(module))

    def _variable(self, context: Context, held: object) -> Owner | None:
        """Return the context variable by which *context* has *held*: the global it is kept in, as it should be."""
        variable = next((key for key, value in Context.items(context) if value is held), None)
        if variable is None:
            return None
        if self._globals is None:
            self._globals = {}
            for module, members in self._modules.spaces():
                space = self._module(module, {name: each for name, each in members.items() if type(each) is ContextVar})
                for known, name in space.names.items():
                    self._globals.setdefault(known, self._owner(space, name))
        return self._globals.get(id(variable)) or Owner("", None, "ContextVar", _NAME_OF(variable), USER)

    def _space(self, value: object) -> _Space | None:
        """Return the names that *value* itself gives its members; None if it gives none."""
        if type(value) is dict:
            name = self._roots.get(id(value))
            return None if name is None else self._module(name, value)
        frame = _graph.frame_of(value)
        if frame is not None:
            return self._frame(frame)
        if type(value) is FunctionType or _objects.is_class(value):
            return None
        names = _by_id(item for own in _objects.namespaces(value) for item in own.items())
        for name, member in _objects.slots(value):
            names.setdefault(id(member), name)
        kind = type(value)
        return self._class(kind, names, instance=kind)

    def _passage(self, parent: object, child: object, space: _Space | None) -> _Space | None:
        """Return the names inside *child* where it only stands between *parent* and its named members."""
        if type(parent) is FunctionType:
            return self._function(parent, child)
        if type(child) is CellType:
            return space
        if type(child) is not dict:
            return None
        if _objects.is_class(parent):
            own = gc.get_referents(_objects.namespace(parent))  # type: ignore[arg-type]
            return self._class(parent, _by_id(child.items())) if own and own[0] is child else None  # type: ignore[arg-type]
        inside = space is not None and any(own is child for own in _objects.namespaces(parent))
        return space if inside else None

    def _owner(self, space: _Space, name: str) -> Owner:
        kind = None if space.instance is None else _writer(space.instance, name)
        if kind is not None and kind is not space.instance:
            space = self._class(kind, {})
        return Owner(space.module, space.file, space.qualname, name, space.origin)

    def _module(self, name: str, members: Mapping[Any, Any]) -> _Space:
        modules = self._modules
        return _Space(modules.shown(name), modules.file(name), "", modules.origin(name), _by_id(members.items()))

    def _class(self, kind: type, names: Mapping[int, str], *, instance: type | None = None) -> _Space:
        modules, name = self._modules, _objects.module_name(kind)
        origin = modules.origin(name)
        return _Space(modules.shown(name), modules.file(name), _objects.qualname(kind), origin, names, instance)

    def _frame(self, frame: FrameType) -> _Space:
        code, name = frame.f_code, frame.f_globals.get("__name__")
        shown = self._modules.shown(name) if type(name) is str else ""
        names = _by_id(_graph.local_names(frame).items())
        return _Space(shown, code.co_filename, code.co_qualname, self._modules.of_file(code.co_filename), names)

    def _function(self, function: FunctionType, part: object) -> _Space | None:
        """Return the names inside one *part* of a function: its attributes, default values, closure or globals."""
        code, qualname = function.__code__, function.__qualname__
        defaults, closure = function.__defaults__, function.__closure__
        if part is function.__globals__:
            name = function.__globals__.get("__name__")
            return self._module(name, function.__globals__) if type(name) is str else None
        if part is function.__dict__ or part is function.__kwdefaults__:
            names = _by_id(part.items())  # type: ignore[union-attr]
        elif defaults is not None and part is defaults:
            arguments = code.co_varnames[: code.co_argcount]
            names = _by_id(zip(arguments[-len(defaults) :], defaults, strict=False))
        elif closure is not None and part is closure:
            names = _by_id(zip(code.co_freevars, closure, strict=False))
            # A closure's variable is written in the function around this one.
            qualname = qualname.rpartition(".<locals>.")[0] or qualname
        else:
            return None
        module = function.__module__ if type(function.__module__) is str else ""
        origin = self._modules.of_file(code.co_filename)
        return _Space(self._modules.shown(module), code.co_filename, qualname, origin, names)


def _by_id(names: Iterable[tuple[Any, Any]]) -> dict[int, str]:
    """Return names by the id of what they name; of several names for one thing the first."""
    found: dict[int, str] = {}
    for name, value in names:
        if type(name) is str and name != _WRAPPED:
            found.setdefault(id(value), name)
    return found


def _writer(kind: type, name: str) -> type | None:
    """Return the class of *kind*'s bases that writes instance attribute *name*, as far as its methods tell."""
    for methods in (("__init__", "__post_init__", "__new__"), None):
        for each in _objects.mro(kind):
            own = _objects.namespace(each)
            annotations = own.get("__annotations__")
            if type(annotations) is dict and name in annotations:
                return each
            members = own.values() if methods is None else (own.get(method) for method in methods)
            if any(type(member) is FunctionType and name in member.__code__.co_names for member in members):
                return each
    return None
