"""How many images took which way through the service."""

import threading


class Totals:
    """A fixed set of counters, safe under threads."""

    def __init__(self, *names: str) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(names, 0)

    def add(self, name: str) -> None:
        """Count one; KeyError where the counter is not one of the fixed set."""
        with self._lock:
            self._counts[name] += 1

    def as_dict(self) -> dict[str, int]:
        """All counters at one instant."""
        with self._lock:
            return dict(self._counts)
