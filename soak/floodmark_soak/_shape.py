"""A second locust file: the load of a plan's `profile`, as a shape of locust's. Loaded by locust alone, never imported.

How many users there are by the time of the run is told by `_profiles`, which loads nothing.
"""

import os
from typing import Final

from locust import LoadTestShape

from floodmark_soak._profiles import users_at

_PROFILE: Final = os.environ["FLOODMARK_LOAD_PROFILE"]
_USERS: Final = int(os.environ["FLOODMARK_LOAD_USERS"])
_RATE: Final = float(os.environ["FLOODMARK_LOAD_RATE"])
_PLANNED: Final = float(os.environ["FLOODMARK_LOAD_PLANNED"])
_BEFORE: Final = float(os.environ["FLOODMARK_LOAD_BEFORE"])


class Profile(LoadTestShape):  # type: ignore[misc]  # locust is not looked into
    """The users of the plan's profile; a run that goes on has them as if it had never paused."""

    def tick(self) -> tuple[int, float]:
        """Return how many users there are to be now, and how many of them start in a second."""
        return users_at(_PROFILE, _BEFORE + self.get_run_time(), users=_USERS, planned=_PLANNED), _RATE
