"""The facts, read from small trees of kernel files and of real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from floodmark_sidecar.doctor import NoProcessError, Reader
from floodmark_sidecar.doctor._elf import number_of
from floodmark_sidecar.doctor._place import folder_of
from floodmark_sidecar.errors import UsageError
from tests.sidecar.doctor.conftest import GIB, MIB, PID, Tree, status

THREADED = """
import ctypes, signal, threading
malloc = ctypes.CDLL(None).malloc
meeting, end = threading.Barrier(4), threading.Event()
def work():
    malloc(5000)
    meeting.wait()
    end.wait()
signal.signal(signal.SIGCHLD, lambda *_: None)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
meeting.wait()
print("ready", flush=True)
input()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """The kernel files of one process."""
    return Tree(tmp_path)


@contextmanager
def service(code: str = THREADED, **environ: str) -> Iterator[int]:
    """A process that runs *code* until its input ends; its pid, once it says that it is ready."""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **environ}
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process.pid
        finally:
            process.kill()


def test_a_process_is_read(tree: Tree) -> None:
    """Every number comes from its file."""
    (tree.root / f"proc/{PID}/fd/0").touch()
    tree.process(f"task/{PID}/children", "9001 9002 ")
    tree.write("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n")
    facts = tree.read()
    assert (facts.words, facts.children, facts.pids) == (("python", "app.py"), (9001, 9002), (PID, 7))
    assert (facts.threads, facts.fds, facts.fds_limit) == (5, 1, 1024)
    assert (facts.refused, facts.swap_bytes, facts.huge_bytes) == (None, 5 * MIB, 4 * MIB)
    assert facts.environ == {"LANG": "C", "MALLOC_ARENA_MAX": "3"}
    assert (facts.machine.cores, facts.machine.huge_pages, facts.machine.available_bytes) == (3, "always", 4 * GIB)
    assert facts.machine.commit_left_bytes is None
    assert facts.census is not None
    assert (facts.census.refusal, facts.census.handles_sigchld, facts.census.oom_score_writable) == (None, True, True)
    assert facts.census.committed_bytes == 301 * MIB


def test_memory_may_be_promised_strictly(tree: Tree) -> None:
    """What is left is the limit less what was promised."""
    tree.write("proc/sys/vm/overcommit_memory", "2\n")
    assert tree.read().machine.commit_left_bytes == 600 * 1024


def test_limits_of_cgroup_v2(tree: Tree) -> None:
    """Every group up the tree is seen, and which of them the kernel ends at once."""
    tree.process("cgroup", "0::/pod/main\n")
    for name, text in {"max": str(512 * MIB), "current": str(400 * MIB), "oom.group": "1\n"}.items():
        tree.write(f"cgroup/pod/main/memory.{name}", text)
    tree.write("cgroup/pod/memory.max", "max\n")
    tree.write("cgroup/pod/memory.current", f"{400 * MIB}\n")
    facts = tree.read()
    inner, outer, _ = facts.groups
    assert (inner.version, inner.path, inner.ends_together) == (2, "/pod/main", True)
    assert (inner.used_bytes, inner.limit_bytes) == (400 * MIB, 512 * MIB)
    assert (outer.limit_bytes, outer.ends_together) == (None, False)
    assert facts.headroom_bytes == 112 * MIB
    assert "leaves 112 MiB" in str(facts.census and facts.census.refusal)


def test_limits_of_cgroup_v1(tree: Tree) -> None:
    """Its files have other names, and a huge number stands for no limit."""
    tree.process("cgroup", "4:memory:/app\n")
    for name, limit in {"memory/app": 256 * MIB, "memory": 9223372036854771712}.items():
        tree.write(f"cgroup/{name}/memory.limit_in_bytes", f"{limit}\n")
        tree.write(f"cgroup/{name}/memory.usage_in_bytes", f"{100 * MIB}\n")
    inner, outer = tree.read().groups
    assert (inner.version, inner.limit_bytes, outer.limit_bytes) == (1, 256 * MIB, None)


def test_a_proc_that_is_read_only(tree: Tree) -> None:
    """The child of a census could not offer itself to the kernel."""
    tree.process("mountinfo", "22 1 0:21 / /proc ro,nosuid - proc proc rw\n")
    census = tree.read().census
    assert census is not None
    assert not census.oom_score_writable


@pytest.mark.parametrize(("option", "hides"), [("hidepid=2", True), ("hidepid=invisible", True), ("hidepid=0", False)])
def test_a_proc_that_hides_processes(tree: Tree, option: str, hides: bool) -> None:
    """It is the reader's own mount that counts."""
    tree.write(f"proc/{os.getpid()}/mountinfo", f"22 1 0:21 / /proc rw - proc proc rw,{option}\n")
    assert tree.read().machine.hides_processes is hides


def test_another_c_library(tree: Tree) -> None:
    """The file of musl has a name of its own, and no version of glibc is made up."""
    tree.process("maps", "7f00-7f01 r-xp 00000000 08:01 17    /lib/ld-musl-x86_64.so.1\n")
    code = tree.read().code
    assert code is not None
    assert (code.glibc, "ld-musl-x86_64.so.1" in code.libraries) == (None, True)


def test_a_free_threaded_build_is_known_by_its_files(tree: Tree) -> None:
    """A t stands behind the version of the program, or of what it has loaded."""
    tree.process("maps", "7f00-7f01 r-xp 00000000 08:01 17    /x/_ssl.cpython-313t-x86_64-linux-gnu.so\n")
    code = tree.read().code
    assert code is not None
    assert code.free_threaded


def test_files_that_were_replaced(tree: Tree) -> None:
    """What is on disk in their place is not what runs."""
    (tree.root / f"proc/{PID}/exe").unlink()
    (tree.root / f"proc/{PID}/exe").symlink_to("/nowhere/python3.12")
    tree.process("maps", f"7f00-7f01 r-xp 00000000 08:01 17    {Path(sys.executable).resolve()} (deleted)\n")
    code = tree.read().code
    assert code is not None
    assert (code.python, code.replaced, code.program) == (None, True, "python3.12")


def test_memory_that_cannot_be_read(tree: Tree) -> None:
    """The kernel's word is kept; what else it would tell is None."""
    for name in ("smaps_rollup", "environ", "maps"):
        (tree.root / f"proc/{PID}/{name}").unlink()
    facts = tree.read()
    assert (facts.refused, facts.environ, facts.code, facts.census) == ("No such file or directory", None, None, None)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ({"State": "Z (zombie)"}, f"the process {PID} has ended, and its parent has not asked how (a zombie)"),
        ({"VmRSS": ""}, f"{PID} is a thread of the kernel, which has no memory of its own"),
        ({"Tgid": "99"}, f"{PID} is a thread of the process 99: give that number"),
    ],
)
def test_what_is_no_process_any_more(tree: Tree, lines: Mapping[str, str], said: str) -> None:
    """A zombie, and a thread, have a folder as processes do."""
    tree.process("status", status(**lines))
    with pytest.raises(NoProcessError) as caught:
        tree.read()
    assert (caught.value.message, caught.value.pid) == (said, PID)


def test_there_is_no_process(tree: Tree) -> None:
    """It is said with the number; one that is hidden is called so."""
    (tree.root / f"proc/{PID}/status").unlink()
    with pytest.raises(NoProcessError, match=f"the process {PID} may not be looked at"):
        tree.read()
    with pytest.raises(NoProcessError, match="there is no process 4000001"):
        Reader(4000001).read()


def test_kernel_files_that_are_missing(tree: Tree) -> None:
    """A machine without them gets a sentence and no traceback."""
    (tree.root / "proc/meminfo").unlink()
    with pytest.raises(UsageError, match=r"cannot be read: .*meminfo: No such file or directory"):
        tree.read()


def test_a_real_process() -> None:
    """Its own settings are seen, not the reader's; its interpreter's version, its threads and their heaps."""
    with service(MALLOC_ARENA_MAX="7", LD_PRELOAD="/usr/lib/libsurely_absent.so.2") as pid:
        facts = Reader(pid).read()
    assert facts.environ is not None
    assert (facts.environ["MALLOC_ARENA_MAX"], facts.environ["LD_PRELOAD"]) == ("7", "/usr/lib/libsurely_absent.so.2")
    assert facts.code is not None
    assert facts.code.python == sys.hexversion
    assert facts.code.glibc == tuple(map(int, os.confstr("CS_GNU_LIBC_VERSION").split()[1].split(".")[:2]))  # type: ignore[union-attr]
    assert (facts.threads, facts.code.arenas) == (4, 3)
    assert facts.census is not None
    assert facts.census.handles_sigchld
    assert facts.refused is None


def test_a_process_that_wrote_over_its_variables(tree: Tree) -> None:
    """What is left is not taken for a process without any settings."""
    code = (
        "import ctypes\n"
        "start, end = map(int, open('/proc/self/stat').read().rpartition(')')[2].split()[47:49])\n"
        "ctypes.memset(start, 0, end - start)\n"
        "print('ready', flush=True); input()\n"
    )
    with service(code, MALLOC_ARENA_MAX="7") as pid:
        assert Reader(pid).read().environ is None
    tree.process("environ", "ker [app]\0LANG=C\0")
    assert tree.read().environ is None
    tree.process("environ", "")
    assert tree.read().environ == {}


def test_the_readers_own_process() -> None:
    """It stands for a service that would be started from here: with the variables that were given."""
    facts = Reader(environ={"MALLOC_ARENA_MAX": "2"}).read()
    assert (facts.own, facts.environ) == (True, {"MALLOC_ARENA_MAX": "2"})
    assert facts.code is not None
    assert facts.code.python == sys.hexversion


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_process_of_another_user() -> None:
    """Who may not read its memory is told so, with both users."""
    code = (
        "import os, sys\n"
        "from floodmark_sidecar.doctor import Reader\n"
        "Reader().read()\n"  # what is loaded late may not be readable for somebody else
        "os.setgroups([]); os.setuid(65534)\n"
        "facts = Reader(int(sys.argv[1])).read()\n"
        "print(facts.refused, facts.uid, facts.reader_uid, facts.environ, facts.code, facts.threads)\n"
    )
    with service() as pid:
        done = subprocess.run([sys.executable, "-c", code, str(pid)], capture_output=True, text=True, check=True)
    assert done.stdout == "Permission denied 0 65534 None None 4\n"


def test_heaps_are_told_from_other_memory(tree: Tree) -> None:
    """They begin where glibc lets them, are followed by what it has reserved, and have no file."""
    lines = [
        "7f0000000000-7f0000021000 rw-p 00000000 00:00 0",
        "7f0000021000-7f0004000000 ---p 00000000 00:00 0",
        "7f0011000000-7f0011021000 rw-p 00000000 00:00 0",
        "7f0011021000-7f0015000000 ---p 00000000 00:00 0",
        "7f0020000000-7f0020021000 rw-p 00000000 00:00 0",
        "7f0020021000-7f0020800000 ---p 00000000 00:00 0",
        "7f0030000000-7f0030021000 rw-p 00000000 08:01 17    /x/data",
        "7f0030021000-7f0034000000 ---p 00000000 08:01 17    /x/data",
    ]
    tree.process("maps", "\n".join(lines))
    code = tree.read().code
    assert code is not None
    assert code.arenas == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_that_is_not_made_yet_will_be_the_sidecars(tmp_path: Path) -> None:
    """Whosever the folder above it is."""
    os.chown(tmp_path, 65534, -1)
    assert folder_of(tmp_path, 65534).open_to_service
    assert not folder_of(tmp_path / "new", 65534).open_to_service


def test_a_folder_for_captures(tmp_path: Path) -> None:
    """A sidecar makes one that is missing, for its own user alone; the agent has to write there as the service's."""
    somebody = os.geteuid() + 1000
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    shared.chmod(0o777)
    own.mkdir(mode=0o700)
    closed = {path.name: folder_of(path, somebody).open_to_service for path in (shared, own, shared / "new")}
    assert closed == {"shared": True, "own": False, "new": False}
    assert folder_of(own / "a/b", os.geteuid()).open_to_service
    new = folder_of(own / "a/b", os.geteuid())
    assert (new.writable, new.free_bytes > 0, own.joinpath("a").exists()) == (True, True, False)
    assert not folder_of(Path("/dev/null/a"), 0).writable


def test_numbers_by_their_symbols(tmp_path: Path) -> None:
    """What is no program of this kind has none, whatever is in it."""
    broken = tmp_path / "broken"
    for content in (b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01" + b"\xff" * 200, b"\x7fELF\x01\x01" + b"\0" * 200):
        broken.write_bytes(content)
        assert number_of(broken, b"Py_Version") is None
    assert number_of(tmp_path / "absent", b"Py_Version") is None
    assert number_of(Path("/bin/sh"), b"Py_Version") is None
