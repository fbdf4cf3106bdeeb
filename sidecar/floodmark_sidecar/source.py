"""Finds the line of source on which a culprit is made. Reads files; never imports or runs what they hold."""

import re
import stat
import threading
import tokenize
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Final

from floodmark_sidecar.culprits import Owner
from floodmark_sidecar.culprits._bindings import Bindings

_MAX_FILES: Final = 128
_MAX_BYTES: Final = 4 << 20
"""Hand-written modules are far below this; what is above is generated and costs seconds to parse."""

_LIBRARY: Final = re.compile(r".*/(?:(?:site|dist)-packages|lib(?:64)?/python3\.\d+t?)/(?P<rest>.+)")


class SourceLocator:
    """Says where an owner's attribute, global or closure variable is made: `app/scheduler.py:99`.

    Call it with an `Owner`; it answers None wherever the source is missing, cannot be parsed or does not (or no longer)
    bind the name: a line is shown only if it was read, or told by the process itself. Files below *cwd* are written relative to it, files of installed
    packages and of the standard library as `package/module.py:line`, all others absolute. What a file binds is kept
    until the file changes, for the 128 files asked for last. Thread-safe: one caller parses at a time.
    """

    def __init__(self, cwd: Path | None) -> None:
        self._roots = [] if cwd is None else list(dict.fromkeys((cwd.absolute(), cwd.resolve())))
        self._lock = threading.Lock()
        self._files: OrderedDict[str, tuple[tuple[int, int], Bindings | None]] = OrderedDict()

    def __call__(self, owner: Owner) -> str | None:
        """Return `file:line` of the place where *owner*'s attribute is made, or None."""
        if owner.file is None:
            return None
        line = owner.line or self._line(owner.file, owner)
        return f"{self.shown(owner.file)}:{line}" if line else None

    def _line(self, file: str, owner: Owner) -> int | None:
        with self._lock:
            bindings = self._bindings(file)
        return bindings.line(owner.qualname, owner.attribute) if bindings is not None else None

    def _bindings(self, file: str) -> Bindings | None:
        try:
            status = Path(file).stat()
        except (OSError, ValueError):
            self._files.pop(file, None)
            return None
        version = (status.st_mtime_ns, status.st_size)
        kept = self._files.get(file)
        if kept is None or kept[0] != version:
            readable = stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_BYTES
            kept = self._files[file] = (version, _read(file) if readable else None)
            while len(self._files) > _MAX_FILES:
                self._files.popitem(last=False)
        self._files.move_to_end(file)
        return kept[1]

    def shown(self, file: str) -> str:
        """Return how the absolute path *file* is written in front of a line."""
        installed = _LIBRARY.fullmatch(file)
        for path in dict.fromkeys((Path(file).absolute(), Path(file).resolve())):
            for root in self._roots:
                if path.is_relative_to(root):
                    relative = path.relative_to(root).as_posix()
                    # A virtual environment inside the working directory holds libraries, not the user's code.
                    if not _LIBRARY.fullmatch(f"/{relative}"):
                        return relative
        return installed["rest"] if installed else file


def _read(file: str) -> Bindings | None:
    try:
        with tokenize.open(file) as stream:
            text = stream.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stray "\d" in foreign code is not our operator's business
            return Bindings(text)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
