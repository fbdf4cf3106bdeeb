"""Where `--plot` writes its pictures: one file, or one for each trace with its number; never over a file that is there."""

import errno
import os
from pathlib import Path
from typing import Final

from floodmark_sidecar.cli._commands import missing
from floodmark_sidecar.cli._shown import Shown
from floodmark_sidecar.errors import FloodmarkError, UsageError
from floodmark_sidecar.judge import Verdict

_FORMS: Final = (".svg", ".png")


class Pictures:
    """The pictures of *count* traces at *path*, `x.svg`, or `x-1.svg`, `x-2.svg` and so on where there are several.

    Raises `UsageError` at once for what could not be drawn or written later.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._form = path.suffix.lower()
        if self._form not in _FORMS:
            # An empty text is the path of the present folder.
            msg = f"--plot must be a file that ends in .svg or .png (got {str(path) if path.name else ''!r})"
            raise UsageError(msg)
        try:
            from floodmark_sidecar.cli._picture import picture  # noqa: PLC0415 - half a second, and not always installed
        except ModuleNotFoundError as error:
            raise missing(error, "soak") from error
        self._draw = picture
        digits = len(str(count))
        self.paths = [path] if count == 1 else [_numbered(path, i, digits) for i in range(1, count + 1)]
        if not path.parent.is_dir():
            msg = f"the picture {path} cannot be written: {path.parent} is no folder"
            raise UsageError(msg)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            msg = f"the picture {path} cannot be written: {os.strerror(errno.EACCES)}"
            raise UsageError(msg)
        there = next((each for each in self.paths if os.path.lexists(each)), None)
        if there is not None:
            msg = f"the picture {there} exists already"
            raise UsageError(msg, hint="name another file, or remove this one")

    def draw(self, index: int, name: str, verdict: Verdict, what: Shown) -> Path:
        """Write the picture of trace *index*, and return where it is. An error leaves nothing behind."""
        path = self.paths[index]
        content = self._draw(name, verdict, what, form=self._form.removeprefix("."))
        try:
            with path.open("xb") as file:
                try:
                    file.write(content)
                    file.flush()
                except BaseException:
                    path.unlink(missing_ok=True)
                    raise
        except OSError as error:
            msg = f"the picture {path} cannot be written: {error.strerror}"
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise (FloodmarkError if full else UsageError)(msg) from None
        return path


def _numbered(path: Path, number: int, digits: int) -> Path:
    return path.with_stem(f"{path.stem}-{number:0{digits}}")
