"""Reading a TOML table strictly: every key known, every value of its type, every complaint with the value in it."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn, TypeVar

from floodmark_sidecar.errors import UsageError

T = TypeVar("T")

_REQUIRED: Final = object()


class PlanError(UsageError):
    """Raised when a plan is not usable; names the plan, and the table and key where there is one."""

    def __init__(self, message: str, *, plan: str, table: str = "", key: str = "") -> None:
        place = f"[{table}] " if table else ""
        super().__init__(f"{plan}: {place}{message}")
        self.plan = plan
        self.table = table
        self.key = key


class Table:
    """One table of a plan. `read` takes its values one by one; a key outside *keys* is refused at once."""

    def __init__(self, plan: str, name: str, data: Mapping[str, Any], keys: Iterable[str]) -> None:
        self._plan, self._name, self._data = plan, name, data
        known = list(keys)
        for key in data:
            if key not in known:
                self.refuse(key, f"unknown {'key' if name else 'table or key'} {key!r}{did_you_mean(key, known)}")

    def read(self, key: str, parse: Callable[[Any], T], default: Any = _REQUIRED) -> T:
        """Return the value of *key* through *parse*, which raises `ValueError` or `UsageError` with what it wanted.

        *default* is parsed like a value of the plan; without one the key must be there.
        """
        value = self._data.get(key, default)
        if value is _REQUIRED:
            self.refuse(key, f"{key!r} is missing")
        try:
            return parse(value)
        except ValueError as error:
            self.refuse(key, f"{key} must be {error} (got {value!r})")
        except UsageError as error:
            self.refuse(key, f"{key}: {error.message}")

    def refuse(self, key: str, message: str) -> NoReturn:
        """Raise the `PlanError` that says *message* about *key* of this table."""
        raise PlanError(message, plan=self._plan, table=self._name, key=key) from None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the nearest of *known*, else what there is."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f" (did you mean {near[0]!r}?)"
    return f" (there are {', '.join(names)})"


def text(value: Any) -> str:
    """A string that says something."""
    if not isinstance(value, str) or not value.strip():
        msg = "a string that is not empty"
        raise ValueError(msg)
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A list of strings, at least one."""
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value) or not value[0]:
        msg = 'a list of strings such as ["{python}", "service.py"]'
        raise ValueError(msg)
    return tuple(value)


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        msg = "true or false"
        raise ValueError(msg)  # noqa: TRY004  a wrong value, whatever its type
    return value


def count(value: Any) -> int:
    """A whole number of at least one."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        msg = "a whole number of at least 1"
        raise ValueError(msg)
    return value


def positive(value: Any) -> float:
    """A number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        msg = "a number above 0"
        raise ValueError(msg)
    return float(value)


def ratio(value: Any) -> float:
    """A number from zero to one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        msg = "a number from 0 to 1"
        raise ValueError(msg)
    return float(value)


def strings_by_name(value: Any) -> dict[str, str]:
    """A table of strings."""
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        msg = 'a table of strings such as { NAME = "value" }'
        raise ValueError(msg)
    return dict(value)


def word_or(word: str, parse: Callable[[str], T], *others: str) -> Callable[[Any], T | str | None]:
    """Return a parser that knows *word* as None, *others* as themselves, and gives other strings to *parse*."""

    def parser(value: Any) -> T | str | None:
        if value == word:
            return None
        if value in others:
            return str(value)
        if not isinstance(value, str):
            choices = ", ".join(repr(name) for name in (word, *others))
            msg = f"a string: {choices} or a quantity with its unit"
            raise ValueError(msg)  # noqa: TRY004 -- Table.read turns one kind of error into the sentence
        return parse(value)

    return parser
