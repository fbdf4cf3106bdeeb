"""BoundedMap against a model in plain dicts, with a clock that ticks at every reading."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from floodmark_caches import BoundedMap, RemovalCause, _store
from tests.caches.conftest import Clock, NoJanitor, check_store, fresh_name

KEYS = st.integers(0, 15)
TTLS = st.none() | st.integers(1, 60)


class AgainstTheModel(RuleBasedStateMachine):
    """The model keeps key → (value, weight, expiry, has an own ttl, number of the insert), least recently used first."""

    @initialize(maxsize=st.integers(1, 12), ttl=TTLS, weighted=st.booleans())
    def begin(self, maxsize: int, ttl: int | None, weighted: bool) -> None:
        """A new map and an empty model."""
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(_store, "janitor", NoJanitor())
        self.clock = Clock(step=1.0)
        self.maxsize, self.ttl = maxsize, ttl
        self.weigh = (lambda value: value % 4 + 1) if weighted else (lambda value: 1)
        self.told: list[tuple[int, int, RemovalCause]] = []
        self.expected: list[tuple[int, int, RemovalCause]] = []
        self.model: dict[int, tuple[int, int, float, bool, int]] = {}
        self.inserts = 0
        self.map: BoundedMap[int, int] = BoundedMap(
            fresh_name(),
            maxsize=maxsize,
            ttl=ttl,
            timer=self.clock,
            getsizeof=self.weigh if weighted else None,
            on_remove=lambda key, value, cause: self.told.append((key, value, cause)),
        )

    def teardown(self) -> None:
        """Give the janitor back."""
        self.patch.undo()

    def moment(self) -> float:
        """The time that the next operation will see."""
        return self.clock.now + self.clock.step

    def live(self, key: int, now: float) -> bool:
        """Whether the model has the key at that time."""
        return key in self.model and now < self.model[key][2]

    def refresh(self, key: int) -> None:
        """Make the key the most recently used."""
        self.model[key] = self.model.pop(key)

    def drop(self, key: int, cause: RemovalCause) -> int:
        """Take a key out of the model."""
        value = self.model.pop(key)[0]
        self.expected.append((key, value, cause))
        return value

    def release(self, now: float) -> list[tuple[int, int]]:
        """Take all that is due out of the model."""
        due = [key for key, entry in self.model.items() if entry[2] <= now]
        return [(key, self.drop(key, RemovalCause.EXPIRED)) for key in due]

    def insert(self, key: int, value: int, ttl: float | None, now: float) -> None:
        """Put a pair into the model."""
        weight = self.weigh(value)
        if key in self.model:
            self.drop(key, RemovalCause.REPLACED if self.live(key, now) else RemovalCause.EXPIRED)
        while sum(entry[1] for entry in self.model.values()) + weight > self.maxsize:
            due = [key for key, entry in self.model.items() if entry[2] <= now]
            if due:
                # Of those that expire at the same time, the ones under the map's ttl go first.
                self.drop(min(due, key=lambda key: self.model[key][2:]), RemovalCause.EXPIRED)
            else:
                self.drop(next(iter(self.model)), RemovalCause.SIZE)
        seconds = self.ttl if ttl is None else ttl
        expiry = float("inf") if seconds is None else now + seconds
        self.inserts += 1
        self.model[key] = (value, weight, expiry, ttl is not None, self.inserts)

    @rule(key=KEYS, value=st.integers(0, 99), ttl=TTLS)
    def put(self, key: int, value: int, ttl: int | None) -> None:
        """`map[key] = value`, sometimes with an own ttl."""
        if self.weigh(value) > self.maxsize:
            try:
                self.map.set(key, value, ttl=ttl)
            except ValueError:
                return
            raise AssertionError(value)
        self.insert(key, value, ttl, self.moment())
        self.map.set(key, value, ttl=ttl)

    @rule(key=KEYS)
    def get(self, key: int) -> None:
        """`map.get(key)` refreshes."""
        live = self.live(key, self.moment())
        assert self.map.get(key, -1) == (self.model[key][0] if live else -1)
        if live:
            self.refresh(key)

    @rule(key=KEYS)
    def contains(self, key: int) -> None:
        """`in` refreshes nothing."""
        live = self.live(key, self.moment())
        assert (key in self.map) == live

    @rule(key=KEYS)
    def pop(self, key: int) -> None:
        """`map.pop(key)` removes."""
        now = self.moment()
        expected = -1
        if key in self.model:
            live = self.live(key, now)
            value = self.drop(key, RemovalCause.EXPLICIT if live else RemovalCause.EXPIRED)
            expected = value if live else -1
        assert self.map.pop(key, -1) == expected

    @rule(key=KEYS, value=st.integers(0, 99))
    def setdefault(self, key: int, value: int) -> None:
        """`map.setdefault(key, value)` reads or puts in."""
        if self.weigh(value) > self.maxsize:
            return
        now = self.moment()
        if self.live(key, now):
            self.refresh(key)
        else:
            self.insert(key, value, None, now)
        assert self.map.setdefault(key, value) == self.model[key][0]

    @rule(key=KEYS, value=st.integers(0, 99))
    def get_or_create(self, key: int, value: int) -> None:
        """`map.get_or_create(key, factory)` reads or makes, and what it makes is put in a moment later."""
        if self.weigh(value) > self.maxsize:
            return
        now = self.moment()
        if self.live(key, now):
            self.refresh(key)
        else:
            self.insert(key, value, None, now + self.clock.step)
        assert self.map.get_or_create(key, lambda: value) == self.model[key][0]

    @rule()
    def popitem(self) -> None:
        """`map.popitem()` takes the least recently used."""
        self.release(self.moment())
        try:
            pair: Any = self.map.popitem()
        except KeyError:
            pair = None
        expected = None
        if self.model:
            key = next(iter(self.model))
            expected = (key, self.drop(key, RemovalCause.EXPLICIT))
        assert pair == expected

    @rule()
    def expire(self) -> None:
        """`map.expire()` returns what was due."""
        assert sorted(self.release(self.moment())) == sorted(self.map.expire())

    @rule()
    def clear(self) -> None:
        """`map.clear()` removes all."""
        now = self.moment()
        for key in list(self.model):
            self.drop(key, RemovalCause.EXPLICIT if self.live(key, now) else RemovalCause.EXPIRED)
        self.map.clear()

    @rule()
    def iterate(self) -> None:
        """Iteration sees the live pairs in the order of eviction."""
        now = self.moment()
        expected = [(key, entry[0]) for key, entry in self.model.items() if now < entry[2]]
        assert [*iter(self.map.items())] == expected

    @rule()
    def length(self) -> None:
        """`len` counts the live ones and releases the others."""
        self.release(self.moment())
        assert len(self.map) == len(self.model)

    @rule(seconds=st.integers(1, 40))
    def pass_time(self, seconds: int) -> None:
        """Time goes by."""
        self.clock.tick(seconds)

    @invariant()
    def whole(self) -> None:
        """Nothing is told that should not be, nothing forgotten; the inside fits together."""
        if not hasattr(self, "map"):
            return
        assert sorted(self.told) == sorted(self.expected)
        step, self.clock.step = self.clock.step, 0.0
        check_store(self.map)  # type: ignore[arg-type]
        self.clock.step = step


AgainstTheModel.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAgainstTheModel = AgainstTheModel.TestCase
