"""The load: tasks of two images each, one announced by an event and one left to the scanner, at a fixed rate.

``IMAGE_PIPELINE_RATE`` sets the images a second of all users together (default 220), ``IMAGE_PIPELINE_SEED`` the ids and
bytes of the images.
"""

import itertools
import os
import random
from collections.abc import Iterator

from locust import FastHttpUser, constant_throughput, task

RATE = float(os.environ.get("IMAGE_PIPELINE_RATE", "220"))
SEED = os.environ.get("IMAGE_PIPELINE_SEED", "1")

_numbers = itertools.count()


class Camera(FastHttpUser):  # type: ignore[misc]
    """One of several cameras that share the rate evenly."""

    def __init__(self, environment: object) -> None:
        super().__init__(environment)
        options = self.environment.parsed_options
        self._wait_time = constant_throughput(RATE / max(1, options.num_users or 1))
        self._number = next(_numbers)
        # Processes of a distributed load count their users from zero each.
        process = getattr(self.environment.runner, "worker_index", 0)
        self._random = random.Random(f"{SEED}/{process}/{self._number}")  # noqa: S311 repeatable, not unpredictable
        self._images = self._endless_images()

    def wait_time(self) -> float:
        """Seconds until this user's next image."""
        return float(self._wait_time(self))

    @task  # type: ignore[untyped-decorator]
    def send_image(self) -> None:
        """Post the next image."""
        path, content = next(self._images)
        self.client.post(path, data=content, name="/tasks/[id]/images")

    def _endless_images(self) -> Iterator[tuple[str, bytes]]:
        for number in itertools.count():
            task_id = f"inspection-line{self._number:02d}-{self._random.getrandbits(128):032x}"
            for event in (1, 0):
                digest = self._random.getrandbits(64)
                filename = f"camera-{self._number:02d}_{number:08d}_{event}_{digest:016x}.jpg"
                content = self._random.randbytes(self._random.randint(256, 1024))
                yield f"/tasks/{task_id}/images/{filename}?event={event}", content
