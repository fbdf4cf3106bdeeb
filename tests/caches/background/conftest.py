"""What the tests of background work share: things to own, work to do, and sums that must be right."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import pytest

from floodmark_caches import Background
from floodmark_caches._tasks import tasks


class Broken(Exception):  # noqa: N818 - a word for short
    """What the work of these tests raises."""


class Thing:
    """Something that can be owned, and tells how often it was released."""

    def __init__(self, told: list[object] | None = None, error: Exception | None = None) -> None:
        self.releases = 0
        self._told = [] if told is None else told
        self._error = error

    def release(self) -> None:
        """Count it, and raise if asked to."""
        self.releases += 1
        self._told.append(self)
        if self._error is not None:
            raise self._error


class Manager:
    """A context manager that was entered, and tells what it was told at its exit."""

    def __init__(self) -> None:
        self.exits: list[BaseException | None] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        assert (kind is None) == (error is None)
        self.exits.append(error)
        return True


@pytest.fixture(params=["own pool", "given executor"])
def background(request: pytest.FixtureRequest, name: str) -> Iterator[Background]:
    """A background with two threads; in the end nothing is under way and the numbers add up."""
    executor = None if request.param == "own pool" else ThreadPoolExecutor(2)
    background = Background(name, executor, max_workers=2 if executor is None else None)
    yield background
    background.close()
    if executor is not None:
        executor.shutdown()
    assert_sums(background)
    assert background.active == 0
    assert not tasks._by_loop


@pytest.fixture
def own(name: str) -> Iterator[Background]:
    """A background with one thread of its own."""
    with Background(name, max_workers=1) as background:
        yield background
    assert_sums(background)


def assert_sums(background: Background) -> None:
    """The numbers of one moment add up."""
    stats = background.stats()
    assert stats.adds == stats.entries + stats.removes
    assert stats.removes == sum(stats.removals.values())


def numbers(background: Background) -> tuple[int, int, int, int, int]:
    """Started, active, completed, failed, cancelled."""
    return (background.started, background.active, background.completed, background.failed, background.cancelled)


def fail(*args: object) -> None:
    """Raise."""
    raise Broken(*args)


class Gate:
    """Work that runs until it is let go."""

    def __init__(self) -> None:
        self.begun, self._let_go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        """Begin, and wait."""
        self.begun.set()
        assert self._let_go.wait(10)
        return "done"

    def open(self) -> None:
        """Let it go."""
        self._let_go.set()
