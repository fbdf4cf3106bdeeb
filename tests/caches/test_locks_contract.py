"""What locks by key promise, for threads and for tasks."""

import asyncio
from typing import Any

import pytest

from floodmark_caches import AsyncKeyedLocks
from tests.caches.conftest import published
from tests.caches.fix_owners import Locks, owner_of


@pytest.mark.parametrize("timeout", [-1, float("nan"), "5", True])
def test_a_bad_timeout_is_refused_at_once(locks: Locks, timeout: float) -> None:
    """Before anything is counted, with the value."""
    with pytest.raises((ValueError, TypeError), match=f"timeout .*{timeout!r}"):
        locks.hold("a", timeout=timeout)
    assert len(locks) == 0


def test_holding_nothing_is_a_mistake(locks: Locks) -> None:
    """A `with` that protects nothing is never meant."""
    with pytest.raises(TypeError, match="at least one key"):
        locks.hold()


def test_warn_at_counts_keys_in_use(locks: Locks, caplog: pytest.LogCaptureFixture) -> None:
    """Once for each crossing; a fraction makes no sense without a bound."""
    assert locks.stats().warn_at == 100
    for _ in range(2):
        owner = owner_of(locks, *range(101))
        assert len(locks) == 101
        owner.finish()
    assert locks.stats().warnings == 2
    assert caplog.text.count(locks.name) == 2
    with pytest.raises(TypeError, match=r"warn_at .*0\.5"):
        type(locks)(f"{locks.name}-b", warn_at=0.5)  # type: ignore[arg-type]


def test_stats_and_text(locks: Locks) -> None:
    """Unbounded, and its table can be found in the heap."""
    kind = type(locks).__name__
    owner = owner_of(locks, "secret")
    stats = published(locks.name)
    assert stats is not None
    assert (stats.kind, stats.entries, stats.maxsize, stats.ttl) == (kind, 1, None, None)
    assert stats.container_ids == (id(locks._table),)
    assert repr(locks) == f"{kind}('{locks.name}', entries=1)"
    owner.finish()


def test_a_hold_can_be_entered_once(locks: Locks) -> None:
    """The second time is told so, whether or not the first has ended, and changes nothing."""
    hold: Any = locks.hold("a")

    async def enter_async() -> None:
        async with hold:
            with pytest.raises(RuntimeError, match="a hold can be entered once; ask the locks for another"):
                await hold.__aenter__()
            assert len(locks) == 1

    def enter() -> None:
        if isinstance(locks, AsyncKeyedLocks):
            asyncio.run(enter_async())
            return
        with hold:
            with pytest.raises(RuntimeError, match="a hold can be entered once; ask the locks for another"):
                hold.__enter__()
            assert len(locks) == 1

    enter()
    with pytest.raises(RuntimeError, match="a hold can be entered once; ask the locks for another"):
        enter()
