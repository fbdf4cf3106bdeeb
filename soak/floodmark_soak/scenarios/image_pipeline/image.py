"""An image in the input folder, and how its name says whose it is."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_SEPARATOR = "@"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


@dataclass(frozen=True, slots=True)
class Image:
    """One image, by the path under which it waits in the input folder: ``<input>/<task id>@<filename>``."""

    path: str
    task_id: str
    filename: str

    @classmethod
    def named(cls, folder: Path, task_id: str, filename: str) -> Self:
        """The image with this name; ValueError where a part could not be a file name."""
        for part in (task_id, filename):
            if not _NAME.fullmatch(part):
                message = f"not a usable name: {part!r} (letters, digits, '.', '_' and '-', at most 120)"
                raise ValueError(message)
        return cls(f"{folder}/{task_id}{_SEPARATOR}{filename}", task_id, filename)

    @classmethod
    def found(cls, path: str) -> Self | None:
        """The image at a path of the input folder; None where the file is not one of ours."""
        task_id, separator, filename = path.rpartition("/")[2].partition(_SEPARATOR)
        return cls(path, task_id, filename) if separator and filename else None
