"""What is to be said of a planted service, kept beside the service itself. Standard library only."""

import inspect
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

MODULES: Final = ("containers", "references", "asynchronous", "threaded", "descriptors", "native", "controls")
"""The modules of services, in the order of the report."""

READY: Final = "leaking"
"""What a service says after its first tick."""

_BUILTIN: Final = r"str|int|float|bytes|list|dict|tuple|set|cell|function|ReferenceType|builtins\.\w+"

Tick = Callable[[int], Any]
_T = TypeVar("_T", bound=Tick)


@dataclass(frozen=True)
class Truth:
    """One planted service: `tick` is called at a fixed pace with its number, and leaks a little more each time.

    A culprit is right if its kind is one of `kinds` and its name or path matches `named`, or its line is one of
    `lines`. One that matches `fair` grows indeed, but does not lead to the place. A control has no `kinds`.
    """

    name: str
    tick: Tick
    kinds: frozenset[str]
    named: re.Pattern[str]
    fair: re.Pattern[str]
    growth_class: str

    @property
    def is_control(self) -> bool:
        """Whether nothing leaks."""
        return not self.kinds

    @property
    def verdict(self) -> str:
        """What a judge with time enough has to say."""
        return "steady" if self.is_control else "climbing"

    @property
    def file(self) -> Path:
        """The source of the service."""
        return Path(inspect.getsourcefile(self.tick) or "")

    @property
    def lines(self) -> frozenset[int]:
        """The lines of `file` that are right to name: those that end in a mark with the service's name."""
        mark = re.compile(rf"# planted: (\w+, )*{self.name}\b")
        text = self.file.read_text(encoding="utf-8").splitlines()
        return frozenset(number for number, line in enumerate(text, start=1) if mark.search(line))


def leak(*kinds: str, named: str, fair: str = "", growth_class: str = "python") -> Callable[[_T], _T]:
    """Mark a tick as a planted leak that goes by the tick's own name; see `Truth`."""
    return _marked(kinds, named, fair, growth_class)


def control(tick: _T) -> _T:
    """Mark a tick as one that leaks nothing."""
    return _marked((), "(?!)", "", "none")(tick)


def truths() -> tuple[Truth, ...]:
    """Return every planted service, in the order of the report."""
    modules = [import_module(f"tests.planted.services.{module}").__name__ for module in MODULES]
    return tuple(truth for module in modules for truth in _truths.values() if truth.tick.__module__ == module)


def find(name: str) -> Truth:
    """Return the planted service of that name; raises `KeyError`, with those there are, if there is none."""
    known = {truth.name: truth for truth in truths()}
    if name not in known:
        msg = f"no service {name!r} is planted; there are {', '.join(known)}"
        raise KeyError(msg)
    return known[name]


_truths: dict[str, Truth] = {}


def _marked(kinds: Collection[str], named: str, fair: str, growth_class: str) -> Callable[[_T], _T]:
    def mark(tick: _T) -> _T:
        fairly = re.compile(rf"(.*\.)?(Record|{_BUILTIN}{'|' + fair if fair else ''})")
        _truths[tick.__name__] = Truth(
            tick.__name__, tick, frozenset(kinds), re.compile(rf"(.*\.)?({named})(\[…\])*"), fairly, growth_class
        )
        return tick

    return mark
