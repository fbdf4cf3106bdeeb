"""A test with the mark `floodmark_soak`: called in rounds, failed where something grew in each."""

import inspect
from typing import Any, Final

import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_soak._limits import size_of
from floodmark_soak._loop import CALLS, ROUNDS, loop
from floodmark_soak._pytests import log_of, own_warnings

_KEYS: Final = ("calls", "rounds", "limit")


def call_marked(item: pytest.Function, mark: pytest.Mark) -> None:
    """Call *item* as its *mark* asks; fails the test if it keeps something of each call, or if the mark makes no sense."""
    settings = _settings(mark)
    if inspect.iscoroutinefunction(item.obj) or inspect.isgeneratorfunction(item.obj):
        pytest.fail("floodmark_soak calls plain functions: run the loop of an async one inside the test", pytrace=False)
    names = item._fixtureinfo.argnames  # noqa: SLF001 -- as pytest itself calls a test
    arguments = {name: item.funcargs[name] for name in names}
    forget_log = log_of(item.config)
    with own_warnings() as forget_warnings:
        found = loop(lambda: item.obj(**arguments), tidy=lambda: (forget_log(), forget_warnings()), **settings)
    item.user_properties += [
        ("floodmark_kept_bytes_per_call", round(found.memory, 1)),
        ("floodmark_limit_bytes_per_call", found.limit),
    ]
    if found.text:
        pytest.fail(f"floodmark: {found.text}", pytrace=False)


def _settings(mark: pytest.Mark) -> dict[str, Any]:
    unknown = [name for name in mark.kwargs if name not in _KEYS]
    if mark.args or unknown:
        what = f"{unknown[0]!r}" if unknown else f"{mark.args[0]!r} without a name"
        pytest.fail(f"floodmark_soak takes {', '.join(_KEYS)}, and not {what}", pytrace=False)
    try:
        limit = size_of(mark.kwargs.get("limit", 0))
    except UsageError as error:
        msg = f"floodmark_soak: {error}"
        raise pytest.fail.Exception(msg, pytrace=False) from None
    calls, rounds = mark.kwargs.get("calls", CALLS), mark.kwargs.get("rounds", ROUNDS)
    if type(calls) is not int or type(rounds) is not int or calls < 1 or rounds < 4:
        pytest.fail(
            f"floodmark_soak needs calls of 1 or more and rounds of 4 or more (got {calls!r} and {rounds!r})",
            pytrace=False,
        )
    return {"calls": calls, "rounds": rounds, "limit": limit}
