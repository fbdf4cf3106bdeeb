"""What a process runs, from the files that are mapped into it: its interpreter, its C library and malloc's heaps."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from floodmark_sidecar.agent import _files
from floodmark_sidecar.doctor import _elf
from floodmark_sidecar.doctor._facts import Code

_HEAP: Final = 64 << 20
"""What glibc reserves for a heap of an arena that is not the main one, and where it begins, on 64-bit machines."""

_PYTHON: Final = re.compile(r"(lib)?(python|pypy)[0-9.]*t?(\.so[0-9.]*)?$|uwsgi")
_FREE_THREADED: Final = re.compile(r"python3\.[0-9]+t|\.cpython-3[0-9]+t-")
_GLIBC: Final = re.compile(rb"GNU C Library [^\n]{0,200}?version ([0-9]+)\.([0-9]+)")
_LIBC: Final = re.compile(r"/libc(\.so\.6|-2\.[0-9]+\.so)$")
_GONE: Final = " (deleted)"


def code_of(home: Path) -> Code | None:
    """Return what the process runs whose folder in /proc is *home*; None where its files may not be looked at."""
    try:
        lines = _files.read(str(home / "maps")).splitlines()
        program = (home / "exe").readlink()
    except OSError:
        return None
    paths = {line[line.index("/") :].removesuffix(_GONE): line for line in lines if "/" in line}
    names = frozenset(path.rpartition("/")[2] for path in paths)
    interpreters = [home / "exe"]
    interpreters += [_file(home, paths[path]) for path in sorted(paths) if _PYTHON.search(path.rpartition("/")[2])]
    versions = (_elf.number_of(path, b"Py_Version") for path in interpreters)
    library = next((_file(home, paths[path]) for path in sorted(paths) if _LIBC.search(path)), None)
    found = _elf.first_match(library, _GLIBC) if library is not None else None
    return Code(
        program=program.name.removesuffix(_GONE),
        python=next((version for version in versions if version), None),
        free_threaded=any(_FREE_THREADED.search(name) for name in names),
        libraries=names,
        glibc=(int(found[1]), int(found[2])) if found else None,
        replaced=any(line.endswith(_GONE) and ("python" in line or ".so" in line) for line in paths.values()),
        arenas=sum(1 for _ in _heaps(lines)),
    )


def _file(home: Path, line: str) -> Path:
    """Return where the file of a line of `maps` is found from outside of its container, though it be replaced."""
    if line.endswith(_GONE):
        return home / "map_files" / "-".join(end.lstrip("0") for end in line.split(maxsplit=1)[0].split("-"))
    return home / "root" / line[line.index("/") + 1 :]


def _heaps(lines: list[str]) -> Iterator[int]:
    """Yield the beginning of every heap of glibc's beside the main one, from lines of `maps`.

    It begins at a multiple of what is reserved for it; what of it is not used yet comes behind and may not be touched. Those
    that are used in full look like any other memory, and are not among them.
    """
    anonymous = (line.split()[:2] for line in lines if len(line.split()) == 5)
    for (used, access), (unused, behind) in pairwise(anonymous):
        start, _, end = used.partition("-")
        home = int(start, 16)
        if (access, behind) == ("rw-p", "---p") and home % _HEAP == 0 and unused == f"{end}-{home + _HEAP:08x}":
            yield home
