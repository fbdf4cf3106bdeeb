"""Threads that own keys, of the locks for threads and of those for tasks."""

import asyncio
import threading
from typing import Any

from floodmark_caches import AsyncKeyedLocks, KeyedLocks, LockTimeout

Locks = KeyedLocks[Any] | AsyncKeyedLocks[Any]


class Owner:
    """A thread that asks for keys, in a loop of its own if need be, and holds them until it is told to let go."""

    def __init__(self, locks: Locks, *keys: object, timeout: float | None = 10) -> None:
        self.held, self.let_go = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(locks, keys, timeout), daemon=True)
        self._thread.start()

    def _run(self, locks: Locks, keys: tuple[object, ...], timeout: float | None) -> None:
        try:
            if isinstance(locks, KeyedLocks):
                with locks.hold(*keys, timeout=timeout):
                    self._hold()
            else:
                asyncio.run(self._run_async(locks, keys, timeout))
        except LockTimeout as error:
            self.error = error

    async def _run_async(self, locks: AsyncKeyedLocks[Any], keys: tuple[object, ...], limit: float | None) -> None:
        async with locks.hold(*keys, timeout=limit):
            self._hold()  # the loop is this task's alone

    def _hold(self) -> None:
        self.held.set()
        assert self.let_go.wait(10)

    def finish(self) -> bool:
        """Let go and be over; whether it ever had the keys."""
        self.let_go.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.error is None


def owner_of(locks: Locks, *keys: object) -> Owner:
    """An owner that has its keys."""
    owner = Owner(locks, *keys)
    assert owner.held.wait(10)
    return owner


def is_free(locks: Locks, *keys: object) -> bool:
    """Whether a newcomer gets the keys at once."""
    return Owner(locks, *keys, timeout=0).finish()
