"""The maps under every CPython of this machine, free-threaded builds among them: no lock of an interpreter to lean on."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import floodmark_caches

_OTHERS = ("3.12", "3.13", "3.14", "3.13t", "3.14t")

HAMMER = """
import sys, threading, time
from floodmark_caches import BoundedMap, KeyedLocks, PendingFull, PendingSet, SeenSet

THREADS, TURNS = 4, 2000
sys.setswitchinterval(1e-6)

def hammer(work):
    barrier, errors = threading.Barrier(THREADS), []
    def run(number):
        barrier.wait(10)
        try:
            work(number)
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]

told = []
listened = BoundedMap("listened", maxsize=8, ttl=0.005, on_remove=lambda key, value, cause: told.append(cause.value))
plain = BoundedMap("plain", maxsize=8, ttl=0.005)
def use(store, number):
    for turn in range(TURNS):
        key = (turn * 7 + number) % 16
        store[key] = (key, turn)
        found = store.get(key)
        assert found is None or found[0] == key, "the value of another key"
        store.pop(turn % 16, None)
        assert len(store) <= 8
        if turn % 20 == 0:
            stats = store.stats()
            assert stats.adds - stats.removes == stats.entries <= 8
for store in (listened, plain):
    hammer(lambda number: use(store, number))
    store.clear()
    stats = store.stats()
    assert stats.adds == stats.removes
    assert len(store._order.queue) == 0, "an entry that is gone is waited for"
assert listened.stats().removes == len(told)

reads = BoundedMap("reads", maxsize=64, ttl=60)
reads.update((number, number) for number in range(64))
hits = [0] * THREADS
def read(number):
    for turn in range(TURNS):
        hits[number] += reads.get((turn * 5 + number) % 64) is not None
        if number == 0 and turn % 8 == 0:
            reads[64 + turn] = turn
hammer(read)
assert reads.stats().hits == sum(hits), (reads.stats().hits, hits)
assert len(reads) == 64

seen, new = SeenSet("seen", maxsize=1000, ttl=60), []
hammer(lambda number: new.extend(key for key in range(200) if seen.add(key)))
assert sorted(new) == list(range(200)), "a key was new twice or never"

pending, owners = PendingSet("pending", maxsize=3, ttl=60), [0] * 5
def claim(number):
    for turn in range(TURNS):
        key = (turn + number) % 5
        try:
            with pending.claim(key) as mine:
                if mine is not None:
                    owners[key] += 1
                    assert owners[key] == 1, "two owners of one claim"
                    owners[key] -= 1
        except PendingFull:
            pass
hammer(claim)
assert len(pending) == 0

locks, inside = KeyedLocks("locks"), [0] * 3
def hold(number):
    for turn in range(TURNS // 4):
        first, second = turn % 3, (turn + number) % 3
        with locks.hold(first, second, timeout=20):
            for key in {first, second}:
                inside[key] += 1
                assert inside[key] == 1, "two holders of one key"
            for key in {first, second}:
                inside[key] -= 1
hammer(hold)
assert len(locks) == 0

calls = []
loaded = BoundedMap("loaded", maxsize=100)
def load(number):
    for key in range(100):
        assert loaded.get_or_create(key, lambda: calls.append(key) or key) == key
hammer(load)
assert sorted(calls) == list(range(100)), "a value was made twice"
print("whole", getattr(sys, "_is_gil_enabled", lambda: True)())
"""


def _found() -> list[str]:
    paths = [sys.executable]
    for version in _OTHERS:
        path = shutil.which(f"python{version}")
        # A version manager's shim may be there and not run.
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            paths.append(path)
    return paths


@pytest.mark.parametrize("python", _found(), ids=lambda path: Path(path).name)
def test_the_maps_are_whole_under_threads_of_every_interpreter(python: str, tmp_path: Path) -> None:
    """Bounds hold, counts are exact, nothing has two owners, no value is made twice; each in four threads at once."""
    (tmp_path / "floodmark_caches").symlink_to(Path(str(floodmark_caches.__file__)).resolve().parent)
    done = subprocess.run(
        [python, "-X", "dev", "-W", "error", "-c", textwrap.dedent(HAMMER)],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("whole")
