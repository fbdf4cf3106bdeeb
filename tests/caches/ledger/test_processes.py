"""Several processes, one truth: kills, forks, races. Each test runs in an interpreter of its own, warnings as errors."""

from pathlib import Path

import pytest

from tests.caches.conftest import run_python
from tests.caches.fix_fork import CHILD, THREADED, needs_fork

pytestmark = needs_fork

LEDGERS = (
    CHILD
    + """
import logging, signal
from floodmark_caches.ledger import DuplicateTask, LedgerFileError, TaskLedger, TaskState

logging.getLogger("floodmark.caches").setLevel(logging.ERROR)

def whole(counts):
    assert counts.started == counts.active + counts.completed + counts.failed + counts.timed_out, counts
    return counts

class Start:
    # The word for which children wait, so that all begin at once.

    def __init__(self):
        self._reading, self._writing = os.pipe()

    def wait(self):
        os.close(self._writing)
        os.read(self._reading, 1)

    def give(self):
        os.close(self._writing)
        os.close(self._reading)
"""
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the ledger is, as Python writes it."""
    return repr(str(tmp_path / "tasks.db"))


def test_a_worker_killed_in_the_middle_leaves_a_task_that_times_out(path: str) -> None:
    """Seen to by another worker, told once, and whole."""
    run_python(
        LEDGERS
        + f"""
told = []
ledger = TaskLedger("a", timeout=0.2, keep=60, path={path}, on_timeout=told.append)
reading, writing = os.pipe()

def worker():
    with ledger.start("speech", key="text 17") as task:
        os.write(writing, task.id.encode())
        time.sleep(60)

pid = fork(worker)
task_id = os.read(reading, 100).decode()
os.kill(pid, signal.SIGKILL)
assert os.waitpid(pid, 0)[1] == signal.SIGKILL
assert ledger.get(task_id).pid == pid
eventually(lambda: told)
assert [(each.id, each.state, each.pid) for each in told] == [(task_id, "timed_out", pid)]
counts = whole(ledger.counts())
assert (counts.started, counts.active, counts.timed_out) == (1, 0, 1)
ledger.start("speech", key="text 17")
"""
    )


def test_a_kill_at_any_time_leaves_the_ledger_whole(path: str) -> None:
    """In the middle of transactions, too."""
    run_python(
        LEDGERS
        + f"""
ledger = TaskLedger("a", timeout=60, keep=60, path={path})

def worker():
    while True:
        with ledger.start("speech", key=os.urandom(4).hex()) as task:
            task.extend(5)

for delay in range(5):
    pid = fork(worker)
    before = ledger.counts().started
    eventually(lambda: ledger.counts().started > before)
    time.sleep(delay / 1000)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    counts = whole(ledger.counts())
    assert counts.active == len(ledger.tasks("active")) <= delay + 1
"""
    )


def test_of_several_processes_one_gets_the_key(path: str) -> None:
    """Every key is worked on once, whoever asks first; the counts agree with what the workers saw."""
    run_python(
        LEDGERS
        + f"""
ledger = TaskLedger("a", timeout=60, keep=60, path={path})
start = Start()
reading, writing = os.pipe()

def worker():
    start.wait()
    for number in range(25):
        try:
            with ledger.start("speech", key=f"key {{number}}"):
                os.write(writing, f"{{number}}\\n".encode())
        except DuplicateTask as refused:
            assert refused.record.pid != os.getpid()

pids = [fork(worker) for _ in range(4)]
start.give()
for _ in range(30):
    whole(ledger.counts())
for pid in pids:
    join(pid)
os.close(writing)
with os.fdopen(reading) as wins:
    assert sorted(map(int, wins)) == list(range(25))
counts = whole(ledger.counts())
assert (counts.started, counts.completed, counts.duplicates) == (25, 25, 75)
"""
    )


def test_of_several_processes_one_is_told_of_a_timeout(path: str) -> None:
    """However many sweep."""
    run_python(
        LEDGERS
        + f"""
reading, writing = os.pipe()
ledger = TaskLedger("a", timeout=0.1, keep=60, path={path},
                    on_timeout=lambda record: os.write(writing, record.id.encode() + b"\\n"))
started = sorted(ledger.start("speech").id for _ in range(20))
ledger.close()

start = Start()

def worker():
    ledger.get("x")
    start.wait()

pids = [fork(worker) for _ in range(3)]
os.close(writing)
with os.fdopen(reading) as told:
    lines = [told.readline().strip() for _ in started]
    assert sorted(lines) == started
    start.give()
    for pid in pids:
        join(pid)
    assert told.read() == ""
"""
    )


def test_several_processes_make_the_file_together(path: str) -> None:
    """At the same moment, and one of them makes the tables."""
    run_python(
        LEDGERS
        + f"""
start = Start()

def worker():
    start.wait()
    ledger = TaskLedger("a", timeout=60, keep=60, path={path})
    with ledger.start("speech"):
        pass

pids = [fork(worker) for _ in range(6)]
start.give()
for pid in pids:
    join(pid)
assert TaskLedger("a", timeout=60, keep=60, path={path}).counts().completed == 6
"""
    )


def test_no_connection_and_no_thread_crosses_a_fork(path: str) -> None:
    """Master and workers each open their own on first use; a master that only forks has none."""
    run_python(
        LEDGERS
        + f"""
from floodmark_caches.ledger._ledger import sweeper
ledger = TaskLedger("a", timeout=60, keep=60, path={path})
task = ledger.start("speech", key="master")
assert sweeper.running
file = ledger._store._file

def child():
    assert file._db is None
    assert threading.active_count() == 1
    assert registry.stats()[0].entries == 0  # its own; the other is the master's
    assert threading.active_count() == 1  # to be read is no use
    assert ledger.counts().active == 1
    assert sweeper.running
    with ledger.start("speech"):
        pass

for _ in range(3):
    in_child(child)
    assert file._db is None
    assert threading.active_count() == 1
assert ledger.counts().completed == 3
assert sweeper.running
assert task.complete()
"""
    )


def test_a_fork_while_threads_use_the_ledger(path: str) -> None:
    """The child neither waits for them nor uses what they were using."""
    run_python(
        LEDGERS
        + THREADED
        + f"""
ledger = TaskLedger("a", timeout=60, keep=60, path={path})
stop = threading.Event()

def hammer():
    while not stop.is_set():
        with ledger.start("speech"):
            pass

threads = [threading.Thread(target=hammer) for _ in range(2)]
for thread in threads:
    thread.start()

def child():
    with ledger.start("child"):
        whole(ledger.counts())

for _ in range(4):
    in_child(child)
stop.set()
for thread in threads:
    thread.join()
counts = whole(ledger.counts())
assert counts.active == 0
assert len(ledger.tasks(kind="child")) == 4
"""
    )


@pytest.mark.slow
def test_a_fork_in_the_middle_of_a_long_wait(path: str) -> None:
    """Of a thread that is stuck on a busy file: the child says that it cannot use the ledger; the parent goes on."""
    run_python(
        LEDGERS
        + THREADED
        + f"""
import sqlite3
ledger = TaskLedger("a", timeout=60, keep=60, path={path}, busy_timeout=25)
ledger.start("master's")
other = sqlite3.connect({path}, isolation_level=None, check_same_thread=False)
other.execute("BEGIN IMMEDIATE")
thread = threading.Thread(target=lambda: ledger.start("stuck"))
thread.start()

def writes():
    # Whether the thread is within a write, which it cannot begin; a read before it takes the lock for a moment only.
    frame = sys._current_frames().get(thread.ident)
    while frame is not None and frame.f_code.co_name != "_transaction":
        frame = frame.f_back
    return frame is not None and frame.f_locals["begin"] == "BEGIN IMMEDIATE"

eventually(writes)

def child():
    try:
        ledger.counts()
    except LedgerFileError as error:
        assert "was forked while a thread" in str(error)
        assert registry.stats()[0].entries == 0
        os._exit(7)

pid = fork(child)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
other.execute("ROLLBACK")
thread.join()
other.close()
assert whole(ledger.counts()).active == 2
"""
    )


def test_a_forked_child_begins_without_the_tasks_of_its_parents_memory() -> None:
    """They are the parent's, who goes on with them."""
    run_python(
        LEDGERS
        + """
ledger = TaskLedger("a", timeout=60, keep=60)
task = ledger.start("speech", key="k")

def child():
    assert ledger.get(task.id) is None
    assert whole(ledger.counts()).started == 0
    with ledger.start("speech", key="k"):
        assert ledger.counts().active == 1
    eventually(lambda: ledger._wake_at < float("inf"))

in_child(child)
assert ledger.counts().active == 1
assert task.complete()
"""
    )


def test_a_task_is_taken_up_by_another_process(path: str) -> None:
    """With the token that its owner handed over."""
    run_python(
        LEDGERS
        + f"""
ledger = TaskLedger("a", timeout=60, keep=60, path={path})
task = ledger.start("speech")

def worker():
    with ledger.task(task.id, task.token) as mine:
        mine.complete("done")

in_child(worker)
assert ledger.get(task.id).result == "done"
assert not task.complete()
"""
    )


def test_the_numbers_of_the_workers_sum_up(path: str) -> None:
    """Each publishes what it started and did; `counts` has the whole file, and so has `warn_at`."""
    run_python(
        LEDGERS
        + f"""
ledger = TaskLedger("a", timeout=60, keep=60, path={path}, warn_at=5)
mine = ledger.start("speech", key="k")
handed = ledger.start("speech")
short = ledger.start("speech", timeout=0.1)
ledger.start("speech").complete()
ledger.close()

def numbers():
    stats = ledger.stats()
    assert stats.adds - stats.removes == stats.entries
    assert sum(stats.removals.values()) == stats.removes
    return stats.entries, stats.adds, stats.hits, stats.removals

def worker():
    assert numbers() == (0, 0, 0, {{"completed": 0, "failed": 0, "timed_out": 0, "elsewhere": 0}})
    ledger.task(handed.id, handed.token).complete()
    eventually(lambda: ledger.counts().timed_out == 1)
    ledger._tend()
    for _ in range(3):
        ledger.start("speech")
    ledger.start("speech").fail("x")
    try:
        ledger.start("speech", key="k")
    except DuplicateTask:
        pass
    assert numbers() == (3, 4, 1, {{"completed": 0, "failed": 1, "timed_out": 0, "elsewhere": 0}})
    assert ledger.stats().warnings == 1  # at five of the file: four of its own, and the master's

in_child(worker)
assert numbers() == (1, 4, 0, {{"completed": 1, "failed": 0, "timed_out": 0, "elsewhere": 2}})
counts = whole(ledger.counts())
assert (counts.started, counts.active, counts.completed, counts.failed, counts.timed_out) == (8, 4, 2, 1, 1)
"""
    )
