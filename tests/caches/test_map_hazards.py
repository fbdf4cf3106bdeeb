"""What went wrong in maps of others, each shown not to go wrong here."""

import pytest

from floodmark_caches import BoundedMap, PendingSet, SeenSet
from tests.caches.conftest import Clock, check_store, run_python
from tests.caches.fix_fork import CHILD, needs_fork
from tests.caches.flights.conftest import Factory, flying


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("own", [False, True], ids=["map's ttl", "own ttl"])
def test_litellm_a_ttl_does_not_lift_the_bound(name: str, clock: Clock, own: bool) -> None:
    """There a cache with a ttl ignored its size; here the bound holds after every insert, whatever the times."""
    store = BoundedMap[int, int](name, maxsize=10, ttl=3600, timer=clock)
    for number in range(500):
        store.set(number, number, ttl=1 + number * 7 % 50) if own else store.__setitem__(number, number)
        clock.tick(number % 3 * 0.1)
        assert store.stats().entries <= 10


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("own", [False, True], ids=["map's ttl", "own ttl"])
def test_ristretto_the_expiry_index_does_not_outgrow_the_map(name: str, clock: Clock, own: bool) -> None:
    """There entries that were evicted or removed stayed in the index of expiry until their time came."""
    store = BoundedMap[int, int](name, maxsize=10, ttl=3600, timer=clock)
    seen = SeenSet[int](f"{name}-seen", maxsize=10, ttl=3600, timer=clock)
    pending = PendingSet[int](f"{name}-pending", maxsize=10, ttl=3600, timer=clock)
    for number in range(2000):
        store.set(number, number, ttl=7200 if own else None)
        store.pop(number - 3, None)
        seen.add(number)
        seen.touch(number - 5)
        with pending.claim(number):
            pass
    for each in (store, seen, pending):
        check_store(each)  # type: ignore[arg-type]
        order = each._order
        assert len(order.queue) + len(order._own) <= 10
        assert len(order._heap) <= 60


@needs_fork
def test_theine_no_thread_starts_with_the_import_and_the_child_has_its_own() -> None:
    """There a thread started at import, and a forked child waited for it in vain: its expired entries stayed."""
    run_python(
        CHILD
        + """
assert threading.active_count() == 1
store = BoundedMap("store", maxsize=5, ttl=0.1)
store["a"] = 1

def child():
    store["b"] = 1
    eventually(lambda: store.stats().entries == 0)

in_child(child)
"""
    )


@pytest.mark.usefixtures("alone")
def test_home_assistant_a_leader_that_fails_leaves_nobody_waiting(name: str) -> None:
    """There those who waited for a failed leader's event waited for ever."""
    store = BoundedMap[str, int](name, maxsize=5)
    factory = Factory(SystemExit())
    answers = flying(store, factory, waiters=2)
    factory.go.set()
    answers.wait()
    assert [type(error) for error in answers.errors] == [SystemExit] * 3
