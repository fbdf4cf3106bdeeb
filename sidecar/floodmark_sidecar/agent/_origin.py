"""Whose code something is: the user's own, a library's, or machinery that only holds what its user put there."""

import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

USER: Final = 0
LIBRARY: Final = 1
MACHINERY: Final = 2

_MACHINERY: Final = frozenset({"cachetools", "floodmark_caches", "floodmark_sidecar", "sortedcontainers"})
"""Top-level packages, beside the standard library, whose attributes stand for the attribute that holds them."""

MODULE_DICT: Final = type.__dict__["__dict__"].__get__(ModuleType)["__dict__"].__get__
"""Gives the namespace of a module without asking the module."""


class Modules:
    """The loaded modules by name, and where each is from. Reads module dictionaries only, never their attributes."""

    def __init__(self, loaded: Mapping[str, Any]) -> None:
        self._spaces: dict[str, dict[str, Any]] = {}
        for name, module in dict(loaded).items():
            if type(name) is str and issubclass(type(module), ModuleType):
                own = MODULE_DICT(module)
                if type(own) is dict:
                    self._spaces[name] = own
        self._stdlib = os.path.dirname(os.path.abspath(os.__file__)) + os.sep  # noqa: PTH100, PTH120  see `_files`
        self._main = self._main_name()

    def spaces(self) -> list[tuple[str, dict[str, Any]]]:
        """Return every module's name and namespace, the user's own first and the main module before all."""
        names = sorted(self._spaces, key=lambda name: (self.origin(name), name != "__main__"))
        return [(name, self._spaces[name]) for name in names]

    def shown(self, name: str) -> str:
        """Return the name to show: `__main__` goes by the name it was started under."""
        return self._main if name == "__main__" else name

    def space(self, name: str) -> dict[str, Any]:
        """Return the namespace of a module; an empty one if it is not loaded."""
        return self._spaces.get(name, {})

    def file(self, name: str) -> str | None:
        """Return the absolute path of a module's source, None if it has none or is not loaded."""
        found = self._spaces.get(name, {}).get("__file__")
        return os.path.abspath(found) if type(found) is str else None  # noqa: PTH100  see `_files`

    def origin(self, name: str) -> int:
        """Return `USER`, `LIBRARY` or `MACHINERY` for a module, loaded or not."""
        top = name.partition(".")[0]
        if top in _MACHINERY or top == "builtins":
            return MACHINERY
        space = self._spaces.get(name)
        if space is None:
            return MACHINERY if top in sys.stdlib_module_names else USER
        file = self.file(name)
        if file is None:
            frozen = top in sys.builtin_module_names or top in sys.stdlib_module_names
            return MACHINERY if frozen else USER
        return self.of_file(file)

    def of_file(self, file: str) -> int:
        """Return `USER`, `LIBRARY` or `MACHINERY` for a source file."""
        if "/site-packages/" in file or "/dist-packages/" in file:
            parts = file.replace("/dist-packages/", "/site-packages/").rpartition("/site-packages/")[2].split("/")
            return MACHINERY if parts[0] in _MACHINERY else LIBRARY
        if file.startswith((self._stdlib, "<frozen")):
            return MACHINERY
        return USER

    def _main_name(self) -> str:
        space = self._spaces.get("__main__", {})
        name = getattr(space.get("__spec__"), "name", None)
        if type(name) is str:
            return name.removesuffix(".__main__")
        file = space.get("__file__")
        if type(file) is str:
            return os.path.splitext(os.path.basename(file))[0]  # noqa: PTH119, PTH122  see `_files`
        return "__main__"
