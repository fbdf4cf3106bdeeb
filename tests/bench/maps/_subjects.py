"""What is measured: our map, its peers and a plain dict, each used as its own documentation says."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from typing import Any, Final

import cachebox
import cachetools
import expiringdict
import lru
import moka_py
import theine

from floodmark_caches import BoundedMap

BASELINE: Final = "cachetools"


@dataclass(frozen=True)
class Subject:
    """One map. `make(maxsize, ttl)` builds it; the statements use it as `m` with `k` and `v`, and `lock` if it needs one.

    `getitem` is empty where a peer has no `[]`.
    """

    name: str
    package: str
    make: Callable[[int, float], Any]
    get: str = "m.get(k)"
    getitem: str = "m[k]"
    put: str = "m[k] = v"
    found: str = "m.get(k) is not None"
    locked: bool = False
    expires: bool = True
    names: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name with the version that was measured."""
        return f"{self.name} {version(self.package)}" if self.package else self.name


_made = 0


def _ours(maxsize: int, ttl: float) -> BoundedMap[Any, Any]:
    global _made  # noqa: PLW0603 - names of live maps are unique, and the bench makes many
    _made += 1
    return BoundedMap(f"bench-{_made}", maxsize=maxsize, ttl=ttl)


SUBJECTS: Final = (
    Subject("floodmark", "floodmark", _ours),
    Subject(
        BASELINE,
        "cachetools",
        cachetools.TTLCache,
        locked=True,
        names={"lock": threading.RLock()},
    ),
    Subject("cachebox", "cachebox", cachebox.TTLCache),
    Subject(
        "theine",
        "theine",
        lambda maxsize, ttl: theine.Cache(maxsize),
        getitem="",
        put="m.set(k, v, ttl)",
        found="m.get(k)[1]",
        names={"ttl": timedelta(seconds=3600)},
    ),
    Subject(
        "moka-py",
        "moka-py",
        lambda maxsize, ttl: moka_py.Moka(maxsize, ttl=ttl),
        getitem="",
        put="m.set(k, v)",
    ),
    Subject("lru-dict", "lru-dict", lambda maxsize, ttl: lru.LRU(maxsize), expires=False),
    Subject("expiringdict", "expiringdict", expiringdict.ExpiringDict),
    Subject("dict, no bound", "", lambda maxsize, ttl: {}, expires=False),
)
