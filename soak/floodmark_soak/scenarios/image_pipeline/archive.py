"""Where analysed images end: a folder per task, the newest images only."""

import threading
from collections import deque
from pathlib import Path

from . import files
from .image import Image


class Archive:
    """The newest `limit` images, moved here from the input folder. Safe under threads."""

    def __init__(self, root: Path, *, limit: int) -> None:
        self._root = str(root)
        self._limit = limit
        self._kept: deque[str] = deque()
        # Guards the folders too: an emptied one must not be removed between its making and the next file's arrival.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def store(self, image: Image) -> None:
        """Move the image's file here and delete the oldest beyond the limit; FileNotFoundError where it is gone."""
        with self._lock:
            self._kept.append(files.move(image.path, f"{self._root}/{image.task_id}", image.filename))
            while len(self._kept) > self._limit:
                files.delete_with_folder(self._kept.popleft())
