"""What the files of a program say of themselves, read without running them: numbers by their symbols, and words."""

import mmap
import re
import struct
from pathlib import Path
from typing import Final

_ELF64_LITTLE: Final = b"\x7fELF\x02\x01"
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_DYNAMIC_SYMBOLS: Final = 11
_MOST_SECTIONS: Final = 0xFF00


def number_of(path: Path, symbol: bytes) -> int | None:
    """Return the constant of 8 bytes that *symbol* names in the program or library at *path*.

    None where there is no such symbol, where the file is none of a 64-bit little-endian machine, or cannot be read. Takes
    some milliseconds.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _number(data, symbol)
    except (OSError, ValueError, IndexError, OverflowError, struct.error):
        return None


def first_match(path: Path, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
    """Return where *pattern* is first found in the file at *path*; None too where it cannot be read."""
    try:
        return pattern.search(path.read_bytes())
    except OSError:
        return None


def _number(data: mmap.mmap, symbol: bytes) -> int | None:
    if data[: len(_ELF64_LITTLE)] != _ELF64_LITTLE:
        return None
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [_SECTION.unpack_from(data, table + number * size) for number in range(count)]
    for section in sections:
        if section[1] != _DYNAMIC_SYMBOLS:
            continue
        _, _, _, _, start, length, names, *_ = section
        texts = _content(data, sections[names])
        for name, _, _, home, address, _ in _SYMBOL.iter_unpack(data[start : start + length]):
            if 0 < home < _MOST_SECTIONS and texts.startswith(symbol + b"\0", name):
                _, _, _, begins, offset, *_ = sections[home]
                return int.from_bytes(data[offset + address - begins : offset + address - begins + 8], "little") or None
    return None


def _content(data: mmap.mmap, section: tuple[int, ...]) -> bytes:
    return data[section[4] : section[4] + section[5]]
