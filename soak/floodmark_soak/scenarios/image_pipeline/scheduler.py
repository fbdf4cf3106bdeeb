"""The scheduler: has each image analysed and moved to the archive, in the background."""

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sized
from contextlib import AbstractContextManager
from functools import partial

from . import files
from .archive import Archive
from .background import Background
from .image import Image
from .inference import infer
from .settings import Settings
from .totals import Totals


class WorkerLostError(Exception):
    """A background worker died with the image it had taken; carries the image's path."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class SchedulerBase(ABC):
    """Queues images for inference, at most once at a time each, and then for their move, one at a time per task."""

    pending_inference: Sized
    move_locks: Sized

    def __init__(self, archive: Archive, totals: Totals, settings: Settings) -> None:
        self._archive = archive
        self._totals = totals
        self._failures = settings.failures
        self._fate = random.Random(0)  # noqa: S311 which jobs fail must be repeatable, not unpredictable
        self._inference = Background("inference", workers=settings.inference_workers, backlog=settings.backlog)
        self._moves = Background("move", workers=settings.move_workers, backlog=settings.backlog)

    def schedule(self, image: Image, *, wait: bool) -> bool:
        """Queue the image for inference; False where it is pending already, or the queue is full and `wait` is not set."""
        clear = self.mark_pending(image.path)
        if clear is None:
            return False
        if not self._inference.submit(partial(self._infer, image, clear), wait=wait):
            clear()
            return False
        return True

    def close(self) -> None:
        """Drop what is queued and wait for the jobs that run."""
        self._inference.close()
        self._moves.close()

    def _infer(self, image: Image, clear_pending: Callable[[], object]) -> None:
        if self._fate.random() < self._failures:
            # As in the report: the image has been taken from the queue, and its flag is not cleared by anybody any more.
            self._totals.add("failed")
            raise WorkerLostError(image.path)
        clear_pending()
        try:
            infer(files.read(image.path))
        except FileNotFoundError:
            self._totals.add("missing")
            return
        self._moves.submit(partial(self._move, image), wait=True)

    def _move(self, image: Image) -> None:
        with self.moving(image.task_id):
            try:
                self._archive.store(image)
            except FileNotFoundError:
                self._totals.add("missing")
            else:
                self._totals.add("moved")

    @abstractmethod
    def mark_pending(self, path: str) -> Callable[[], object] | None:
        """Raise the image's pending flag; return what clears it, or None where it is raised already."""

    @abstractmethod
    def moving(self, task_id: str) -> AbstractContextManager[object]:
        """Exclude other moves of the same task."""

    def sizes(self) -> dict[str, int]:
        """Entries by attribute."""
        return {
            "scheduler.move_locks": len(self.move_locks),
            "scheduler.pending_inference": len(self.pending_inference),
        }


class Scheduler(SchedulerBase):
    """The scheduler as the plugin had it: a lock for every task there ever was, and flags that a dead job leaves behind."""

    def __init__(self, archive: Archive, totals: Totals, settings: Settings) -> None:
        super().__init__(archive, totals, settings)
        self._mutex = threading.Lock()
        self.pending_inference: dict[str, bool] = {}
        self.move_locks: dict[str, threading.Lock] = {}

    def mark_pending(self, path: str) -> Callable[[], object] | None:
        """Raise the flag in the map."""
        with self._mutex:
            if path in self.pending_inference:
                return None
            self.pending_inference[path] = True
        return partial(self._clear_pending, path)

    def _clear_pending(self, path: str) -> None:
        with self._mutex:
            self.pending_inference.pop(path, None)

    def moving(self, task_id: str) -> AbstractContextManager[object]:
        """The task's lock, made at its first move."""
        with self._mutex:
            return self.move_locks.setdefault(task_id, threading.Lock())
