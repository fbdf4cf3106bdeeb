"""Where the names of one Python file are bound, read from its text and never by importing it. Pure."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

_CONSTRUCTORS: Final = frozenset({"__init__", "__new__", "__post_init__", "__attrs_post_init__"})

# How near a binding is to "here it is made", nearest first. A bare annotation or a `None` only announces the name.
_CONSTRUCTED: Final = 0
_BODY: Final = 1
_ELSEWHERE: Final = 2
_ANNOUNCED: Final = 3

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Bindings:
    """The line of every name that one source text binds, by the qualified name of the scope and the name itself.

    Scopes are written as Python writes them: `""` for the module, `"Scheduler"` for a class and its instances,
    `"make.<locals>"` for the variables of a function. Raises what `ast.parse` raises: `SyntaxError`, `ValueError`
    (null bytes), `RecursionError`, `MemoryError`. Immutable once built, so it may be shared between threads.
    """

    def __init__(self, text: str) -> None:
        reader = _Reader()
        reader.visit(ast.parse(text))
        self._lines: Mapping[tuple[str, str], int] = {key: line for key, (_, line) in reader.found.items()}
        self._bases: Mapping[str, tuple[str, ...]] = reader.bases

    def line(self, qualname: str, attribute: str) -> int | None:
        """Return the line on which *attribute* of *qualname* is first made, or None where the text does not say.

        A class that does not bind it is looked up in its bases of the same file, a function in the scopes around it.
        """
        scopes = [qualname, *self._ancestors(qualname)]
        if qualname:
            scopes += [f"{qualname}.<locals>", *_functions_around(qualname)]
        for scope in scopes:
            for name in (attribute, _mangled(scope, attribute)):
                if (line := self._lines.get((scope, name))) is not None:
                    return line
        return None

    def _ancestors(self, qualname: str) -> list[str]:
        found: list[str] = []
        waiting = list(self._bases.get(qualname, ()))
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found.append(name)
                waiting += self._bases.get(name, ())
        return found


@dataclass(frozen=True)
class _Place:
    """Where the reader stands, and what plain names mean there."""

    scope: str = ""
    in_class: bool = False
    method: str = ""
    named: Mapping[str, str] = field(default_factory=dict)
    """The classes and functions in sight, by name: their qualified names."""
    selves: Mapping[str, str] = field(default_factory=dict)
    """The first parameters of the methods around: the class that each is, or is an instance of."""
    declared: Mapping[str, str] = field(default_factory=dict)
    """The names that the function declares `global` or `nonlocal`: the scope that holds them."""

    def qualify(self, name: str) -> str:
        return f"{self.scope}.{name}" if self.scope else name


class _Reader(ast.NodeVisitor):
    """Collects the nearest binding of each name while it walks the scopes of a file."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], tuple[int, int]] = {}
        self.bases: dict[str, tuple[str, ...]] = {}
        self._here = _Place()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        qualname = self._define(node)
        named = self._here.named
        bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
        self.bases[qualname] = tuple(named.get(base.id, base.id) for base in bases if isinstance(base, ast.Name))
        self._walk(node.body, replace(self._here, scope=qualname, in_class=True, method="", declared={}))

    def visit_FunctionDef(self, node: _FunctionNode) -> None:
        scope = f"{self._define(node)}.<locals>"
        parameters = [*node.args.posonlyargs, *node.args.args]
        defaults = [
            *zip(reversed(parameters), reversed(node.args.defaults), strict=False),
            *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
        ]
        for parameter, default in defaults:
            if default is not None:
                # A mutable default is made where the function is defined and lives as long as it does.
                self._note(scope, parameter.arg, default.lineno, _rank(default, _BODY))
        hidden = {parameter.arg for parameter in [*parameters, *node.args.kwonlyargs]}
        selves = {name: owner for name, owner in self._here.selves.items() if name not in hidden}
        method = self._here.method
        if self._here.in_class and parameters and not _is_static(node):
            selves[parameters[0].arg] = self._here.scope
            method = node.name
        declared = self._declared_in(node)
        self._walk(
            node.body,
            replace(self._here, scope=scope, in_class=False, method=method, selves=selves, declared=declared),
        )

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  the name is ast's

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """A lambda binds nothing that outlives its call."""

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            self._bind(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign | ast.NamedExpr) -> None:
        self.generic_visit(node)
        self._bind(node.target, node.value)

    visit_NamedExpr = visit_AnnAssign  # noqa: N815  the name is ast's

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._bind(node.target, node.iter)
        self.generic_visit(node)

    visit_AsyncFor = visit_For  # noqa: N815  the name is ast's

    def visit_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars is not None:
            self._bind(node.optional_vars, node.context_expr)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._bind_name((alias.asname or alias.name).partition(".")[0], node.lineno, _ANNOUNCED)

    visit_ImportFrom = visit_Import  # noqa: N815  the name is ast's

    def visit_Call(self, node: ast.Call) -> None:
        """`setattr(self, "x", …)`, and its form for frozen classes, bind like an assignment."""
        self.generic_visit(node)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        match node.args:
            case [receiver, ast.Constant(value=str(name)), value] if called in {"setattr", "__setattr__"}:
                self._bind_attribute(receiver, name, node.lineno, value)

    def _define(self, node: _FunctionNode | ast.ClassDef) -> str:
        """Bind the name of a class or function where it stands, and return its qualified name."""
        self._bind_name(node.name, node.lineno, _BODY)
        qualname = self._here.qualify(node.name)
        self._here = replace(self._here, named={**self._here.named, node.name: qualname})
        return qualname

    def _walk(self, body: list[ast.stmt], place: _Place) -> None:
        outside, self._here = self._here, place
        for statement in body:
            self.visit(statement)
        self._here = outside

    def _bind(self, target: ast.expr, value: ast.expr | None) -> None:
        match target:
            case ast.Name(id=name):
                self._bind_name(name, target.lineno, _rank(value, _BODY))
            case ast.Attribute(value=receiver, attr=name):
                self._bind_attribute(receiver, name, target.lineno, value)
            case ast.Starred(value=inner):
                self._bind(inner, value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for each in targets:
                    self._bind(each, value)
            case _:
                pass  # `x[key] = …` puts something into a container; it makes none

    def _bind_name(self, name: str, line: int, rank: int) -> None:
        scope = self._here.declared.get(name)
        if scope is None:
            self._note(self._here.scope, name, line, rank)
        else:
            # What a function does to an outer variable counts after what that scope does itself.
            self._note(scope, name, line, max(rank, _ELSEWHERE))

    def _bind_attribute(self, receiver: ast.expr, name: str, line: int, value: ast.expr | None) -> None:
        owner = self._stands_for(receiver)
        if owner is not None:
            near = _CONSTRUCTED if self._here.method in _CONSTRUCTORS else _ELSEWHERE
            self._note(owner, name, line, _rank(value, near))

    def _stands_for(self, receiver: ast.expr) -> str | None:
        """Return the qualified name of what *receiver* is, or is an instance of, where the text shows it."""
        match receiver:
            case ast.Name(id=name):
                return self._here.selves.get(name) or self._here.named.get(name)
            case ast.Call(func=ast.Name(id="type"), args=[inner]) | ast.Attribute(value=inner, attr="__class__"):
                return self._stands_for(inner)
            case _:
                return None

    def _note(self, scope: str, name: str, line: int, rank: int) -> None:
        key = (scope, _mangled(scope, name))
        if key not in self.found or (rank, line) < self.found[key]:
            self.found[key] = (rank, line)

    def _declared_in(self, function: _FunctionNode) -> dict[str, str]:
        """Return the holding scope of each name that *function* itself declares `global` or `nonlocal`."""
        declared: dict[str, str] = {}
        waiting: list[ast.AST] = list(function.body)
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Global):
                declared |= dict.fromkeys(node.names, "")
            elif isinstance(node, ast.Nonlocal):
                around = _functions_around(self._here.scope)
                for name in node.names:
                    declared[name] = next((scope for scope in around if (scope, name) in self.found), around[0])
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
                waiting += ast.iter_child_nodes(node)
        return declared


def _rank(value: ast.expr | None, rank: int) -> int:
    announced = value is None or (isinstance(value, ast.Constant) and value.value is None)
    return _ANNOUNCED if announced else rank


def _is_static(function: _FunctionNode) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in function.decorator_list)


def _functions_around(qualname: str) -> list[str]:
    """Return the function scopes that *qualname* is, or lies, inside, nearest first."""
    parts = qualname.split(".<locals>")
    return [".<locals>".join(parts[:count]) + ".<locals>" for count in range(len(parts) - 1, 0, -1)]


def _mangled(scope: str, name: str) -> str:
    """Return *name* as instances of the class *scope* carry it: `__locks` of `Scheduler` is `_Scheduler__locks`."""
    owner = scope.rpartition(".")[2].lstrip("_")
    private = name.startswith("__") and not name.endswith("__")
    return f"_{owner}{name}" if private and owner and owner != "<locals>" else name
