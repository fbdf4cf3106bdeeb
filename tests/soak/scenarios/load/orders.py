"""The load of the applications under test: orders with ids of their own, at a fixed rate (``ORDERS_RATE`` a second)."""

import itertools
import os
import random

from locust import FastHttpUser, constant_throughput, task

RATE = float(os.environ.get("ORDERS_RATE", "150"))

_numbers = itertools.count()


class Customer(FastHttpUser):  # type: ignore[misc]
    """One of several customers that share the rate evenly."""

    def __init__(self, environment: object) -> None:
        super().__init__(environment)
        self._wait_time = constant_throughput(RATE / max(1, self.environment.parsed_options.num_users or 1))
        self._random = random.Random(next(_numbers))

    def wait_time(self) -> float:
        """Seconds until this customer's next order."""
        return float(self._wait_time(self))

    @task  # type: ignore[untyped-decorator]
    def order(self) -> None:
        """Place one order."""
        self.client.post(f"/orders/{self._random.getrandbits(128):032x}", name="/orders/[id]")
