"""What pytest itself keeps of a test while it runs: records of the log, and warnings. None of it is the test's."""

import contextlib
import warnings
from collections.abc import Callable, Iterator

import pytest


def log_of(config: pytest.Config) -> Callable[[], None]:
    """Return what has pytest forget the records of the log that it has so far: those of a report, and of `caplog`."""
    plugin = config.pluginmanager.get_plugin("logging-plugin")
    handlers = [getattr(plugin, name, None) for name in ("caplog_handler", "report_handler")]
    resets = [handler.reset for handler in handlers if handler is not None]

    def forget() -> None:
        for reset in resets:
            reset()

    return forget


@contextlib.contextmanager
def own_warnings() -> Iterator[Callable[[], None]]:
    """Keep warnings, filtered as ever, until what is yielded is called, which forgets them; pytest gets those before its first call."""
    with warnings.catch_warnings(record=True) as recorded:
        first: list[warnings.WarningMessage] = []

        def forget() -> None:
            if not first:
                first.extend(recorded)
            recorded.clear()

        yield forget
    for each in first or recorded:
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno, source=each.source)
