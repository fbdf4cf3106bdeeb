"""Services that leak nothing, although some of them look as if they did."""

from collections import OrderedDict, deque
from typing import Final

from tests.planted._truth import control
from tests.planted.services._work import Record, batch

answers: OrderedDict[int, Record] = OrderedDict()
survivors: deque[bytes] = deque((bytes(600 + 97 * (number % 61)) for number in range(2000)), maxlen=2000)
_MOST_ANSWERS: Final = 1600
"""Reached after two seconds: two censuses see it grow."""


@control
def filling_cache(tick: int) -> None:
    """A cache with a bound fills, and then is full."""
    for number in batch(tick):
        answers[number] = Record(number, f"{number:08d}" * 128)
        if len(answers) > _MOST_ANSWERS:
            answers.popitem(last=False)


@control
def fragmentation(tick: int) -> None:
    """Blocks of all sizes come and go, and the few that stay for a while keep what lies between them from going back."""
    blocks = [bytes(600 + 97 * (number % 61)) for number in range(800)]
    survivors.extend(blocks[tick % 13 :: 13])


@control
def quiet(tick: int) -> None:
    """Everyday work alone."""
