"""The event listener: hears of the images whose arrival was announced."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sized

from .image import Image
from .scheduler import SchedulerBase
from .settings import Settings
from .totals import Totals


class EventListenerBase(ABC):
    """Hands each announced image to the scheduler, once."""

    processed: Sized

    def __init__(self, scheduler: SchedulerBase, totals: Totals, settings: Settings) -> None:
        self._scheduler = scheduler
        self._totals = totals
        self._settings = settings

    def announce(self, image: Image) -> None:
        """Take an arrival event. An image there is no room for is left in the input folder, to the scanner."""
        if self.first_event(image.path) and self._scheduler.schedule(image, wait=False):
            self._totals.add("by_event")

    @abstractmethod
    def first_event(self, path: str) -> bool:
        """Remember the path; False where an event has announced it before."""

    def sizes(self) -> dict[str, int]:
        """Entries by attribute."""
        return {"event_listener.processed": len(self.processed)}


class EventListener(EventListenerBase):
    """The event listener as the plugin had it: remembers every path for ever."""

    def __init__(self, scheduler: SchedulerBase, totals: Totals, settings: Settings) -> None:
        super().__init__(scheduler, totals, settings)
        self.processed: dict[str, float] = {}

    def first_event(self, path: str) -> bool:
        """Remember the path and when it was processed."""
        if path in self.processed:
            return False
        self.processed[path] = time.time()
        return True
