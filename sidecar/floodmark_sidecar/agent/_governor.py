"""The agent's own budget: readings become rarer when they cost the service too much."""

from typing import Final

BUDGET: Final = 0.005
"""CPU seconds the agent's readings may use per second."""

SLOWEST: Final = 600.0
_WINDOW: Final = 4


class Governor:
    """Says how long to wait between readings. Not thread-safe: owned by the agent thread."""

    def __init__(self) -> None:
        self._costs: list[float] = []
        self.factor = 1

    def spent(self, seconds: float, every: float) -> None:
        """Take note that one reading cost *seconds* of CPU while readings are asked for *every* so many seconds.

        Judges the mean of several readings: over the budget the interval doubles, under a quarter of it it halves.
        """
        self._costs.append(seconds)
        if len(self._costs) < _WINDOW:
            return
        share = sum(self._costs) / len(self._costs) / self.interval(every)
        self._costs.clear()
        if share > BUDGET and self.interval(every) < SLOWEST:
            self.factor *= 2
        elif share < BUDGET / 4 and self.factor > 1:
            self.factor //= 2

    def interval(self, every: float) -> float:
        """Return the seconds between two readings when *every* is asked for."""
        return max(every, min(every * self.factor, SLOWEST))
