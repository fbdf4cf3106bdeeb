"""KeyedLocks: one owner for each key, and no entry without a user."""

import asyncio
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from floodmark_caches import CachesError, KeyedLocks, LockTimeout, registry
from tests.caches.background.conftest import interrupt_everywhere
from tests.caches.conftest import eventually


class Worker:
    """A thread that holds keys until it is told to let go."""

    def __init__(self, locks: KeyedLocks[str], *keys: str, timeout: float | None = None) -> None:
        self.held = threading.Event()
        self.let_go = threading.Event()
        self.error: BaseException | None = None
        self._locks, self._keys, self._timeout = locks, keys, timeout
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._locks.hold(*self._keys, timeout=self._timeout):
                self.held.set()
                assert self.let_go.wait(10)
        except TimeoutError as error:
            self.error = error

    def finish(self) -> None:
        """Let go and be over."""
        self.let_go.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


def test_an_entry_lives_while_it_is_held(name: str) -> None:
    """It is deleted at zero, also after an error."""
    locks = KeyedLocks[str](name)
    with locks.hold("a", "b", "a"):
        assert len(locks) == 2
        assert "a" in locks
    assert len(locks) == 0
    with pytest.raises(ZeroDivisionError), locks.hold("a"):
        raise ZeroDivisionError
    assert len(locks) == 0
    assert (locks.stats().adds, locks.stats().removes, locks.stats().removals["explicit"]) == (3, 3, 3)


def test_a_waiter_keeps_the_entry_and_comes_before_newcomers(name: str) -> None:
    """A release with somebody waiting does not delete the lock: a newcomer must not get a fresh one."""
    locks = KeyedLocks[str](name)
    first = Worker(locks, "a")
    assert first.held.wait(10)
    second = Worker(locks, "a")
    eventually(lambda: locks.stats().hits == 1)
    entry = locks._table["a"]
    assert entry.users == 2
    first.finish()
    assert second.held.wait(10)
    assert locks._table["a"] is entry
    with pytest.raises(TimeoutError), locks.hold("a", timeout=0):
        pass
    second.finish()
    assert len(locks) == 0


def test_the_entry_is_there_until_the_lock_is_free(name: str) -> None:
    """Deleted a moment earlier, it would let a newcomer in with a fresh lock while this one is still held."""
    locks = KeyedLocks[str](name)
    present: list[bool] = []

    class Release:
        def release(self) -> None:
            present.append("a" in locks)
            taken.release()

    with locks.hold("a"):
        taken = locks._table["a"].lock
        locks._table["a"].lock = Release()  # type: ignore[assignment]
    assert present == [True]
    assert len(locks) == 0


def test_a_timeout_names_the_keys_and_leaves_nothing(name: str) -> None:
    """Neither the keys that were free stay held nor the one that was not stays counted."""
    locks = KeyedLocks[str](name)
    holder = Worker(locks, "b")
    assert holder.held.wait(10)
    with pytest.raises(LockTimeout, match=f"{name}.*'a', 'b', 'c'") as caught, locks.hold("a", "b", "c", timeout=0.01):
        pass
    error = caught.value
    assert (error.name, error.keys, error.timeout) == (name, ("a", "b", "c"), 0.01)
    assert isinstance(error, CachesError)
    assert error.hint
    assert len(locks) == 1
    with locks.hold("a", "c", timeout=0):
        pass
    holder.finish()
    assert len(locks) == 0


def test_the_timeout_is_for_all_keys_together(name: str) -> None:
    """Not for each of them anew."""
    locks = KeyedLocks[str](name)
    holders = [Worker(locks, key) for key in "abcd"]
    assert all(holder.held.wait(10) for holder in holders)
    started = time.monotonic()
    with pytest.raises(TimeoutError), locks.hold(*"abcd", timeout=0.05):
        pass
    assert time.monotonic() - started >= 0.05
    for holder in holders:
        holder.finish()


def test_keys_are_taken_in_one_order(name: str) -> None:
    """Threads that name the same keys in every order never block each other for good."""
    locks = KeyedLocks[str](name)
    rounds = 150
    barrier = threading.Barrier(4)
    inside: dict[str, int] = dict.fromkeys("abc", 0)
    wrong: list[str] = []

    def run(orders: list[tuple[str, ...]]) -> None:
        barrier.wait(10)
        for keys in orders:
            with locks.hold(*keys, timeout=10):
                for key in keys:
                    inside[key] += 1
                wrong.extend(key for key in keys if inside[key] != 1)
                for key in keys:
                    inside[key] -= 1

    every = [keys for size in (2, 3) for keys in itertools.permutations("abc", size)]
    threads = [
        threading.Thread(target=run, args=([every[(turn * 5 + start) % len(every)] for turn in range(rounds)],))
        for start in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert wrong == []
    assert len(locks) == 0


def test_a_thread_may_hold_a_key_twice(name: str) -> None:
    """Locks are re-entrant; the key is free when the outermost ends."""
    locks = KeyedLocks[str](name)
    with locks.hold("a"), locks.hold("b", "a", timeout=0):
        assert len(locks) == 2
    assert len(locks) == 0


@pytest.mark.parametrize("timeout", [-1, float("nan"), "5", True])
def test_a_bad_timeout_is_refused_at_once(name: str, timeout: float) -> None:
    """Before anything is counted, with the value."""
    locks = KeyedLocks[str](name)
    with pytest.raises((ValueError, TypeError), match=f"timeout .*{timeout!r}"):
        locks.hold("a", timeout=timeout)
    assert len(locks) == 0


def test_holding_nothing_is_a_mistake(name: str) -> None:
    """A `with` that protects nothing is never meant."""
    with pytest.raises(TypeError, match="at least one key"):
        KeyedLocks[str](name).hold()


def test_a_key_that_cannot_be_hashed_leaves_nothing(name: str) -> None:
    """The keys before it are let go."""
    locks: KeyedLocks[object] = KeyedLocks(name)
    with pytest.raises(TypeError, match="unhashable"), locks.hold("a", []):
        pass
    assert len(locks) == 0


def test_warn_at_counts_keys_in_use(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Once for each crossing; a fraction makes no sense without a bound."""
    locks = KeyedLocks[int](name, warn_at=3)
    for _ in range(2):
        with locks.hold(1, 2, 3, 4):
            assert len(locks) == 4
    assert locks.stats().warnings == 2
    assert caplog.text.count(name) == 2
    with pytest.raises(TypeError, match=r"warn_at .*0\.5"):
        KeyedLocks(f"{name}-b", warn_at=0.5)  # type: ignore[arg-type]


def test_stats_and_text(name: str) -> None:
    """Unbounded, and its table can be found in the heap."""
    locks = KeyedLocks[str](name)
    with locks.hold("secret"):
        stats = next(stats for stats in registry.stats() if stats.name == name)
        assert (stats.kind, stats.entries, stats.maxsize, stats.ttl) == ("KeyedLocks", 1, None, None)
        assert stats.container_ids == (id(locks._table),)
        assert repr(locks) == f"KeyedLocks('{name}', entries=1)"


def test_a_second_task_of_an_event_loop_is_not_let_in(name: str) -> None:
    """Tasks share their thread, for which the lock is re-entrant: the second one gets an error, not the lock."""
    locks = KeyedLocks[str](name)
    inside = 0

    async def task() -> None:
        nonlocal inside
        with locks.hold("a"):
            inside += 1
            await asyncio.sleep(0)

    async def both() -> tuple[BaseException | None, BaseException | None]:
        return await asyncio.gather(task(), task(), return_exceptions=True)

    results = asyncio.run(both())

    assert inside == 1
    assert results[0] is None
    assert isinstance(results[1], RuntimeError)
    assert "'a'" in str(results[1])
    assert len(locks) == 0


OWN_FILES = {"_locks.py", "_lock_table.py", "_one_step.py"}


def test_an_interrupt_at_any_place_leaves_no_key(name: str) -> None:
    """What a signal handler raises ends the hold at once, wherever in our code it comes."""
    locks = KeyedLocks[str](name, warn_at=2)
    late: list[tuple[str, bool]] = []

    def act() -> None:
        with locks.hold("a", "b", "a", timeout=5), locks.hold("b", "c"):
            pass

    def take() -> int:
        with locks.hold("c", "b", "a", timeout=0):
            return len(locks)

    with ThreadPoolExecutor(1) as other:
        for place in interrupt_everywhere(OWN_FILES, act):
            if len(locks) > 0:
                late.append(place)
            else:
                assert other.submit(take).result(10) == 3
        assert len(locks) == 0
        assert other.submit(take).result(10) == 3
    assert late == []
    stats = locks.stats()
    assert stats.adds == stats.removes


def test_an_interrupt_of_a_waiter_leaves_the_key_to_its_holder(name: str) -> None:
    """And the keys that it had to others."""
    locks = KeyedLocks[str](name)
    holder = Worker(locks, "b")
    assert holder.held.wait(10)

    def act() -> None:
        with pytest.raises(LockTimeout), locks.hold("a", "b", timeout=0):
            pass

    for _ in interrupt_everywhere(OWN_FILES, act):
        pass
    assert len(locks) == 1
    assert locks._table["b"].users == 1
    with ThreadPoolExecutor(1) as other, locks.hold("a", timeout=0):
        assert other.submit(len, locks).result(10) == 2
    holder.finish()
    assert len(locks) == 0
