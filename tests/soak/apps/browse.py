"""A locustfile: every user asks for the front page again and again."""

from locust import HttpUser, constant, task


class Visitor(HttpUser):  # type: ignore[misc]
    """Someone who reloads."""

    wait_time = constant(0.05)

    @task  # type: ignore[untyped-decorator]
    def front_page(self) -> None:
        """Ask for the front page."""
        self.client.get("/")
