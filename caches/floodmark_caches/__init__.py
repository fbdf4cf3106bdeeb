"""Bounded TTL and LRU maps that publish their size."""

from floodmark_caches._adopted import Adopted
from floodmark_caches._async_locks import AsyncKeyedLocks
from floodmark_caches._background import Background
from floodmark_caches._errors import CachesError, LockTimeout, PendingFull
from floodmark_caches._locks import KeyedLocks
from floodmark_caches._map import BoundedMap
from floodmark_caches._pending import Claim, PendingSet
from floodmark_caches._registry import registry
from floodmark_caches._seen import SeenSet
from floodmark_caches._stats import MapStats, RemovalCause
from floodmark_caches._version import __version__

try:
    from cachetools import Cache as _Cache
except ImportError:  # the maps need the standard library only
    pass
else:
    _Cache.register(BoundedMap)
    _Cache.register(Adopted)

__all__ = [
    "Adopted",
    "AsyncKeyedLocks",
    "Background",
    "BoundedMap",
    "CachesError",
    "Claim",
    "KeyedLocks",
    "LockTimeout",
    "MapStats",
    "PendingFull",
    "PendingSet",
    "RemovalCause",
    "SeenSet",
    "__version__",
    "registry",
]
