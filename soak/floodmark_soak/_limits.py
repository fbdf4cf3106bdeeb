"""Limits as a test gives them."""

import math

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.units import parse_size


def size_of(limit: object) -> float:
    """Return *limit*, a size such as `64KiB` or a number of bytes, in bytes; raises `UsageError` if it is none."""
    if isinstance(limit, str):
        return float(parse_size(limit))
    if isinstance(limit, int | float) and not isinstance(limit, bool) and 0 <= limit < math.inf:
        return float(limit)
    msg = f"a limit is a size such as 64KiB, or a number of bytes of 0 or more (got {limit!r})"
    raise UsageError(msg)
