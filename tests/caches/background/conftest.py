"""What the tests of background work share: things to own, work to do, and sums that must be right."""

import dis
import functools
import itertools
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, Self

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


class Inline:
    """An executor that runs the work in the thread that submits it, before the submit is over."""

    def submit(self, run: Callable[[], object]) -> Future[object]:
        """Run it."""
        future: Future[object] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(run())
        except BaseException as error:  # noqa: BLE001 - the future carries it
            future.set_exception(error)
        return future


class Interrupt(BaseException):
    """What the signal handler of an application raises."""


class Interrupter:
    """Raises at the chosen one of the places in our own code where the interpreter runs signal handlers.

    These are: the start of a function, behind a call, and the end of each turn of a loop. `where` is the function
    that was interrupted, and whether at its very start.
    """

    def __init__(self, files: set[str], chosen: int) -> None:
        self.where: tuple[str, bool] | None = None
        self._files = files
        self._chosen = chosen
        self._before: Any = None
        self._last: dict[int, tuple[str, object]] = {}  # by the id of the frame, which has to be free to go
        self._places = 0

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if self.where is not None or code.co_name == "__del__" or Path(code.co_filename).name not in self._files:
            return None
        frame.f_trace_opcodes = True
        if event == "call":
            self._last[id(frame)] = ("RESUME", None)
        elif event == "exception":
            self._last.pop(id(frame), None)
        elif event == "opcode":
            last, handler = self._last.get(id(frame), ("", None))
            here = _handler(code, frame.f_lasti)
            self._last[id(frame)] = (dis.opname[code.co_code[frame.f_lasti]], here)
            # Behind the last call of a `with` or a `try`, it would be raised in there still: here it is too late for it.
            if last == "RESUME" or ((last == "JUMP_BACKWARD" or last.startswith("CALL")) and handler == here):
                self._places += 1
                if self._places == self._chosen:
                    self.where = (code.co_name, last == "RESUME")
                    raise Interrupt
        return self._trace


@functools.cache
def _handler(code: CodeType, offset: int) -> object:
    """Where an exception raised at this instruction is handled."""
    entries = dis._parse_exception_table(code)  # type: ignore[attr-defined]
    return next((entry.target for entry in entries if entry.start <= offset < entry.end), None)


def interrupt_everywhere(files: set[str], act: Callable[[], object]) -> Generator[tuple[str, bool], None, None]:
    """Interrupt the act at its first place, its second, and so on: the places, each while its exception lives."""
    for number in itertools.count(1):
        with Interrupter(files, number) as interrupter:
            try:
                act()
            except Interrupt:
                sys.settrace(None)
                assert interrupter.where is not None
                yield interrupter.where
                continue
        if interrupter.where is None:
            assert number > 20, "hardly any place was interrupted"
            return
        yield interrupter.where
