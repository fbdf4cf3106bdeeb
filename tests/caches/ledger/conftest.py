"""What the tests of the ledger share: a ledger in memory or in a file, clocks that are told, and nobody sweeping."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from floodmark_caches.ledger import TaskCounts, TaskLedger, TaskState, _ledger
from tests.caches.conftest import Clock, NoJanitor, fresh_name

Make = Callable[..., TaskLedger]


def check_counts(counts: TaskCounts) -> None:
    """The sum that always holds."""
    assert counts.started == counts.active + counts.completed + counts.failed + counts.timed_out
    assert min(counts.active, counts.completed, counts.failed, counts.timed_out) >= 0


def state(ledger: TaskLedger, task_id: str) -> TaskState | None:
    """The state of a task, None if it is not known."""
    record = ledger.get(task_id)
    return None if record is None else record.state


class Clocks:
    """The wall clock and the machine's, which go together unless one is told alone."""

    def __init__(self) -> None:
        self.wall = Clock(1_700_000_000.0)
        self.timer = Clock(5000.0)

    def tick(self, seconds: float) -> None:
        """Let time pass on both."""
        self.wall.tick(seconds)
        self.timer.tick(seconds)


@pytest.fixture
def clocks() -> Clocks:
    """Clocks that stand still until told."""
    return Clocks()


@pytest.fixture
def unswept(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sweeper: what is overdue is seen by readers only."""
    monkeypatch.setattr(_ledger, "sweeper", NoJanitor())


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest) -> str:
    """Each test that asks for this runs on both stores."""
    return str(request.param)


@pytest.fixture
def make(store: str, clocks: Clocks, unswept: None, tmp_path: Path) -> Iterator[Make]:
    """Make a ledger on the store of this run, with told clocks, a timeout of 60 s and an hour's keep."""
    made: list[TaskLedger] = []

    def make(**options: Any) -> TaskLedger:
        settings: dict[str, Any] = {"timeout": 60, "keep": 3600, "wall": clocks.wall, "timer": clocks.timer}
        if store == "file":
            settings["path"] = tmp_path / "tasks.db"
        made.append(TaskLedger(fresh_name(), **{**settings, **options}))
        return made[-1]

    yield make
    for ledger in made:
        check_counts(ledger.counts())
        ledger.close()


@pytest.fixture
def ledger(make: Make) -> TaskLedger:
    """A ledger with the settings of `make`."""
    return make()
