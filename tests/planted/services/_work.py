"""What the services are made of: records, and the everyday work that must not be accused."""

import random
import time
from collections import OrderedDict, deque
from typing import Final

BATCH: Final = 40
"""Records of a tick: with a kilobyte each, some 800 kB a second."""

_SWING_SECONDS: Final = 0.17
"""By the clock, so that a trace window sees whole swings also where ticks come late. Far shorter than the time between two
censuses, which differs by more than that: a look sees a moment of a swing that the look before does not decide."""
_EMPTY: Final = 2 / 3
"""The share of a swing in which nothing waits. Ten looks at it go on growing by chance once in some thousands of runs, ten at
one that is seldom empty ten times as often."""
_MOST_WAITING: Final = 300


class Record:
    """What a service handles: a number and a text."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.text = text


def batch(tick: int) -> range:
    """Return the numbers of the records of one tick."""
    return range(tick * BATCH, (tick + 1) * BATCH)


class Everyday:
    """A cache that is full, the last latencies, a queue that swings, and lists that live for a tick."""

    def __init__(self) -> None:
        self.random = random.Random(7)
        self.pages: OrderedDict[int, str] = OrderedDict((number, _page(number)) for number in range(512))
        self.latencies = deque((self.random.random() for _ in range(1000)), maxlen=1000)
        self.queue: deque[Record] = deque()

    def tick(self) -> int:
        """Work for a moment."""
        for number in (self.random.randrange(2000) for _ in range(50)):
            if number not in self.pages:
                self.pages[number] = _page(number)
                self.pages.popitem(last=False)
            self.pages.move_to_end(number)
            self.latencies.append(self.random.random())
        height = abs(time.monotonic() / _SWING_SECONDS % 1 * 2 - 1)
        waiting = round(_MOST_WAITING * max(0, height - _EMPTY) / (1 - _EMPTY))
        while len(self.queue) > waiting:
            self.queue.popleft()
        self.queue.extend(Record(number, "waits") for number in range(waiting - len(self.queue)))
        rows = [[number, f"row {number}"] for number in range(500)]
        return len({name for _, name in rows})


def _page(number: int) -> str:
    return f"{number:08d}" * 64
