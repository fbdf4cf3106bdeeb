"""What importing the package costs: no thread, no foreign package but cachetools, and not even that if it is absent."""

from tests.caches.conftest import run_python


def test_the_import_starts_no_thread_and_loads_no_foreign_package() -> None:
    """Not even when maps are made, as a service does at its own import."""
    run_python(
        """
        import sys, threading
        before = set(sys.modules)
        import floodmark_caches as caches
        store = caches.BoundedMap("a", maxsize=5, ttl=60)
        locks, seen = caches.KeyedLocks("b"), caches.SeenSet("c", maxsize=5, ttl=60)
        pending = caches.PendingSet("d", maxsize=5, ttl=60)
        assert threading.active_count() == 1
        loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
        assert loaded - set(sys.stdlib_module_names) == {"floodmark_caches", "cachetools"}, loaded
        """
    )


def test_it_works_without_cachetools() -> None:
    """The standard library is enough."""
    run_python(
        """
        import sys
        sys.modules["cachetools"] = None
        from floodmark_caches import BoundedMap
        store = BoundedMap("a", maxsize=1)
        store.update(a=1, b=2)
        assert dict(store.items()) == {"b": 2}
        """
    )


def test_the_interpreter_ends_quietly_with_live_maps() -> None:
    """Threads running, entries waiting, maps dying at the very end: no word, no hang."""
    run_python(
        """
        import atexit
        from floodmark_caches import BoundedMap, KeyedLocks, PendingSet, SeenSet, registry

        class Late:
            def __del__(self):
                store.get(1)

        atexit.register(lambda: store.set(2, 2))
        store = BoundedMap("a", maxsize=2000, ttl=0.001, on_remove=lambda *removed: None)
        store.update((number, Late()) for number in range(2000))
        pending = PendingSet("d", maxsize=5, ttl=60)
        pending.claim("x")
        locks = KeyedLocks("b")
        registry.log_every(0.001)
        """
    )
