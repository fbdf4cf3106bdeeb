"""Offers floodmark's own packages to a service that does not have them, after every other way to find them."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class Finder:
    """A meta path finder for a few top-level packages in given folders. Goes last, so that the service's own win."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._folders = dict(folders)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where *fullname* is, if it is one of ours."""
        del path
        folder = self._folders.get(fullname)
        if folder is None:
            return None
        return PathFinder.find_spec(fullname, [os.path.dirname(folder)], target)  # noqa: PTH120  runs before anything else is loaded


def install(folders: Mapping[str, str]) -> None:
    """Put a finder for *folders* (package name to its folder) at the end of `sys.meta_path`."""
    sys.meta_path.append(Finder(folders))
