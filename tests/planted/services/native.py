"""Memory that Python's allocator knows nothing of."""

import ctypes
import mmap
from typing import Final

from tests.planted._truth import leak

_BLOCK: Final = 64 << 10
_libc = ctypes.CDLL(None)
_libc.malloc.restype = ctypes.c_void_p
_libc.malloc.argtypes = [ctypes.c_size_t]

frames: list[mmap.mmap] = []  # planted: mapped


@leak("native", "line", named="native|malloc|c_heap|heap", growth_class="native")
def c_heap(tick: int) -> None:
    """A C library forgets to free."""
    ctypes.memset(_libc.malloc(_BLOCK), 1, _BLOCK)  # planted: c_heap


@leak("container", "native", "line", named="frames|mmap|mapped", fair="mmap", growth_class="mmap")
def mapped(tick: int) -> None:
    """Maps of memory are kept and never closed."""
    frame = mmap.mmap(-1, _BLOCK)  # planted: mapped
    frame.write(b"\1" * _BLOCK)
    frames.append(frame)  # planted: mapped
