"""LazyThread: there while there is something to do, gone when told."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from floodmark_caches._thread import LazyThread
from tests.caches.conftest import eventually, fresh_name


@pytest.fixture
def lazy() -> Iterator[Callable[[Callable[[], float | None]], LazyThread]]:
    """Makes threads that are over after the test."""
    made: list[LazyThread] = []

    def make(step: Callable[[], float | None]) -> LazyThread:
        made.append(LazyThread(fresh_name(), step))
        return made[-1]

    yield make
    for thread in made:
        thread.rest(10)


Lazy = Callable[[Callable[[], float | None]], LazyThread]


def test_it_runs_from_the_first_wake_to_the_first_none(lazy: Lazy) -> None:
    """And again from the next wake."""
    delays: list[float | None] = [0.001, 0.001, None]
    thread = lazy(lambda: delays.pop(0))
    assert not thread.running
    thread.wake()
    eventually(lambda: not thread.running)
    assert delays == []
    delays.append(None)
    thread.wake()
    eventually(lambda: delays == [] and not thread.running)


def test_a_wake_cuts_a_long_wait_short(lazy: Lazy) -> None:
    """The next step comes at once; a nudge does the same, but never starts a thread."""
    steps: list[int] = []

    def step() -> float:
        steps.append(1)
        return 3600.0

    def reached(number: int) -> bool:
        return len(steps) >= number

    thread = lazy(step)
    thread.nudge()
    assert not thread.running
    for number, call in enumerate((thread.wake, thread.wake, thread.nudge), start=1):
        call()
        eventually(partial(reached, number))


def test_every_wake_is_followed_by_a_step(lazy: Lazy) -> None:
    """Also one that comes while the thread is about to end."""
    wanted = done = 0

    def step() -> None:
        nonlocal done
        done = wanted

    def reached(number: int) -> bool:
        return done == number

    thread = lazy(step)
    for number in range(1, 500):
        wanted = number
        thread.wake()
        eventually(partial(reached, number))


def test_rest_ends_it_whatever_it_is_about_to_do(lazy: Lazy) -> None:
    """Just started, in a step, about to wait."""
    thread = lazy(lambda: 3600.0)
    for _ in range(300):
        thread.wake()
        runner = thread._thread
        thread.rest(10)
        assert runner is not None
        assert not runner.is_alive()
        assert not thread.running


def test_rest_is_heard_while_earlier_wakes_are_taken_off(lazy: Lazy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The word to rest may be taken off the queue with them, and is not slept through."""
    thread = lazy(lambda: 3600.0)

    class Queue(queue.SimpleQueue[None]):
        def get_nowait(self) -> None:
            if thread.running:
                thread.rest(0)
            return super().get_nowait()

    monkeypatch.setattr("floodmark_caches._thread.SimpleQueue", Queue)
    thread.wake()
    eventually(lambda: not [runner for runner in threading.enumerate() if runner.name == thread._name])


@pytest.mark.parametrize(("error", "said"), [(OSError, "not yet"), (SystemExit, "7")])
def test_a_step_that_raises_is_tried_again(
    lazy: Lazy,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    said: str,
) -> None:
    """After a pause, with a line in the log; not even an exit ends the thread, for nobody else would do its work."""
    monkeypatch.setattr("floodmark_caches._thread._AFTER_ERROR_SECONDS", 0.01)
    steps: list[int] = []

    def step() -> None:
        steps.append(1)
        if len(steps) < 3:
            raise error(said)

    thread = lazy(step)
    thread.wake()
    eventually(lambda: not thread.running)
    assert len(steps) == 3
    assert caplog.text.count(f"{error.__name__}: {said}") == 2


def test_without_a_thread_to_be_had_it_does_without(lazy: Lazy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of the machine is no error of the map; the next wake tries again."""
    ran = threading.Event()

    def step() -> None:
        ran.set()

    def refuse(thread: threading.Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    thread = lazy(step)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        thread.wake()
        assert not thread.running
    thread.wake()
    assert ran.wait(10)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, SystemExit])
@pytest.mark.parametrize("late", [False, True], ids=["before it started", "after it started"])
def test_a_start_that_is_interrupted_leaves_nothing(
    lazy: Lazy, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], late: bool
) -> None:
    """An interrupt comes out, no thread is taken for running, and the next wake starts one."""
    steps: list[int] = []
    start = threading.Thread.start
    waits = threading.Event()

    class Queue(queue.SimpleQueue[None]):
        def get(self, block: bool = True, timeout: float | None = None) -> None:
            waits.set()
            return super().get(block, timeout)

    def interrupted(thread: threading.Thread) -> None:
        if late:
            start(thread)
            assert waits.wait(10)
        raise error

    def step() -> float:
        steps.append(threading.get_ident())
        return 3600.0

    thread = lazy(step)
    with monkeypatch.context() as patch:
        patch.setattr("floodmark_caches._thread.SimpleQueue", Queue)
        patch.setattr(threading.Thread, "start", interrupted)
        with contextlib.suppress(KeyboardInterrupt, SystemExit):
            thread.wake()
            assert error is MemoryError
    assert not thread.running
    thread.wake()
    runner = thread._thread
    assert runner is not None
    eventually(lambda: runner._ident in steps)
    eventually(lambda: len([each for each in threading.enumerate() if each.name == thread._name]) == 1)


def test_rest_does_not_wait_for_a_step_for_ever(lazy: Lazy) -> None:
    """A callback that hangs delays a fork by the patience at most; the thread ends when it can."""
    go, inside = threading.Event(), threading.Event()

    def step() -> float:
        inside.set()
        go.wait(10)
        return 3600.0

    thread = lazy(step)
    thread.wake()
    assert inside.wait(10)
    runner = thread._thread
    started = time.monotonic()
    thread.rest(0.02)
    assert 0.02 <= time.monotonic() - started < 5
    assert not thread.running
    go.set()
    assert runner is not None
    eventually(lambda: not runner.is_alive())
