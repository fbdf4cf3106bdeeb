"""The tasks of background work, held until they are done: an event loop holds its tasks weakly."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from floodmark_caches._fork import Guarded

if TYPE_CHECKING:  # whoever has a task has asyncio loaded
    import asyncio


class Tasks(Guarded):
    """Every task that was put in and is not done yet, by its loop; those of a closed loop are given up.

    Thread-safe. A forked child starts with none.
    """

    def __init__(self) -> None:
        self._by_loop: dict[asyncio.AbstractEventLoop, dict[asyncio.Task[Any], Callable[[], object]]] = {}
        super().__init__()

    def hold(self, task: "asyncio.Task[Any]", given_up: Callable[[], object]) -> None:
        """Hold a task of the running loop until it is done; `given_up()` is called if its loop is closed before."""
        self.give_up_closed()
        task.add_done_callback(self._let_go)  # first: if the next step is interrupted, nothing is held for ever
        with self._lock:
            self._by_loop.setdefault(task.get_loop(), {})[task] = given_up

    def give_up_closed(self) -> None:
        """Let go of the tasks that can never run again. Called with every new task; O(loops)."""
        with self._lock:
            dead = [self._by_loop.pop(loop) for loop in list(self._by_loop) if loop.is_closed()]
        for tasks in dead:
            for given_up in tasks.values():
                given_up()

    def _let_go(self, task: "asyncio.Task[Any]") -> None:
        loop = task.get_loop()
        with self._lock:
            tasks = self._by_loop.get(loop, {})
            tasks.pop(task, None)
            if not tasks:
                self._by_loop.pop(loop, None)

    def _begin_in_child(self, *, whole: bool) -> None:  # noqa: ARG002 - they run in the parent either way
        self._by_loop = {}


tasks = Tasks()
"""The tasks of this process."""
