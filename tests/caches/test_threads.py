"""Many threads at once, with keys that let other threads in at the worst moments."""

import sys
import threading
import time
from collections.abc import Callable
from operator import attrgetter
from types import FrameType
from typing import Any

import pytest

from floodmark_caches import BoundedMap, KeyedLocks, PendingFull, PendingSet, RemovalCause, SeenSet
from tests.caches.conftest import check_store
from tests.caches.fix_threads import THREADS, SwitchingKey, hammer

pytestmark = pytest.mark.usefixtures("switchy")


@pytest.mark.parametrize("make", [int, SwitchingKey], ids=["plain keys", "keys that switch"])
def test_a_map_stays_whole_and_bounded(name: str, make: Callable[[int], object]) -> None:
    """Every operation at once, with expiry and eviction; each removal is told once."""
    told: list[RemovalCause] = []
    store: BoundedMap[object, int] = BoundedMap(
        name, maxsize=8, ttl=0.005, on_remove=lambda key, value, cause: told.append(cause)
    )

    def work(number: int) -> None:
        for turn in range(200):
            key = make((turn * 7 + number) % 16)
            store[key] = turn
            store.get(key)
            store.pop(make(turn % 16), None)
            store.setdefault(key, -1)
            assert len(store) <= 8
            if turn % 10 == 0:
                store.set(key, turn, ttl=0.001)
                store.expire()
                assert len(list(store.items())) <= 8
                check = store.stats()
                assert check.adds - check.removes == check.entries <= 8
            if turn % 50 == 0:
                store.clear()

    hammer(work)
    store.clear()
    stats = store.stats()
    assert stats.adds == stats.removes == len(told)
    assert {cause.value: told.count(cause) for cause in RemovalCause} == stats.removals


@pytest.mark.parametrize("make", [int, SwitchingKey], ids=["plain keys", "keys that switch"])
def test_each_key_is_new_to_one_thread(name: str, make: Callable[[int], object]) -> None:
    """All threads add the same keys at the same time."""
    seen: SeenSet[object] = SeenSet(name, maxsize=1000, ttl=60)
    new: list[int] = []

    def work(number: int) -> None:
        new.extend(key for key in range(80) if seen.add(make(key)))

    hammer(work)
    assert sorted(new) == list(range(80))


@pytest.mark.parametrize("make", [int, SwitchingKey], ids=["plain keys", "keys that switch"])
def test_each_key_has_one_claim(name: str, make: Callable[[int], object]) -> None:
    """Claimed and released at once by all threads, in a set that is sometimes full."""
    pending: PendingSet[object] = PendingSet(name, maxsize=3, ttl=60)
    owners = [0] * 5
    wrong: list[int] = []

    def work(number: int) -> None:
        for turn in range(300):
            key = (turn + number) % 5
            try:
                with pending.claim(make(key)) as claim:
                    if claim is not None:
                        owners[key] += 1
                        if owners[key] != 1 or len(pending) > 3:
                            wrong.append(key)
                        owners[key] -= 1
            except PendingFull:
                continue

    hammer(work)
    assert wrong == []
    assert len(pending) == 0


@pytest.mark.parametrize("make", [int, SwitchingKey], ids=["plain keys", "keys that switch"])
def test_each_key_has_one_holder(name: str, make: Callable[[int], object]) -> None:
    """Entries come and go all the time, and never let two in; timeouts included."""
    locks: KeyedLocks[object] = KeyedLocks(name)
    inside = [0] * 3
    wrong: list[int] = []

    def work(number: int) -> None:
        for turn in range(200):
            one, two = turn % 3, (turn + number) % 3
            try:
                with locks.hold(make(one), make(two), timeout=10 if turn % 5 else 0):
                    inside[one] += 1
                    if inside[one] != 1:
                        wrong.append(one)
                    time.sleep(0)
                    inside[one] -= 1
            except TimeoutError:
                assert turn % 5 == 0

    hammer(work)
    assert wrong == []
    assert len(locks) == 0
    assert locks.stats().adds == locks.stats().removes


def test_maps_of_one_name_made_at_once(name: str) -> None:
    """One thread gets it."""
    made: list[SeenSet[int]] = []
    refused: list[str] = []

    def work(number: int) -> None:
        try:
            made.append(SeenSet(name, maxsize=1))
        except ValueError as error:
            refused.append(str(error))

    hammer(work)
    assert (len(made), len(refused)) == (1, THREADS - 1)
    check_store(made[0])  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [len, attrgetter("currsize")], ids=["len", "currsize"])
def test_no_reader_counts_an_entry_too_many(name: str, count: Callable[[BoundedMap[int, int]], float]) -> None:
    """A new entry comes in before another makes room for it; who asks for the size between the two waits."""
    store: BoundedMap[int, int] = BoundedMap(name, maxsize=2)
    store.update({1: 1, 2: 2})
    asked, between, counted = threading.Event(), threading.Event(), threading.Event()

    def write() -> None:
        asked.wait(10)
        sys.settrace(in_writer)
        store.set(3, 3, ttl=60)
        sys.settrace(None)

    def in_writer(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name == "_evict_one":
            between.set()
            counted.wait(0.2)

    def in_reader(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_name != "_release_due":
            return None
        if event == "return":
            asked.set()
            between.wait(10)
        return in_reader

    writer = threading.Thread(target=write)
    writer.start()
    before = sys.gettrace()
    sys.settrace(in_reader)
    try:
        found = count(store)
    finally:
        sys.settrace(before)
    counted.set()
    writer.join(10)
    assert between.is_set()
    assert found == 2
