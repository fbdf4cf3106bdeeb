"""What maps do around a fork that goes wrong in one place."""

from tests.caches.conftest import run_python
from tests.caches.fix_fork import CHILD, needs_fork

pytestmark = needs_fork


def test_a_start_that_was_interrupted_does_not_disturb_a_fork() -> None:
    """Nothing is joined that never ran, and no lock is released that nobody holds."""
    run_python(
        CHILD
        + """
start = threading.Thread.start
def interrupted(thread):
    threading.Thread.start = start
    raise KeyboardInterrupt

store = BoundedMap("store", maxsize=10, ttl=0.05)
for _ in range(2):
    threading.Thread.start = interrupted
    try:
        store["a"] = 1
    except KeyboardInterrupt:
        assert not janitor.running
    else:
        raise SystemExit("not interrupted")
    free = threading.Thread(target=lambda: store._own_lock.acquire(blocking=False) and store._own_lock.release())
    free.start()
    free.join()

    def child():
        store["b"] = 1
        assert janitor.running
        eventually(lambda: store.stats().entries == 0)

    in_child(child)  # so that the second time the interrupt comes to the first use after a fork
threading.Thread.start = interrupted
try:
    store.get("a")
except KeyboardInterrupt:
    assert not janitor.running
else:
    raise SystemExit("not interrupted")
store.get("a")  # is the first use once more
assert janitor.running
eventually(lambda: store.stats().entries == 0)
"""
    )


def test_a_hook_that_fails_spoils_no_other() -> None:
    """It is logged; what could not be prepared is not cleared up either."""
    run_python(
        CHILD
        + """
import logging
from floodmark_caches import _fork

class Bad:
    def before(self, patience):
        raise KeyboardInterrupt
    def after(self, in_child):
        late.append(BoundedMap(f"late{len(late)}", maxsize=1))
        raise SystemExit

late, lines = [], []
class Handler(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger("floodmark.caches").addHandler(Handler())
bad = Bad()
_fork.at_fork(_fork.THREADS_FIRST, bad.before, bad.after)
store = BoundedMap("store", maxsize=10)

class Made:  # a map that appears while the fork is prepared
    def before(self, patience):
        self.map = BoundedMap(f"made{os.getpid()}{len(late)}", maxsize=1)
    def after(self, in_child):
        pass

made = Made()
_fork.at_fork(_fork.LOCKS_NEXT, made.before, made.after)

def child():
    store["a"] = 1
    made.map["a"] = 1
    assert len(lines) == 2

in_child(child)
assert len(lines) == 2, lines
for each in (store, made.map, late[0]):
    thread = threading.Thread(target=each.__setitem__, args=("a", 1), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
"""
    )


def test_a_fork_inside_a_callback_of_the_janitor() -> None:
    """Neither side waits for itself."""
    run_python(
        CHILD
        + """
results = []
def removed(key, value, cause):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if store.stats().entries == 0 else 1)
    results.append(os.waitpid(pid, 0)[1])

warnings.filterwarnings("ignore", category=DeprecationWarning)  # the main thread is there, and is not ours
store = BoundedMap("store", maxsize=10, ttl=0.05, on_remove=removed)
store["a"] = 1
eventually(lambda: results == [0])
store["b"] = 1
eventually(lambda: results == [0, 0])
"""
    )
