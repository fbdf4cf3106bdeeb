"""What every map promises, whatever its kind."""

import contextlib
import logging
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import pytest

from floodmark_caches import BoundedMap, PendingFull, PendingSet, SeenSet, registry
from tests.caches.conftest import Clock
from tests.caches.fix_kinds import AnyStore, ask, put, take

pytestmark = pytest.mark.usefixtures("alone")


def test_it_counts_live_entries_only(kind: Callable[..., AnyStore], name: str, clock: Clock) -> None:
    """An entry stops to exist exactly when its ttl is over, though nobody has released it."""
    store = kind(name, maxsize=10, ttl=5, timer=clock)
    put(store, "a")
    clock.tick(3)
    put(store, "b")
    assert (len(store), "a" in store, sorted(store)) == (2, True, ["a", "b"])
    clock.tick(2)
    assert (len(store), "a" in store, sorted(store)) == (1, False, ["b"])


def test_a_known_key_keeps_its_time(kind: Callable[..., AnyStore], name: str, clock: Clock) -> None:
    """Asking for a key does not make it live longer."""
    store = kind(name, maxsize=10, ttl=5, timer=clock)
    put(store, "a")
    clock.tick(4)
    assert "a" in store
    if isinstance(store, BoundedMap):
        assert store["a"] == "a"
    else:
        put(store, "a")
    clock.tick(1)
    assert "a" not in store


def test_asking_with_in_changes_nothing(kind: Callable[..., AnyStore], name: str, clock: Clock) -> None:
    """`in` counts no hit and refreshes no recency."""
    store = kind(name, maxsize=2, ttl=5, timer=clock)
    put(store, "a")
    put(store, "b")
    before = store.stats()
    assert "a" in store
    assert "x" not in store
    assert (store.stats().hits, store.stats().misses) == (before.hits, before.misses)
    assert list(store) == ["a", "b"]


def test_the_bound_holds_and_expired_entries_make_room_first(
    kind: Callable[..., AnyStore], name: str, clock: Clock
) -> None:
    """At the bound an expired entry goes, not a live one."""
    store = kind(name, maxsize=3, ttl=5, timer=clock)
    put(store, "old")
    clock.tick(4)
    put(store, "a")
    put(store, "b")
    clock.tick(1)
    put(store, "c")
    assert sorted(store) == ["a", "b", "c"]
    assert store.stats().removals["expired"] == 1
    assert store.stats().removals["size"] == 0


def test_the_bound_holds_at_every_moment(kind: Callable[..., AnyStore], name: str, clock: Clock) -> None:
    """Whatever the ttl says, and also for what is held and not yet released."""
    store = kind(name, maxsize=3, ttl=5, timer=clock)
    for key in range(20):
        with contextlib.suppress(PendingFull):
            put(store, key)
        assert store.stats().entries <= 3
        clock.tick(1)


def test_each_operation_reads_the_clock_once(kind: Callable[..., AnyStore], name: str) -> None:
    """An entry cannot expire between the check and the use of one operation."""
    clock = Clock(step=1.0)
    store = kind(name, maxsize=2, ttl=100, timer=clock)
    operations: list[Callable[[], object]] = [
        lambda: put(store, "a"),
        lambda: put(store, "b"),
        lambda: "a" in store,
        lambda: len(store),
        lambda: list(iter(store)),  # list(store) asks for the length as well
        store.stats,
    ]
    if isinstance(store, BoundedMap):
        operations += [
            lambda: store["a"],
            lambda: store.get("b"),
            lambda: store.set("c", 1, ttl=500),
            lambda: store.setdefault("d", 1),
            lambda: store.setdefault("d", 2),
            lambda: store.get_or_create("d", int),
            lambda: store.currsize,
            lambda: list(iter(store.items())),
            lambda: list(iter(store.values())),
            lambda: store.pop("d"),
            store.popitem,
            lambda: store.get("gone"),
            store.clear,
            store.expire,
        ]
    elif isinstance(store, SeenSet):
        operations += [lambda: store.add("c"), lambda: store.touch("c"), lambda: store.discard("c"), store.clear]
    else:
        operations += [lambda: store.release("a", 1), lambda: store.claim("c")]
    for number, operation in enumerate(operations):
        before = clock.readings
        operation()
        assert clock.readings == before + 1, f"operation {number}"


def test_what_was_put_in_at_an_earlier_time_goes_with_its_neighbours(
    kind: Callable[..., AnyStore], name: str, clock: Clock
) -> None:
    """No later than the entry before it, however far back the clock went."""
    store = kind(name, maxsize=9, ttl=5, timer=clock)
    put(store, "a")
    clock.tick(-2)
    put(store, "b")
    clock.tick(7)
    assert sorted(store) == []
    assert len(store) == 0


class Key:
    """A key that can be seen to go."""


def test_keys_that_went_are_let_go(kind: Callable[..., AnyStore], name: str, clock: Clock) -> None:
    """However they were read before, and whichever way they went: the next write forgets them."""
    store = kind(name, maxsize=3, ttl=5, timer=clock)
    put(store, 0)

    def crowd(key: Hashable) -> None:
        if isinstance(store, PendingSet):
            take(store, key)  # a live claim is never given up for room
        for number in range(10, 13):
            with contextlib.suppress(PendingFull):
                put(store, number)

    def outlive(key: Hashable) -> None:
        clock.tick(5)
        assert len(store) == 0

    def clear(key: Hashable) -> None:
        if isinstance(store, PendingSet):
            take(store, key)
        else:
            store.clear()

    for go in (lambda key: take(store, key), crowd, outlive, clear):
        key = Key()
        put(store, key)
        for _ in range(3):
            ask(store, key)
        go(key)
        assert key not in store
        gone = weakref.ref(key)
        del key
        assert gone() is None or go is not clear
        outlive(0)
        put(store, 0)
        assert gone() is None
        assert list(store) == [0]


def test_no_foreign_code_runs_under_the_lock(kind: Callable[..., AnyStore], name: str, clock: Clock) -> None:
    """Neither callbacks nor the handlers of the log, whoever noticed what they tell of."""
    locked: dict[str, list[bool]] = {"told": [], "logged": []}

    def told(*_: object) -> object:
        locked["told"].append(store._own_lock._is_owned())  # type: ignore[attr-defined]
        return None

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno == logging.WARNING:
                locked["logged"].append(store._own_lock._is_owned())  # type: ignore[attr-defined]

    options: dict[Any, dict[str, object]] = {BoundedMap: {"on_remove": told}, PendingSet: {"on_expire": told}}
    store = kind(name, maxsize=2, ttl=5, timer=clock, warn_at=2, **options.get(kind, {}))
    handler = Handler()
    logging.getLogger("floodmark.caches").addHandler(handler)
    try:
        for number in range(20):
            key = number * 10
            puts: list[Callable[[Any], object]] = [lambda key: put(store, key)]
            if isinstance(store, BoundedMap):
                puts += [
                    lambda key: store.set(key, 1, ttl=4),
                    store.setdefault,
                    lambda key: store.get_or_create(key, lambda: told(key)),
                ]
            each = puts[number % len(puts)]
            each(key)
            each(key + 1)
            if isinstance(store, BoundedMap):
                each(key + 2)
                store[key + 2] = 1
                store.pop(key + 2)
                store.popitem()
                each(key)
            if number % 5 == 4:
                store.clear() if not isinstance(store, PendingSet) else None
            clock.tick(5)
            ways: list[Callable[[], object]] = [store._tend, store.__len__, lambda: put(store, -1)]
            ways[number % 3]()
            clock.tick(5)
            store._tend()
    finally:
        logging.getLogger("floodmark.caches").removeHandler(handler)
    assert len(locked["logged"]) == store.stats().warnings >= 10
    assert bool(locked["told"]) == (kind is not SeenSet)
    assert not any(locked["told"] + locked["logged"])


def test_a_key_that_cannot_be_hashed_changes_nothing(kind: Callable[..., AnyStore], name: str, clock: Clock) -> None:
    """The key is in the error, and the next operation finds the lock free."""
    store = kind(name, maxsize=2, ttl=100, timer=clock)
    put(store, "a")
    before = store.stats()
    uses: list[Callable[[Any], object]] = [lambda key: put(store, key), store.__contains__]
    if isinstance(store, BoundedMap):
        uses += [lambda key: store.set(key, 1, ttl=5), lambda key: store.setdefault(key, 1)]
        uses += [store.__getitem__, store.get, store.pop, store.__delitem__]
        uses += [lambda key: store.get_or_create(key, int), lambda key: (key, 1) in store.items()]
    elif isinstance(store, SeenSet):
        uses += [store.touch, store.discard]
    else:
        uses += [lambda key: store.release(key, 1)]
    for each in uses:
        with pytest.raises(TypeError, match=r"a key must be hashable \(got \['bad'\]\)"):
            each(["bad"])
    assert store.stats() == before
    assert store._own_lock.acquire(blocking=False)
    store._own_lock.release()
    assert list(store) == ["a"]


BAD: list[tuple[dict[str, object], type[Exception], str]] = [
    ({"maxsize": 0}, ValueError, "maxsize .* 0"),
    ({"maxsize": -3}, ValueError, "maxsize .* -3"),
    ({"maxsize": float("inf")}, ValueError, "maxsize .* inf"),
    ({"maxsize": float("nan")}, ValueError, "maxsize .* nan"),
    ({"maxsize": 2.5}, TypeError, "maxsize .* 2.5"),
    ({"maxsize": True}, TypeError, "maxsize .* True"),
    ({"maxsize": "9"}, TypeError, "maxsize .* '9'"),
    ({"ttl": 0}, ValueError, "ttl .* 0"),
    ({"ttl": -1.5}, ValueError, "ttl .* -1.5"),
    ({"ttl": float("nan")}, ValueError, "ttl .* nan"),
    ({"ttl": float("inf")}, ValueError, "ttl .* inf"),
    ({"ttl": 10**400}, ValueError, "ttl .*range of a float .*1329 bits"),
    ({"ttl": -(10**5000)}, ValueError, "ttl .*range of a float .*16610 bits"),
    ({"maxsize": 10**5000}, ValueError, "maxsize .*16610 bits"),
    ({"ttl": True}, TypeError, "ttl .* True"),
    ({"ttl": "60"}, TypeError, "ttl .* '60'"),
    ({"timer": 5}, TypeError, "timer .* 5"),
    ({"warn_at": 0}, ValueError, "warn_at .* 0"),
    ({"warn_at": 1.5}, ValueError, "warn_at .* 1.5"),
    ({"warn_at": 0.0}, ValueError, "warn_at .* 0.0"),
    ({"warn_at": float("nan")}, ValueError, "warn_at .* nan"),
    ({"warn_at": True}, TypeError, "warn_at .* True"),
]


@pytest.mark.parametrize(("wrong", "error", "words"), BAD, ids=lambda each: each if isinstance(each, str) else "")
def test_a_bad_argument_is_named_with_its_value(
    kind: Callable[..., AnyStore], name: str, wrong: dict[str, object], error: type[Exception], words: str
) -> None:
    """The sentence says which argument and what was given; no map is left behind."""
    arguments: dict[str, object] = {"maxsize": 10, "ttl": 60} | wrong
    with pytest.raises(error, match=words):
        kind(name, **arguments)
    assert name not in [stats.name for stats in registry.stats()]


@pytest.mark.parametrize("wrong", ["", "two\nlines", "x" * 300, 7, None])
def test_a_bad_name_is_refused(kind: Callable[..., AnyStore], wrong: object) -> None:
    """Names go into logs, tables and labels."""
    with pytest.raises((ValueError, TypeError), match="name must be"):
        kind(wrong, maxsize=10, ttl=60)


def test_an_empty_map_weighs_nothing(name: str, clock: Clock) -> None:
    """To the last digit, however it became empty: differences of floats leave a rest."""
    store = BoundedMap[int, float](name, maxsize=10, ttl=60, timer=clock, getsizeof=lambda value: value)
    empty: list[Callable[[], object]] = [
        lambda: [store.pop(key) for key in range(3)],
        store.clear,
        lambda: clock.tick(60),
    ]
    empty += [lambda: [store.popitem() for _ in range(3)]]
    for each in empty:
        for key, weight in enumerate((1.1, 1.7, 1.3)):
            store[key] = weight
        each()
        assert store.currsize == 0
        assert store._weight == 0
    store[1] = 1.1
    store[1] = 10.0
    store[1] = 3.3
    assert store.currsize == 3.3
    store[2] = 10.0
    assert store.currsize == 10.0
