"""What is ended when nobody is left to end it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from floodmark_soak._keeper import Keeper, keep

SLEEPS = [sys.executable, "-c", "print(1, flush=True); import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)",
]
Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start processes that are ready, each in a session of its own; afterwards they are ended."""
    started = []

    def start(command: list[str], *, mark: str = "", session: bool = True) -> subprocess.Popen[bytes]:
        env = {**os.environ, **({"KEPT": mark} if mark else {})}
        popen = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, start_new_session=session)
        started.append(popen)
        assert popen.stdout is not None
        with popen.stdout:
            popen.stdout.readline()
        return popen

    yield start
    for each in started:
        each.kill()
        each.wait()


def told(*lines: dict[str, object], farewell: bool = False) -> io.StringIO:
    return io.StringIO("".join(f"{json.dumps(line)}\n" for line in lines) + ("done\n" if farewell else ""))


def test_without_a_farewell_what_was_watched_is_ended(spawn: Spawn) -> None:
    """By its session and by its mark; what was forgotten, and what nobody named, is left alone."""
    mark = uuid.uuid4().hex
    led, marked, forgotten, other = spawn(SLEEPS), spawn(SLEEPS, mark=mark), spawn(SLEEPS), spawn(SLEEPS)

    keep(
        told(
            {"pid": led.pid, "marker": f"KEPT={mark}"},
            {"pid": forgotten.pid, "marker": ""},
            {"pid": forgotten.pid},
        )
    )

    assert (led.wait(5), marked.wait(5)) == (-signal.SIGTERM, -signal.SIGTERM)
    assert (forgotten.poll(), other.poll()) == (None, None)


def test_what_does_not_heed_is_killed(spawn: Spawn) -> None:
    """After its time to end in order."""
    stubborn = spawn(STUBBORN)
    keep(told({"pid": stubborn.pid, "marker": ""}), grace=0.3)
    assert stubborn.wait(5) == -signal.SIGKILL


def test_a_farewell_ends_nothing(spawn: Spawn) -> None:
    """Whoever said it has ended everything, or wants it to stay."""
    process = spawn(SLEEPS)
    keep(told({"pid": process.pid, "marker": ""}, farewell=True))
    assert process.poll() is None


OWNER = """
import subprocess, sys, time
from floodmark_soak._keeper import Keeper
keeper = Keeper()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
pid = keeper.start()
keeper.watch(child.pid, "")
print(child.pid, pid, flush=True)
time.sleep(600)
"""


def test_the_keeper_outlives_a_process_that_is_killed() -> None:
    """And is gone itself when it is done."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        pids = [int(word) for word in owner.stdout.readline().split()]
    owner.kill()
    owner.wait()
    deadline = time.monotonic() + 20
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_keeper_that_was_killed_is_no_trouble(spawn: Spawn) -> None:
    """Whatever it is told then goes nowhere; and one that was not started has nothing to do."""
    keeper = Keeper()
    keeper.watch(1, "")
    pid = keeper.start()
    os.kill(pid, signal.SIGKILL)
    for number in range(50_000):
        keeper.watch(number, "")
    keeper.stop()
    keeper.stop()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
