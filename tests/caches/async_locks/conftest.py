"""What the tests of AsyncKeyedLocks share: locks that must be free in the end, and holders in other loops."""

import asyncio
import sys
import threading
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


@pytest.fixture
def switchy() -> Iterator[None]:
    """Switch threads as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


async def steps(number: int) -> None:
    """Let the loop go round so many times."""
    for _ in range(number):
        await asyncio.sleep(0)


class Holder:
    """A thread with a loop of its own that holds keys until it is told to let go."""

    def __init__(self, locks: AsyncKeyedLocks[object], *keys: object) -> None:
        self._held, self._let_go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(locks, keys)), daemon=True)
        self._thread.start()
        assert self._held.wait(10)

    async def _run(self, locks: AsyncKeyedLocks[object], keys: tuple[object, ...]) -> None:
        async with locks.hold(*keys):
            self._held.set()
            assert self._let_go.wait(10)  # the loop is this task's alone

    def finish(self) -> None:
        """Let go and be over."""
        self._let_go.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
