"""The cases of a folder: what leaks in which version of a package, and what is to be said of it."""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

from floodmark_sidecar.errors import UsageError

_EXPECTED: Final = ("climbing", "steady")


@dataclass(frozen=True)
class Case:
    """One case. `leaky` and `fixed` are what pip is asked for, empty for nothing; `fixed` is None where nobody fixed it.

    `match` are the words of which a right culprit has one. `triggers` show the leak, `warm` come before them.
    """

    name: str
    folder: Path
    leaky: str
    fixed: str | None
    expect: str
    match: tuple[str, ...]
    culprit: str
    triggers: int
    warm: int


@dataclass(frozen=True)
class Side:
    """One version of a case: `leaky` or `fixed`, or `control` where memory grows but nothing leaks."""

    case: Case
    name: Literal["leaky", "fixed", "control"]
    requirement: str

    @property
    def title(self) -> str:
        """What the side is called, in files too."""
        return f"{self.case.name}-{self.name}"

    @property
    def expect(self) -> str:
        """The verdict of a judge with time enough."""
        return "climbing" if self.name == "leaky" else "steady"


def read_cases(folder: Path) -> list[Case]:
    """Return the cases below *folder*, by name; raises `UsageError` where there are none or one is malformed.

    A case is a folder with `case.json` and `case.py`, in *folder* or in its folder `cases`. Nothing of it is run.
    """
    if not folder.is_dir():
        msg = f"there is no folder of cases {folder}"
        raise UsageError(msg)
    inner = folder / "cases"
    found = sorted((inner if inner.is_dir() else folder).glob("*/case.json"))
    if not found:
        msg = f"no case is in {folder}: a case is a folder with case.json and case.py"
        raise UsageError(msg)
    return [_case(file) for file in found]


def sides_of(case: Case) -> list[Side]:
    """Return the versions of *case* that are to run."""
    first = Side(case, "leaky" if case.expect == "climbing" else "control", case.leaky)
    return [first] if case.fixed is None else [first, Side(case, "fixed", case.fixed)]


def _case(file: Path) -> Case:
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        _refuse(file, f"cannot be read: {error}")
    if not isinstance(data, dict):
        _refuse(file, "is not an object")
    match = data.get("culprit_match")
    if not isinstance(match, list) or not all(isinstance(word, str) and word for word in match):
        _refuse(file, f"culprit_match must be a list of words (got {match!r})")
    expect = _text(file, data, "expect")
    if expect not in _EXPECTED:
        _refuse(file, f"expect must be one of {', '.join(_EXPECTED)} (got {expect!r})")
    if expect == "climbing" and not match:
        _refuse(file, "culprit_match is empty, and something leaks")
    triggers, warm = _counts(file.with_name("case.py"))
    return Case(
        name=file.parent.name,
        folder=file.parent.absolute(),
        leaky=_text(file, data, "leaky"),
        fixed=None if data.get("fixed") is None else _text(file, data, "fixed"),
        expect=expect,
        match=tuple(match),
        culprit=_text(file, data, "culprit"),
        triggers=triggers,
        warm=warm,
    )


def _text(file: Path, data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str):
        _refuse(file, f"{key} must be text (got {value!r})")
    return value


def _counts(file: Path) -> tuple[int, int]:
    """Return how many triggers show the leak, and how many warm up: `N, WARM = 3000, 300` at the top of the source."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:
        _refuse(file, f"cannot be read: {error}")
    told = [
        statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]).strip("()") == "N, WARM"
    ]
    try:
        triggers, warm = ast.literal_eval(told[0])
    except (IndexError, ValueError, TypeError):
        triggers = warm = None
    if not isinstance(triggers, int) or not isinstance(warm, int) or triggers <= 0 or warm < 0:
        _refuse(file, "must say how many triggers show the leak, and how many warm up: N, WARM = 3000, 300")
    return triggers, warm


def _refuse(file: Path, why: str) -> NoReturn:
    msg = f"{file}: {why}"
    raise UsageError(msg)
