"""The bounded variant: the same four attributes on maps that have a bound. Nothing else differs."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from floodmark_caches import KeyedLocks, PendingFull, PendingSet, SeenSet

from .archive import Archive
from .event_listener import EventListenerBase
from .scanner import ScannerBase
from .scheduler import SchedulerBase
from .settings import Settings
from .totals import Totals

_PROCESSED_TTL = 3_600.0
_PENDING_BOUND = 10_000


class BoundedEventListener(EventListenerBase):
    """Remembers the newest paths only."""

    def __init__(self, scheduler: SchedulerBase, totals: Totals, settings: Settings) -> None:
        super().__init__(scheduler, totals, settings)
        self.processed: SeenSet[str] = SeenSet(
            "event_listener_processed", maxsize=self._settings.processed_bound, ttl=_PROCESSED_TTL
        )

    def first_event(self, path: str) -> bool:
        """Remember the path for as long as there is room for it."""
        return self.processed.add(path)


class BoundedScanner(ScannerBase):
    """Remembers the newest paths only."""

    def __init__(self, folder: Path, scheduler: SchedulerBase, totals: Totals, settings: Settings) -> None:
        super().__init__(folder, scheduler, totals, settings)
        self.processed: SeenSet[str] = SeenSet(
            "scanner_processed", maxsize=self._settings.processed_bound, ttl=_PROCESSED_TTL
        )

    def first_sight(self, path: str) -> bool:
        """Remember the path for as long as there is room for it."""
        return self.processed.add(path)


class BoundedScheduler(SchedulerBase):
    """Keeps a lock while its task has a move, and lets the flags of dead jobs expire."""

    def __init__(self, archive: Archive, totals: Totals, settings: Settings) -> None:
        super().__init__(archive, totals, settings)
        self.pending_inference: PendingSet[str] = PendingSet(
            "pending_inference", maxsize=_PENDING_BOUND, ttl=settings.pending_ttl
        )
        self.move_locks: KeyedLocks[str] = KeyedLocks("move_locks")

    def mark_pending(self, path: str) -> Callable[[], object] | None:
        """Claim the path; the claim of a job that dies expires. No claim is to be had where the set is full of live ones."""
        try:
            claim = self.pending_inference.claim(path)
        except PendingFull:
            return None
        return claim.release if claim else None

    def moving(self, task_id: str) -> AbstractContextManager[object]:
        """The task's lock, dropped with its last holder."""
        return self.move_locks.hold(task_id)
