"""The agent's numbers of its own process: one reading costs about a millisecond and changes nothing.

A number that cannot be had is None; nothing here raises.
"""

import gc
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from floodmark_sidecar.agent import _files

MOST_MAPS: Final = 1000

_MALLINFO: Final = (
    "arena",
    "ordblks",
    "smblks",
    "hblks",
    "hblkhd",
    "usmblks",
    "fsmblks",
    "uordblks",
    "fordblks",
    "keep",
)


class Readings:
    """Takes readings of this process. Owned by the agent thread, whose CPU time it reports as the agent's own."""

    def __init__(self, *, proc: str = "/proc", modules: Mapping[str, Any] = sys.modules) -> None:
        self._proc, self._modules = proc, modules
        self._mallinfo = _mallinfo2()

    def take(self) -> dict[str, Any]:
        """Return the fields of one `reading` message but for `lost`, which the link knows."""
        return {
            "type": "reading",
            "pid": os.getpid(),
            "t": time.time(),
            **self.memory(),
            "python_blocks": sys.getallocatedblocks(),
            "threads": self._threads(),
            "tasks": self._tasks(),
            "gc_counts": list(gc.get_count()),
            "requests_total": None,
            "maps": self._maps(),
            "agent_cpu_seconds": time.thread_time(),
        }

    def memory(self) -> dict[str, int | None]:
        """Return what the kernel says that the process holds, and what glibc says of its heap, in bytes."""
        return {**self._memory(), **self._heap()}

    def _memory(self) -> dict[str, int | None]:
        try:
            found = _files.fields(f"{self._proc}/self/smaps_rollup")
        except OSError:
            found = {}
        parts = [found.get(name) for name in ("Private_Clean", "Private_Dirty", "Private_Hugetlb")]
        known = [part for part in parts if part is not None]
        return {
            "uss_bytes": sum(known) if known else None,
            "swap_bytes": found.get("Swap"),
            "rss_bytes": found.get("Rss"),
        }

    def _heap(self) -> dict[str, int | None]:
        """Return glibc's own account of its heap, in bytes; None with another allocator or an old glibc."""
        values = self._mallinfo() if self._mallinfo is not None else None
        used, free, mapped = (None, None, None) if values is None else values
        return {"heap_used_bytes": used, "heap_free_bytes": free, "mmap_bytes": mapped}

    def _threads(self) -> int | None:
        try:
            return len(os.listdir(f"{self._proc}/self/task"))  # noqa: PTH208  see `_files`
        except OSError:
            return None

    def _tasks(self) -> int | None:
        """Return the number of asyncio tasks of all loops, finished ones that are still referred to included."""
        asyncio = self._modules.get("asyncio.tasks")
        tasks = getattr(asyncio, "_scheduled_tasks", getattr(asyncio, "_all_tasks", None))
        try:
            return len(tasks.data) if tasks is not None else None
        except (AttributeError, TypeError):
            return None

    def _maps(self) -> list[dict[str, Any]]:
        caches = self._modules.get("floodmark_caches")
        if caches is None:
            return []
        try:
            return [stats.as_dict() for stats in caches.registry.stats()[:MOST_MAPS]]
        except Exception:  # noqa: BLE001  the service's own copy may be of any version, and watches foreign containers
            return []


def _mallinfo2() -> Any:
    """Return a function that gives bytes in use, free and mapped by glibc's malloc, or None where there is none.

    The function lets go of the GIL, since malloc's lists may be long.
    """
    try:
        import ctypes  # noqa: PLC0415  not paid for at import
    except ImportError:
        return None

    class Info(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in _MALLINFO]

    try:
        function = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return None
    function.restype = Info

    def measure() -> tuple[int, int, int]:
        info = function()
        return info.uordblks, info.fordblks, info.hblkhd

    return measure
