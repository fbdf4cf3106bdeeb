"""The registry: every map by name, watched containers, the periodic line."""

import collections
import gc
import inspect
import logging
import math
import re
import threading
import time
import weakref

import cachetools
import pytest

from floodmark_caches import BoundedMap, KeyedLocks, MapStats, registry
from tests.caches.conftest import eventually, published, run_python
from tests.caches.fix_fork import needs_fork


def test_a_plain_dict_is_watched_as_it_is(name: str) -> None:
    """Its length is published and nothing else of it; unwatch ends that."""
    routes = {"secret": 1}
    registry.watch(name, routes)
    routes["b"] = 2
    stats = published(name)
    assert stats is not None
    assert (stats.kind, stats.entries, stats.maxsize, stats.container_ids) == ("dict", 2, None, (id(routes),))
    registry.unwatch(name)
    assert published(name) is None
    with pytest.raises(KeyError, match=name):
        registry.unwatch(name)


def test_a_cache_is_watched_with_its_own_bound(name: str) -> None:
    """And with the ids of the dicts inside, where its entries are."""
    cache: cachetools.TTLCache[int, int] = cachetools.TTLCache(maxsize=50, ttl=9)
    registry.watch(name, cache)
    cache[1] = 1
    stats = published(name)
    assert stats is not None
    assert (stats.kind, stats.entries, stats.maxsize, stats.ttl) == ("TTLCache", 1, 50, 9)
    assert id(cache._Cache__data) in stats.container_ids  # type: ignore[attr-defined]


@pytest.mark.parametrize("ends", [True, False], ids=["for a moment", "for long"])
def test_a_map_that_is_dropped_while_it_is_tended_gives_up_its_name(name: str, ends: bool) -> None:
    """A thread of ours that holds it for a moment is waited for, but not for ever."""
    inside, go = threading.Event(), threading.Event()

    def now() -> float:
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            go.wait(10)
        return time.monotonic()

    store = BoundedMap[str, int](name, maxsize=2, ttl=5, timer=now)
    store["a"] = 1
    assert inside.wait(10)
    del store
    if ends:
        threading.Timer(0.02, go.set).start()
        assert BoundedMap[str, int](name, maxsize=2, ttl=5).name == name
    else:
        started = time.monotonic()
        with pytest.raises(ValueError, match=name):
            registry.watch(name, [1])
        assert time.monotonic() - started < 5
        go.set()


def test_a_name_that_is_taken_is_refused_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to wait for while nobody else looks at the map."""
    store = BoundedMap[str, int](name, maxsize=2)
    monkeypatch.setattr("floodmark_caches._registry.lending", lambda: False)
    monkeypatch.setattr("floodmark_caches._registry._PATIENCE_SECONDS", 60)
    with pytest.raises(ValueError, match=name):
        BoundedMap(store.name, maxsize=2)


def test_a_name_that_is_taken_says_by_whom(name: str) -> None:
    """The line that made the map, or had it watched, and what to do; nothing of it stays when the map is gone."""
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    stores: list[object] = [BoundedMap[str, int](name, maxsize=2)]
    words = re.escape(f"already named {name!r}, made at {__file__}:{line}") + "\n"
    with pytest.raises(ValueError, match=words) as caught:
        KeyedLocks(name)
    assert "keep a reference to it" in caught.value.__notes__[0]
    del caught
    stores.clear()
    gc.collect()
    assert name not in registry._made_at
    registry.watch(name, [1])
    with pytest.raises(ValueError, match=rf"made at .*:{line + 9}"):
        registry.watch(name, [2])
    registry.unwatch(name)
    assert name not in registry._made_at


def test_a_map_keeps_its_place_when_a_container_of_its_name_is_gone(name: str) -> None:
    """The container was gone before, and is noticed later."""
    registry.watch(name, {1, 2})
    store = BoundedMap[str, int](name, maxsize=2)
    registry.stats()
    with pytest.raises(ValueError, match=f"made at {__file__}"):
        KeyedLocks(store.name)


def test_names_of_dropped_maps_are_free(name: str) -> None:
    """Again and again, although each map was looked at as soon as it had an entry."""
    for _ in range(8):
        store = BoundedMap[int, int](name, maxsize=2, ttl=5)
        store[1] = 1
        del store
    with pytest.raises(KeyError):
        registry.unwatch(name)


def test_what_can_be_held_weakly_is(name: str) -> None:
    """A watched set that nobody else holds is gone, and its name is free."""
    registry.watch(name, {1, 2})
    assert published(name) is None
    registry.watch(name, collections.deque([1]))
    assert name not in registry._watched or published(name) is None


def test_watching_warns_once_for_each_crossing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Checked whenever the numbers are read."""
    routes: dict[int, int] = {}
    registry.watch(name, routes, warn_at=10)
    routes.update(dict.fromkeys(range(12)))  # type: ignore[arg-type]
    for _ in range(3):
        registry.stats()
    assert caplog.text.count(name) == 1
    routes.clear()
    registry.stats()
    routes.update(dict.fromkeys(range(12)))  # type: ignore[arg-type]
    stats = published(name)
    assert stats is not None
    assert (stats.warnings, stats.warn_at) == (2, 10)


def test_a_container_that_cannot_be_read_is_left_out(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line about it, and all the others are still there."""

    class Broken:
        def __len__(self) -> int:
            raise OSError(5)

    broken = Broken()
    registry.watch(name, broken)
    locks = KeyedLocks[str](f"{name}-locks")
    for _ in range(3):
        assert published(name) is None
    assert published(locks.name) is not None
    assert caplog.text.count("cannot be read") == 1


class Blind:
    """A map whose numbers cannot be read."""

    def stats(self) -> MapStats:
        """Fail."""
        raise OSError(5)


def test_a_map_that_cannot_be_read_blinds_nobody_to_the_others(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line says so, with the traceback."""
    blind = Blind()
    registry.register(name, blind.stats)
    locks = KeyedLocks[str](f"{name}-locks")
    registry.watch(f"{name}-plain", {})
    for _ in range(3):
        names = [stats.name for stats in registry.stats()]
        assert [each for each in names if each.startswith(name)] == [locks.name, f"{name}-plain"]
    assert caplog.text.count(f"the numbers of '{name}' cannot be read") == 1
    assert "OSError: 5" in caplog.text


def test_a_map_that_could_not_be_read_leaves_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next of its name is told of again."""
    monkeypatch.setattr(logging.getLogger("floodmark.caches"), "disabled", True)  # a record would keep it alive
    for _ in range(2):
        blind = Blind()
        registry.register(name, blind.stats)
        registry.stats()
        assert name in registry._unreadable
        del blind
        assert name not in registry._unreadable


def test_an_interrupt_of_a_reading_comes_out(name: str) -> None:
    """It is no fault of the map."""

    class Interrupted:
        def stats(self) -> MapStats:
            raise KeyboardInterrupt

    interrupted = Interrupted()
    registry.register(name, interrupted.stats)
    with pytest.raises(KeyboardInterrupt):
        registry.stats()


def test_a_watched_name_is_taken(name: str) -> None:
    """By a map or by a container, it names one thing."""
    registry.watch(name, {})
    with pytest.raises(ValueError, match=name):
        registry.watch(name, {})
    with pytest.raises(ValueError, match=name):
        BoundedMap(name, maxsize=1)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (5, "5, a int"),
        (None, "None, a NoneType"),
        (iter([]), "<list_it.*>, a list_iterator"),
        (dict, "<class 'dict'>, a type"),
    ],
)
def test_only_what_has_a_length_can_be_watched(name: str, bad: object, said: str) -> None:
    """What it is and its type are named, a class has no length though its instances have, and the name stays free."""
    with pytest.raises(TypeError, match=rf"\(got {said}\)"):
        registry.watch(name, bad)  # type: ignore[arg-type]
    registry.watch(name, {})


def test_the_periodic_line_has_every_size(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Written by a thread that is there only while the line is on."""
    store = BoundedMap[str, int](name, maxsize=7)
    store["a"] = 1
    registry.watch(f"{name}-plain", {})
    with caplog.at_level(logging.INFO, "floodmark.caches"):
        registry.log_every(0.01)
        eventually(lambda: len(caplog.records) >= 2)
        registry.log_every(None)
        eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == "floodmark-maps-log"])
    line = caplog.records[-1].getMessage()
    assert line.startswith("maps: ")
    assert f"{name} 1/7" in line
    assert f"{name}-plain 0" in line


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), True, "5"])
def test_a_bad_period_is_refused(seconds: float) -> None:
    """With the value."""
    with pytest.raises((ValueError, TypeError), match=f"seconds .*{seconds!r}"):
        registry.log_every(seconds)


def test_a_level_above_the_bound_is_refused(name: str) -> None:
    """It would never be reached, and a warning that cannot come is a false promise."""
    with pytest.raises(ValueError, match=r"warn_at .*5.*got 90"):
        BoundedMap(name, maxsize=5, warn_at=90)


def test_a_map_that_only_a_cycle_holds_gives_up_its_name(name: str) -> None:
    """The collector is asked before the name is refused."""
    gc.disable()
    try:
        cycle: list[object] = [BoundedMap[str, int](name, maxsize=2)]
        cycle.append(cycle)
        del cycle
        assert BoundedMap[str, int](name, maxsize=3).maxsize == 3
    finally:
        gc.enable()


def test_a_name_that_was_taken_over_is_the_new_maps(name: str) -> None:
    """Although the registry hears of the old one's end after that."""
    heirs: list[BoundedMap[str, int]] = []
    store = BoundedMap[str, int](name, maxsize=2)
    end = weakref.ref(store, lambda _: heirs.append(BoundedMap(name, maxsize=3)))  # asked for last, it is told first
    del store
    assert end() is None
    stats = published(name)
    assert stats is not None
    assert stats.maxsize == 3


def test_the_name_of_a_container_that_is_gone_is_free(name: str) -> None:
    """Whether the numbers were read since or not; and nothing of it is left."""
    registry.watch(name, {1, 2})
    registry.watch(name, {1, 2, 3})
    registry.stats()
    assert name not in registry._watched


@pytest.mark.parametrize("maxsize", [math.inf, math.nan, 0, -1, True, "5", OSError(), ZeroDivisionError()])
def test_a_bound_that_can_be_none_is_not_published(name: str, maxsize: object) -> None:
    """Nor what happens when the cache is asked for it."""

    class Cache(list[int]):
        @property
        def maxsize(self) -> object:
            if isinstance(maxsize, Exception):
                raise maxsize
            return maxsize

    cache = Cache([1])
    registry.watch(name, cache)
    stats = published(name)
    assert stats is not None
    assert (stats.entries, stats.maxsize) == (1, None)


def test_the_periodic_line_waits_for_its_period(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever wakes its thread before; and the thread ends as soon as the line is off."""
    with caplog.at_level(logging.INFO, "floodmark.caches"):
        registry.log_every(3600)
        assert registry._log_step() == pytest.approx(3600, abs=60)
        registry.log_every(None)
        eventually(lambda: not registry._log_thread.running)
    assert "maps: " not in caplog.text


@needs_fork
def test_the_periodic_line_goes_on_in_a_child_that_has_no_map() -> None:
    """The first use of the registry starts it; with nothing to tell, it says so."""
    script = """
        import logging, os, threading
        from floodmark_caches import registry

        class Told(logging.Handler):
            def emit(self, record):
                if first.acquire(blocking=False):
                    print(record.getMessage(), flush=True)
                    done.set()

        first, done = threading.Lock(), threading.Event()
        registry.log_every(0.05)
        pid = os.fork()
        if pid:
            assert os.waitpid(pid, 0)[1] == 0
            os._exit(0)
        logger = logging.getLogger("floodmark.caches")
        logger.setLevel("INFO")
        logger.addHandler(Told())
        registry.stats()
        assert done.wait(10)
    """
    assert run_python(script) == "maps: none\n"
