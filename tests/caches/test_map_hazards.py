"""What went wrong in maps of others, each shown not to go wrong here."""

import threading

import pytest

from floodmark_caches import BoundedMap, PendingSet, SeenSet
from tests.caches.conftest import Clock, check_store, eventually, run_python


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


def test_theine_no_thread_starts_with_the_import_and_the_child_has_its_own() -> None:
    """There a thread started at import, and a forked child waited for it in vain: its expired entries stayed."""
    run_python(
        """
        import os, threading, time
        from floodmark_caches import BoundedMap
        assert threading.active_count() == 1
        store = BoundedMap("store", maxsize=5, ttl=0.1)
        store["a"] = 1
        pid = os.fork()
        if pid == 0:
            store["b"] = 1
            deadline = time.monotonic() + 10
            while store.stats().entries and time.monotonic() < deadline:
                time.sleep(0.005)
            os._exit(store.stats().entries)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        """
    )


def test_entries_that_nobody_reads_are_released(name: str) -> None:
    """There expiry happened on a read of the same key, and what was never read again stayed for ever."""
    store = BoundedMap[int, int](name, maxsize=100, ttl=0.05)
    store.update({number: number for number in range(100)})
    eventually(lambda: store.stats().entries == 0)


@pytest.mark.usefixtures("alone")
def test_home_assistant_a_leader_that_fails_leaves_nobody_waiting(name: str) -> None:
    """There those who waited for a failed leader's event waited for ever."""
    store = BoundedMap[str, int](name, maxsize=5)
    inside, go = threading.Event(), threading.Event()

    def fail() -> int:
        inside.set()
        go.wait(10)
        raise SystemExit

    ended: list[type[BaseException]] = []

    def ask() -> None:
        try:
            store.get_or_create("a", fail)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            ended.append(type(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    threads[0].start()
    assert inside.wait(10)
    for thread in threads[1:]:
        thread.start()
    eventually(lambda: len(store._waits) == 2)
    go.set()
    for thread in threads:
        thread.join(10)
    assert ended == [SystemExit] * 3
