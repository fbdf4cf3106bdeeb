"""A locustfile whose task fails before it asks for anything."""

from locust import HttpUser, constant, task


class Confused(HttpUser):  # type: ignore[misc]
    """Someone who never gets to the request."""

    wait_time = constant(0.05)

    @task  # type: ignore[untyped-decorator]
    def nothing(self) -> None:
        """Stumble."""
        msg = "lost the way"
        raise LookupError(msg)
