"""The bundled image pipeline with one more habit of memory, and with a leak of a known size where one is asked for.

``CONTROL_HABIT`` is one of `HABITS`, ``CONTROL_LEAK`` the bytes that are never given back, for each image (default 0).
The pipeline itself is bounded unless ``IMAGE_PIPELINE_SETTINGS`` says otherwise.
"""

import gc
import itertools
import os
import time
from collections.abc import Callable, Mapping
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from floodmark_caches import BoundedMap, registry
from floodmark_soak.scenarios.image_pipeline.app import create_app as create_pipeline

Habit = Callable[[], None]
"""What is done after each image."""

_BLOCK: Final = 4_000
_BLOCK_COST: Final = 4_100
"""What a kept block takes: its bytes, the headers of the object and of malloc, and its place in the dict."""


def expiring() -> Habit:
    """A cache with a short time to live, filled in the first third of each minute and empty in the last.

    Its entries are small, and lie among what stays: the allocator keeps the memory that they leave.
    """
    stills: BoundedMap[int, bytes] = BoundedMap("stills", maxsize=20_000, ttl=20)
    numbers = itertools.count()

    def remember() -> None:
        if time.monotonic() % 60 < 20:
            for number in itertools.islice(numbers, 4):
                stills[number] = bytes(1_000)

    return remember


def surging() -> Habit:
    """The same with fewer entries of 70 kB, whose memory goes back to the system when they go."""
    stills: BoundedMap[int, bytes] = BoundedMap("stills", maxsize=1_000, ttl=20)
    numbers = itertools.count()

    def remember() -> None:
        number = next(numbers)
        if time.monotonic() % 60 < 20 and number % 8 == 0:
            stills[number] = b"\1" * 70_000

    return remember


def cyclic() -> Habit:
    """Garbage in cycles, which only the collector frees, about every two minutes at 55 images a second.

    It is small, and lies among what stays: the allocator keeps the memory that it leaves.
    """
    gc.set_threshold(6_000, 10, 10)

    def litter() -> None:
        ring: list[object] = [bytearray(2_500)]
        ring.append(ring)

    return litter


def sawtooth() -> Habit:
    """The same three times as often, with 70 kB in every sixteenth cycle: what is freed goes back to the system."""
    gc.set_threshold(2_000, 10, 10)
    numbers = itertools.count()

    def litter() -> None:
        ring: list[object] = []
        ring.append(ring)
        if next(numbers) % 16 == 0:
            ring.append(b"\1" * 70_000)

    return litter


def filling() -> Habit:
    """A cache of some 16 MiB, full after 8,000 images."""
    stills: BoundedMap[int, bytes] = BoundedMap("stills", maxsize=8_000)
    numbers = itertools.count()

    def remember() -> None:
        stills[next(numbers)] = bytes(2_000)

    return remember


def none() -> Habit:
    """No habit: the pipeline alone."""
    return lambda: None


HABITS: Final[Mapping[str, Callable[[], Habit]]] = {
    "expiring": expiring,
    "surging": surging,
    "cyclic": cyclic,
    "sawtooth": sawtooth,
    "filling": filling,
    "none": none,
}


def leaking(per_image: float) -> Habit:
    """Keep `per_image` bytes for each image for ever, in blocks, in a registered map that has no bound."""
    kept: dict[int, bytes] = {}
    registry.watch("reports", kept)
    owed = 0.0

    def keep() -> None:
        nonlocal owed
        owed += per_image
        while owed >= _BLOCK_COST:
            owed -= _BLOCK_COST
            kept[len(kept)] = bytes(_BLOCK)

    return keep


class AfterImages:
    """The application, and what is done after each image that it took."""

    def __init__(self, app: ASGIApp, habits: list[Habit]) -> None:
        self._app = app
        self._habits = habits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._app(scope, receive, send)
        if scope["type"] == "http" and scope["method"] == "POST":
            for habit in self._habits:
                habit()


def create_app() -> ASGIApp:
    """The application of one worker."""
    os.environ.setdefault("IMAGE_PIPELINE_SETTINGS", '{"variant": "bounded"}')
    leak = float(os.environ.get("CONTROL_LEAK", "0"))
    habits = [HABITS[os.environ.get("CONTROL_HABIT", "none")]()]
    return AfterImages(create_pipeline(), [*habits, leaking(leak)] if leak else habits)
