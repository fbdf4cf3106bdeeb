"""Heads of the scripts that fork, each run in an interpreter of its own."""

import os

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

CHILD = """
import os, sys, threading, time, warnings
from floodmark_caches import BoundedMap, KeyedLocks, PendingSet, SeenSet, registry
from floodmark_caches._janitor import janitor

def eventually(condition):
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the condition never held")
        time.sleep(0.002)

def fork(work):
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)

def join(pid):
    assert os.waitpid(pid, 0)[1] == 0

def in_child(work):
    join(fork(work))
"""

THREADED = """
# Here another thread holds something while we fork, on purpose; that is what the warning of 3.12 is about.
warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
"""
