"""The maps themselves leave nothing behind."""

import gc
import pickle
import threading
import weakref

import cachetools
import pytest

from floodmark_caches import BoundedMap, KeyedLocks, LockTimeout, PendingSet, SeenSet, registry
from tests.caches.conftest import eventually, fresh_name, run_python


def failing() -> list[int]:
    """A factory that fails."""
    msg = "no disk"
    raise OSError(msg)


def everything() -> None:
    """One round of all there is: made, filled, expired, evicted, refused, dropped."""
    told: list[object] = []
    store: BoundedMap[int, list[int]] = BoundedMap(
        fresh_name(), maxsize=50, ttl=0.01, getsizeof=len, on_remove=lambda *removed: told.append(removed), warn_at=0.5
    )
    for number in range(200):
        store.set(number, [number], ttl=None if number % 2 else 0.02)
    eventually(lambda: store.stats().entries == 0)
    with pytest.raises(TypeError):
        pickle.dumps(store)
    seen: SeenSet[int] = SeenSet(fresh_name(), maxsize=50, ttl=60)
    for number in range(200):
        seen.add(number)
    pending: PendingSet[int] = PendingSet(fresh_name(), maxsize=50, ttl=60)
    with pending.claim(1), pending.claim(1):
        pending.claim(2)
    locks: KeyedLocks[int] = KeyedLocks(fresh_name())

    def refused() -> None:
        with pytest.raises(LockTimeout), locks.hold(2, timeout=0):
            pass

    with locks.hold(1, 2):
        thread = threading.Thread(target=refused)
        thread.start()
        thread.join()
    with pytest.raises(OSError, match="no disk"):
        store.get_or_create(-1, failing)
    adopted = registry.adopt(fresh_name(), cachetools.LRUCache[int, int](maxsize=5))
    adopted[1] = store.get_or_create(-2, lambda: [1])[0]
    semaphore = threading.BoundedSemaphore(2)
    registry.watch_limit(seen.name + "l", semaphore)
    watched = [1]
    registry.watch(seen.name + "w", watched)
    registry.stats()
    registry.unwatch(seen.name + "w")
    registry.unwatch(seen.name + "l")


def test_three_rounds_leave_as_many_objects_as_two() -> None:
    """No map, entry, callback, thread or descriptor stays. In a process of its own: other tests leave things behind."""
    run_python(
        """
        import gc, logging, os, threading
        from floodmark_caches._fork import _all_hooks
        from tests.caches.conftest import eventually
        from tests.caches.test_leaks import everything

        logging.disable()  # nobody is to be told on standard error
        counts = []
        for _ in range(4):
            everything()
            eventually(lambda: not [one for one in threading.enumerate() if one.name.startswith("floodmark-")])
            gc.collect()
            descriptors = len(os.listdir("/proc/self/fd"))
            counts.append((len(gc.get_objects()), len(_all_hooks), descriptors, threading.active_count()))
        assert counts[1][1:] == counts[2][1:] == counts[3][1:], counts
        assert max(count[0] for count in counts[1:]) - min(count[0] for count in counts[1:]) <= 5, counts
        """
    )


def test_the_values_of_a_dropped_map_go_at_once() -> None:
    """Without waiting for the garbage collector."""

    class Value:
        pass

    gc.disable()
    try:
        store: BoundedMap[int, Value] = BoundedMap(fresh_name(), maxsize=50, ttl=60)
        values = [weakref.ref(store.setdefault(number, Value())) for number in range(20)]
        store.set(99, Value(), ttl=5)
        assert all(value() is not None for value in values)
        del store
        eventually(lambda: all(value() is None for value in values))  # the janitor may be looking at the map just now
    finally:
        gc.enable()


def test_ten_thousand_operations_at_the_bound_keep_the_memory() -> None:
    """Two more rounds at the bound allocate nothing that stays. In a process of its own, as above."""
    run_python(
        """
        import gc
        from floodmark_caches import BoundedMap

        store = BoundedMap("store", maxsize=100, ttl=60)
        counts = []
        for turn in range(3):
            for number in range(5000):
                store.set(turn * 5000 + number, number, ttl=30 if number % 3 == 0 else None)
                store.get(number)
            gc.collect()
            counts.append(len(gc.get_objects()))
        assert max(counts) - min(counts) <= 5, counts
        """
    )
