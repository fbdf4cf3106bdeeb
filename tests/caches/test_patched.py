"""Threads that gevent replaced by greenlets, before the maps were imported or after they were used."""

from pathlib import Path

import pytest

from tests.caches.conftest import run_python
from tests.caches.fix_fork import needs_fork

pytestmark = pytest.mark.slow

pytest.importorskip("gevent")

PATCH = """
from gevent import monkey
monkey.patch_all()
"""

USE = """
import os, threading
from floodmark_caches import BoundedMap
old = BoundedMap("old", maxsize=50, ttl=0.05)
old["a"] = 1
"""

KIND = """
assert type(old._own_lock) is type(threading.RLock())  # a start of the janitor lets others in, under the lock of a map
"""

FORK = """
pid = os.fork()
if pid:
    assert os.waitpid(pid, 0)[1] == 0
    raise SystemExit
"""

FORKS = [
    pytest.param("", id="one process"),
    pytest.param(FORK, id="forked", marks=needs_fork),
]

WORK = """
import faulthandler, gevent, logging, time
faulthandler.dump_traceback_later(10, exit=True)  # a hub that stands still hears nothing else
new = BoundedMap("new", maxsize=50, ttl=0.05)
turns = 0

def turn():
    global turns
    while True:
        turns += 1
        gevent.sleep(0.001)

def change(store, number):
    for step in range(20):
        store[number, step] = step
        store.get_or_create(step, lambda: gevent.sleep(0.001))
        gevent.sleep(0)

other = gevent.spawn(turn)
for _ in range(2):  # the janitor ends with its work, and begins again
    gevent.joinall([gevent.spawn(change, store, number) for store in (old, new) for number in range(4)], raise_error=True)
    deadline = time.monotonic() + 8
    while old.stats().entries or new.stats().entries:
        assert time.monotonic() < deadline, "nobody released what had expired"
        gevent.sleep(0.002)
assert turns > 10
new["b"] = 1  # the janitor is there at the exit
faulthandler.cancel_dump_traceback_later()
print("done")
"""


@pytest.mark.parametrize("fork", FORKS)
def test_maps_used_before_the_patching_stop_no_greenlet(fork: str) -> None:
    """As under a prefork server that loads the application first: entries are released, and the hub goes on."""
    assert "done" in run_python(USE + fork + PATCH + WORK)


@pytest.mark.parametrize("fork", FORKS)
def test_maps_imported_after_the_patching_stop_no_greenlet(fork: str) -> None:
    """Everything of theirs is green then."""
    assert "done" in run_python(PATCH + USE + KIND + fork + WORK)


def test_a_thread_that_outlives_the_patching_ends_in_silence() -> None:
    """And the next one is real, although Thread makes greenlets: it works while the hub does nothing."""
    run_python(
        """
import threading, time
from floodmark_caches._thread import LazyThread
from tests.caches.conftest import eventually
delays = [3600.0]
seen = []
def step():
    seen.append(threading.get_native_id())
    return delays.pop() if delays else None
lazy = LazyThread("lazy", step)
lazy.wake()
eventually(lambda: seen)
first = lazy._thread
"""
        + PATCH
        + """
sleep = monkey.get_original("time", "sleep")
lazy.wake()
while lazy.running or first.is_alive():
    sleep(0.001)
lazy.wake()
while len(seen) < 3:
    sleep(0.001)
assert threading.get_native_id() not in seen
lazy.rest(10)
"""
    )


LEDGER = """
from floodmark_caches.ledger import TaskLedger
ledger = TaskLedger("ledger", timeout=0.02, keep=0.05, path="FILE")
"""

TASKS = """
import faulthandler, gevent, logging
faulthandler.dump_traceback_later(10, exit=True)
from floodmark_caches._primitives import new_rlock
logging.disable()
assert type(ledger._store._file._lock) is type(new_rlock())  # of the sweeper's kind

def use(number):
    for step in range(60):
        task = ledger.start("a")
        gevent.sleep(0.004 if step % 3 else 0.001)
        task.complete()

gevent.joinall([gevent.spawn(use, number) for number in range(6)], raise_error=True)
assert ledger.counts().started == 360
ledger.close()
faulthandler.cancel_dump_traceback_later()
print("done")
"""


@pytest.mark.parametrize(
    "begin",
    [PATCH + LEDGER, "import floodmark_caches.ledger" + PATCH + LEDGER, LEDGER + PATCH],
    ids=["imported after", "imported before", "made before"],
)
def test_a_ledger_and_its_sweeper_do_not_stop_each_other(tmp_path: Path, begin: str) -> None:
    """The lock of its file is of the kind that the sweeper's thread is."""
    assert "done" in run_python(begin.replace("FILE", str(tmp_path / "ledger")) + TASKS)


def test_a_ledger_that_waits_for_its_file_lets_no_greenlet_in(tmp_path: Path) -> None:
    """Its lock is one of threads, and would take the second greenlet for the first."""
    begin = LEDGER.replace("0.05, path", "0.05, busy_timeout=0.05, path").replace("FILE", str(tmp_path / "ledger"))
    run_python(
        begin
        + f"""
import pathlib, sqlite3
ledger.close()
for path in pathlib.Path({str(tmp_path)!r}).iterdir():
    path.unlink()
other = sqlite3.connect({str(tmp_path / "ledger")!r}, isolation_level=None)
other.execute("BEGIN IMMEDIATE")  # so that nobody can switch the new file to the log
"""
        + PATCH
        + """
import gevent
def ask():
    try:
        ledger.counts()
    except Exception as error:
        return repr(error)
greenlets = [gevent.spawn(ask) for _ in range(2)]
gevent.joinall(greenlets)
assert all("LedgerBusy" in each.value for each in greenlets), [each.value for each in greenlets]
other.close()
"""
    )


def test_a_background_used_before_the_patching_works_in_greenlets_after_it() -> None:
    """Its pool of real threads gives way to another, and ends in silence."""
    use = """
from floodmark_caches import Background
background = Background("background", max_workers=3)
background.spawn(int).result()
"""
    more = """
import faulthandler, threading
faulthandler.dump_traceback_later(10, exit=True)
natives = [background.spawn(threading.get_native_id) for _ in range(9)]
assert {future.result() for future in natives} == {threading.get_native_id()}
background.close()
faulthandler.cancel_dump_traceback_later()
print(background.completed)
"""
    assert run_python(use + PATCH + more) == "10\n"


UNPATCHED = """
import faulthandler, gevent
faulthandler.dump_traceback_later(10, exit=True)
from floodmark_caches import BoundedMap, KeyedLocks
inside = most = 0

def work():
    global inside, most
    inside += 1
    most = max(most, inside)
    gevent.sleep(0.001)
    inside -= 1
    return 1

def all_of(act):
    def run(number):
        try:
            return act(number)
        except RuntimeError as error:
            return str(error)
    greenlets = [gevent.spawn(run, number) for number in range(4)]
    gevent.joinall(greenlets)
    return [each.value for each in greenlets]
"""


def test_locks_let_no_second_greenlet_of_a_thread_in() -> None:
    """Where gevent has not patched threads they are one thread to the lock; the others are told what to do."""
    run_python(
        UNPATCHED
        + """
locks = KeyedLocks("locks")
def hold(number):
    with locks.hold("a"), locks.hold("b", "a"):
        return work()
first, *others = all_of(hold)
assert (first, most, len(locks)) == (1, 1, 0)
assert all("'a'" in each and "another greenlet" in each and "patch_all" in each for each in others), others
"""
    )


def test_a_hold_from_before_greenlets_were_loaded_is_no_other_greenlet_s() -> None:
    """It may be entered again in its thread."""
    run_python(
        """
from floodmark_caches import BoundedMap, KeyedLocks
locks, store = KeyedLocks("locks"), BoundedMap("store", maxsize=5)

def make():
    import gevent
    with locks.hold("a"):
        try:
            return store.get_or_create("a", int)
        except RuntimeError as error:
            assert "itself" in str(error)
    return 5

with locks.hold("a"):
    assert store.get_or_create("a", make) == 5
"""
    )


def test_a_greenlet_is_told_that_it_would_wait_for_another_of_its_thread() -> None:
    """Not that it asks for its own key; one that does is told that."""
    run_python(
        UNPATCHED
        + """
store = BoundedMap("store", maxsize=5)
first, *others = all_of(lambda number: store.get_or_create("a", work))
assert (first, most) == (1, 1)
assert all("'a'" in each and "another greenlet" in each and "patch_all" in each for each in others), others
told = all_of(lambda number: store.get_or_create(number, lambda: store.get_or_create(number, int)))
assert all("itself" in each for each in told), told
"""
    )


def test_patched_greenlets_wait_for_each_other() -> None:
    """Whether the maps were imported before or after; one that would wait for ever is told, over two maps too."""
    work = """
locks, a, b = KeyedLocks("locks"), BoundedMap("a", maxsize=5), BoundedMap("b", maxsize=5)
def hold(number):
    with locks.hold("k"), locks.hold("k"):
        return work()
assert all_of(hold) == [1] * 4
assert most == 1
assert all_of(lambda number: a.get_or_create("shared", work)) == [1] * 4
def cross(one, other):
    def make():
        gevent.sleep(0.001)
        return other.get_or_create("k", int)
    return one.get_or_create("k", make)
told = all_of(lambda number: cross(a, b) if number % 2 else cross(b, a))
assert all("would wait for ever" in each and "of map" in each for each in told), told
"""
    run_python(UNPATCHED + PATCH + work)
    run_python(PATCH + UNPATCHED + work)
