"""What malloc gives back when it is asked: measured in real processes."""

import json
from pathlib import Path

from tests.sidecar.agent.conftest import Run, Service, Sidecar

PREAMBLE = """
import os
from floodmark_sidecar.agent import _trim

def fragment():
    # One block in sixteen stays: what lies between goes to no kernel by itself, and each gap has whole pages.
    blocks = [bytes(2000) for _ in range(32768)]
    kept = blocks[::16]
    blocks.clear()
    return kept
"""


def test_free_memory_comes_back(run: Run, tmp_path: Path, python: str) -> None:
    """Of 64 MB of which one block in sixteen stays, most comes back; what is in use stays."""
    run(
        PREAMBLE
        + """
kept = fragment()
told = _trim.take(os.path.abspath("trim.json"), service="web")
assert set(told) == {"pid", "started", "ended", "stall_seconds", "path"}, told
assert 0 <= told["stall_seconds"] < 5, told
assert all(not any(block) for block in kept)
""",
        python=python,
    )
    found = json.loads((tmp_path / "trim.json").read_text())
    assert (found["floodmark_capture"], found["kind"], found["service"]) == (1, "trim", "web")
    assert found["before"]["uss_bytes"] - found["after"]["uss_bytes"] > 32e6
    assert [path.name for path in tmp_path.glob("trim*")] == ["trim.json"]


def test_memory_in_use_does_not(run: Run, tmp_path: Path) -> None:
    """A process that holds all it asked for gets nothing back."""
    run(
        PREAMBLE
        + """
blocks = [bytes(2000) for _ in range(32768)]
_trim.take(os.path.abspath("first.json"), service="web")
_trim.take(os.path.abspath("trim.json"), service="web")
"""
    )
    found = json.loads((tmp_path / "trim.json").read_text())
    assert abs(found["before"]["uss_bytes"] - found["after"]["uss_bytes"]) < 2e6
    assert found["before"]["heap_used_bytes"] > 60e6


def test_what_stands_in_the_way_is_said(run: Run) -> None:
    """Memory that cannot be read, a file that cannot be written: a reason, and nothing is left."""
    run(
        PREAMBLE
        + """
os.makedirs("proc/self")
told = _trim.take(os.path.abspath("trim.json"), service="web", proc="proc")
assert told["refused"] == "its memory cannot be read (smaps_rollup)", told
told = _trim.take(os.path.abspath("none/trim.json"), service="web")
assert "No such file" in told["refused"], told
os.mkdir("taken.json")
told = _trim.take(os.path.abspath("taken.json"), service="web")
assert "directory" in told["refused"], told
assert sorted(name for name in os.listdir() if "json" in name) == ["taken.json"]
"""
    )


def test_an_agent_trims_when_asked(service: Service, sidecar: Sidecar, short_path: Path) -> None:
    """It says that it can, and goes on with its readings."""
    process = service(
        f"import sys\nfrom floodmark_sidecar import agent\nagent.start(service='web', socket={str(short_path / 's')!r})\nsys.stdin.read()"
    )
    sidecar.wait(lambda seen: seen.of("reading"))
    assert "trim" in sidecar.messages[0]["can"]
    path = short_path / "trim.json"
    sidecar.send(process.pid, {"type": "capture", "id": 1, "path": str(path), "kind": "trim"})
    (told,) = sidecar.wait(lambda seen: seen.of("captured"))
    assert (told["id"], told["path"]) == (1, str(path))
    readings = len(sidecar.of("reading"))
    sidecar.wait(lambda seen: len(seen.of("reading")) > readings)
