"""A locustfile whose users go home after a second, and which leaves a process behind."""

import subprocess
import sys
import time

from locust import HttpUser, constant, task
from locust.exception import StopUser

subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)


class Visitor(HttpUser):  # type: ignore[misc]
    """Someone with little time."""

    wait_time = constant(0.05)

    def on_start(self) -> None:
        """Look at the clock."""
        self._came = time.monotonic()

    @task  # type: ignore[untyped-decorator]
    def front_page(self) -> None:
        """Ask for the front page, and go."""
        self.client.get("/")
        if time.monotonic() - self._came > 1:
            raise StopUser
