"""What `on_timeout` raises, and where it comes out."""

import pytest

from floodmark_caches.ledger import TaskRecord, TaskState
from tests.caches.ledger.conftest import Clocks, Make


class Told:
    """Is told of tasks that timed out: fails at the first, then raises what no error is."""

    def __init__(self, error: type[BaseException]) -> None:
        self.kinds: list[str] = []
        self._error = error

    def __call__(self, record: TaskRecord) -> None:
        """Be told of one."""
        self.kinds.append(record.kind)
        raise ZeroDivisionError if len(self.kinds) == 1 else self._error(record.kind)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_exit_comes_out_of_a_start_when_all_are_told(
    make: Make, clocks: Clocks, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """Of many, the first; nobody has the task that was to start, so it has failed by that and its key is free."""
    told = Told(error)
    ledger = make(on_timeout=told)
    for kind in "abc":
        ledger.start(kind)
    clocks.tick(60)
    with pytest.raises(error, match="b"):
        ledger.start("d", key="k")
    assert told.kinds == ["a", "b", "c"]
    assert caplog.text.count(f"ledger '{ledger.name}': on_timeout failed") == 1
    counts = ledger.counts()
    assert (counts.active, counts.timed_out, counts.failed) == (0, 3, 1)
    (lost,) = ledger.tasks(TaskState.FAILED)
    assert (lost.kind, lost.error_type) == ("d", error.__name__)
    with ledger.start("d", key="k"):
        pass


def test_an_error_of_on_timeout_stops_no_start(make: Make, clocks: Clocks) -> None:
    """Its caller has the task."""
    ledger = make(on_timeout=Told(ZeroDivisionError))
    ledger.start("a")
    ledger.start("b")
    clocks.tick(60)
    assert ledger.start("c").complete()


def test_an_exit_in_the_sweeper_s_thread_is_logged(
    make: Make, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is above it to take it, and all are told."""
    told = Told(SystemExit)
    ledger = make(on_timeout=told)
    for kind in "abc":
        ledger.start(kind)
    clocks.tick(60)
    ledger._attended = True
    ledger._tend()
    assert told.kinds == ["a", "b", "c"]
    assert caplog.text.count("on_timeout failed") == 3


def test_an_exit_comes_out_of_an_ending_that_has_happened(make: Make, clocks: Clocks) -> None:
    """The task had timed out, and was told once."""
    told = Told(SystemExit)
    told.kinds.append("before")
    ledger = make(on_timeout=told)
    task = ledger.start("a")
    clocks.tick(60)
    with pytest.raises(SystemExit, match="a"):
        task.complete()
    assert not task.complete()
    assert told.kinds == ["before", "a"]
