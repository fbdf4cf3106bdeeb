"""pytest's plugin: tests that fail when something grows. Loads nothing but pytest until a test asks for it.

`@pytest.mark.floodmark_soak` calls a test again and again and fails it if it keeps memory of each call; `floodmark_run` soaks a
service by a plan; `floodmark_bounds` holds maps to their bounds, and whatever else the test does to what it may keep.
"""

import itertools
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from floodmark_soak._bounds import Bounds
    from floodmark_soak._plan_run import PlanRun

_MARK = "floodmark_soak"
_FAILED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of floodmark."""
    group = parser.getgroup("floodmark", "floodmark: tests that fail when memory keeps climbing")
    group.addoption(
        "--floodmark-duration",
        metavar="TIME",
        help="how long every plan runs under load (3m, 24h), in place of what the plan or the test says",
    )
    group.addoption(
        "--floodmark-output",
        type=Path,
        metavar="DIR",
        help="where the folders of plans' runs go, each by its test's name; without it, pytest's temporary folder",
    )
    group.addoption(
        "--floodmark-skip",
        action="store_true",
        help="skip tests that soak: those with the mark, and those that run a plan",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line(
        "markers",
        f"{_MARK}(calls=50, rounds=8, limit='0B'): call the test so often, and fail it if it keeps more than limit of each call",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what soaks, where that was asked for."""
    if not config.getoption("--floodmark-skip"):
        return
    skip = pytest.mark.skip(reason="--floodmark-skip")
    for item in items:
        if item.get_closest_marker(_MARK) or "floodmark_run" in getattr(item, "fixturenames", ()):
            item.add_marker(skip)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a test with the mark in rounds, and fail it if something grew in each."""
    mark = pyfuncitem.get_closest_marker(_MARK)
    if mark is None:
        return None
    from floodmark_soak._marked import call_marked  # noqa: PLC0415 -- nothing is loaded for tests that do not ask

    call_marked(pyfuncitem, mark)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Fail a test with the mark that pytest does not call itself, as one of unittest: its mark would mean nothing."""
    bases = getattr(getattr(item, "cls", None), "__mro__", ())
    of_unittest = any(base.__module__ == "unittest.case" for base in bases)
    if item.get_closest_marker(_MARK) and (of_unittest or not isinstance(item, pytest.Function)):
        pytest.fail(
            f"floodmark_soak does not go with unittest.TestCase: make {item.name} a function, or a method of a plain class",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Remember whether a test failed, for the end of its fixtures; it may be run again."""
    if call.when == "call":
        item.stash[_FAILED] = call.excinfo is not None
    return (yield)


@pytest.fixture
def floodmark_bounds(request: pytest.FixtureRequest) -> Iterator["Bounds"]:
    """Hold what the test does to bounds: `floodmark_bounds(limit="64KiB", maps={"locks": 1000})`, once, where it begins.

    At the end of the test every registered map must have its bound or the one given, and traced memory may have grown by
    *limit*. A test that does not call it is held to the bounds of the registered maps alone.
    """
    from floodmark_soak._bounds import Bounds  # noqa: PLC0415 -- as above
    from floodmark_soak._pytests import log_of  # noqa: PLC0415 -- as above

    bounds = Bounds(tidy=log_of(request.config))
    try:
        yield bounds
        # What is kept of a failure is memory as well, and has been told of.
        problems = [] if request.node.stash.get(_FAILED, False) else bounds.problems()
    finally:
        bounds.close()
    request.node.user_properties += bounds.properties().items()
    if problems:
        pytest.fail("\n".join(["floodmark:", *problems]), pytrace=False)


@pytest.fixture
def floodmark_run(request: pytest.FixtureRequest, tmp_path: Path) -> "Callable[..., PlanRun]":
    """Soak a service: `floodmark_run("plan.toml", duration="3m")` returns a `PlanRun`, whose `assert_steady()` fails the test.

    The plan's path is relative to the test's file. The run is one of `floodmark soak`, in a process of its own.
    """
    from floodmark_soak._plan_run import run_plan  # noqa: PLC0415 -- as above

    config = request.config

    def run(plan: str | Path, *, duration: str | None = None) -> "PlanRun":
        asked: Any = config.getoption("--floodmark-duration") or duration
        folder: Path | None = config.getoption("--floodmark-output")
        output = _free(tmp_path / "floodmark" if folder is None else folder.absolute() / _safe(request.node.nodeid))
        result = run_plan(request.path.parent / plan, duration=asked, output=output)
        request.node.user_properties += result.properties().items()
        return result

    return run


def _free(folder: Path) -> Path:
    """Return *folder*, or the first with a number after its name that is not there: a test may run plans, and be run, repeatedly."""
    numbered = (folder.with_name(f"{folder.name}-{number}") for number in itertools.count(2))
    return next(each for each in itertools.chain([folder], numbered) if not each.exists())


def _safe(node: str) -> str:
    """Return the id of a test as a folder can be called."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in node)[-120:]
