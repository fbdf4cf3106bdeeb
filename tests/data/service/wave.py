"""The load of the bundled service in waves: one to eight cameras and back, every 200 seconds."""

import math
from typing import Final

from locust import LoadTestShape

from floodmark_soak.scenarios.image_pipeline.locustfile import Camera

__all__ = ["Camera", "Wave"]

PERIOD: Final = 200.0


class Wave(LoadTestShape):  # type: ignore[misc]
    """Begins and ends each wave with a single camera."""

    def tick(self) -> tuple[int, float]:
        """The cameras that there should be, and how many may come in a second."""
        part = (1 - math.cos(2 * math.pi * self.get_run_time() / PERIOD)) / 2
        return 1 + round(7 * part), 8
