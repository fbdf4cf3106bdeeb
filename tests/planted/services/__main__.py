"""One planted service as a process: `python -m tests.planted.services NAME`. The environment loads the agent."""

import asyncio
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from tests.planted._truth import READY, Truth, find
from tests.planted.services._work import Everyday

TICK_SECONDS: Final = 0.05
MOST_TICKS: Final = 1200
"""A service that nobody ends does so itself, after a minute."""


def main() -> None:
    """Work and leak until the end."""
    truth = find(sys.argv[1])
    if inspect.iscoroutinefunction(truth.tick):
        asyncio.run(_asynchronously(truth))
        return
    for tick, pause in _ticks():
        truth.tick(tick)
        time.sleep(pause())


async def _asynchronously(truth: Truth) -> None:
    for tick, pause in _ticks():
        await truth.tick(tick)
        await asyncio.sleep(pause())


def _ticks() -> Iterator[tuple[int, Callable[[], float]]]:
    """Yield the number of each tick after its everyday work, and what tells the seconds until the next is due."""
    everyday, due = Everyday(), time.monotonic()

    def pause() -> float:
        return max(0.0, due - time.monotonic())

    for tick in range(MOST_TICKS):
        everyday.tick()
        # A tick that comes late is not made up for: the pace never exceeds what was asked for.
        due = max(due + TICK_SECONDS, time.monotonic())
        yield tick, pause
        if tick == 0:
            print(READY, flush=True)  # noqa: T201  the one line whoever starts it waits for


if __name__ == "__main__":
    main()
