"""What is raised in the middle: a signal handler raises between two steps of spawn, or a thread cannot be started."""

import asyncio
import threading

import pytest

from floodmark_caches import Background
from tests.caches.background.conftest import Gate, Inline, Interrupt, Thing, assert_sums, interrupt_everywhere, numbers
from tests.caches.conftest import eventually

OWN_FILES = {"_background.py", "_works.py", "_workers.py", "_tasks.py", "_one_step.py"}


def test_an_interrupt_of_spawn_loses_at_most_that_call(name: str) -> None:
    """What the work was to own is released once, nothing stays under way, and the next work runs."""
    things: list[Thing] = []
    ran: list[int] = []

    def act() -> None:
        background.spawn(ran.append, len(things), owns=things[-2:])

    def prepare() -> None:
        things.extend((Thing(), Thing()))

    with Background(name, max_workers=2, warn_at=1) as background:
        prepare()
        for place in interrupt_everywhere(OWN_FILES, act):
            if place != ("spawn", True):  # it has not begun, so nothing is its own yet
                eventually(lambda: [thing.releases for thing in things[-2:]] == [1, 1])
            eventually(lambda: background.active == 0)
            assert background.spawn(int).result(10) == 0
            prepare()
        assert_sums(background)
    assert background.active == 0
    assert len(ran) == len(set(ran))
    assert background.failed == 0


def test_an_interrupt_of_work_ends_it(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Wherever it comes: what it owns is released once each, and it is counted once."""
    things: list[Thing] = []
    background = Background(name, Inline())  # type: ignore[arg-type]

    def act() -> None:
        things[:] = [Thing(), Thing()]
        background.spawn(int, owns=things)

    started = 0
    for place in interrupt_everywhere(OWN_FILES, act):
        if place != ("spawn", True):
            assert [thing.releases for thing in things] == [1, 1]
        assert background.active == 0
        assert background.started - started <= 1
        started = background.started
    assert_sums(background)


@pytest.mark.filterwarnings("ignore:coroutine 'Background._run_async' was never awaited")  # that is so
def test_an_interrupt_of_spawn_async_loses_at_most_that_call(name: str) -> None:
    """As for threads; and the coroutine is closed."""
    things: list[Thing] = []
    background = Background(name)

    async def work() -> None:
        await asyncio.sleep(0)

    def act() -> None:
        things[:] = [Thing(), Thing()]
        coroutine = work()
        try:
            background.spawn_async(coroutine, owns=things)
        finally:
            coroutines.append(coroutine)

    coroutines: list[object] = []

    async def main() -> None:
        for place in interrupt_everywhere(OWN_FILES, act):
            for _ in range(4):
                await asyncio.sleep(0)
            if place != ("spawn_async", True):
                assert [thing.releases for thing in things] == [1, 1]
            else:
                coroutines[-1].close()  # type: ignore[attr-defined]
            assert background.active == 0
        for _ in range(4):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert background.active == 0
    assert_sums(background)


@pytest.mark.parametrize("max_workers", [1, 2])
@pytest.mark.parametrize("error", [RuntimeError, MemoryError, Interrupt])
@pytest.mark.parametrize("started", [False, True])
def test_a_thread_whose_start_raises(
    name: str, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], max_workers: int, started: bool
) -> None:
    """Whatever it raises, and whether the thread runs or not: the work does not, and the pool is as it was."""
    start = threading.Thread.start
    ran: list[str] = []
    thing = Thing()

    def broken(thread: threading.Thread) -> None:
        if started:
            start(thread)
        raise error

    background = Background(name, max_workers=max_workers)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", broken)
        with pytest.raises(error):
            background.spawn(ran.append, "refused", owns=thing)
    assert thing.releases == 1
    assert numbers(background) == (0, 0, 0, 0, 0)
    assert background._pool is not None
    assert not background._pool._threads
    assert background.spawn(ran.append, "accepted").result(10) is None
    closer = threading.Thread(target=background.close, daemon=True)
    closer.start()
    closer.join(10)
    assert not closer.is_alive()
    assert ran == ["accepted"]


def test_work_whose_spawn_was_interrupted_never_runs(name: str) -> None:
    """It was in the queue perhaps, but what it was to own is released by then."""
    gate, ran = Gate(), list[int]()
    allowed: set[int] = set()
    number = 0

    def act() -> None:
        nonlocal number
        number += 1
        background.spawn(ran.append, number)
        allowed.add(number)

    with Background(name, max_workers=1) as background:
        background.spawn(gate)
        assert gate.begun.wait(10)
        for _ in interrupt_everywhere(OWN_FILES, act):
            assert background.active == 1
        gate.open()
    assert set(ran) == allowed
    assert number > 20


def test_a_second_thread_that_cannot_be_started_is_not_waited_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory behind its start: the work is refused, and the thread ends though there is more to do."""
    gate, ran = Gate(), list[str]()
    start = threading.Thread.start
    lost: list[threading.Thread] = []

    def broken(thread: threading.Thread) -> None:
        start(thread)
        lost.append(thread)
        raise MemoryError

    with Background(name, max_workers=2) as background:
        background.spawn(gate)
        assert gate.begun.wait(10)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", broken)
            with pytest.raises(MemoryError):
                background.spawn(ran.append, "refused")
        lost[0].join(2)
        assert not lost[0].is_alive()
        assert background._pool is not None
        assert not background._pool._queue
        assert len(background._pool._threads) == 1
        gate.open()
    assert ran == []
    assert numbers(background) == (1, 0, 1, 0, 0)
