"""Where a process runs: its cgroups, the kernel's settings, and how /proc is mounted."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from floodmark_sidecar.agent import _files, _safety
from floodmark_sidecar.doctor._facts import Folder, Group, Machine


def groups_of(home: Path, cgroup: Path) -> Iterator[Group]:
    """Yield the cgroups with a say on memory above the process whose folder in /proc is *home*, innermost first."""
    root = str(cgroup)
    for folder, version in _safety.groups(text_of(home / "cgroup"), root, "memory"):
        used = _safety.number(f"{folder}/memory.current" if version == 2 else f"{folder}/memory.usage_in_bytes")
        limit = _safety.limit_of(folder, version)
        yield Group(
            version=version,
            path=folder.removeprefix(root) or "/",
            used_bytes=used,
            # Version 1 has a number of 63 bits where there is no limit.
            limit_bytes=limit if limit is not None and limit < 1 << 62 else None,
            ends_together=_safety.number(f"{folder}/memory.oom.group") == 1,
        )


def machine_of(proc: Path, system: Path, reader: Path) -> Machine:
    """Return what there is; *reader* is the reader's own folder in /proc. Raises OSError without `meminfo`."""
    memory = _files.fields(str(proc / "meminfo"))
    strict = text_of(proc / "sys/vm/overcommit_memory").strip() == "2"
    left = memory.get("CommitLimit", 0) - memory.get("Committed_AS", 0)
    pages = re.search(r"\[(\w+)\]", text_of(system / "kernel/mm/transparent_hugepage/enabled"))
    cores = re.findall(r"^cpu[0-9]+ ", text_of(proc / "stat"), re.MULTILINE)
    mounted = mount_of_proc(reader)[1]
    hides = [option.partition("=")[2] for option in mounted if option.startswith("hidepid=")]
    return Machine(
        cores=len(cores) or 1,
        available_bytes=memory.get("MemAvailable", memory.get("MemFree", 0)),
        swap_total_bytes=memory.get("SwapTotal", 0),
        huge_pages=pages[1] if pages else "",
        commit_left_bytes=max(left, 0) if strict else None,
        hides_processes=any(value not in {"0", "off"} for value in hides),
    )


def mount_of_proc(home: Path) -> tuple[list[str], list[str]]:
    """Return how /proc is mounted for the process of the folder *home*: the options of the mount, and those of the file system."""
    for line in text_of(home / "mountinfo").splitlines():
        words = line.split()
        if len(words) > 6 and words[4] == "/proc":
            return words[5].split(","), words[-1].split(",")
    return [], []


def folder_of(path: Path, uid: int) -> Folder:
    """Return whether captures of a service of user *uid* can go to the folder *path*, which a sidecar makes if need be."""
    home = next(each for each in (path, *path.absolute().parents) if each.exists())
    try:
        space, state = os.statvfs(home), home.stat()
    except OSError:
        return Folder(path=str(path), writable=False, open_to_service=False, free_bytes=0)
    shared = state.st_mode & (stat.S_IWGRP | stat.S_IWOTH) if home == path else 0
    return Folder(
        path=str(path),
        writable=home.is_dir() and os.access(home, os.W_OK | os.X_OK),
        # What a sidecar makes is its own user's alone.
        open_to_service=bool(shared) or uid in {0, state.st_uid if home == path else os.geteuid()},
        free_bytes=space.f_bavail * space.f_frsize,
    )


def text_of(path: Path) -> str:
    """Return what is in a small kernel file, or "" where it is not there or may not be read."""
    try:
        return _files.read(str(path))
    except OSError:
        return ""
