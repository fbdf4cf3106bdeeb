"""A ledger's numbers as the registry publishes them."""

import logging

from floodmark_caches._errors import CachesError
from floodmark_caches._fork import Guarded
from floodmark_caches._registry import registry
from floodmark_caches._stats import MapStats
from floodmark_caches._threshold import Threshold, warn_crossed
from floodmark_caches.ledger._memory import MemoryStore
from floodmark_caches.ledger._record import TaskCounts
from floodmark_caches.ledger._store import TaskStore

logger = logging.getLogger("floodmark.caches")


class Published(Guarded):
    """Enters a ledger's name into the registry, ValueError if it is taken, and warns at the threshold. Thread-safe.

    Active tasks are the entries, refused duplicates the hits. With a file these are the numbers of this process alone,
    so that they can be summed over the workers: the tasks that it started, and what became of them. Those that ended at
    the hands of others, or were found overdue by them, are removed `elsewhere`. The threshold is about the whole
    ledger.
    """

    def __init__(
        self, name: str, store: TaskStore, *, timeout: float, maxsize: int, threshold: Threshold | None
    ) -> None:
        self._name = name
        self._store = store
        self._alone = isinstance(store, MemoryStore)
        self._timeout = timeout
        self._maxsize = maxsize
        self._threshold = threshold
        self._silent = False
        super().__init__()
        registry.register(name, self.stats)

    def grown(self, active: int) -> None:
        """Say that one more is active: `active` in all."""
        if self._threshold is not None:
            with self._lock:
                crossed = self._threshold.crossed(active - 1, active)
            if crossed:
                warn_crossed(self._name, active, self._threshold.level, self._maxsize)

    def stats(self) -> MapStats:
        """The numbers now; where the file cannot be read, those known last, and a warning the first time."""
        counts = self._counts()
        elsewhere = counts.started - counts.active - counts.finished
        removals = {"completed": counts.completed, "failed": counts.failed, "timed_out": counts.timed_out}
        threshold = self._threshold
        return MapStats(
            name=self._name,
            kind="TaskLedger",
            entries=counts.active,
            maxsize=self._maxsize,
            ttl=self._timeout,
            bytes=None,
            adds=counts.started,
            removes=counts.finished + elsewhere,
            hits=counts.duplicates,
            misses=counts.started,
            removals=removals if self._alone else {**removals, "elsewhere": elsewhere},
            evicted_before_ttl=counts.evicted,
            warn_at=None if threshold is None else threshold.level,
            warnings=0 if threshold is None else threshold.crossings,
            oldest_age=counts.oldest_age,
            container_ids=self._store.container_ids,
        )

    def _counts(self) -> TaskCounts:
        try:
            counts = self._store.own_counts()
        except CachesError as error:
            if not self._silent:
                self._silent = True
                message = "ledger %r: its numbers are those known last: %s; hint: %s"
                logger.warning(message, self._name, error, error.hint)
            return self._store.known_counts()
        self._silent = False
        return counts
