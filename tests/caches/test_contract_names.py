"""What all kinds of maps say of themselves: numbers, warnings, names, refusals."""

import copy
import json
import logging
import pickle
from collections.abc import Callable

import pytest

from floodmark_caches import KeyedLocks, registry
from tests.caches.conftest import Clock, published
from tests.caches.fix_kinds import AnyStore, put

pytestmark = pytest.mark.usefixtures("alone")

STATS_KEYS = [
    "name",
    "kind",
    "entries",
    "maxsize",
    "ttl_seconds",
    "bytes",
    "adds",
    "removes",
    "hits",
    "misses",
    "removals",
    "evicted_before_ttl",
    "warn_at",
    "warnings",
    "oldest_age_seconds",
    "container_ids",
    "last_evicted_age_seconds",
    "mean_evicted_age_seconds",
]


def test_stats_are_the_agreed_json(kind: Callable[..., AnyStore], name: str, clock: Clock) -> None:
    """The numbers carry the agreed names, in JSON types, and the id of the container that grows."""
    store = kind(name, maxsize=10, ttl=5, timer=clock)
    put(store, "a")
    clock.tick(2)
    put(store, "b")
    numbers = json.loads(json.dumps(store.stats().as_dict()))
    assert list(numbers) == STATS_KEYS
    assert numbers["removals"] == {"explicit": 0, "replaced": 0, "expired": 0, "size": 0}
    expected = {"name": name, "kind": type(store).__name__, "entries": 2, "maxsize": 10, "ttl_seconds": 5, "adds": 2}
    assert numbers | expected == numbers
    assert numbers["oldest_age_seconds"] == 2
    assert numbers["container_ids"] == [id(store._data)]


def test_warn_at_warns_once_for_each_crossing(
    kind: Callable[..., AnyStore], name: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """One line at the crossing; the next only after the map was a tenth below the level."""
    store = kind(name, maxsize=40, ttl=5, timer=clock, warn_at=0.5)
    with caplog.at_level(logging.WARNING, "floodmark.caches"):
        for key in range(30):
            put(store, key)
        assert len(caplog.records) == store.stats().warnings == 1
        assert name in caplog.text
        assert "20" in caplog.text
        clock.tick(5)
        assert len(store) == 0
        for key in range(30):
            put(store, key)
    assert len(caplog.records) == store.stats().warnings == 2
    assert store.stats().warn_at == 20


def test_hovering_around_warn_at_warns_once(
    kind: Callable[..., AnyStore], name: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """An entry less and an entry more, at the level, is no new crossing."""
    store = kind(name, maxsize=40, ttl=100, timer=clock, warn_at=20)
    for key in range(30):
        put(store, key)
        clock.tick(5)
        assert len(store) <= 20
    assert store.stats().warnings == 1
    assert caplog.text.count(name) == 1


def test_a_name_is_given_to_one_live_map(kind: Callable[..., AnyStore], name: str) -> None:
    """A second map of the same name is refused by name, and the first one stays registered."""
    first = kind(name, maxsize=1, ttl=1)
    with pytest.raises(ValueError, match=f"'{name}'"):
        KeyedLocks(name)
    assert [stats.kind for stats in registry.stats() if stats.name == name] == [type(first).__name__]


def test_a_dropped_map_leaves_the_registry(kind: Callable[..., AnyStore], name: str) -> None:
    """The last reference gone, the name is free at once: nothing of ours keeps a map alive."""
    store = kind(name, maxsize=10, ttl=100)
    put(store, "a")
    del store
    assert published(name) is None
    assert len(kind(name, maxsize=10, ttl=100)) == 0


def test_a_map_that_waits_for_the_collector_does_not_hold_its_name(kind: Callable[..., AnyStore], name: str) -> None:
    """A map in a reference cycle that nobody can reach gives its name to the next."""
    cycle: list[object] = [kind(name, maxsize=10, ttl=100)]
    cycle.append(cycle)
    del cycle
    assert kind(name, maxsize=10, ttl=100).name == name


def test_it_cannot_be_copied_or_pickled(kind: Callable[..., AnyStore], name: str) -> None:
    """Two maps of one name would both be wrong; the error names the map."""
    store = kind(name, maxsize=10, ttl=100)
    for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=name):
            duplicate(store)


def test_its_text_tells_no_entries(kind: Callable[..., AnyStore], name: str) -> None:
    """Keys and values may be secret, and many."""
    store = kind(name, maxsize=2, ttl=100)
    put(store, "secret")
    assert repr(store) == f"{type(store).__name__}('{name}', entries=1, maxsize=2)"
