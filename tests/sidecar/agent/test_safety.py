"""When a census is not safe, and the sentence that says so. All kernel files come from small fixture trees."""

import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.agent import _safety

GIB = 1 << 30
MIB = 1 << 20


class Machine:
    """Fixture trees of /proc and the cgroup file system."""

    def __init__(self, root: Path) -> None:
        self.proc, self.cgroup = root / "proc", root / "cgroup"
        self.cgroup.mkdir()
        self.write("proc/self/maps", "00400000-00401000 r--p 00000000 08:01 17 /usr/bin/python3\n7f0 rw-p 0 00:00 0\n")
        self.write("proc/self/status", f"Name:\tpython\nVmRSS:\t{200 * 1024} kB\nRssAnon:\t{150 * 1024} kB\n")
        self.write("proc/meminfo", f"MemTotal: {8 * GIB >> 10} kB\nMemAvailable: {4 * GIB >> 10} kB\n")
        self.write("proc/self/cgroup", "0::/\n")

    def write(self, path: str, text: str) -> None:
        """Write one file of the trees."""
        file = self.proc.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def refusal(self, **options: Any) -> str | None:
        """Judge the process on this machine."""
        return _safety.refusal(proc=str(self.proc), cgroup=str(self.cgroup), **options)

    def refusal_here(self) -> str | None:
        """Judge the process on this machine, where it is not to be forked."""
        return _safety.refusal_here(proc=str(self.proc), cgroup=str(self.cgroup))

    def room(self) -> _safety.Room:
        """Measure the room on this machine."""
        return _safety.room(proc=str(self.proc), cgroup=str(self.cgroup))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with 4 GiB free and no limit, and a process of 200 MiB on it."""
    return Machine(tmp_path)


def test_a_plain_process_may_be_captured(machine: Machine) -> None:
    """With room and nothing special loaded there is no reason against it."""
    assert machine.refusal() is None


def test_this_very_process_can_be_judged() -> None:
    """The real files of /proc are understood: whatever the answer, it is not that they cannot be read."""
    assert "cannot be read" not in (_safety.refusal() or "")


def test_other_platforms(machine: Machine) -> None:
    """Other systems and interpreters are named."""
    assert machine.refusal(platform="darwin") == "a census needs CPython on Linux, not cpython on darwin"
    assert machine.refusal(implementation="pypy") == "a census needs CPython on Linux, not pypy on linux"


def test_free_threaded(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GIL no thread stands still while the heap is looked at."""
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert machine.refusal() == "a free-threaded interpreter cannot be forked in safety"


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("/usr/lib/x86_64-linux-gnu/libcuda.so.1", "CUDA"),
        ("/venv/lib/nvidia/libcudart-d0da41ae.so.11.0", "CUDA"),
        ("/venv/grpc/_cython/cygrpc.cpython-311-x86_64-linux-gnu.so", "gRPC"),
    ],
)
def test_libraries_that_do_not_survive_a_fork(machine: Machine, file: str, owner: str) -> None:
    """A mapped CUDA or gRPC library is found by its file."""
    machine.write("proc/self/maps", f"7f00-7f01 r-xp 00000000 08:01 17                 {file}\n")
    assert machine.refusal() == f"{owner} is loaded, which does not survive a fork"


def test_a_handler_for_sigchld(machine: Machine) -> None:
    """A handler in Python would see a child it does not know; the defaults do not mind."""
    assert "SIGCHLD" in (machine.refusal(sigchld=lambda number, frame: None) or "")
    assert machine.refusal(sigchld=signal.SIG_DFL) is None
    assert machine.refusal(sigchld=signal.SIG_IGN) is None


def test_a_fork_that_would_stall_the_service(machine: Machine) -> None:
    """The stall is predicted from resident memory: some 14 ms a GB."""
    machine.write("proc/self/status", f"VmRSS: {10 * GIB >> 10} kB\nRssAnon: 1 kB\n")
    assert machine.refusal() == "the fork would hold the service for some 140 ms, more than 100 ms"
    assert machine.refusal(stall_limit=0.2) is None


def test_a_machine_without_room(machine: Machine) -> None:
    """The copy of the heap has to fit into what the machine has left."""
    machine.write("proc/meminfo", f"MemAvailable: {100 * 1024} kB\n")
    assert machine.refusal() == "no room: a census may need 214 MiB, and the machine leaves 100 MiB"


def test_a_limit_of_cgroup_v2_counts_its_cache_as_free(machine: Machine) -> None:
    """The nearest limit up the tree decides; inactive page cache would be dropped first."""
    machine.write("proc/self/cgroup", "0::/kubepods/pod1/main\n")
    for name, text in {"max": "max", "current": f"{100 * MIB}"}.items():
        machine.write(f"cgroup/kubepods/pod1/main/memory.{name}", text)
    machine.write("cgroup/kubepods/pod1/memory.max", f"{512 * MIB}\n")
    machine.write("cgroup/kubepods/pod1/memory.current", f"{480 * MIB}\n")
    machine.write("cgroup/kubepods/pod1/memory.stat", f"anon 1\ninactive_file {20 * MIB}\n")
    assert machine.room().headroom_bytes == 52 * MIB
    assert "the memory limit of its cgroup (512 MiB) leaves 52 MiB" in (machine.refusal() or "")


def test_memory_high_is_a_limit_too(machine: Machine) -> None:
    """Above `memory.high` the kernel slows the whole service down."""
    for name, text in {"max": "max", "high": f"{300 * MIB}", "current": f"{200 * MIB}"}.items():
        machine.write(f"cgroup/memory.{name}", text)
    assert machine.room().headroom_bytes == 100 * MIB


def test_a_limit_of_cgroup_v1(machine: Machine) -> None:
    """The older layout has other names and another place."""
    machine.write("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/abc\n0::/\n")
    machine.write("cgroup/memory/docker/abc/memory.limit_in_bytes", f"{512 * MIB}\n")
    machine.write("cgroup/memory/docker/abc/memory.usage_in_bytes", f"{500 * MIB}\n")
    machine.write("cgroup/memory/docker/abc/memory.stat", f"cache 5\ntotal_inactive_file {4 * MIB}\n")
    assert machine.room().headroom_bytes == 16 * MIB


def test_a_container_that_sees_its_group_as_the_root(machine: Machine) -> None:
    """Where the path of the group is the host's, the root of the mounted tree is the group itself."""
    machine.write("proc/self/cgroup", "0::/system.slice/docker-123.scope\n")
    machine.write("cgroup/memory.max", f"{256 * MIB}\n")
    machine.write("cgroup/memory.current", f"{250 * MIB}\n")
    assert machine.room().headroom_bytes == 6 * MIB


@pytest.mark.parametrize(
    ("groups", "file", "text", "limited"),
    [
        ("0::/a\n", "cgroup/a/cpu.max", "50000 100000\n", True),
        ("0::/a\n", "cgroup/a/cpu.max", "max 100000\n", False),
        ("3:cpu:/a\n", "cgroup/cpu/a/cpu.cfs_quota_us", "50000\n", True),
        ("3:cpu:/a\n", "cgroup/cpu/a/cpu.cfs_quota_us", "-1\n", False),
    ],
)
def test_rationed_processor_time(machine: Machine, groups: str, file: str, text: str, limited: bool) -> None:
    """A quota up the tree is seen, since the child would use up the service's share."""
    machine.write("proc/self/cgroup", groups)
    machine.write(file, text)
    assert machine.room().cpu_limited is limited


def test_unreadable_kernel_files(machine: Machine, tmp_path: Path) -> None:
    """What cannot be known is not taken for safe."""
    (tmp_path / "proc/self/status").unlink()
    assert "cannot be read" in (machine.refusal() or "")


def test_a_census_in_the_process_itself(machine: Machine) -> None:
    """It needs some room for itself, and none for a copy of the heap."""
    machine.write("proc/meminfo", f"MemAvailable: {64 * 1024} kB\n")
    assert machine.refusal_here() is None
    machine.write("proc/meminfo", f"MemAvailable: {63 * 1024} kB\n")
    assert machine.refusal_here() == "no room: the machine leaves 63 MiB"
    (machine.proc / "meminfo").unlink()
    assert "cannot be read" in (machine.refusal_here() or "")


def test_a_census_without_the_lock(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What other threads change meanwhile cannot be looked at."""
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert machine.refusal_here() == "without its lock, the interpreter cannot be looked at while it runs"
