"""What the tests of get_or_create share: threads that ask, and factories that wait until they are let."""

import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from floodmark_caches import BoundedMap, _waits
from tests.caches.conftest import eventually


@pytest.fixture(autouse=True)
def _alone(alone: None) -> None:
    """Nobody but the test touches the maps."""


class Answers:
    """What threads got: values and errors."""

    def __init__(self, count: int, ask: Callable[[], object]) -> None:
        self.values: list[object] = []
        self.errors: list[BaseException] = []
        self.threads = [threading.Thread(target=self._run, args=(ask,), daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self, ask: Callable[[], object]) -> None:
        try:
            self.values.append(ask())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.errors.append(error)

    def wait(self) -> None:
        """Until all have theirs."""
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


class Factory:
    """Makes a value when it is let, and says that it is at it."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.calls = 0
        self.inside = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> Any:
        """The value; raised if it is an error."""
        self.calls += 1
        self.inside.set()
        assert self.go.wait(10)
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value


def waiting() -> int:
    """How many threads wait for another's value."""
    wait = _waits.Flight.wait.__code__
    tops = sys._current_frames()
    try:
        return sum(any(frame.f_code is wait for frame, _ in traceback.walk_stack(top)) for top in tops.values())
    finally:
        tops.clear()  # our own frame is among them, and a leader may be, which has to be free to go


def flying(store: BoundedMap[str, Any], factory: Factory, waiters: int = 3) -> Answers:
    """One leader and some that wait for it."""
    answers = Answers(1 + waiters, lambda: store.get_or_create("a", factory))
    assert factory.inside.wait(10)
    eventually(lambda: waiting() == waiters)
    return answers
