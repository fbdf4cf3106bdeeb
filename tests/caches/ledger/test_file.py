"""The file of a ledger: only ever ours, whole, and shared with care."""

import contextlib
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from floodmark_caches.ledger import LedgerBusy, LedgerFileError, TaskLedger, TaskState
from floodmark_caches.ledger._sqlite import SqliteStore
from tests.caches.conftest import eventually, fresh_name
from tests.caches.ledger.conftest import Clocks, check_counts

NAME = "tasks of the file"
"""The name of the ledger in it."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger may be."""
    return tmp_path / "tasks.db"


@pytest.fixture
def open_ledger(path: Path, unswept: None) -> Iterator[Callable[..., TaskLedger]]:
    """Open the ledger, whose thread is not there."""
    with contextlib.ExitStack() as stack:

        def open_ledger(**options: float) -> TaskLedger:
            ledger = TaskLedger(NAME, path=path, **{"timeout": 60, "keep": 3600, **options})  # type: ignore[arg-type]
            stack.callback(ledger.close)
            return ledger

        yield open_ledger


def connection(ledger: TaskLedger) -> sqlite3.Connection:
    """The ledger's own connection."""
    store = ledger._store
    assert isinstance(store, SqliteStore)
    ledger.counts()
    assert store._file._db is not None
    return store._file._db


def make_text(path: Path) -> None:
    """No database at all."""
    path.write_text("dear diary, " * 1000)


def make_one_byte(path: Path) -> None:
    """Less than a header."""
    path.write_bytes(b"x")


def make_foreign(path: Path) -> None:
    """A database of somebody else's."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE users (name TEXT)")
        db.execute("INSERT INTO users VALUES ('me')")


def make_marked(path: Path) -> None:
    """A database without tables, of another application."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA application_id = 77")


def make_newer(path: Path) -> None:
    """A ledger of a version to come."""
    TaskLedger(fresh_name(), timeout=1, keep=1, path=path).close()
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 3")


def make_other(path: Path) -> None:
    """Another ledger."""
    TaskLedger("another", timeout=1, keep=1, path=path).close()


def make_damaged(path: Path) -> None:
    """A ledger in which the page was overwritten with which its tasks begin."""
    ledger = TaskLedger(NAME, timeout=1, keep=1, path=path)
    for number in range(50):
        ledger.start("speech", key=f"{number}")
    ledger.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * 4096 + whole[8192:])


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (make_text, "no ledger, or is damaged"),
        (make_one_byte, "no ledger, or is damaged"),
        (make_foreign, "another program's database"),
        (make_marked, "another program's database"),
        (make_newer, "version 3, this is version 2"),
        (make_other, "holds the ledger 'another', not"),
        (make_damaged, r"damaged \("),
    ],
)
def test_a_file_that_is_not_this_ledger_is_refused(
    path: Path, open_ledger: Callable[..., TaskLedger], prepare: Callable[[Path], object], said: str
) -> None:
    """In clear words, and left byte for byte; the name is free for another try."""
    prepare(path)
    before = path.read_bytes()
    with pytest.raises(LedgerFileError, match=said) as refused:
        open_ledger()
    assert refused.value.path == path
    assert str(path) in str(refused.value)
    assert refused.value.__notes__ == [f"hint: {refused.value.hint}"]
    if prepare is make_other:
        assert refused.value.hint == f"give it the name 'another', or the ledger '{NAME}' a file of its own"
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    path.unlink()
    open_ledger().start("speech")


def test_a_path_that_cannot_be_a_file_is_refused(tmp_path: Path) -> None:
    """Nothing is made."""
    for path in (tmp_path / "nowhere" / "tasks.db", tmp_path):
        with pytest.raises(LedgerFileError, match="cannot be opened"):
            TaskLedger(fresh_name(), timeout=1, keep=1, path=path)
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_damaged_while_in_use_says_so(path: Path, open_ledger: Callable[..., TaskLedger]) -> None:
    """And the numbers of the last time are still published."""
    ledger = open_ledger()
    for number in range(100):
        ledger.start("speech", key=f"{number}")
    ledger.stats()
    ledger.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with pytest.raises(LedgerFileError, match="damaged"):
        ledger.counts()
    assert ledger.stats().entries == 100


def test_a_full_disk_is_said_and_the_ledger_stays_whole(open_ledger: Callable[..., TaskLedger]) -> None:
    """What did not fit has not happened; what was there is; and with room again it goes on."""
    ledger = open_ledger()
    task = ledger.start("speech")
    db = connection(ledger)
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")

    def fill() -> None:
        for number in range(1000):
            ledger.start("speech", key="k" * 400 + str(number))

    with pytest.raises(LedgerFileError, match=r": the disk is full\n"):
        fill()
    before = ledger.counts()
    check_counts(before)
    assert before.started == before.active == len(ledger.tasks(limit=1000))
    with pytest.raises(LedgerFileError, match=r": the disk is full\n"):
        task.complete("x" * 4000)
    assert ledger.counts().completed == 0
    db.execute("PRAGMA max_page_count = 100000")
    assert task.complete("x" * 4000)
    assert ledger.counts().started == before.started


def test_a_full_disk_does_not_hide_the_failure_of_the_work(
    open_ledger: Callable[..., TaskLedger], caplog: pytest.LogCaptureFixture
) -> None:
    """The exception of the work goes out; the other is logged; the task will time out."""
    ledger = open_ledger()
    with pytest.raises(ZeroDivisionError), ledger.start("speech") as task:  # noqa: PT012 - the work
        connection(ledger).execute("PRAGMA query_only = 1")
        raise ZeroDivisionError
    assert f"the failure of task {task.id} could not be entered" in caplog.text
    record = ledger.get(task.id)
    assert record is not None
    assert record.state is TaskState.ACTIVE


def test_a_busy_file_is_waited_for_and_no_longer_than_told(path: Path, open_ledger: Callable[..., TaskLedger]) -> None:
    """Readers do not wait at all."""
    ledger = open_ledger(busy_timeout=0.05)
    ledger.start("speech")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(LedgerBusy, match=r"busy for 0.05 s") as refused:
            ledger.start("speech")
        assert time.monotonic() - began < 5
        assert isinstance(refused.value, TimeoutError)
        assert (refused.value.path, refused.value.seconds) == (path, 0.05)
        assert ledger.counts().active == 1
        other.execute("ROLLBACK")
    ledger.start("speech")


def test_a_new_file_that_somebody_else_makes_just_now_is_waited_for(
    path: Path, open_ledger: Callable[..., TaskLedger]
) -> None:
    """Where SQLite itself would give up at once."""
    opened: list[TaskLedger] = []
    thread = threading.Thread(target=lambda: opened.append(open_ledger()))

    def waits() -> bool:
        frame = sys._current_frames().get(thread.ident or 0)
        while frame is not None and frame.f_code.co_name != "_log_ahead":
            frame = frame.f_back
        return frame is not None or not thread.is_alive()

    path.touch()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        thread.start()
        eventually(waits)
        other.execute("ROLLBACK")
    thread.join()
    assert opened[0].counts().started == 0


def test_a_file_that_is_removed_in_use_is_not_written_on(path: Path, open_ledger: Callable[..., TaskLedger]) -> None:
    """Others would see another truth."""
    ledger = open_ledger()
    ledger.start("speech")
    path.rename(path.with_suffix(".old"))
    with pytest.raises(LedgerFileError, match="removed or replaced"):
        ledger.start("speech")
    path.with_suffix(".old").rename(path)
    assert ledger.counts().started == 1


def test_the_numbers_of_a_removed_file_are_those_known_last(
    path: Path, open_ledger: Callable[..., TaskLedger], caplog: pytest.LogCaptureFixture
) -> None:
    """Not zeros, which look calm, though nobody has asked before; and the log has it once each time."""
    ledger = open_ledger()
    tasks = [ledger.start("speech") for _ in range(3)]
    tasks[0].complete()
    for times in (1, 2):
        path.rename(path.with_suffix(".old"))
        for _ in range(3):
            stats = ledger.stats()
            assert (stats.entries, stats.adds, stats.removes, stats.oldest_age) == (2, 3, 1, None)
        assert caplog.text.count("its numbers are those known last: ") == times
        assert "removed or replaced while in use; hint: start the workers again" in caplog.text
        path.with_suffix(".old").rename(path)
        assert ledger.stats().oldest_age is not None


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        (":memory:", ValueError, r"leave it out to keep the tasks in memory \(got ':memory:'\)"),
        (Path(":memory:"), ValueError, r"leave it out to keep .* \(got .*Path\(':memory:'\)\)"),
        ("", ValueError, r"must not be empty, .* \(got ''\)"),
        ("file:tasks.db?mode=ro", ValueError, r"may be no URI \(got 'file:tasks.db\?mode=ro'\)"),
        ("a\0b", ValueError, r"must name a file, .* \(got 'a\\x00b'\)"),
        (b"tasks.db", TypeError, r"path must be a str or a Path \(got b'tasks.db'\)"),
        (3, TypeError, r"path must be a str or a Path \(got 3\)"),
    ],
)
def test_a_path_that_is_no_files_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: object, error: type[Exception], said: str
) -> None:
    """With its value, and no file of that name is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said):
        TaskLedger(NAME, timeout=1, keep=1, path=path)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_transaction_that_was_left_open_is_rolled_back(open_ledger: Callable[..., TaskLedger]) -> None:
    """By the next use, whatever it is."""
    ledger = open_ledger()
    ledger.start("speech")
    for use in (ledger.counts, lambda: ledger.start("speech")):
        db = connection(ledger)
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE totals SET started = 100")
        use()
    assert ledger.counts().started == 2


def test_the_file_is_for_its_owner_alone(path: Path, open_ledger: Callable[..., TaskLedger]) -> None:
    """Keys and messages may hold secrets; its log too."""
    ledger = open_ledger()
    ledger.start("speech")
    for each in (path, path.with_name(path.name + "-wal")):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600


def test_counts_and_tasks_go_on_after_a_restart(open_ledger: Callable[..., TaskLedger]) -> None:
    """Those of tasks that are kept no more, too."""
    ledger = open_ledger(max_finished=1)
    for number in range(3):
        with ledger.start("speech", key=f"{number}") as task:
            task.complete(number)
    before = ledger.counts()
    ledger.close()
    del ledger._published
    again = open_ledger(max_finished=1)
    assert again.counts() == before
    record = again.get(task.id)
    assert record is not None
    assert record.result == 2
    again.start("speech", key="0")
    assert again.counts().started == 4


def test_the_file_does_not_grow_with_the_tasks(
    path: Path, unswept: None, clocks: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    """Once as many are kept as may be."""
    caplog.set_level("ERROR")
    ledger = TaskLedger(
        fresh_name(), timeout=60, keep=3600, path=path, max_finished=50, wall=clocks.wall, timer=clocks.timer
    )

    def pages(rounds: int) -> int:
        for number in range(rounds):
            task = ledger.start("speech", key=f"{number}")
            if number % 3 == 0:
                clocks.tick(60)
            elif number % 3 == 1:
                task.complete("x" * 100)
            else:
                task.fail("x" * 100)
        count: int = connection(ledger).execute("PRAGMA page_count").fetchone()[0]
        return count

    first = pages(120)
    assert pages(360) <= first + 4
    wal = path.with_name(path.name + "-wal")
    ledger.close()
    assert not wal.exists()
    assert list(path.parent.iterdir()) == [path]
