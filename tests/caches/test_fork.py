"""Forks: no lock is inherited taken, no map half changed, no thread missed, none kept by a process that only forks.

Each test forks in an interpreter of its own, in which every warning is an error: CPython 3.12 and later warn about a
fork while there is more than one thread, so these tests also show that our own threads are not there then.
"""

from tests.caches.conftest import run_python
from tests.caches.fix_fork import CHILD, THREADED, needs_fork

pytestmark = needs_fork


def test_the_janitor_lives_in_the_child_on_first_use() -> None:
    """Also where the first use only reads; and in the parent, whose thread rested during the fork."""
    run_python(
        CHILD
        + """
store = BoundedMap("store", maxsize=10, ttl=0.2)
store["a"] = 1
assert janitor.running

def child():
    assert not janitor.running
    assert threading.active_count() == 1
    store.get("b")
    assert janitor.running
    eventually(lambda: store.stats().entries == 0)

in_child(child)
assert not janitor.running
store.get("b")
assert janitor.running
eventually(lambda: store.stats().entries == 0)
"""
    )


def test_a_process_that_only_forks_keeps_no_thread() -> None:
    """And every child has its maps."""
    run_python(
        CHILD
        + """
store = BoundedMap("store", maxsize=10, ttl=100)
store["a"] = 1
registry.log_every(100)
assert threading.active_count() == 3

def child():
    assert store["a"] == 1
    store["b"] = 2
    assert threading.active_count() == 3

for _ in range(5):
    in_child(child)
    assert threading.active_count() == 1
assert list(store) == ["a"]
"""
    )


def test_a_map_that_nobody_uses_between_two_forks_keeps_no_thread() -> None:
    """To be looked after by the janitor is not a use."""
    run_python(
        CHILD
        + """
used = BoundedMap("used", maxsize=10, ttl=100)
idle = BoundedMap("idle", maxsize=10, ttl=100)
used["a"] = idle["a"] = 1

for _ in range(5):
    in_child(lambda: None)
    assert threading.active_count() == 1
    used["a"] = 1
    assert janitor.running
    assert [stats.entries for stats in registry.stats()] == [1, 1]
"""
    )


def test_the_periodic_line_goes_on_in_the_child() -> None:
    """From the first use of a map, with the child's sizes."""
    run_python(
        CHILD
        + """
import logging
lines = []
class Handler(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger("floodmark.caches").addHandler(Handler())
logging.getLogger("floodmark.caches").setLevel(logging.INFO)
locks = KeyedLocks("locks")
registry.log_every(0.02)

def child():
    lines.clear()
    with locks.hold("a", "b"):
        eventually(lambda: "maps: locks 2" in lines)

in_child(child)
lines.clear()
registry.stats()
eventually(lambda: "maps: locks 0" in lines)
"""
    )


def test_locks_held_by_the_parents_threads_are_free_in_the_child() -> None:
    """The child has no thread that could ever release them; the parent still holds them."""
    run_python(
        CHILD
        + THREADED
        + """
locks = KeyedLocks("locks")
held, done = threading.Event(), threading.Event()

def holder():
    with locks.hold("a"):
        held.set()
        done.wait(10)

thread = threading.Thread(target=holder)
thread.start()
held.wait(10)

def child():
    assert len(locks) == 0
    with locks.hold("a", timeout=0):
        assert len(locks) == 1
    assert len(locks) == 0
    stats = locks.stats()
    assert stats.adds == stats.removes

with locks.hold("mine"):
    in_child(child)
try:
    with locks.hold("a", timeout=0):
        raise SystemExit("two holders")
except TimeoutError:
    pass
done.set()
thread.join()
assert len(locks) == 0
"""
    )


def test_a_hold_entered_before_the_fork_ends_in_the_child_without_harm() -> None:
    """It protects nothing there, and takes nothing from those who hold the key since."""
    run_python(
        CHILD
        + """
locks = KeyedLocks("locks")
with locks.hold("a"):
    pid = os.fork()
    if pid == 0:
        assert len(locks) == 0
assert len(locks) == 0
with locks.hold("a", timeout=0):
    assert len(locks) == 1
if pid == 0:
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""
    )


def test_claims_of_the_parent_are_not_the_childs() -> None:
    """The child neither refuses them nor calls them lost; seen keys and cached values it keeps."""
    run_python(
        CHILD
        + """
lost = []
pending = PendingSet("pending", maxsize=10, ttl=0.05, on_expire=lambda key, age: lost.append(key))
seen = SeenSet("seen", maxsize=10, ttl=100)
claim = pending.claim("a")
seen.add("a")

def child():
    lost.clear()
    assert len(pending) == 0
    assert not claim.release()
    assert pending.claim("b")
    eventually(lambda: lost == ["b"])
    assert not seen.add("a")

in_child(child)
pending.claim("c")
eventually(lambda: sorted(lost) == ["a", "c"])
"""
    )


def test_maps_are_whole_in_children_forked_under_load() -> None:
    """Threads of the parent change the maps all the time; every child finds them free and consistent."""
    run_python(
        CHILD
        + THREADED
        + """
from tests.caches.conftest import check_store
sys.setswitchinterval(1e-6)
store = BoundedMap("store", maxsize=50, ttl=0.01)
seen = SeenSet("seen", maxsize=50)
locks = KeyedLocks("locks")
over = False

def churn(number):
    turn = 0
    while not over:
        turn += 1
        store[turn % 70] = turn
        store.get(turn % 60)
        seen.add(turn % 70)
        with locks.hold(turn % 5, turn % 7):
            pass

threads = [threading.Thread(target=churn, args=(number,), daemon=True) for number in range(3)]
for thread in threads:
    thread.start()

def child():
    check_store(store)
    check_store(seen)
    store.set("new", 1, ttl=60)
    assert store["new"] == 1
    seen.add("new")
    with locks.hold(*range(7), timeout=0):
        pass
    assert len(registry.stats()) == 3

for _ in range(15):
    in_child(child)
over = True
for thread in threads:
    thread.join()
assert len(locks) == 0
"""
    )


def test_a_map_that_is_stuck_in_the_parent_is_empty_in_the_child() -> None:
    """A thread that never leaves an operation does not stop the fork; its map may be torn, so the child begins anew."""
    run_python(
        CHILD
        + THREADED
        + """
inside, go = threading.Event(), threading.Event()

class Slow:
    def __hash__(self):
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            go.wait(20)
        return 1

store = BoundedMap("store", maxsize=10)
store["a"] = 1
thread = threading.Thread(target=lambda: store.pop(Slow(), None))
thread.start()
inside.wait(10)

def child():
    assert len(store) == 0
    store["b"] = 1
    assert store["b"] == 1

in_child(child)
go.set()
thread.join()
assert store["a"] == 1
"""
    )
