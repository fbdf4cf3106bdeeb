"""Facts of a healthy service, which tests change; and the files a kernel would show of one."""

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

from floodmark_sidecar.doctor import Facts, Finding, Reader, findings
from floodmark_sidecar.doctor._facts import Census, Code, Installed, Machine

MIB = 1 << 20
GIB = 1 << 30
PID = 4711

HEALTHY = Facts(
    pid=PID,
    own=False,
    command="python app.py",
    words=("/usr/bin/python3.12", "app.py"),
    children=(),
    uid=1000,
    reader_uid=1000,
    pids=(PID,),
    threads=3,
    fds=20,
    fds_limit=1024,
    refused=None,
    swap_bytes=0,
    huge_bytes=0,
    headroom_bytes=4 * GIB,
    environ={},
    code=Code(
        program="python3.12",
        python=0x030C0CF0,
        free_threaded=False,
        libraries=frozenset({"python3.12", "libc.so.6"}),
        glibc=(2, 36),
        replaced=False,
        arenas=0,
    ),
    census=Census(
        refusal=None, stall_seconds=0.004, handles_sigchld=False, oom_score_writable=True, committed_bytes=300 * MIB
    ),
    groups=(),
    machine=Machine(
        cores=2,
        available_bytes=4 * GIB,
        swap_total_bytes=0,
        huge_pages="madvise",
        commit_left_bytes=None,
        hides_processes=False,
    ),
    installed=Installed(
        packages={"psutil": "7.0", "numpy": "2.0"},
        extras={"sidecar": ("psutil", "numpy"), "soak": ()},
        draws=True,
    ),
    captures=None,
)


def facts(**changes: Any) -> Facts:
    """The healthy service with *changes*; those of a part are a dict, by its name."""
    parts = {name: change for name, change in changes.items() if isinstance(change, dict) and name != "environ"}
    whole = {name: dataclasses.replace(getattr(HEALTHY, name), **change) for name, change in parts.items()}
    return dataclasses.replace(HEALTHY, **{**changes, **whole})


def found(name: str, **changes: Any) -> Finding:
    """The one finding of *name* about the service with *changes*."""
    [finding] = [each for each in findings(facts(**changes)) if each.name == name]
    return finding


def names(**changes: Any) -> set[str]:
    """The names of all findings about the service with *changes*."""
    return {each.name for each in findings(facts(**changes))}


class Tree:
    """Kernel files of the process PID: one of 200 MiB under no limit, whose program is this interpreter."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("cgroup", "sys", f"proc/{PID}/task/{PID}", f"proc/{PID}/fd"):
            (root / folder).mkdir(parents=True)
        (root / f"proc/{PID}/exe").symlink_to(Path(sys.executable).resolve())
        (root / f"proc/{PID}/root").symlink_to("/")
        self.process("status", status())
        self.process("cmdline", "python\0app.py\0")
        self.process("environ", "LANG=C\0MALLOC_ARENA_MAX=3\0")
        self.process("maps", "00400000-00401000 r--p 00000000 08:01 17    /usr/bin/python3\n")
        self.process(
            "smaps_rollup", "Rss: 204800 kB\nPrivate_Dirty: 102400 kB\nSwap: 5120 kB\nAnonHugePages: 4096 kB\n"
        )
        self.process("limits", "Max open files            1024                 4096                 files\n")
        self.process("mountinfo", "22 1 0:21 / /proc rw,nosuid - proc proc rw\n")
        self.process("cgroup", "0::/\n")
        self.write("proc/meminfo", f"MemAvailable: {4 * MIB} kB\nCommitLimit: 1000 kB\nCommitted_AS: 400 kB\n")
        self.write("proc/stat", "cpu  1 2\ncpu0 1 2\ncpu1 1 2\ncpu2 1 2\nintr 1\n")

    def write(self, path: str, text: str) -> None:
        """Write one file of the tree."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def process(self, name: str, text: str) -> None:
        """Write one file of the process."""
        self.write(f"proc/{PID}/{name}", text)

    def read(self) -> Facts:
        """Read the facts of the process."""
        proc, cgroup, system = (self.root / name for name in ("proc", "cgroup", "sys"))
        return Reader(PID, proc=proc, cgroup=cgroup, system=system).read()


def status(**lines: str) -> str:
    """The text of the process's `status`, with *lines* changed; those that are empty are left out."""
    usual = {
        "Name": "python",
        "State": "S (sleeping)",
        "Tgid": str(PID),
        "Uid": "\t".join([str(os.geteuid())] * 4),
        "NSpid": f"{PID}\t7",
        "VmRSS": "204800 kB",
        "RssAnon": "102400 kB",
        "VmData": "307200 kB",
        "VmStk": "1024 kB",
        "Threads": "5",
        "SigCgt": "0000000000010002",
    }
    return "".join(f"{name}:\t{value}\n" for name, value in {**usual, **lines}.items() if value)
