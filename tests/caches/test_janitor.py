"""The janitor: expired entries are released soon, by a thread that is there only while it is needed."""

import gc
import sys
import threading
import time
import weakref

import pytest

from floodmark_caches import BoundedMap, PendingSet, RemovalCause, SeenSet, _store
from floodmark_caches._janitor import Janitor
from tests.caches.conftest import Clock, eventually, run_python


@pytest.fixture
def janitor(monkeypatch: pytest.MonkeyPatch) -> Janitor:
    """A janitor that serves the maps of one test."""
    mine = Janitor()
    monkeypatch.setattr(_store, "janitor", mine)
    return mine


class Value:
    """Something that can be seen to go."""


def test_expired_entries_are_released_without_any_use(name: str, janitor: Janitor) -> None:
    """Values go, callbacks are told, nobody asked the map."""
    causes: list[RemovalCause] = []
    store = BoundedMap[str, Value](name, maxsize=10, ttl=0.05, on_remove=lambda key, value, cause: causes.append(cause))
    value = Value()
    gone = weakref.ref(value)
    store["a"] = value
    del value
    eventually(lambda: gone() is None)
    assert causes == [RemovalCause.EXPIRED]
    assert store.stats().entries == 0


def test_a_lost_claim_is_told_without_any_use(name: str, janitor: Janitor) -> None:
    """The worker died with the claim in its hands; time releases it."""
    lost: list[str] = []
    pending = PendingSet[str](name, maxsize=10, ttl=0.05, on_expire=lambda key, age: lost.append(key))
    pending.claim("a")
    eventually(lambda: lost == ["a"])


def test_a_backlog_larger_than_a_batch_is_released(name: str, janitor: Janitor) -> None:
    """All of it, a batch at a time."""
    seen = SeenSet[int](name, maxsize=5000, ttl=0.05)
    for number in range(2000):
        seen.add(number)
    eventually(lambda: seen.stats().entries == 0)


def test_an_own_ttl_shorter_than_the_janitors_sleep_wakes_it(name: str, janitor: Janitor) -> None:
    """It does not sleep through what came later."""
    store = BoundedMap[str, int](name, maxsize=10, ttl=3600)
    store["long"] = 1
    eventually(lambda: janitor.running)
    store.set("short", 2, ttl=0.05)
    eventually(lambda: store.stats().entries == 1)
    other = BoundedMap[str, int](f"{name}-other", maxsize=10)
    other.set("short", 2, ttl=0.05)
    eventually(lambda: other.stats().entries == 0)


def test_a_clock_of_the_callers_is_asked_again(name: str, janitor: Janitor) -> None:
    """Nobody knows how fast it runs."""
    now = [0.0]
    store = BoundedMap[str, int](name, maxsize=10, ttl=3600, timer=lambda: now[0])
    store["a"] = 1
    now[0] = 3600.0
    eventually(lambda: store.stats().entries == 0)


def test_the_thread_ends_with_the_last_map(name: str, janitor: Janitor) -> None:
    """It holds none of them, and a new one starts it again."""
    first = BoundedMap[str, int](name, maxsize=10, ttl=3600)
    second = SeenSet[str](f"{name}-b", maxsize=10, ttl=3600)
    first["a"] = 1
    second.add("a")
    assert janitor.running
    del first
    gc.collect()
    eventually(lambda: len(janitor._tends) == 1)
    assert janitor.running
    del second
    eventually(lambda: not janitor.running)
    third = BoundedMap[str, int](name, maxsize=10, ttl=0.05)
    third["a"] = 1
    eventually(lambda: third.stats().entries == 0)


def test_maps_without_a_ttl_need_no_thread(name: str, janitor: Janitor) -> None:
    """Nothing in them expires."""
    store = BoundedMap[str, int](name, maxsize=10)
    store["a"] = 1
    BoundedMap[str, int](f"{name}-b", maxsize=10, ttl=60)
    assert not janitor.running


def test_a_failing_map_does_not_stop_the_others(name: str, janitor: Janitor, caplog: pytest.LogCaptureFixture) -> None:
    """A clock that raises is logged; the thread goes on."""
    broken = [False]

    def now() -> float:
        if broken[0] and threading.current_thread() is not threading.main_thread():
            msg = "no time"
            raise OSError(msg)
        return time.monotonic()

    bad = BoundedMap[str, int](name, maxsize=10, ttl=0.05, timer=now)
    good = BoundedMap[str, int](f"{name}-good", maxsize=10, ttl=0.05)
    broken[0] = True
    bad["a"] = 1
    good["a"] = 1
    eventually(lambda: good.stats().entries == 0)
    assert caplog.text.count("OSError: no time") == 1
    broken[0] = False
    eventually(lambda: bad.stats().entries == 0)


def test_an_exit_in_a_callback_does_not_end_the_janitor(
    name: str, janitor: Janitor, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, the other callbacks are made, and the other maps are looked after without a pause."""
    told: list[int] = []

    def lost(key: int, age: float) -> None:
        told.append(key)
        sys.exit(key)

    pending = PendingSet[int](name, maxsize=10, ttl=0.05, on_expire=lost)
    for key in range(3):
        pending.claim(key)
    eventually(lambda: len(told) == 3)
    runner = janitor._thread._thread
    assert runner is not None
    assert runner.is_alive()
    pending.claim(3)
    eventually(lambda: len(told) == 4)
    eventually(lambda: caplog.text.count("SystemExit: ") == 4)
    assert "could not be tended" not in caplog.text


def test_an_exit_in_a_clock_does_not_end_the_janitor(
    name: str, janitor: Janitor, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does anything else that is raised in its thread."""
    good = BoundedMap[str, int](f"{name}-good", maxsize=10, ttl=0.2)

    def now() -> float:
        if threading.current_thread() is not threading.main_thread():
            sys.exit(5)
        return time.monotonic()

    bad = BoundedMap[str, int](name, maxsize=10, ttl=60, timer=now)
    bad["a"] = good["a"] = 1
    eventually(lambda: good.stats().entries == 0)
    assert caplog.text.count("SystemExit: 5") == 1


def test_a_map_whose_insert_could_start_no_thread_starts_it_later(
    name: str, janitor: Janitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an insert of its own that finds something overdue; no other map need help it."""

    def refuse(thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    store = BoundedMap[str, int](name, maxsize=10, ttl=0.05)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(KeyboardInterrupt):
            store["a"] = 1
    eventually(lambda: "a" not in store)
    assert not janitor.running
    store["b"] = 1
    assert janitor.running
    eventually(lambda: store.stats().entries == 0)


def test_each_janitor_has_its_name() -> None:
    """The one of the maps, and that of the ledgers, in a list of threads."""
    script = """
import threading
from floodmark_caches import BoundedMap
from floodmark_caches.ledger import TaskLedger
store = BoundedMap("store", maxsize=1, ttl=100)
store["a"] = 1
ledger = TaskLedger("ledger", timeout=100, keep=100)
ledger.start("a")
print(*sorted(thread.name for thread in threading.enumerate()))
"""
    assert run_python(script) == "MainThread floodmark-janitor floodmark-sweeper\n"


@pytest.mark.usefixtures("alone")
def test_when_a_map_wants_to_be_looked_at_again(name: str, clock: Clock) -> None:
    """At the next expiry, or within a second by a clock of the caller's; an empty map seldom, or never without a ttl."""
    ours = BoundedMap[str, int](name, maxsize=10, ttl=60)
    theirs = BoundedMap[str, int](f"{name}-theirs", maxsize=10, ttl=60, timer=clock)
    endless = BoundedMap[str, int](f"{name}-endless", maxsize=10)
    assert (ours._tend(), theirs._tend(), endless._tend()) == (3600, 3600, None)
    for store in (ours, theirs, endless):
        store["a"] = 1
    assert ours._tend() == pytest.approx(60, abs=10)
    assert (theirs._tend(), endless._tend()) == (1, None)
    endless.set("b", 1, ttl=30)
    assert endless._tend() == pytest.approx(30, abs=10)


class Tended:
    """What a janitor looks after: it returns what it is told to, or raises it."""

    def __init__(self, *delays: float | Exception | None) -> None:
        self.delays = list(delays)

    def tend(self) -> float | None:
        """The next of the delays."""
        delay = self.delays.pop(0)
        if isinstance(delay, Exception):
            raise delay
        return delay


def steps_of(monkeypatch: pytest.MonkeyPatch, *tended: Tended) -> Janitor:
    """A janitor of these that has no thread: its steps are for the test to make."""
    mine = Janitor()
    monkeypatch.setattr(mine._thread, "wake", lambda: None)
    for each in tended:
        mine.attend(each.tend)
    return mine


@pytest.mark.parametrize(
    ("delays", "wait"),
    [([0], 0.001), ([-5], 0.001), ([0.01], 0.1), ([7, 3, 5], 3), ([None, 2], 2), ([None], None), ([], None)],
)
def test_when_the_janitor_comes_again(
    monkeypatch: pytest.MonkeyPatch, delays: list[float | None], wait: float | None
) -> None:
    """At the soonest of all; almost at once for a backlog, and without a hurry for what is due one by one."""
    tended = [Tended(delay) for delay in delays]
    assert steps_of(monkeypatch, *tended)._step() == wait


def test_each_time_that_a_map_begins_to_fail_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, until it was well again."""
    tended = Tended(OSError(), OSError(), 5, OSError())
    mine = steps_of(monkeypatch, tended)
    said = []
    for _ in range(4):
        mine._step()
        said.append(caplog.text.count("could not be tended"))
    assert said == [1, 1, 1, 2]


def test_a_failing_map_that_goes_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes its place in memory is another."""
    monkeypatch.setattr("floodmark_caches._janitor.logger.disabled", True)  # records hold the error, and that the map
    tended = Tended(OSError())
    mine = steps_of(monkeypatch, tended)
    mine._step()
    assert mine._failing
    del tended
    gc.collect()  # the error and the frame that raised it hold each other
    assert not mine._failing


def test_maps_may_go_while_others_are_tended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a map drops may have been the next one."""

    class Dropping(Tended):
        def tend(self) -> float | None:
            others.clear()
            return super().tend()

    others = [Tended(1), Tended(2)]
    first = Dropping(5)
    assert steps_of(monkeypatch, first, *others)._step() == 5
