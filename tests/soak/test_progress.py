"""What a run says while it goes on."""

import io
import os
import pty

import pytest

from floodmark_soak._progress import Bar, Lines, Moment, reporter


def test_lines_come_once_a_tenth() -> None:
    """A log file gets ten lines from a run, however often the run looks."""
    stream = io.StringIO()
    lines = reporter("web", stream)
    lines.phase("under load")
    for second in range(181):
        lines.advance(Moment(second, 180, 50 << 20, second * 100))
    lines.close()

    written = stream.getvalue().splitlines()
    assert len(written) == 11
    assert written[0] == "floodmark: web: under load"
    assert written[1] == "floodmark: web: 10 %: memory 50.0 MiB, 1,800 requests, 2 min 42 s left"


def test_unknown_memory_is_said_to_be_unknown() -> None:
    """Before the first reading there is no number to make up."""
    assert str(Moment(0, 60, None, 0)) == "memory not read yet, 0 requests, 1 min left"


def terminal_output(monkeypatch: pytest.MonkeyPatch, **environment: str) -> tuple[type, str]:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    main, other = pty.openpty()
    with os.fdopen(other, "w") as stream:
        shown = reporter("web", stream)
        shown.phase("under load")
        shown.advance(Moment(90, 180, 50 << 20, 1234))
        if isinstance(shown, Bar):
            shown._progress.refresh()
        shown.note("something to keep")
        shown.close()
    chunks = []
    with os.fdopen(main, "rb", buffering=0) as screen:
        while True:
            try:
                chunk = screen.read(4096)
            except OSError:
                break
            if not chunk:
                break
            chunks.append(chunk)
    return type(shown), b"".join(chunks).decode()


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """With memory and requests beside it, and notes above it."""
    kind, screen = terminal_output(monkeypatch, COLUMNS="200")

    assert kind is Bar
    assert "50 %" in screen
    assert "memory 50.0 MiB, 1,234 requests" in screen
    assert "something to keep" in screen
    assert "\x1b[3" in screen


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under NO_COLOR the bar is drawn without a colour."""
    kind, screen = terminal_output(monkeypatch, NO_COLOR="1", COLUMNS="200")

    assert kind is Bar
    assert not any(f"\x1b[{code}" in screen for code in ("31", "32", "33", "34", "35", "36", "38", "1;3"))


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that cannot redraw is a log."""
    kind, screen = terminal_output(monkeypatch, TERM="dumb")

    assert kind is Lines
    assert "\x1b" not in screen
