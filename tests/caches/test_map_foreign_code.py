"""Foreign code that a map runs: callbacks, weights, finalizers, the collector."""

import gc
import logging
from collections.abc import Callable

import pytest

from floodmark_caches import BoundedMap, RemovalCause
from tests.caches.conftest import Clock, check_store, eventually

pytestmark = pytest.mark.usefixtures("alone")

Removals = list[tuple[str, int, RemovalCause]]


def test_every_removal_is_told_with_its_cause(name: str, clock: Clock) -> None:
    """Each entry that went is told once, after it went, with why."""
    told: Removals = []
    store = BoundedMap[str, int](
        name, maxsize=2, ttl=5, timer=clock, on_remove=lambda key, value, cause: told.append((key, value, cause))
    )
    store["a"] = 1
    store["a"] = 2
    store["b"] = 3
    store["c"] = 4
    del store["b"]
    clock.tick(5)
    store["d"] = 5
    assert store.pop("c", None) is None
    store["e"] = 6
    store.clear()
    assert told == [
        ("a", 1, RemovalCause.REPLACED),
        ("a", 2, RemovalCause.SIZE),
        ("b", 3, RemovalCause.EXPLICIT),
        ("c", 4, RemovalCause.EXPIRED),
        ("d", 5, RemovalCause.EXPLICIT),
        ("e", 6, RemovalCause.EXPLICIT),
    ]
    assert store.stats().removals == {"explicit": 3, "replaced": 1, "expired": 1, "size": 1}


def test_a_callback_that_fails_breaks_nothing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; the map has changed as asked, and the next callback is called."""
    told: list[str] = []

    def fail(key: str, value: int, cause: RemovalCause) -> None:
        told.append(key)
        msg = f"no {key}"
        raise RuntimeError(msg)

    store = BoundedMap[str, int](name, maxsize=1, on_remove=fail)
    with caplog.at_level(logging.ERROR, "floodmark.caches"):
        store["a"] = 1
        store["b"] = 2
        store["c"] = 3
    assert told == ["a", "b"]
    assert list(store) == ["c"]
    assert "no a" in caplog.text
    assert "no b" in caplog.text


def test_a_callback_may_use_its_map(name: str) -> None:
    """It runs outside the lock, when the removal is complete."""
    seen: list[object] = []
    store: BoundedMap[str, int] = BoundedMap(
        name, maxsize=1, on_remove=lambda key, value, cause: seen.append((key in store, len(store), store.get("b")))
    )
    store["a"] = 1
    store["b"] = 2
    assert seen == [(False, 1, 2)]


def test_a_getsizeof_that_raises_changes_nothing(name: str) -> None:
    """Its error reaches the caller."""
    store = BoundedMap[str, object](name, maxsize=10, getsizeof=len)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="len"):
        store["a"] = 5
    assert len(store) == 0


def test_a_finalizer_may_change_the_map_it_was_in(name: str) -> None:
    """A value whose end removes another key, as a weak reference's callback would."""

    class Tidy:
        def __init__(self, key: str) -> None:
            self.key = key

        def __del__(self) -> None:
            store.pop(self.key, None)

    store: BoundedMap[str, object] = BoundedMap(name, maxsize=2)
    store["b"] = 1
    store["a"] = Tidy("b")
    store["a"] = 2
    eventually(lambda: list(store) == ["a"])


def test_a_finalizer_inside_a_read_may_remove_what_is_read(name: str) -> None:
    """The value is returned all the same: it was live when it was looked up."""
    armed: list[str] = []

    def now() -> float:
        if armed:
            del store[armed.pop()]
        return 0.0

    store: BoundedMap[str, int] = BoundedMap(name, maxsize=2, ttl=5, timer=now)
    reads: list[Callable[[], int | None]] = [lambda: store["a"], lambda: store.get("a")]
    for read in reads:
        store["a"] = 1
        armed.append("a")
        assert read() == 1
        assert "a" not in store


def test_the_collector_may_run_finalizers_in_the_middle_of_everything(name: str) -> None:
    """They use the map, in the very thread that is clearing it or looking at all of it: nothing is told twice."""

    class Tidy:
        def __init__(self, key: int) -> None:
            self.key, self.cycle = key, self

        def __del__(self) -> None:
            if store is not None:
                store.pop(self.key, None)

    told: list[int] = []
    before = gc.get_threshold()
    for use in ("clear", "items", "expire"):
        clock = Clock()
        store: BoundedMap[int, int] | None = BoundedMap(
            f"{name}{use}", maxsize=9000, ttl=5, timer=clock, on_remove=lambda key, value, cause: told.append(key)
        )
        assert store is not None
        store.update({number: number for number in range(9000)})
        told.clear()
        gc.collect()
        gc.set_threshold(400)
        try:
            for number in range(300):
                Tidy(number * 30)
            if use == "clear":
                store.clear()
            elif use == "items":
                assert len(list(iter(store.items()))) > 8600
                store.clear()
            else:
                clock.tick(5)
                store.expire()
        finally:
            gc.set_threshold(*before)
        gc.collect()
        assert sorted(told) == list(range(9000))
        assert store.stats().removes == 9000
        check_store(store)  # type: ignore[arg-type]
        store = None


def test_a_map_that_is_filled_while_a_value_is_weighed(name: str) -> None:
    """A weight is asked for outside the lock, and the key may be there afterwards."""

    def weigh(value: int) -> int:
        assert not store._own_lock._is_owned()  # type: ignore[attr-defined]
        if value == 2:
            store["a"] = 1
        return value

    store: BoundedMap[str, int] = BoundedMap(name, maxsize=9, getsizeof=weigh)
    assert store.setdefault("a", 2) == 1
    assert (store.currsize, store.stats().hits, store.stats().misses) == (1, 1, 0)


def test_a_plain_map_warns_outside_the_lock(name: str) -> None:
    """Handlers are foreign code."""
    locked: list[bool] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            locked.append(store._own_lock._is_owned())  # type: ignore[attr-defined]

    store = BoundedMap[str, int](name, maxsize=3, warn_at=2)
    handler = Handler()
    logging.getLogger("floodmark.caches").addHandler(handler)
    try:
        store["a"] = store["b"] = 1
    finally:
        logging.getLogger("floodmark.caches").removeHandler(handler)
    assert locked == [False]
