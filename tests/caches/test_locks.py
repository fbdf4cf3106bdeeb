"""KeyedLocks: one owner for each key, and no entry without a user."""

import asyncio
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from floodmark_caches import CachesError, KeyedLocks, LockTimeout
from tests.caches.background.conftest import interrupt_everywhere
from tests.caches.fix_owners import owner_of
from tests.caches.fix_threads import hammer


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
    holder = owner_of(locks, "b")
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
    holders = [owner_of(locks, key) for key in "abcd"]
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
    inside: dict[str, int] = dict.fromkeys("abc", 0)
    wrong: list[str] = []

    every = [keys for size in (2, 3) for keys in itertools.permutations("abc", size)]

    def work(start: int) -> None:
        for turn in range(rounds):
            keys = every[(turn * 5 + start) % len(every)]
            with locks.hold(*keys, timeout=10):
                for key in keys:
                    inside[key] += 1
                wrong.extend(key for key in keys if inside[key] != 1)
                for key in keys:
                    inside[key] -= 1

    hammer(work)
    assert wrong == []
    assert len(locks) == 0


def test_a_thread_may_hold_a_key_twice(name: str) -> None:
    """Locks are re-entrant; the key is free when the outermost ends."""
    locks = KeyedLocks[str](name)
    with locks.hold("a"), locks.hold("b", "a", timeout=0):
        assert len(locks) == 2
    assert len(locks) == 0


def test_a_key_that_cannot_be_hashed_leaves_nothing(name: str) -> None:
    """The keys before it are let go."""
    locks: KeyedLocks[object] = KeyedLocks(name)
    with pytest.raises(TypeError, match=r"a key must be hashable \(got \[\]\)"), locks.hold("a", []):
        pass
    assert len(locks) == 0


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


@pytest.mark.slow
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
    assert set(late) <= {("__exit__", True)}  # the very end of a `with`, ahead of what could still end it
    stats = locks.stats()
    assert stats.adds == stats.removes


def test_an_interrupt_of_a_waiter_leaves_the_key_to_its_holder(name: str) -> None:
    """And the keys that it had to others."""
    locks = KeyedLocks[str](name)
    holder = owner_of(locks, "b")

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
