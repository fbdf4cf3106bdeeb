"""What the tests of AsyncKeyedLocks share: locks that must be free in the end, and rounds of the loop."""

import asyncio
from collections.abc import Iterator

import pytest

from floodmark_caches import AsyncKeyedLocks


@pytest.fixture
def locks(name: str) -> Iterator[AsyncKeyedLocks[object]]:
    """Locks that are all free when the test is over."""
    locks: AsyncKeyedLocks[object] = AsyncKeyedLocks(name)
    yield locks
    assert len(locks) == 0
    stats = locks.stats()
    assert stats.adds == stats.removes == stats.removals["explicit"]
    assert not locks._leaving
    assert not locks._inside


async def steps(number: int) -> None:
    """Let the loop go round so many times."""
    for _ in range(number):
        await asyncio.sleep(0)
