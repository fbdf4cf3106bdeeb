"""One blocking call in a thread of its own, so that the run can watch its processes and the operator meanwhile."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Runs *call* in a daemon thread; `done` turns true, then `result` returns its value or raises its error.

    A call that is no longer wanted is simply forgotten: it must end by its own timeout and touch nothing shared.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._finished = threading.Event()
        threading.Thread(target=self._run, name="floodmark-background", daemon=True).start()

    @property
    def done(self) -> bool:
        """True when `result` has an answer."""
        return self._finished.is_set()

    def result(self) -> T:
        """Return what the call returned, or raise what it raised. To be asked when `done`."""
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _run(self) -> None:
        try:
            self._value.append(self._call())
        except BaseException as error:  # noqa: BLE001 -- handed to whoever asks for the result
            self._error = error
        finally:
            self._finished.set()
