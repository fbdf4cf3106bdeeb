"""The service: the parts put together over one work folder."""

import os
from pathlib import Path

from . import files
from .archive import Archive
from .event_listener import EventListener, EventListenerBase
from .image import Image
from .scanner import Scanner, ScannerBase
from .scheduler import Scheduler, SchedulerBase
from .settings import Settings
from .totals import Totals


class Service:
    """One worker's pipeline. Owns its threads and its folders `input` and `archive` below the work folder."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.input = folder / "input"
        self.input.mkdir()
        archive_root = folder / "archive"
        archive_root.mkdir()
        self.totals = Totals("accepted", "by_event", "by_scanner", "failed", "missing", "moved", "swept")
        self.archive = Archive(archive_root, limit=settings.archive_limit)
        listener, scanner, scheduler = _parts(settings)
        self.scheduler = scheduler(self.archive, self.totals, settings)
        self.event_listener = listener(self.scheduler, self.totals, settings)
        self.scanner = scanner(self.input, self.scheduler, self.totals, settings)

    def start(self) -> None:
        """Start the scanner."""
        self.scanner.start()

    def stop(self) -> None:
        """Stop the scanner, then the jobs; images that were only queued stay in the input folder."""
        self.scanner.stop()
        self.scheduler.close()

    def accept(self, image: Image, content: bytes, *, announced: bool) -> None:
        """Write the image to the input folder and, where it comes with an event, tell the listener."""
        files.write(image.path, content)
        self.totals.add("accepted")
        if announced:
            self.event_listener.announce(image)

    def sizes(self) -> dict[str, int]:
        """Entries of the four maps."""
        return self.event_listener.sizes() | self.scanner.sizes() | self.scheduler.sizes()

    def waiting(self) -> int:
        """Files in the input folder."""
        with os.scandir(self.input) as entries:
            return sum(1 for _ in entries)


def _parts(settings: Settings) -> tuple[type[EventListenerBase], type[ScannerBase], type[SchedulerBase]]:
    if settings.variant == "leaky":
        return EventListener, Scanner, Scheduler
    # Imported here so that the leaky variant runs where there is no floodmark.
    from .bounded import BoundedEventListener, BoundedScanner, BoundedScheduler  # noqa: PLC0415

    return BoundedEventListener, BoundedScanner, BoundedScheduler
