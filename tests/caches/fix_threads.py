"""Many threads at once, and keys that let other threads in at the worst moments."""

import threading
import time
from collections.abc import Callable

THREADS = 4


class SwitchingKey:
    """A key whose hash and equality are Python code, in which any thread may be switched in.

    `hashes` is how many hashes the keys of a test share; equal keys have to be made with the same number.
    """

    def __init__(self, number: int, hashes: int = 8) -> None:
        self.number = number
        self.hashes = hashes

    def __hash__(self) -> int:
        time.sleep(0)
        return self.number % self.hashes

    def __eq__(self, other: object) -> bool:
        time.sleep(0)
        return isinstance(other, SwitchingKey) and other.number == self.number


def hammer(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Run `work(thread number)` in several threads that start together; what one raises is raised here."""
    barrier = threading.Barrier(threads)
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait(10)
            work(number)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    started = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(30)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
