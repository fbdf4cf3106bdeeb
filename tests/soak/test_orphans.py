"""Descendants that left everything behind are children of ours all the same."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

LIBRARY = """
import os, subprocess, sys, time
import psutil
from floodmark_soak._orphans import Orphans

def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)

def daemon(code):
    # Its parent is gone at once, its session is its own, its environment is empty.
    starter = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], env={}, start_new_session=True)"
    subprocess.run([sys.executable, "-c", starter, code], check=True)

orphans = Orphans()
"""

Play = Callable[[str], str]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run code in a process of its own: the kernel's setting cannot be taken back, and this process keeps its own."""

    def run(code: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-c", LIBRARY + code],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=30,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    return run


def test_a_daemon_with_a_session_and_an_environment_of_its_own_is_found(play: Play) -> None:
    """Neither its session nor its environment says whose it is; its parent does, and its own children go with it."""
    found = play("""
orphans.adopt()
daemon("import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).wait()")
wait_for(lambda: len(orphans.find()) == 2)
for process in orphans.find():
    print(process.pid)
    process.kill()
wait_for(lambda: not orphans.find() and not psutil.Process().children())
""")
    assert not any(psutil.pid_exists(int(pid)) for pid in found.split())


def test_orphans_that_end_by_themselves_do_not_stay_as_zombies(play: Play) -> None:
    """A service that makes daemons all day would else fill the table of processes through us."""
    play("""
orphans.adopt()
for _ in range(5):
    daemon("pass")
def none_left():
    orphans.reap()
    return not psutil.Process().children()
wait_for(none_left)
""")


def test_what_was_there_before_or_is_spared_is_left_alone(play: Play) -> None:
    """A child of the shell that became us, and those that we start ourselves, are no orphans, dead or alive."""
    play("""
sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
before = subprocess.Popen(sleeper)
orphans.adopt()
ours = subprocess.Popen(sleeper)
orphans.spare(ours.pid)
assert orphans.find() == set()
ours.kill()
wait_for(lambda: psutil.Process(ours.pid).status() == psutil.STATUS_ZOMBIE)
orphans.reap()
assert ours.wait() == -9
before.kill()
before.wait()
""")


def test_without_adopting_nothing_is_found(play: Play) -> None:
    """A library that only imports this keeps its children to itself."""
    play("""
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
assert orphans.find() == set()
child.kill()
child.wait()
""")
