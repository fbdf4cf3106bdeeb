"""The scanner: finds the images nobody announced."""

import logging
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sized
from pathlib import Path

from . import files
from .image import Image
from .scheduler import SchedulerBase
from .settings import Settings
from .totals import Totals

_LOG = logging.getLogger(__name__)


class ScannerBase(ABC):
    """A thread that looks through the input folder again and again.

    A file that has lain there for `settle` seconds is handed to the scheduler, once; one that is still there after
    `abandon` seconds belonged to a job that died, and is deleted.
    """

    processed: Sized

    def __init__(self, folder: Path, scheduler: SchedulerBase, totals: Totals, settings: Settings) -> None:
        self._folder = folder
        self._scheduler = scheduler
        self._totals = totals
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scanner", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for its end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._settings.scan_every):
            try:
                self.scan()
            except OSError as error:
                _LOG.warning("scan of %s failed: %s", self._folder, error)

    def scan(self) -> None:
        """Look through the folder once."""
        now = time.time()
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if self._stopping.is_set():
                    return
                try:
                    age = now - entry.stat().st_mtime
                except FileNotFoundError:
                    continue  # moved since the folder was read
                if age > self._settings.abandon:
                    self._sweep(entry.path)
                elif age > self._settings.settle and (image := Image.found(entry.path)):
                    self._take(image)

    def _take(self, image: Image) -> None:
        if self.first_sight(image.path) and self._scheduler.schedule(image, wait=True):
            self._totals.add("by_scanner")

    def _sweep(self, path: str) -> None:
        files.delete(path)
        self._totals.add("swept")

    @abstractmethod
    def first_sight(self, path: str) -> bool:
        """Remember the path; False where a scan has found it before."""

    def sizes(self) -> dict[str, int]:
        """Entries by attribute."""
        return {"scanner.processed": len(self.processed)}


class Scanner(ScannerBase):
    """The scanner as the plugin had it: remembers every path for ever."""

    def __init__(self, folder: Path, scheduler: SchedulerBase, totals: Totals, settings: Settings) -> None:
        super().__init__(folder, scheduler, totals, settings)
        self.processed: dict[str, float] = {}

    def first_sight(self, path: str) -> bool:
        """Remember the path and when it was processed."""
        if path in self.processed:
            return False
        self.processed[path] = time.time()
        return True
