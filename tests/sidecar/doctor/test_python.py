"""What is said of the interpreter."""

import pytest

from floodmark_sidecar.doctor import Level, findings
from floodmark_sidecar.doctor._python import interpreter_options
from tests.sidecar.doctor.conftest import HEALTHY, facts, found, names


def test_a_healthy_service_is_fine() -> None:
    """Nothing is to be done."""
    assert {each.level for each in findings(HEALTHY)} == {Level.FINE}


@pytest.mark.parametrize(
    ("python", "level"),
    [
        (0x030D0CF0, Level.FINE),
        (0x030E00A1, Level.PROBLEM),
        (0x030E00F0, Level.PROBLEM),
        (0x030E04F0, Level.PROBLEM),
        (0x030E05F0, Level.FINE),
        (0x030F00F0, Level.FINE),
    ],
)
def test_the_incremental_collector(python: int, level: Level) -> None:
    """3.14.0 to 3.14.4, and what came before 3.14.0, have it; 3.14.5 has not."""
    finding = found("python", code={"python": python})
    assert finding.level == level
    assert finding.source == ("https://github.com/python/cpython/issues/148726" if level != Level.FINE else "")


@pytest.mark.parametrize(
    ("python", "affected"),
    [
        (0x030B0EF0, True),
        (0x030C08F0, True),
        (0x030C09F0, False),
        (0x030D01F0, True),
        (0x030D02F0, False),
        (0x030E05F0, False),
    ],
)
def test_a_crash_where_tracing_stops(python: int, affected: bool) -> None:
    """Every 3.11, 3.12 before 3.12.9 and 3.13 before 3.13.2."""
    assert ("tracemalloc.stop()" in names(code={"python": python})) is affected


def test_versions_are_written_as_people_do() -> None:
    """A candidate of a release has its number."""
    assert found("python", code={"python": 0x030E00C2}).value == "CPython 3.14.0rc2"
    assert found("python", code={"python": 0x030C0CF0}).value == "CPython 3.12.12"


def test_a_free_threaded_build() -> None:
    """No census is taken of it."""
    finding = found("python", code={"free_threaded": True})
    assert (finding.level, finding.value) == (Level.PROBLEM, "CPython 3.12.12, free-threaded")


@pytest.mark.parametrize("python", [None, 0x030A0DF0])
def test_what_is_no_interpreter_that_can_be_watched(python: int | None) -> None:
    """The program is named, and a census is not spoken of."""
    finding = found("python", code={"python": python, "program": "nginx"})
    assert (finding.level, finding.value) == (
        Level.PROBLEM,
        "nginx is no CPython 3.11 or newer on a 64-bit machine",
    )
    assert python or "census" not in names(code={"python": None})


def test_an_interpreter_that_was_replaced_is_not_called_none() -> None:
    """After an upgrade the files of what runs may be gone."""
    finding = found("python", code={"python": None, "replaced": True})
    assert finding.level == Level.NOTE
    assert "replaced" in finding.value


@pytest.mark.parametrize(
    ("environ", "options", "said"),
    [
        ({"PYTHONTRACEMALLOC": "25"}, (), "on from the start, by PYTHONTRACEMALLOC=25"),
        ({"PYTHONTRACEMALLOC": "0"}, (), None),
        ({"PYTHONTRACEMALLOC": "1"}, ("-E",), None),
        ({"PYTHONTRACEMALLOC": "1"}, ("-uI",), None),
        ({}, ("-X", "tracemalloc=5"), "on from the start, by -X tracemalloc=5"),
        ({}, ("-bXtracemalloc",), "on from the start, by -X tracemalloc"),
        ({}, ("app.py", "-X", "tracemalloc"), None),
    ],
)
def test_tracing_that_was_left_on(environ: dict[str, str], options: tuple[str, ...], said: str | None) -> None:
    """By the variable, unless the interpreter ignores it, or by an option of the interpreter's own."""
    given = facts(environ=environ, words=("python3", *options))
    values = [each.value for each in findings(given) if each.name == "tracemalloc"]
    assert values == ([said] if said else [])


@pytest.mark.parametrize(
    ("environ", "value"),
    [
        ({"PYTHONMALLOC": "malloc"}, "malloc"),
        ({"PYTHONMALLOC": "pymalloc_debug"}, "pymalloc_debug"),
        ({"PYTHONDEVMODE": "1"}, "debug (development mode)"),
    ],
)
def test_another_allocator_of_objects(environ: dict[str, str], value: str) -> None:
    """It is worth knowing, and not in the way."""
    finding = found("PYTHONMALLOC", environ=environ)
    assert (finding.level, finding.value) == (Level.NOTE, value)


def test_the_usual_allocator_of_objects_is_not_spoken_of() -> None:
    """Whoever names it has what everybody has."""
    assert "PYTHONMALLOC" not in names(environ={"PYTHONMALLOC": "pymalloc"})


def test_an_agent_that_is_switched_off() -> None:
    """Only 1 does it, as in the agent."""
    assert found("agent", environ={"FLOODMARK_DISABLED": "1"}).level == Level.PROBLEM
    assert "agent" not in names(environ={"FLOODMARK_DISABLED": "0"})


def test_an_interpreter_that_loads_no_agent() -> None:
    """Options that keep `sitecustomize` or PYTHONPATH away are named."""
    assert found("agent", words=("/usr/bin/python3", "-uS", "app.py")).value.endswith("started with -S")


def test_options_of_another_program_are_not_the_interpreters() -> None:
    """Of uwsgi, -S is something else."""
    assert interpreter_options(("uwsgi", "-S", "x=y")) == []
    assert interpreter_options(("python3", "-W", "error", "-m", "app", "-S")) == []
    assert interpreter_options(("python3", "-Werror", "-u", "--help")) == ["u"]
