"""The errors of the package: what they say, and that they can leave the process which raised them."""

import copy
import importlib
import inspect
import pickle
import pkgutil
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import floodmark_caches
from floodmark_caches import CachesError
from floodmark_caches.ledger import TaskRecord, TaskState
from tests.caches.conftest import run_python
from tests.caches.fix_fork import needs_fork

RECORD = TaskRecord("id", "speech", "k", TaskState.COMPLETED, 1.0, 2.0, 1.5, 7, None, None, '{"a": 1}')
ARGUMENTS: dict[str, Any] = {
    "name": "map",
    "maxsize": 3,
    "keys": ("a", 2),
    "timeout": 1.5,
    "record": RECORD,
    "max_active": 4,
    "path": Path("tasks.db"),
    "seconds": 0.5,
    "reason": "it is gone",
    "hint": "look for it",
    "text": "something is wrong",
}
"""A value for each name that a parameter of an error has."""


def error_classes() -> Iterator[type[BaseException]]:
    """Every exception that a module of the package defines."""
    for module in pkgutil.walk_packages(floodmark_caches.__path__, "floodmark_caches."):
        for found in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(found) and issubclass(found, BaseException) and found.__module__ == module.name:
                yield found


def make(kind: type[BaseException]) -> BaseException:
    """One of a kind."""
    return kind(*(ARGUMENTS[name] for name in inspect.signature(kind).parameters))


ERRORS = [make(kind) for kind in error_classes()]


def pickled(error: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> Any:
    """The error as another process gets it."""
    return pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own


WAYS: list[Callable[[Any], Any]] = [
    *(partial(pickled, protocol=protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
    copy.copy,
    copy.deepcopy,
]


def test_all_are_found() -> None:
    """Those that are public, at the least."""
    assert {"PendingFull", "LockTimeout", "DuplicateTask", "LedgerFull", "LedgerBusy", "LedgerFileError"} <= {
        type(error).__name__ for error in ERRORS
    }


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_when_it_comes_back(error: BaseException) -> None:
    """Pickled by any protocol, or copied, and that again: its kind, text, fields, and one note."""
    for way in WAYS:
        back = way(way(error))
        assert type(back) is type(error)
        assert (str(back), back.args, vars(back)) == (str(error), error.args, vars(error))
        assert isinstance(back, TimeoutError) == isinstance(error, TimeoutError)


@pytest.mark.parametrize(
    "error", [error for error in ERRORS if isinstance(error, CachesError)], ids=lambda error: type(error).__name__
)
def test_a_traceback_shows_the_hint_once(error: CachesError) -> None:
    """Also of one that was pickled; the text is without."""
    for each in (error, pickled(error)):
        assert "".join(traceback.format_exception(each)).count(f"\nhint: {error.hint}\n") == 1
        assert error.hint
        assert error.hint not in str(each)


@needs_fork
def test_an_error_comes_out_of_a_pool_of_processes() -> None:
    """As it was raised, and the pool goes on."""
    run_python(
        """
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context
        from floodmark_caches import LockTimeout, PendingFull, PendingSet
        from floodmark_caches.ledger import DuplicateTask, LedgerFull, TaskLedger

        pending = PendingSet("pending", maxsize=1, ttl=60)
        tasks = TaskLedger("tasks", timeout=60, keep=60, max_active=1)

        def wait():
            raise LockTimeout("locks", ("a",), 0.5)

        def claim():
            return [pending.claim(key) for key in "ab"]

        def start(*keys):
            for key in keys:
                tasks.start("speech", key=key)

        with ProcessPoolExecutor(1, get_context("fork")) as pool:
            for kind, call in (
                (LockTimeout, (wait,)), (PendingFull, (claim,)), (DuplicateTask, (start, "k", "k")), (LedgerFull, (start, "l"))
            ):
                error = pool.submit(*call).exception(20)
                assert type(error) is kind, error
                assert error.__notes__ == [f"hint: {error.hint}"]
        """
    )
