"""Processes seen from outside: real ones, and ones that end in between."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from floodmark_sidecar.probe import Probe, Tree
from floodmark_sidecar.readings import OutsideReading
from floodmark_sidecar.slots import Process
from tests.sidecar.serve.conftest import ENDING, PARENT, SLEEPER, Spawn, eventually

GROWING = """
import sys
print("ready", flush=True)
keep = []
for line in sys.stdin:
    keep.append(b"x" * int(line)); print("done", flush=True)
"""


def test_private_memory_is_what_a_process_alone_uses(spawn: Spawn) -> None:
    """The numbers agree with psutil's own of the same process, and are all there."""
    process = spawn(SLEEPER)
    probe = Probe()
    found = probe.find(process.pid)
    assert found is not None
    reading = probe.read(found, children=0, zombies=2)
    expected = psutil.Process(process.pid).memory_full_info()
    assert (reading.uss_bytes, reading.swap_bytes, reading.rss_bytes) == (expected.uss, expected.swap, expected.rss)
    assert None not in (reading.pss_bytes, reading.fds, reading.threads)
    assert (reading.children, reading.zombies) == (0, 2)


def test_the_tree_is_the_root_and_all_below(spawn: Spawn) -> None:
    """Children belong to the service, and know their parent."""
    parent = spawn(PARENT, "2")
    probe = Probe()
    root = probe.find(parent.pid)
    assert root is not None
    tree = probe.tree([root])
    assert tree.processes[0] == root
    assert [process.parent_pid for process in tree.processes[1:]] == [parent.pid] * 2
    assert tree.zombies == {}


def test_new_children_of_a_childless_process_are_left_out(spawn: Spawn) -> None:
    """A census' forked child is no worker; children that were there before are still seen."""
    parent = spawn(PARENT, "2")
    probe = Probe()
    root = probe.find(parent.pid)
    assert root is not None
    _, first, _ = probe.tree([root]).processes
    assert probe.tree([root, first], childless={parent.pid}).processes == (root, first)


def test_children_that_nobody_has_waited_for_are_counted(spawn: Spawn) -> None:
    """They have ended, so that they are no processes of the service, and their parent keeps their numbers."""
    parent = spawn(ENDING, "3")
    probe = Probe()
    root = probe.find(parent.pid)
    assert root is not None
    eventually(lambda: probe.tree([root]) == Tree((root,), {parent.pid: 3}))


def test_a_process_that_ended_is_not_found(spawn: Spawn) -> None:
    """A zombie's memory is gone: it counts as ended, also before its parent has asked for it."""
    process = spawn(SLEEPER)
    probe = Probe()
    found = probe.find(process.pid)
    assert found is not None
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert probe.find(process.pid) is None
    assert probe.tree([found]) == Tree((), {})
    process.wait()
    assert probe.read(found) == OutsideReading()
    assert probe.command(found) == ""
    assert probe.cwd(found) is None


def test_another_life_of_a_pid_is_not_read_for_the_first(spawn: Spawn) -> None:
    """A pid that was given away again answers for nobody but its present process."""
    process = spawn(SLEEPER)
    assert Probe().read(Process(process.pid, born=1.0)) == OutsideReading()


@pytest.mark.parametrize("pid", [0, -1, 1 << 40, 4_000_000])
def test_a_pid_that_cannot_be_is_not_found(pid: int) -> None:
    """Whatever number is asked for, the answer is None and no exception."""
    found = Probe().find(pid)
    assert found is None or found.pid == pid


def test_growth_is_seen(spawn: Spawn) -> None:
    """A process that keeps 8 MiB more has 8 MiB more private memory, within a tenth."""
    process = subprocess.Popen(
        [sys.executable, "-c", GROWING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        probe = Probe()
        found = probe.find(process.pid)
        assert found is not None
        before = probe.read(found).uss_bytes
        process.stdin.write(f"{8 << 20}\n")
        process.stdin.flush()
        process.stdout.readline()
        after = probe.read(found).uss_bytes
    finally:
        process.kill()
        process.communicate()
    assert before is not None
    assert after is not None
    assert after - before == pytest.approx(8 << 20, rel=0.1)


ANOTHER_USER = """
import os, sys
from floodmark_sidecar.probe import Probe, Tree
os.setuid(65534)
probe = Probe()
reading = probe.read(probe.find(int(sys.argv[1])))
print(reading.uss_bytes, reading.fds, reading.rss_bytes is not None, reading.threads)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_process_of_another_user_is_denied_and_not_an_error(spawn: Spawn) -> None:
    """Where the kernel does not say, the number is None; what anybody may know is still there."""
    process = spawn(SLEEPER)
    said = subprocess.check_output([sys.executable, "-c", ANOTHER_USER, str(process.pid)], text=True)
    assert said == "None None True 1\n"


def test_command_and_folder_are_known(spawn: Spawn, tmp_path: Path) -> None:
    """The command line is readable, and cut when it is long."""
    process = spawn(SLEEPER, "y" * 1000)
    probe = Probe()
    found = probe.find(process.pid)
    assert found is not None
    assert eventually(lambda: "time.sleep" in probe.command(found))
    assert len(probe.command(found)) == 300
    assert probe.cwd(found) == Path.cwd()
