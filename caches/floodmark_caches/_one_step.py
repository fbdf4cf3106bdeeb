"""Two calls that no signal handler can come between."""

from collections.abc import Callable
from operator import call


def in_one_step(*calls: Callable[[], object]) -> None:
    """Make the calls one after the other; what a signal handler raises comes before the first or after the last.

    The interpreter runs signal handlers between the calls of Python code, and here C makes them. That holds for calls
    of functions in C; in one that is written in Python it may raise, and the calls behind it are not made then.
    """
    list(map(call, calls))
