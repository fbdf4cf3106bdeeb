"""What the environment of floodmark itself has."""

import importlib.metadata
import re
from collections.abc import Callable
from typing import Final

from floodmark_sidecar.doctor._facts import Installed
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.graphviz import check_installed

_EXTRA: Final = re.compile(r"^([A-Za-z0-9._-]+).*extra == ['\"](sidecar|soak)['\"]")
_TOOLS: Final = ("cachetools", "memray", "objgraph", "psutil", "pympler")
"""What is looked for beside what the extras need."""


def installed() -> Installed:
    """Return what there is of the packages that floodmark may use."""
    extras = _extras()
    names = (*_TOOLS, *(each for needed in extras.values() for each in needed))
    return Installed(packages={name: _version(name) for name in names}, extras=extras, draws=_succeeds(check_installed))


def _extras() -> dict[str, tuple[str, ...]]:
    """Return the packages that floodmark's extras bring, as its metadata has them."""
    found: dict[str, list[str]] = {}
    try:
        requirements = importlib.metadata.requires("floodmark") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    for requirement in requirements:
        match = _EXTRA.match(requirement)
        if match and not match[1].startswith("floodmark"):
            found.setdefault(match[2], []).append(match[1])
    return {extra: tuple(names) for extra, names in found.items()}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _succeeds(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except UsageError:
        return False
    return True
