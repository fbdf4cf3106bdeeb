"""The agent's numbers of its own process."""

import asyncio
import ctypes
import json
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from floodmark_sidecar.agent._readings import Readings

ROLLUP = """\
00400000-7ffd rw-p 00000000 00:00 0    [rollup]
Rss:               60000 kB
Private_Clean:      1000 kB
Private_Dirty:     20000 kB
Swap:                300 kB
Private_Hugetlb:    4096 kB
"""


def test_memory_from_the_kernel_s_file(tmp_path: Path) -> None:
    """USS is what is private, huge pages included; swap and RSS stand beside it, in bytes."""
    (tmp_path / "self" / "task" / "7").mkdir(parents=True)
    (tmp_path / "self" / "smaps_rollup").write_text(ROLLUP)
    reading = Readings(proc=str(tmp_path)).take()
    assert reading["uss_bytes"] == 25096 * 1024
    assert (reading["swap_bytes"], reading["rss_bytes"]) == (300 * 1024, 60000 * 1024)
    assert reading["threads"] == 1


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    """Without /proc the reading is still one, with fewer numbers."""
    reading = Readings(proc=str(tmp_path)).take()
    assert [reading[name] for name in ("uss_bytes", "swap_bytes", "rss_bytes", "threads")] == [None] * 4
    assert reading["python_blocks"] > 0


def test_the_real_process() -> None:
    """A reading of this process has every field of the contract, plausible, and can be sent."""
    reading = Readings().take()
    assert reading.keys() == {
        *("type", "pid", "t", "uss_bytes", "swap_bytes", "rss_bytes", "python_blocks", "heap_used_bytes"),
        *("heap_free_bytes", "mmap_bytes", "threads", "tasks", "gc_counts", "requests_total", "maps"),
        "agent_cpu_seconds",
    }
    assert 1 << 20 < reading["uss_bytes"] <= reading["rss_bytes"]
    assert reading["threads"] >= 1
    json.dumps(reading, allow_nan=False)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="an older glibc")
def test_the_c_heap() -> None:
    """Memory taken from malloc shows as used, memory it got by a mapping as mapped."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    readings = Readings()
    before = readings.take()
    blocks = [libc.malloc(ctypes.c_size_t(1000)) for _ in range(1000)]
    large = libc.malloc(ctypes.c_size_t(64 << 20))
    after = readings.take()
    for block in (*blocks, large):
        libc.free(block)
    assert after["heap_used_bytes"] - before["heap_used_bytes"] > 900_000
    assert after["mmap_bytes"] - before["mmap_bytes"] >= 64 << 20


def test_tasks_are_counted_from_another_thread() -> None:
    """The number of asyncio tasks is that of all loops, and None where asyncio is not loaded."""
    assert Readings(modules={}).take()["tasks"] is None
    # Here, other tests may have left tasks behind that wait for the collector.
    code = f"import asyncio; from {Readings.__module__} import Readings; print(Readings().take()['tasks'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"0\n"

    async def main() -> int:
        waiting = [asyncio.create_task(asyncio.sleep(30)) for _ in range(10)]
        counted: list[int] = []
        thread = threading.Thread(target=lambda: counted.append(Readings().take()["tasks"]))
        thread.start()
        thread.join()
        for task in waiting:
            task.cancel()
        return counted[0]

    assert asyncio.run(main()) >= 11


def test_maps_of_the_service_s_own_registry() -> None:
    """Map stats come from the copy of floodmark_caches that the service has loaded, if it has."""
    stats = SimpleNamespace(as_dict=lambda: {"name": "locks", "entries": 3})
    caches = SimpleNamespace(registry=SimpleNamespace(stats=lambda: (stats,)))
    assert Readings(modules={"floodmark_caches": caches}).take()["maps"] == [{"name": "locks", "entries": 3}]
    assert Readings(modules={}).take()["maps"] == []


def test_a_registry_that_raises() -> None:
    """Whatever the service's own copy does, the reading is taken."""

    def fail() -> Any:
        raise RuntimeError

    caches = SimpleNamespace(registry=SimpleNamespace(stats=fail))
    assert Readings(modules={"floodmark_caches": caches}).take()["maps"] == []
