"""The ways in which locks by key have gone wrong elsewhere, one by one, for threads and for tasks."""

import asyncio
import gc
import threading
import weakref

import pytest

from floodmark_caches import AsyncKeyedLocks, KeyedLocks, LockTimeout, PendingSet, _locks
from tests.caches.conftest import Clock, eventually, run_python
from tests.caches.fix_fork import needs_fork
from tests.caches.fix_owners import Locks, Owner, is_free, owner_of


def test_h1_no_bound_evicts_a_lock_that_is_in_use(locks: Locks) -> None:
    """However many other keys come and go: over the level there is a warning, never a second owner."""
    owner = owner_of(locks, "a")
    waiter = Owner(locks, "a", "b")
    eventually(lambda: locks.stats().hits == 1)
    crowd = owner_of(locks, *range(1000))
    assert locks.stats().warnings == 1
    assert not is_free(locks, "a")
    crowd.finish()
    assert not is_free(locks, "a")
    owner.finish()
    assert waiter.held.wait(10)
    assert not is_free(locks, "b")
    waiter.finish()


def test_h2_a_newcomer_gets_no_fresh_lock_while_somebody_waits(locks: Locks) -> None:
    """The entry that the waiter counts in is there until the waiter is done with it."""
    owner, waiter = owner_of(locks, "a"), Owner(locks, "a", timeout=None)
    eventually(lambda: locks.stats().hits == 1)
    assert not waiter.held.is_set()
    entry = locks._table["a"]
    owner.finish()
    assert waiter.held.wait(10)
    assert locks._table["a"] is entry
    assert not is_free(locks, "a")
    waiter.finish()


def test_h3_an_interrupt_while_it_waits_leaves_no_entry(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting and uncounting are one `try`: whatever happens in between, nothing stays."""
    locks: KeyedLocks[object] = KeyedLocks(name)

    def interrupted(lock: object, timeout: float) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_locks._KeyLock, "acquire", interrupted)
        with pytest.raises(KeyboardInterrupt), locks.hold("a", "b"):
            pass
    assert len(locks) == 0
    assert is_free(locks, "a")


def test_h3_a_cancelled_waiter_leaves_no_entry(name: str) -> None:
    """In none of its keys."""
    locks: AsyncKeyedLocks[object] = AsyncKeyedLocks(name)

    async def run() -> None:
        async with locks.hold("b"):
            waiter = asyncio.create_task(take())
            await asyncio.sleep(0)
            assert len(locks) == 3
            waiter.cancel()
            await asyncio.wait([waiter])
            assert len(locks) == 1

    async def take() -> None:
        async with locks.hold("a", "b", "c"):
            pass

    asyncio.run(run())
    assert len(locks) == 0


def test_h4_the_collector_takes_no_lock_that_is_in_use(locks: Locks) -> None:
    """The table holds it, nobody need keep a reference."""
    owner = owner_of(locks, "a")
    gc.collect()
    assert "a" in locks
    assert not is_free(locks, "a")
    owner.finish()


def test_h5_an_idle_lock_is_gone_at_once(locks: Locks) -> None:
    """At zero, by who uses it last: no idle time, no sweep, no thread."""
    before = threading.active_count()
    for key in range(20):
        assert is_free(locks, key)
        assert len(locks) == 0
    assert threading.active_count() == before


def test_h6_a_loop_that_is_over_is_not_kept(name: str) -> None:
    """Locks that were used in it serve the next one, while one that is held elsewhere is handed over to it."""
    locks: AsyncKeyedLocks[object] = AsyncKeyedLocks(name)
    owner = owner_of(locks, "a")
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def gives_up() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        with pytest.raises(LockTimeout):
            async with locks.hold("a", "b", timeout=0.001):
                pass

    for _ in range(2):
        asyncio.run(gives_up())
        gc.collect()
    assert [loop() for loop in loops] == [None, None]
    waiter = Owner(locks, "a")
    eventually(lambda: locks.stats().hits == 3)
    owner.finish()
    assert waiter.finish()
    assert len(locks) == 0


@pytest.mark.parametrize("kind", [KeyedLocks, AsyncKeyedLocks])
def test_h7_a_lock_is_no_lease(kind: type, name: str) -> None:
    """There is no time to live to give it: its owner could be in the middle of something."""
    with pytest.raises(TypeError, match="ttl"):
        kind(name, ttl=300)


def test_h7_what_is_a_lease_is_ended_by_its_owner_only(name: str, clock: Clock) -> None:
    """A claim that timed out cannot end the claim of who came after it."""
    pending: PendingSet[str] = PendingSet(name, maxsize=10, ttl=300, timer=clock)
    late = pending.claim("a")
    clock.tick(301)
    claim = pending.claim("a")
    assert not late.release()
    assert not pending.claim("a")
    assert claim.release()


class Twin:
    """A key with the hash of all others of its kind."""

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return self is other


def test_h8_keys_of_one_hash_do_not_share_a_lock(locks: Locks) -> None:
    """There are no stripes, so no key waits for another."""
    owner = owner_of(locks, Twin())
    assert is_free(locks, Twin())
    owner.finish()


def test_h8_several_keys_are_taken_in_one_order(locks: Locks) -> None:
    """Moves to and fro between two places never block each other for good."""
    first, second = owner_of(locks, "a"), owner_of(locks, "b")
    moves = [Owner(locks, *keys) for keys in ("ab", "ba", "ab", "ba")]
    eventually(lambda: locks.stats().hits == 8)
    for move in moves:  # each in its turn
        move.let_go.set()
    second.finish()
    first.finish()
    assert all(move.finish() for move in moves)


@needs_fork
@pytest.mark.parametrize("kind", ["KeyedLocks", "AsyncKeyedLocks"])
def test_h9_locks_that_are_held_over_a_fork_are_free_in_the_child(kind: str) -> None:
    """Their owners are not there; in the parent they are still held."""
    run_python(
        f"""
        import os, warnings
        warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
        from floodmark_caches import AsyncKeyedLocks, KeyedLocks
        from tests.caches.conftest import eventually
        from tests.caches.fix_owners import Owner, is_free, owner_of
        locks = {kind}("locks")
        owner, waiter = owner_of(locks, "a"), Owner(locks, "a", "b")
        eventually(lambda: locks.stats().hits == 1)
        pid = os.fork()
        if pid == 0:
            os._exit(0 if len(locks) == 0 and is_free(locks, "a", "b") and len(locks) == 0 else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert not is_free(locks, "a")
        owner.finish()
        assert waiter.finish()
        assert len(locks) == 0
        """
    )
