"""Whose code a frame runs, and where that is written."""

import os
from types import CodeType, FrameType

from floodmark_sidecar.agent._origin import USER, Modules


class Places:
    """Says of code whether it is the user's, and of frames where they are. Each code object is looked at once."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._known: dict[int, tuple[CodeType, str, bool]] = {}

    def file(self, code: CodeType) -> str:
        """Return the absolute path of the source of *code*; what is not from a file goes by a name like `<string>`."""
        return self._look(code)[1]

    def is_users(self, code: CodeType) -> bool:
        """Whether *code* is the user's own, from a file."""
        return self._look(code)[2]

    def place(self, frame: FrameType) -> str:
        """Return `file:line` of where *frame* is."""
        return f"{self.file(frame.f_code)}:{frame.f_lineno or frame.f_code.co_firstlineno}"

    def module(self, frame: FrameType) -> str:
        """Return the name of the module whose globals *frame* has, "" if it has none."""
        name = dict.get(frame.f_globals, "__name__")
        return self._modules.shown(name) if type(name) is str else ""

    def _look(self, code: CodeType) -> tuple[CodeType, str, bool]:
        known = self._known.get(id(code))
        if known is None:
            written = code.co_filename
            generated = written.startswith("<")
            file = written if generated else os.path.abspath(written)  # noqa: PTH100  see `_files`
            known = self._known[id(code)] = (code, file, not generated and self._modules.of_file(file) == USER)
        return known
