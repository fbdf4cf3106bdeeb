"""The table of an explanation: its width, and its colours."""

import io
from pathlib import Path

import pytest

from tests.sidecar.cli.drawn import CLOCK, LEAK, run, written


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    return written(tmp_path / "leak.csv", LEAK)


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_a_narrow_terminal_is_filled_and_not_overrun(leak: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns every line fits, and what is folded goes on below where its words began."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")

    run(leak, "--explain")

    lines = terminal.getvalue().splitlines()
    # The first line begins with a path that cannot be folded.
    assert max(map(len, lines[2:])) <= 80
    (climb,) = [i for i, line in enumerate(lines) if line.startswith("  memory climbs")]
    assert lines[climb + 1].startswith("    ")


def test_an_explanation_in_a_pipe_has_no_colours(leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a colour nor a cursor movement."""
    run(leak, "--explain")
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_that_want_them(
    no_color: str, coloured: bool, leak: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yes and no are green and red on a terminal, unless NO_COLOR is set."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)

    run(leak, "--explain")

    assert ("\x1b[32myes" in terminal.getvalue()) is coloured


def test_red_is_what_keeps_a_service_from_being_steady(
    tmp_path: Path, leak: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a steady service does not climb is no fault: the `no` of what a climb needs has no colour."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("TTY_COMPATIBLE", "COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    assert run(written(tmp_path / "steady.csv", CLOCK.trace()), "--explain") == 0
    steady = terminal.getvalue()
    assert run(leak, "--explain") == 1

    assert "\n  no " in steady
    assert "\x1b[31m" not in steady
    assert "\x1b[31mno" in terminal.getvalue()


def test_what_is_not_on_a_terminal_has_no_spaces_at_the_ends_of_lines(
    leak: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its table and chart are as wide as COLUMNS says, if it says anything; the sentences stay one to a line."""
    longest = {}
    for columns in ("", "nine", "90", "1"):
        monkeypatch.setenv("COLUMNS", columns)
        run(leak, "--explain")
        lines = capsys.readouterr().out.splitlines()
        table = lines[next(i for i, line in enumerate(lines) if line.endswith(" for")) :]
        longest[columns] = max(map(len, table))
        assert not [line for line in lines if line.endswith(" ")]

    assert 110 < longest[""] == longest["nine"] <= 140
    assert 80 < longest["90"] <= 90
    assert longest["1"] <= 40
