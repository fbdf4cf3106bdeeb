"""What all tests of the maps share: a clock that is told, names that are free, and a look inside after every test."""

import itertools
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from floodmark_caches import AsyncKeyedLocks, KeyedLocks, _store, registry
from floodmark_caches._expiry import EXPIRES, KEY, NEVER, SERIAL, WEIGHT
from floodmark_caches._janitor import Janitor
from floodmark_caches._stats import MapStats
from floodmark_caches._store import Store
from tests.caches.fix_kinds import KINDS, AnyStore
from tests.caches.fix_owners import Locks

DEADLINE_SECONDS = 10.0

_numbers = itertools.count()


class Clock:
    """A clock for maps: it moves when it is told to, and by `step` at each reading."""

    def __init__(self, now: float = 1000.0, step: float = 0.0) -> None:
        self.now = now
        self.step = step
        self.readings = 0

    def __call__(self) -> float:
        """The time now."""
        self.readings += 1
        self.now += self.step
        return self.now

    def tick(self, seconds: float = 1.0) -> None:
        """Let time pass."""
        self.now += seconds


def fresh_name() -> str:
    """A name that no map has."""
    return f"map{next(_numbers)}"


def eventually(condition: Callable[[], object]) -> None:
    """Wait until the condition holds, or fail at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.002)


def run_python(code: str) -> str:
    """Run a script in a new interpreter in which every warning is an error; what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def published(name: str) -> MapStats | None:
    """The numbers that the registry has under a name."""
    return next((stats for stats in registry.stats() if stats.name == name), None)


def check_store(store: "Store[object, object]") -> None:
    """What must hold of any store whenever nobody is inside it."""
    order = store._order
    entries = list(store._data.values())
    assert all(store._data[entry[KEY]] is entry for entry in entries)
    weight = sum(entry[WEIGHT] for entry in entries)
    assert weight <= store.maxsize
    assert len(entries) <= store.maxsize
    if store._weighted:
        assert store._weight == pytest.approx(weight)
    queue = list(order.queue.values())
    expiries = [entry[EXPIRES] for entry in queue]
    assert expiries == sorted(expiries)
    assert all(expiry <= store._latest for expiry in expiries)
    ordered = {**order.queue, **order._own}
    assert ordered == {entry[SERIAL]: entry for entry in entries if entry[EXPIRES] != NEVER}
    assert all(store._soonest <= entry[EXPIRES] for entry in entries)
    assert len(order._heap) <= 2 * len(order._own) + 33
    assert len(store._reads) < 300
    stats = store.stats()
    assert stats.adds - stats.removes == stats.entries == len(entries)
    assert sum(stats.removals.values()) == stats.removes


@pytest.fixture(autouse=True)
def whole() -> Iterator[None]:
    """After every test, every live map is whole, and nothing is watched or logged any more."""
    yield
    for reference in list(registry._maps.values()):
        read = reference()
        owner = getattr(read, "__self__", None)
        if isinstance(owner, Store):
            check_store(owner)
        elif isinstance(owner, KeyedLocks):
            assert all(entry.users > 0 for entry in owner._table.values())
    for name in list(registry._watched):
        registry.unwatch(name)
    registry.log_every(None)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until told."""
    return Clock()


@pytest.fixture
def name() -> str:
    """A free name."""
    return fresh_name()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Callable[..., AnyStore]:
    """One kind of map after the other."""
    chosen: Callable[..., AnyStore] = request.param
    return chosen


@pytest.fixture(params=[KeyedLocks, AsyncKeyedLocks])
def locks(request: pytest.FixtureRequest, name: str) -> Iterator[Locks]:
    """Locks of either kind, which warn at 100 keys, and are all free when the test is over."""
    locks: Locks = request.param(name, warn_at=100)
    yield locks
    assert len(locks) == 0
    assert locks.stats().adds == locks.stats().removes


@pytest.fixture
def switchy() -> Iterator[None]:
    """Switch threads as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class NoJanitor(Janitor):
    """Leaves the expired entries where they are, and every clock unread."""

    def attend(self, tend: Callable[[], float | None]) -> None:
        """Do nothing."""


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No janitor: nobody but the test reads the clock or releases entries."""
    monkeypatch.setattr(_store, "janitor", NoJanitor())
