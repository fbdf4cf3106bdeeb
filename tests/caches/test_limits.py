"""Semaphores, pools and queues: what is in use, of what they allow."""

import asyncio
import collections
import logging
import multiprocessing
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from floodmark_caches import BoundedMap, registry
from tests.caches.conftest import eventually, published


def numbers(name: str) -> tuple[int, int | None] | None:
    """In use, and the limit, under a name."""
    stats = published(name)
    return None if stats is None else (stats.entries, stats.maxsize)


@pytest.mark.parametrize("make", [threading.BoundedSemaphore, asyncio.BoundedSemaphore], ids=["threading", "asyncio"])
def test_a_bounded_semaphore_tells_its_limit(name: str, make: Callable[[int], Any]) -> None:
    """Its start value, not what is free at the moment."""
    semaphore = make(3)
    registry.watch_limit(name, semaphore)
    assert numbers(name) == (0, 3)
    semaphore._value -= 2
    assert numbers(name) == (2, 3)
    stats = published(name)
    assert stats is not None
    assert (stats.kind, stats.container_ids) == ("BoundedSemaphore", ())
    semaphore.release()
    assert numbers(name) == (1, 3)


def test_a_plain_semaphore_does_not_tell_its_limit(name: str) -> None:
    """It has to be given, and may not contradict what is free."""
    semaphore = threading.Semaphore(3)
    semaphore.acquire()
    with pytest.raises(ValueError, match=rf"Semaphore '{name}' does not tell its limit"):
        registry.watch_limit(name, semaphore)
    with pytest.raises(ValueError, match=r"-1 in use.* 1,"):
        registry.watch_limit(name, semaphore, limit=1)
    assert published(name) is None
    registry.watch_limit(name, semaphore, limit=3)
    assert numbers(name) == (1, 3)


def test_a_semaphore_of_asyncio(name: str) -> None:
    """The places that are taken, also while others wait."""

    async def main() -> None:
        semaphore = asyncio.Semaphore(2)
        registry.watch_limit(name, semaphore, limit=2)
        async with semaphore:
            await semaphore.acquire()
            waiting = asyncio.create_task(semaphore.acquire())
            await asyncio.sleep(0)
            assert numbers(name) == (2, 2)
            waiting.cancel()

    asyncio.run(main())
    assert published(name) is None


def test_a_semaphore_that_is_released_too_often_is_said_once(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """And nothing negative is published."""
    semaphore = threading.Semaphore(1)
    registry.watch_limit(name, semaphore, limit=1)
    semaphore.release()
    for _ in range(3):
        assert numbers(name) == (0, 1)
    assert caplog.text.count("-1 in use") == 1


@pytest.mark.parametrize(
    "make", [queue.Queue, queue.PriorityQueue, asyncio.Queue], ids=["queue", "priority", "asyncio"]
)
def test_a_queue_tells_both(name: str, make: Callable[[int], Any]) -> None:
    """One without a bound wants a limit; one with a bound has it."""
    bounded, endless = make(4), make(0)
    registry.watch_limit(name, bounded)
    bounded.put_nowait(1)
    assert numbers(name) == (1, 4)
    with pytest.raises(ValueError, match="does not tell its limit"):
        registry.watch_limit(f"{name}-endless", endless)
    registry.watch_limit(f"{name}-endless", endless, limit=9)
    assert numbers(f"{name}-endless") == (0, 9)
    with pytest.raises(ValueError, match=r"its own, 4 \(got limit=5\)"):
        registry.watch_limit(f"{name}-other", bounded, limit=5)


def test_a_pool_tells_its_busy_threads(name: str) -> None:
    """Not the idle ones, nor what is queued behind them."""
    go = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        registry.watch_limit(name, pool)
        assert numbers(name) == (0, 2)
        pool.submit(go.wait, 10)
        assert numbers(name) == (1, 2)
        for _ in range(3):
            pool.submit(go.wait, 10)
        assert numbers(name) == (2, 2)
        go.set()
        eventually(lambda: numbers(name) == (0, 2))


def test_anything_else_says_how_it_is_read(name: str) -> None:
    """By a function of the thing, or of nothing."""

    class Pool:
        out = 3

    pool = Pool()
    registry.watch_limit(name, pool, limit=5, in_use=lambda pool: pool.out)
    assert numbers(name) == (3, 5)
    registry.watch_limit(f"{name}-bare", limit=7, in_use=lambda: 6)
    assert numbers(f"{name}-bare") == (6, 7)
    del pool
    assert published(name) is None
    BoundedMap(name, maxsize=1)


def test_warn_at_is_a_level_or_a_fraction_of_the_limit(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Once for each crossing."""
    used = [0]
    registry.watch_limit(name, limit=10, in_use=lambda: used[0], warn_at=0.8)
    for used[0] in (7, 8, 9, 10, 9):
        registry.stats()
    assert caplog.text.count(name) == 1
    stats = published(name)
    assert stats is not None
    assert (stats.warn_at, stats.warnings) == (8, 1)


def test_a_reader_that_fails_is_left_out(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line about it; a wrong answer is one, too."""
    answers: list[Any] = [0, "many", 2]
    registry.watch_limit(name, limit=5, in_use=lambda: answers[0] if len(answers) == 3 else answers.pop())
    answers[0] = "many"
    with caplog.at_level(logging.ERROR, "floodmark.caches"):
        assert numbers(name) is None
        assert numbers(name) is None
    assert caplog.text.count("got 'many'") == 1
    registry.unwatch(name)


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"limit": 0}, ValueError, "limit .* 0"),
    ({"limit": True}, TypeError, "limit .* True"),
    ({"limit": float("inf")}, TypeError, "limit .* inf"),
    ({"limit": None}, ValueError, "does not tell its limit"),
    ({"in_use": 5}, TypeError, "in_use .* 5"),
    ({"in_use": lambda: 1.5}, TypeError, "in_use .* 1.5"),
    ({"in_use": lambda: True}, TypeError, "in_use .* True"),
    ({"in_use": lambda: 11}, ValueError, "11 in use.* 10"),
    ({"in_use": lambda: -1}, ValueError, "-1 in use"),
    ({"in_use": None}, TypeError, "limit 'map.*' does not tell what is in use: give both limit= and in_use="),
    ({"warn_at": 11}, ValueError, "warn_at .* 11"),
    ({"thing": {}, "in_use": None}, TypeError, "dict 'map.*' does not tell what is in use"),
]


@pytest.mark.parametrize(("wrong", "error", "words"), BAD, ids=[words for *_, words in BAD])
def test_a_bad_argument_is_named_with_its_value(
    name: str, wrong: dict[str, Any], error: type[Exception], words: str
) -> None:
    """Nothing is registered."""
    arguments: dict[str, Any] = {"limit": 10, "in_use": lambda: 1} | wrong
    with pytest.raises(error, match=words):
        registry.watch_limit(name, **arguments)
    assert published(name) is None


@pytest.mark.parametrize(
    "make",
    [
        threading.Lock,
        threading.Condition,
        queue.SimpleQueue,
        collections.deque,
        multiprocessing.Queue,
        partial(multiprocessing.BoundedSemaphore, 3),
    ],
)
def test_what_is_not_known_is_watched_as_the_error_says(name: str, make: Callable[[], Any]) -> None:
    """With both, and with neither alone; the note has what else there is."""
    thing = make()
    for alone in (None, 3):
        with pytest.raises(TypeError, match="give both limit= and in_use=") as caught:
            registry.watch_limit(name, thing, limit=alone)
        assert "registry.watch is for a container's length" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="give it as limit="):
        registry.watch_limit(name, thing, in_use=lambda _: 1)
    registry.watch_limit(name, thing, limit=3, in_use=lambda each: 2 if each is thing else 0)
    assert numbers(name) == (2, 3)


def test_what_is_too_much_is_said_once_and_published(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The number is what it is: a limit that is broken must be seen."""
    used = [1]
    registry.watch_limit(name, limit=2, in_use=lambda: used[0])
    used[0] = 3
    assert [numbers(name), numbers(name)] == [(3, 2), (3, 2)]
    assert caplog.text.count("3 in use, its limit is 2") == 1


def test_a_pool_or_queue_says_its_limit_however_it_is_read(name: str) -> None:
    """A function of the caller's counts, up to the thing's own bound."""
    queue_of_five: queue.Queue[int] = queue.Queue(5)
    registry.watch_limit(name, queue_of_five, in_use=lambda each: each.qsize() + 1)
    assert numbers(name) == (1, 5)
