"""What callers pass to a ledger: looked at before anything is changed, and refused with the value in the sentence."""

import json
import os
import reprlib
from pathlib import Path

from floodmark_caches.ledger._record import TaskState

LONGEST_TEXT = 500
"""Characters of a kind, a key, or a failure's message."""
LONGEST_RESULT = 4096
"""Characters of a result as JSON."""


def check_text(what: str, value: object) -> str:
    """`value` as a text that can be stored and shown."""
    if not isinstance(value, str):
        msg = f"{what} must be a str (got {value!r})"
        raise TypeError(msg)
    if not value or len(value) > LONGEST_TEXT or not value.isprintable():
        shown = value if len(value) <= LONGEST_TEXT else f"{value[:20]}… of {len(value)} characters"
        msg = f"{what} must be 1 to {LONGEST_TEXT} printable characters (got {shown!r})"
        raise ValueError(msg)
    return value


def check_token(token: object) -> str:
    """`token` as one that may be its owner's; it is a secret, so the sentence has no more than its type."""
    if not isinstance(token, str):
        msg = f"token must be a str (got a {type(token).__qualname__})"
        raise TypeError(msg)
    return token


def check_state(state: object) -> TaskState:
    """`state` as one of the states of a task."""
    try:
        return TaskState(state)  # type: ignore[arg-type]
    except ValueError:
        msg = f"state must be one of {', '.join(TaskState)} (got {state!r})"
        raise ValueError(msg) from None


def check_path(path: object) -> Path:
    """`path` as the absolute path of a file; the names that SQLite itself would take for something else are refused."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        msg = f"path must be a str or a Path (got {path!r})"
        raise TypeError(msg)
    if not text:
        msg = f"path must not be empty, leave it out to keep the tasks in memory (got {path!r})"
        raise ValueError(msg)
    if text == ":memory:":
        msg = f"path must name a file, leave it out to keep the tasks in memory (got {path!r})"
        raise ValueError(msg)
    if text.startswith("file:") or "\0" in text:
        msg = f"path must name a file, and may be no URI (got {path!r})"
        raise ValueError(msg)
    return Path(text).absolute()


def as_json(result: object) -> str | None:
    """A result as it is kept; TypeError or ValueError if it cannot be."""
    if result is None:
        return None
    try:
        text = json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        msg = f"a result must be a JSON value (got {reprlib.repr(result)}: {error})"
        raise type(error)(msg) from None
    except RecursionError:
        msg = f"a result must be a JSON value (got {reprlib.repr(result)}: nested too deep)"
        raise ValueError(msg) from None
    if len(text) > LONGEST_RESULT:
        msg = f"a result may be {LONGEST_RESULT} characters as JSON, keep a reference to more (got {len(text)})"
        raise ValueError(msg)
    return text


def as_failure(error: object) -> tuple[str | None, str]:
    """The type and the message of a failure as they are kept; no type for a message alone."""
    if isinstance(error, BaseException):
        return type(error).__qualname__[:LONGEST_TEXT], _message(error)
    if isinstance(error, str):
        return None, _message(error)
    msg = f"error must be an exception or a str (got {reprlib.repr(error)})"
    raise TypeError(msg)


def _message(error: BaseException | str) -> str:
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001 - a foreign exception may fail to say what it is
        text = f"its message cannot be read ({type(broken).__qualname__})"
    return text[:LONGEST_TEXT].encode("utf-8", "backslashreplace").decode()
