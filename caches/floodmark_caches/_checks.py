"""Arguments of the maps, checked once, before anything is made: each check returns the value or says what is wrong."""

import math
import reprlib
import sys
from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

_LONGEST_NAME = 200  # names become labels, columns and log lines


def check_name(name: object) -> str:
    """`name` as a map may bear it: printable text, for it is written into logs, tables and labels."""
    if not isinstance(name, str):
        msg = f"name must be a str (got {name!r})"
        raise TypeError(msg)
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        msg = f"name must be 1 to {_LONGEST_NAME} printable characters (got {name!r})"
        raise ValueError(msg)
    return name


def check_count(what: str, value: object) -> int:
    """`value` as a count of one or more, with `what` naming it in the error."""
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"{what} must be an int (got {value!r})"
        raise TypeError(msg)
    if value < 1:
        msg = f"{what} must be >= 1 (got {value!r})"
        raise ValueError(msg)
    if value > sys.maxsize:  # its digits could be more than the interpreter would write
        msg = f"{what} must be <= {sys.maxsize} (got an int of {value.bit_length()} bits)"
        raise ValueError(msg)
    return value


def check_maxsize(maxsize: object) -> int:
    """`maxsize` as a bound: a whole number of at least 1. Infinite is no bound, and an empty map is a mistake."""
    if isinstance(maxsize, float) and not math.isfinite(maxsize):
        msg = f"maxsize must be a finite whole number >= 1 (got {maxsize!r})"
        raise ValueError(msg)
    return check_count("maxsize", maxsize)


def check_hashable(key: object) -> None:
    """TypeError with the key if it cannot be one; asked when a lookup has failed, for the answer costs a hash."""
    try:
        hash(key)
    except TypeError:
        msg = f"a key must be hashable (got {reprlib.repr(key)})"
        raise TypeError(msg) from None


def check_number(what: str, value: object) -> float:
    """`value` as a finite number, with `what` naming it in the error."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"{what} must be a number (got {value!r})"
        raise TypeError(msg)
    try:
        finite = math.isfinite(value)
    except OverflowError:  # its digits could be more than the interpreter would write
        msg = f"{what} must be in the range of a float (got an int of {int(value).bit_length()} bits)"
        raise ValueError(msg) from None
    if not finite:
        msg = f"{what} must be finite (got {value!r})"
        raise ValueError(msg)
    return value


def check_seconds(what: str, value: object) -> float:
    """`value` as a length of time above zero, in seconds."""
    seconds = check_number(what, value)
    if seconds <= 0:
        msg = f"{what} must be > 0 seconds (got {value!r})"
        raise ValueError(msg)
    return seconds


def check_ttl(ttl: object) -> float | None:
    """`ttl` in seconds, or None for entries that do not expire."""
    return None if ttl is None else check_seconds("ttl", ttl)


def check_warn_at(warn_at: object, maxsize: int | None) -> int | None:
    """The level at which to warn: an int counts entries, a float up to 1.0 is a fraction of `maxsize`."""
    if warn_at is None:
        return None
    level = check_number("warn_at", warn_at)
    if isinstance(level, float):
        if maxsize is None:
            msg = f"warn_at must be an int where there is no maxsize (got {warn_at!r})"
            raise TypeError(msg)
        if not 0 < level <= 1:
            msg = f"warn_at must be a number of entries or a fraction in (0, 1] of maxsize (got {warn_at!r})"
            raise ValueError(msg)
        return math.ceil(level * maxsize)
    if level < 1:
        msg = f"warn_at must be >= 1 (got {warn_at!r})"
        raise ValueError(msg)
    if maxsize is not None and level > maxsize:
        msg = f"warn_at must be <= maxsize, {maxsize}, or it is never reached (got {warn_at!r})"
        raise ValueError(msg)
    return level


def check_callable(what: str, function: _F) -> _F:
    """`function`, if it can be called at all."""
    if not callable(function):
        msg = f"{what} must be callable (got {function!r})"
        raise TypeError(msg)
    return function


def check_clock(what: str, clock: Callable[[], float]) -> Callable[[], float]:
    """`clock`, if a call of it gives a finite number of seconds; it is called once."""
    check_number(f"the time from {what}", check_callable(what, clock)())
    return clock
