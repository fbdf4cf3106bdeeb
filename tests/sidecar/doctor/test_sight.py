"""What is said of what can be seen, and of a census."""

import dataclasses
from typing import Any

import pytest

from floodmark_sidecar.doctor import Level
from floodmark_sidecar.doctor._facts import Folder, Group
from tests.sidecar.doctor.conftest import GIB, MIB, found, names

LIMITED = Group(version=2, path="/pod", used_bytes=480 * MIB, limit_bytes=512 * MIB, ends_together=False)
FREE = Group(version=2, path="/", used_bytes=None, limit_bytes=None, ends_together=False)


def test_memory_that_may_not_be_read() -> None:
    """Both users are named where they differ; what could not be told is left out."""
    other = found("memory", refused="Permission denied", reader_uid=33, code=None, census=None, environ=None)
    assert other.level == Level.PROBLEM
    assert other.value == "cannot be read by user 33: Permission denied (the process is of user 1000)"
    assert "--allow-uid 1000" in other.advice
    assert found("memory", refused="No such file or directory").value == "cannot be read: No such file or directory"
    assert not names(code=None, census=None, environ=None) & {"python", "malloc", "census", "malloc arenas"}


def test_a_limit() -> None:
    """The tightest one is shown; it is worth a word where a tenth of it or less is left."""
    near = found("memory limit", groups=(FREE, LIMITED), headroom_bytes=40 * MIB)
    assert near.level == Level.NOTE
    assert near.value == "480 MiB of 512 MiB in use (cgroup v2), 40.0 MiB left but for page cache"
    assert found("memory limit", groups=(LIMITED,), headroom_bytes=300 * MIB).level == Level.FINE
    assert found("memory limit").value == "none but the machine's, which has 4.0 GiB left"


@pytest.mark.parametrize(
    ("name", "changes", "level", "value"),
    [
        ("swap", {"swap_bytes": 5 * MIB}, Level.NOTE, "5.0 MiB of the process are swapped out"),
        ("swap", {"machine": {"swap_total_bytes": GIB}}, Level.FINE, "1.0 GiB, none in use by the process"),
        ("open files", {"fds": 1000}, Level.NOTE, "1,000 of at most 1,024"),
        ("open files", {"fds": None}, Level.FINE, "at most 1,024"),
        ("pid namespace", {"pids": (4711, 7)}, Level.NOTE, "pid 4711 here is pid 7 in its container"),
        ("/proc", {"machine": {"hides_processes": True}}, Level.NOTE, "is mounted with hidepid"),
        ("memory.oom.group", {"groups": (Group(version=2, path="/pod", used_bytes=1, limit_bytes=None, ends_together=True),)}, Level.NOTE, "1 in /pod"),
        ("census", {"census": {"refusal": "gRPC is loaded"}}, Level.PROBLEM, "cannot be taken of a forked copy: gRPC is loaded"),
        ("census", {"census": {"handles_sigchld": True}}, Level.NOTE, "the process handles SIGCHLD"),
        ("census", {}, Level.FINE, "can be taken; its fork would hold the process for some 4 ms"),
        ("oom_score_adj", {"census": {"oom_score_writable": False}}, Level.NOTE, "cannot be written: /proc is mounted read-only"),
        ("overcommit", {"machine": {"commit_left_bytes": 200 * MIB}}, Level.PROBLEM, "strict (vm.overcommit_memory is 2), 200 MiB left to promise"),
        ("overcommit", {"machine": {"commit_left_bytes": 400 * MIB}}, Level.FINE, "strict (vm.overcommit_memory is 2), 400 MiB left to promise"),
        ("packages", {"installed": {"packages": {"psutil": "7.0"}}}, Level.NOTE, "no numpy"),
        ("packages", {"installed": {"extras": {"sidecar": (), "soak": ("locust",)}}}, Level.FINE, "psutil 7.0; no soak runs without floodmark[soak]"),
        ("packages", {"installed": {"extras": {}}}, Level.NOTE, "not known: floodmark runs from its sources and is not installed"),
        ("graphviz", {"installed": {"draws": False}}, Level.NOTE, "is not installed"),
        ("memray", {"code": {"libraries": frozenset({"_memray.cpython-312-x86_64-linux-gnu.so"})}}, Level.NOTE, "is loaded"),
        ("greenlets", {"code": {"libraries": frozenset({"_greenlet.cpython-312-x86_64-linux-gnu.so"})}}, Level.FINE, "loaded; they are counted neither as threads nor as tasks, and the agent has a real thread"),
    ],
)  # fmt: skip
def test_findings(name: str, changes: dict[str, Any], level: Level, value: str) -> None:
    """Each has its level and its words."""
    finding = found(name, **changes)
    assert (finding.level, finding.value) == (level, value)
    assert (finding.level == Level.FINE) == (not finding.advice)


@pytest.mark.parametrize(
    ("changes", "level", "value"),
    [
        ({}, Level.FINE, "8.0 GiB free in /srv/c"),
        ({"free_bytes": 9 * MIB}, Level.NOTE, "9.0 MiB free in /srv/c"),
        ({"open_to_service": False}, Level.PROBLEM, "/srv/c is closed to user 1000, as whom the service runs"),
        ({"writable": False}, Level.PROBLEM, "/srv/c is no folder that can be made and written to"),
    ],
)
def test_a_folder_for_captures(changes: dict[str, Any], level: Level, value: str) -> None:
    """It is spoken of only where somebody asks."""
    folder = dataclasses.replace(
        Folder(path="/srv/c", writable=True, open_to_service=True, free_bytes=8 * GIB), **changes
    )
    finding = found("captures", captures=folder)
    assert (finding.level, finding.value) == (level, value)
    assert "captures" not in names()


def test_variables_that_are_gone() -> None:
    """It is said once that settings are not known, and only where the rest is."""
    assert found("environment", environ=None).level == Level.NOTE
    assert not names(environ=None) & {"malloc arenas", "malloc settings", "LD_PRELOAD", "agent", "tracemalloc"}
    assert "environment" not in names(environ=None, code=None, census=None, refused="Permission denied")


def test_what_is_usual_is_not_spoken_of() -> None:
    """No line for what nobody asks about."""
    absent = {"overcommit", "oom_score_adj", "memory.oom.group", "pid namespace", "/proc", "memray", "greenlets"}
    assert not names() & absent
    assert "/proc" not in names(machine={"hides_processes": True}, reader_uid=0)
