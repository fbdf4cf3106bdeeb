"""Callbacks, called one after the other for all that happened in one step."""

import logging
from collections.abc import Callable, Iterable

logger = logging.getLogger("floodmark.caches")


_REMOVED = "map %r: the callback for a removed entry failed"


def tell_all(name: str, calls: Iterable[Callable[[], object]], *, alone: bool, failed: str = _REMOVED) -> None:
    """Make every call, whatever the others raise; errors are logged as `failed`, with the `name` of the map.

    What is no error, such as SystemExit or an interrupt, is raised behind the last call, the first if there are many;
    where the thread is `alone`, with nobody above to take it, it is logged like an error.
    """
    escape: BaseException | None = None
    for call in calls:
        try:
            call()
        except BaseException as error:
            if alone or isinstance(error, Exception):
                logger.exception(failed, name)
            else:
                escape = escape or error
    if escape is not None:
        try:
            raise escape
        finally:
            del escape  # else it would refer to itself by the variables of its traceback
