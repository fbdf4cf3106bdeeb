"""Timeouts really run: nobody has to ask."""

import gc
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from floodmark_caches._fork import _all_hooks
from floodmark_caches.ledger import TaskLedger, TaskRecord, TaskState, _ledger
from floodmark_caches.ledger._ledger import sweeper
from tests.caches.conftest import eventually, fresh_name, run_python
from tests.caches.ledger.conftest import Clocks


@pytest.fixture
def path(store: str, tmp_path: Path) -> Path | None:
    """The file of this run's ledger, or None for memory."""
    return tmp_path / "tasks.db" if store == "file" else None


def told_ledger(path: Path | None, clocks: Clocks, **options: Any) -> TaskLedger:
    """A ledger whose clocks are told, and a timeout of 60 s."""
    return TaskLedger(fresh_name(), timeout=60, keep=60, path=path, wall=clocks.wall, timer=clocks.timer, **options)


def test_a_task_times_out_though_nobody_asks(path: Path | None, caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, by the sweeper's thread, and logged; then the thread waits or ends."""
    told: list[tuple[TaskRecord, threading.Thread]] = []
    ledger = TaskLedger(
        fresh_name(),
        timeout=0.05,
        keep=60,
        path=path,
        on_timeout=lambda record: told.append((record, threading.current_thread())),
    )
    task = ledger.start("speech")
    eventually(lambda: told)
    ((record, thread),) = told
    assert (record.id, record.state) == (task.id, TaskState.TIMED_OUT)
    assert thread is not threading.main_thread()
    assert f"task {task.id} (speech) timed out after 0.05 s" in caplog.text
    ledger.close()


def test_what_on_timeout_raises_is_logged(path: Path | None, caplog: pytest.LogCaptureFixture) -> None:
    """And the next task is told all the same."""
    told: list[str] = []

    def tell(record: TaskRecord) -> None:
        told.append(record.kind)
        raise ZeroDivisionError(record.kind)

    ledger = TaskLedger(fresh_name(), timeout=0.02, keep=60, path=path, on_timeout=tell)
    ledger.start("a")
    ledger.start("b")
    eventually(lambda: sorted(told) == ["a", "b"])
    eventually(lambda: caplog.text.count("on_timeout failed") == 2)
    ledger.close()


def test_finished_tasks_leave_after_keep(path: Path | None) -> None:
    """Not only for readers: their room is given back."""
    ledger = TaskLedger(fresh_name(), timeout=60, keep=0.05, path=path)
    with ledger.start("speech", key="a"):
        pass

    def kept() -> int:
        return len(ledger._store._look(lambda: ledger._store._oldest_finished(9)))

    eventually(lambda: not kept())
    assert ledger.counts().completed == 1
    ledger.close()


def test_every_ledger_is_swept(path: Path | None) -> None:
    """One that is used for the first time while the sweeper waits for another, too."""
    told: list[str] = []
    patient = TaskLedger(fresh_name(), timeout=600, keep=600)
    patient.start("long")
    eventually(lambda: patient._wake_at < float("inf"))
    ledger = TaskLedger(
        fresh_name(), timeout=0.05, keep=60, path=path, on_timeout=lambda record: told.append(record.kind)
    )
    ledger.start("short")
    eventually(lambda: told)
    ledger.start("again")
    eventually(lambda: len(told) == 2)
    ledger.close()
    patient.close()


def test_a_long_backlog_is_swept_in_batches(
    path: Path | None, clocks: Clocks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of them a short hold of the lock."""
    caplog.set_level(logging.ERROR)
    told: list[str] = []
    ledger = told_ledger(path, clocks, on_timeout=lambda record: told.append(record.id))
    monkeypatch.setattr("floodmark_caches.ledger._store._BATCH", 7)
    started = [ledger.start("speech").id for _ in range(20)]
    clocks.tick(60)
    sweeper.attend(ledger._tend)
    eventually(lambda: len(told) == 20)
    assert told == started
    ledger.close()


def test_the_thread_ends_with_the_last_ledger(path: Path | None) -> None:
    """A ledger is held by nobody but its owner."""
    gc.collect()
    ledger = TaskLedger(fresh_name(), timeout=600, keep=60, path=path)
    ledger.start("speech")
    assert sweeper.running
    del ledger
    eventually(lambda: gc.collect() or not sweeper.running)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors cannot be counted here")
def test_a_ledger_leaves_nothing_behind(path: Path | None) -> None:
    """No descriptor, no hook, no place in the sweeper, and no garbage for the collector."""

    def use() -> None:
        ledger = TaskLedger(fresh_name(), timeout=60, keep=60, path=path)
        with ledger.start("speech", key="a"):
            pass
        ledger.start("speech")
        ledger.get("x")
        eventually(lambda: 0 < ledger._wake_at < float("inf"))  # the sweeper has been here

    def one_round() -> tuple[int, int, int, int]:
        use()
        eventually(lambda: gc.collect() == 0)
        if path is not None:
            path.unlink()
        return len(os.listdir("/proc/self/fd")), len(_all_hooks), len(sweeper._tends), len(gc.get_objects())  # noqa: PTH208

    one_round()
    *first, objects = one_round()
    *last, more_objects = one_round()
    assert last == first
    assert more_objects < objects + 20


def test_a_closed_ledger_is_swept_no_more(path: Path | None, clocks: Clocks) -> None:
    """Until it is used again."""
    told: list[str] = []
    ledger = told_ledger(path, clocks, on_timeout=lambda record: told.append(record.kind))
    ledger.start("speech")
    ledger.close()
    clocks.tick(60)
    other = TaskLedger(fresh_name(), timeout=0.02, keep=60, on_timeout=lambda record: told.append(record.kind))
    other.start("other")
    eventually(lambda: told)
    assert told == ["other"]
    ledger.counts()
    eventually(lambda: told == ["other", "speech"])
    ledger.close()
    other.close()


def test_an_idle_ledger_in_memory_starts_no_thread_for_its_readers() -> None:
    """There is nothing to wait for."""
    ledger = TaskLedger(fresh_name(), timeout=60, keep=60)
    ledger.counts()
    eventually(lambda: not sweeper.running)
    calls = []
    attend, sweeper_type = _ledger.sweeper.attend, type(_ledger.sweeper)
    assert attend.__func__ is sweeper_type.attend  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeper_type, "attend", lambda *arguments: calls.append(arguments))
        ledger.counts()
        ledger.tasks()
    assert calls == []


def test_the_import_starts_nothing_and_loads_little(tmp_path: Path) -> None:
    """No thread, also when ledgers are made; sqlite3 only for a file; nothing foreign, nothing slow."""
    run_python(
        f"""
        import sys, threading
        sys.modules["cachetools"] = None
        from floodmark_caches.ledger import TaskLedger
        ledger = TaskLedger("a", timeout=1, keep=1)
        assert not {{"sqlite3", "asyncio", "concurrent.futures", "uuid"}} & set(sys.modules), sorted(sys.modules)
        filed = TaskLedger("b", timeout=1, keep=1, path={str(tmp_path / "tasks.db")!r})
        assert "sqlite3" in sys.modules
        assert threading.active_count() == 1
        """
    )


def test_the_package_alone_does_not_load_the_ledger() -> None:
    """Who wants maps only does not pay for it."""
    run_python(
        """
        import sys
        import floodmark_caches
        assert not any("ledger" in name for name in sys.modules)
        """
    )


@pytest.mark.skipif(sys.platform == "win32", reason="the file of a live process cannot be removed there")
def test_the_interpreter_ends_quietly_with_a_live_ledger(tmp_path: Path) -> None:
    """Tasks under way, the sweeper waiting, a connection open: no word, no hang."""
    run_python(
        f"""
        from floodmark_caches.ledger import TaskLedger
        ledgers = [TaskLedger("a", timeout=60, keep=1), TaskLedger("b", timeout=60, keep=1, path={str(tmp_path / "x")!r})]
        tasks = [ledger.start("speech") for ledger in ledgers]
        with ledgers[1].start("speech"):
            pass
        """
    )
