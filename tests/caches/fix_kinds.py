"""The kinds of maps that hold keys, and what can be done to each of them in its own way."""

from collections.abc import Hashable
from typing import Any

from floodmark_caches import BoundedMap, PendingSet, SeenSet

AnyStore = BoundedMap[Any, Any] | SeenSet[Any] | PendingSet[Any]
KINDS: list[type[AnyStore]] = [BoundedMap, SeenSet, PendingSet]


def put(store: AnyStore, key: Hashable) -> None:
    """Put a key into a map in its own way, and leave it there."""
    if isinstance(store, BoundedMap):
        store[key] = key
    elif isinstance(store, SeenSet):
        store.add(key)
    else:
        store.claim(key)


def ask(store: AnyStore, key: Hashable) -> None:
    """Read a key that is there in the map's own way."""
    if isinstance(store, BoundedMap):
        assert store[key] is store.get(key)
    else:
        put(store, key)


def take(store: AnyStore, key: Hashable) -> None:
    """Take the key that came last out of a map in its own way."""
    if isinstance(store, BoundedMap):
        del store[key]
    elif isinstance(store, SeenSet):
        store.discard(key)
    else:
        store.release(key, store._last_token)
