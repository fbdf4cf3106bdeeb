"""Processes that floodmark starts: whatever they do, nothing of them is left."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_soak._child import Child

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
ESCAPED = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)
print('up', child.pid, flush=True)
time.sleep(60)
"""
ORPHAN = ESCAPED.rsplit("time.sleep", 1)[0]
LATE = """
import subprocess, sys
code = "import os, sys; open('go').read(); os.execve(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)'], {mark})"
code = code.replace('{mark}', repr(dict([sys.argv[1].split('=')])))
child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True, env={})
print('up', child.pid, flush=True)
"""
"""It leaves behind what has the marker in its environment no sooner than it may read the pipe `go`."""

Start = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start python code as a child; everything is ended after the test."""
    children: list[Child] = []

    def starter(code: str, marker: str = "") -> Child:
        name, _, value = marker.partition("=")
        env = {**os.environ, **({name: value} if name else {})}
        command = [sys.executable, "-c", code, marker]
        child = Child("the service", command, env=env, cwd=tmp_path, log=tmp_path / "out.log", marker=marker)
        children.append(child)
        return child

    yield starter
    for child in children:
        child.end(grace=0, pause=time.sleep)


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)


def said(child: Child, word: str) -> bool:
    return word in child.log.read_text()


def test_a_process_that_heeds_sigterm_is_ended_by_it(start: Start) -> None:
    """Within the grace period a well-behaved process ends by SIGTERM and not by SIGKILL."""
    child = start("import time; print('up', flush=True); time.sleep(60)")
    wait_for(lambda: said(child, "up"))

    assert child.end(grace=10, pause=time.sleep)
    assert child.ending == "signal SIGTERM"


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace_period(start: Start) -> None:
    """Grace has an end."""
    child = start(STUBBORN)
    wait_for(lambda: said(child, "up"))

    assert child.end(grace=0.2, pause=time.sleep)
    assert child.ending == "signal SIGKILL"


def test_a_hurried_end_waits_for_nobody(start: Start) -> None:
    """When the operator hurries, the grace period is cut short."""
    child = start(STUBBORN)
    wait_for(lambda: said(child, "up"))
    hurried: list[bool] = []

    def pause(seconds: float) -> None:
        hurried.append(True)
        time.sleep(seconds)

    began = time.monotonic()

    assert child.end(grace=30, pause=pause, hurried=lambda: bool(hurried))
    assert child.ending == "signal SIGKILL"
    assert time.monotonic() - began < 15


def test_a_descendant_with_a_session_of_its_own_is_ended_too(start: Start) -> None:
    """A child that left the process group is found by its parent."""
    child = start(ESCAPED)
    wait_for(lambda: said(child, "up "))
    escaped = int(child.log.read_text().split()[1])

    assert child.end(grace=5, pause=time.sleep)
    assert not psutil.pid_exists(escaped) or psutil.Process(escaped).status() == psutil.STATUS_ZOMBIE


def test_an_orphan_with_a_session_of_its_own_is_found_by_its_environment(start: Start) -> None:
    """When the parent is gone before anybody looked, the marker in the environment finds what it left."""
    child = start(ORPHAN, marker=f"SOAK_MARK={os.getpid()}-{time.monotonic_ns()}")
    wait_for(lambda: not child.alive)
    orphan = int(child.log.read_text().split()[1])
    assert psutil.pid_exists(orphan)

    assert child.end(grace=5, pause=time.sleep)
    assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE


def test_a_stopped_process_is_ended_too(start: Start) -> None:
    """SIGTERM does not reach a stopped process; SIGKILL does."""
    child = start("import time; print('up', flush=True); time.sleep(60)")
    wait_for(lambda: said(child, "up"))
    os.kill(child.pid, signal.SIGSTOP)

    assert child.end(grace=0.2, pause=time.sleep)


def test_ending_twice_is_ending_once(start: Start) -> None:
    """The end of a process is idempotent."""
    child = start("pass")

    assert child.end(grace=5, pause=time.sleep)
    assert child.end(grace=5, pause=time.sleep)


@pytest.mark.parametrize(
    ("code", "ending"),
    [("raise SystemExit(3)", "exit code 3"), ("import os; os.abort()", "signal SIGABRT")],
)
def test_the_ending_is_named(start: Start, code: str, ending: str) -> None:
    """An exit code or the name of a signal."""
    child = start(code)
    wait_for(lambda: not child.alive)

    assert child.ending == ending


def test_messages_carry_the_last_output(start: Start) -> None:
    """What the process printed last, standard error included, stands under the sentence; older lines do not."""
    child = start(
        "import sys\nfor n in range(100): print('line', n)\nsys.stdout.flush()\nprint('oops', file=sys.stderr)"
    )
    wait_for(lambda: not child.alive)

    message = child.with_output("it ended")

    assert message.startswith("it ended; its last output:\n    line ")
    assert message.endswith("    line 99\n    oops")
    assert "line 20\n" not in message


def test_control_characters_of_the_output_are_written_out(start: Start) -> None:
    """What a service prints cannot clear or colour the terminal that shows it."""
    child = start("print('caf\\u00e9\\x1b[2J\\x07')")
    wait_for(lambda: not child.alive)

    assert child.with_output("it ended").endswith("    café\\x1b[2J\\x07")


def test_messages_say_when_there_was_no_output(start: Start) -> None:
    """Silence is said."""
    child = start("pass")
    wait_for(lambda: not child.alive)

    assert child.with_output("it ended") == "it ended; it printed nothing"


@pytest.mark.parametrize("command", ["no-such-command-anywhere", "/etc/hostname", "/nowhere/at/all"])
def test_a_command_that_cannot_be_started_is_a_usage_error(tmp_path: Path, command: str) -> None:
    """The command is named, and nothing runs."""
    with pytest.raises(UsageError, match="the service cannot be started") as caught:
        Child("the service", [command, "--x"], env={}, cwd=tmp_path, log=tmp_path / "out.log")

    assert command in caught.value.message


def test_what_has_no_environment_yet_is_looked_for_again(start: Start, tmp_path: Path) -> None:
    """As a process has none for a moment of its exec, which an orphan may be in when the end comes."""
    os.mkfifo(tmp_path / "go")
    marker = f"SOAK_MARK={os.getpid()}-{time.monotonic_ns()}"
    child = start(LATE, marker=marker)
    wait_for(lambda: not child.alive)
    late = psutil.Process(int(child.log.read_text().split()[1]))

    looked: list[float] = []

    def pause(seconds: float) -> None:
        if not looked:
            (tmp_path / "go").write_text("on")
            wait_for(lambda: "SOAK_MARK" in late.environ())
        looked.append(seconds)
        time.sleep(seconds)

    assert child.end(grace=0, pause=pause)
    wait_for(lambda: not late.is_running() or late.status() == psutil.STATUS_ZOMBIE)
