"""`floodmark diff`."""

import gzip
import io
import json
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.cli import main
from floodmark_sidecar.cli._differences import say_diff
from floodmark_sidecar.compare import compare
from tests.sidecar.culprits.scripted import START, container

COMMAND = [sys.executable, "-m", "floodmark_sidecar.cli", "diff"]
END = "(end of what was written)"
HINT = "\n  floodmark capture writes captures, and floodmark serve --captures DIR keeps them\n"
GROWING = """
from floodmark_sidecar.agent import capture

held = {}
for path in ("a.json", "b.json"):
    held.update([(f"/in/{len(held) + number}.jpg", number) for number in range(5000)])
    assert "refused" not in capture.take(path, service="web")
"""


def written(path: Path, t: float, *containers: dict[str, Any], **more: Any) -> Path:
    """Write a capture taken *t* seconds after the start to *path*."""
    content = {"floodmark_capture": 1, "service": "web", "pid": 77, "t": START + t, "python": "3.11.7"}
    content |= {"how": "fork", "containers": list(containers)} | more
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A capture with a map and three types."""
    types = [["dict", 100, 6400], ["app.Job", 1200, 57_600], ["str", 9, 900]]
    return written(tmp_path / "first.json", 0, container("app.Scheduler.locks", 1204), types=types)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """An hour later the map has grown, and so has a type."""
    types = [["app.Job", 31_612, 1_517_376], ["dict", 99, 6336], ["str", 9, 900]]
    grown = [container("app.Scheduler.locks", 31_612), container("app.seen", 50)]
    return written(tmp_path / "second.json", 3600, *grown, types=types)


def test_two_tables_say_what_grew(first: Path, second: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The captures, the types and the containers, the largest growth first, with what is not listed explained."""
    assert main(["diff", str(first), str(second)]) == 0

    said = capsys.readouterr()
    assert said.err == ""
    assert [line.rstrip() for line in said.out.splitlines()] == [
        f"from  {first}: web, pid 77, Python 3.11.7, 2023-11-14 22:13:20 UTC",
        f"to    {second}: the same process, 1 h later",
        "",
        "types         # objects  total size",
        "app.Job  1,200 → 31,612    +1.4 MiB",
        "dict           100 → 99       -64 B",
        "",
        "containers                  entries     bytes",
        "app.Scheduler.locks  1,204 → 31,612  +3.5 MiB",
        "app.seen                     - → 50  +5.9 KiB",
        "",
        "- is not listed: a capture has the types with most bytes, and the heaviest containers of 32 entries or more",
    ]


def test_json_has_every_row_and_nothing_else_is_printed(
    first: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One object with both files, what each number was and is, and null for what is not known."""
    assert main(["diff", str(first), str(second), "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["from"] == {
        "file": str(first),
        "service": "web",
        "worker": None,
        "life": None,
        "pid": 77,
        "python": "3.11.7",
        "t": START,
    }
    assert (found["seconds"], found["one_process"], found["notes"]) == (3600, True, [])
    assert found["types"][0] == {
        "name": "app.Job",
        "where": None,
        "count": {"before": 1200, "after": 31_612, "change": 30_412},
        "bytes": {"before": 57_600, "after": 1_517_376, "change": 1_459_776},
    }
    assert [(row["path"], row["entries"]["before"]) for row in found["containers"]] == [
        ("app.Scheduler.locks", 1204),
        ("app.seen", None),
    ]


def test_the_limit_bounds_both_tables(first: Path, second: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is left out is summed up, in the text and in JSON."""
    assert main(["diff", str(first), str(second), "--limit", "1"]) == 0
    assert capsys.readouterr().out.count("and 1 more, ") == 2

    assert main(["diff", str(first), str(second), "--limit", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (len(found["types"]), len(found["containers"])) == (1, 1)
    assert found["more"]["types"] == {"rows": 1, "bytes": -64}


def test_a_limit_of_nothing_is_refused(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The value is in the sentence."""
    assert main(["diff", str(first), str(first), "--limit", "0"]) == 2
    assert capsys.readouterr().err == "floodmark: --limit must be at least 1 (got 0)\n"


def test_a_capture_in_gzip_is_read(first: Path, second: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its first bytes, whatever it is called."""
    second.write_bytes(gzip.compress(second.read_bytes()))

    assert main(["diff", str(first), str(second)]) == 0
    assert "1,204 → 31,612" in capsys.readouterr().out


def test_the_names_of_a_sidecars_files_tell_lives_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A worker that is pid 1 in its container is so after every restart."""
    files = [written(tmp_path / f"web-0.life{life}.20251122T08264012{life}Z.json", life, pid=1) for life in (1, 2)]

    assert main(["diff", "--json", *map(str, files)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(found[side]["worker"], found[side]["life"]) for side in ("from", "to")] == [("web-0", 1), ("web-0", 2)]
    assert found["one_process"] is False


@pytest.mark.parametrize("swapped", [False, True])
def test_the_same_file_and_the_wrong_order_are_said(
    first: Path, second: Path, capsys: pytest.CaptureFixture[str], *, swapped: bool
) -> None:
    """Neither is an error."""
    assert main(["diff", str(second), str(first if swapped else second)]) == 0
    out = capsys.readouterr().out
    assert ("1 h older than the first" in out) is swapped
    assert ("both are the same capture" in out) is not swapped
    assert ("containers: nothing changed" in out) is not swapped


def test_real_captures_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the agent writes is read: a dict that grew in between is named with its line, relative to the folder."""
    (tmp_path / "app.py").write_text(GROWING)
    subprocess.run([sys.executable, tmp_path / "app.py"], check=True, cwd=tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["diff", "--json", "a.json", "b.json"]) == 0

    found = json.loads(capsys.readouterr().out)
    row = next(row for row in found["containers"] if row["name"] == "held")
    assert row["entries"] == {"before": 5000, "after": 10_000, "change": 5000}
    assert (row["path"], row["where"]) == ("app.held", "app.py:4")
    assert found["one_process"] is True


WHOLE = json.dumps({"floodmark_capture": 1, "t": START, "containers": []})
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is empty"),
    "blank": (b"\n \n", "it is empty"),
    "binary": (b"\x7fELF\x02\x01\x00\x00", "it is a binary file"),
    "latin-1": (WHOLE.replace("}", ',"x":"\xf6"}').encode("latin-1"), "it is a binary file"),
    "text": (b"t,uss_bytes\n1,2\n", "it is not JSON ("),
    "cut off": (WHOLE[:-8].encode(), "it is cut off"),
    "a list": (b"[1]", "its JSON is no object (got [1])"),
    "other JSON": (b"{}", "not a capture of format 1: floodmark_capture is None"),
    "nested": (b"[" * 100_000, "it is nested too deeply"),
    "half a trace": (WHOLE.replace("{", '{"kind": "trace",', 1).encode(), "lines of a trace window must be a list"),
    "huge": (b"{" + b" " * (32 << 20), "it is larger than 32.0 MiB"),
    "huge in gzip": (gzip.compress(b"0" * (33 << 20)), "it is larger than 32.0 MiB"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_capture_is_refused_with_its_name(
    case: str, tmp_path: Path, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, whichever of the two it is; nothing on standard output."""
    content, why = REFUSED[case]
    bad = tmp_path / "bad.json"
    bad.write_bytes(content)

    assert main(["diff", str(first), str(bad)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"floodmark: {bad} is no capture: {why}")
    assert said.err.endswith(HINT)


TRACES = """
import functools
from floodmark_sidecar.agent import _trace

held = []
for path, blocks in (("a.json", 50), ("b.json", 400)):
    take = functools.partial(_trace.take, path, service="web", stall_limit=10.0)
    window = _trace.open_window(60.0, 1, take=take, look=lambda: None, asked="a")
    held += [bytearray(1000) for _ in range(blocks)]
    assert "refused" not in window.end()
"""


def test_two_trace_windows_of_a_process(tmp_path: Path) -> None:
    """Its lines, by their place beside where one stands; in the same words as JSON has."""
    (tmp_path / "app.py").write_text(TRACES)
    subprocess.run([sys.executable, "app.py"], cwd=tmp_path, check=True)
    text = subprocess.run([*COMMAND, "a.json", "b.json"], cwd=tmp_path, capture_output=True, text=True, check=True)
    told = subprocess.run([*COMMAND, "--json", "a.json", "b.json"], cwd=tmp_path, capture_output=True, check=True)

    assert re.search(r"^lines +blocks +bytes$", text.stdout, re.MULTILINE)
    assert re.search(r"^app\.py:9 +\d+ → 80\d +\+3\d\d KiB$", text.stdout, re.MULTILINE)
    assert "containers" not in text.stdout
    assert json.loads(told.stdout)["lines"][0]["where"] == "app.py:9"


def test_a_census_and_a_trace_window(tmp_path: Path, first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They say different things, so that nothing is compared."""
    lines = {"kind": "trace", "window_seconds": 30.0, "frames": 1, "lines": [], "other_bytes": 0}
    window = written(tmp_path / "window.json", 60, **lines)
    assert main(["diff", str(first), str(window)]) == 2
    assert capsys.readouterr() == (
        "",
        "floodmark: the first is a census and the second a trace window: only two of one kind can be compared\n",
    )


@pytest.mark.parametrize(
    ("between", "said"),
    [
        ("web-0.life1.20260102T000030000Z.native.json", True),
        ("web-0.life1.20260102T000030000Z.trace.json", False),
        ("web-1.life1.20260102T000030000Z.native.json", False),
        ("web-0.life2.20260102T000030000Z.native.json", False),
        ("web-0.life1.20260101T235959000Z.native.json", False),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_what_memray_left_is_no_growth_of_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], between: str, said: bool, turned: bool
) -> None:
    """A native window of the process that lies between two censuses of it is told; any other has left nothing there."""
    files = [written(tmp_path / f"web-0.life1.20260102T0000{s:02}000Z.json", s) for s in (0, 59)]
    (tmp_path / between).write_text("{}")
    assert main(["diff", *map(str, files[::-1] if turned else files)]) == 0
    assert ("what memray imported" in " ".join(capsys.readouterr().out.split())) is said


@pytest.mark.parametrize(("kind", "name"), [("trim", "trim"), ("native", "native window")])
def test_captures_with_nothing_to_compare(
    kind: str, name: str, tmp_path: Path, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are floodmark's own, and that is said."""
    other = written(tmp_path / "other.json", 60, kind=kind)
    assert main(["diff", str(other), str(first)]) == 2
    assert capsys.readouterr().err == (
        f"floodmark: {other} is a {name}: only censuses and trace windows are compared\n"
    )


def test_what_never_ends_is_not_read_to_its_end(first: Path) -> None:
    """Memory stays within what a capture may take."""
    bounded = ["sh", "-c", 'ulimit -v 2000000; exec "$@"', "sh", *COMMAND, str(first), "/dev/zero"]
    done = subprocess.run(bounded, capture_output=True, text=True, check=False)

    assert done.stderr == f"floodmark: /dev/zero is no capture: it is larger than 32.0 MiB{HINT}"
    assert done.returncode == 2


def test_a_gzip_that_is_cut_off_is_said(tmp_path: Path, first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do to see how much is there."""
    bad = tmp_path / "bad.json.gz"
    bad.write_bytes(gzip.compress(first.read_bytes())[:-20])

    assert main(["diff", str(bad), str(first)]) == 2
    assert capsys.readouterr().err.startswith(f"floodmark: {bad} is not readable as gzip (")


@pytest.mark.parametrize(("name", "why"), [("missing.json", "No such file or directory"), (".", "Is a directory")])
def test_what_cannot_be_read_is_said(
    name: str, why: str, tmp_path: Path, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the system's own words."""
    bad = tmp_path / name
    assert main(["diff", str(first), str(bad)]) == 2
    assert capsys.readouterr().err == f"floodmark: {bad} cannot be read: {why}\n"


def test_text_of_a_service_moves_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names are foreign: what is not printable is shown as an escape, and markup is text."""
    before = written(tmp_path / "a\n.json", 0, container("app.[red]a\u202e", 40))
    after = written(tmp_path / "b.json", 1, container("app.[red]a\u202e", 90), service="\x1b[2J")
    assert main(["diff", str(before), str(after)]) == 0
    out = capsys.readouterr().out
    assert "a\\n.json" in out
    assert "app.[red]a\\u202e" in out
    assert "\x1b" not in out


@pytest.fixture
def on_a_terminal(
    first: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], list[str]]:
    """Return the lines that are written of both captures on a terminal so many columns wide."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def lines(columns: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        ours, theirs = pty.openpty()
        with open(ours, "rb", buffering=0) as terminal, open(theirs, "w", encoding="utf-8") as stream:  # noqa: PTH123  descriptors
            say_diff(compare(first, second, cwd=tmp_path), (first, second), stream)
            stream.write(END)
            stream.flush()
            said = b""
            while END.encode() not in said:
                said += terminal.read(65536)
        return said.decode().partition(END)[0].splitlines()

    return lines


def plain(lines: list[str]) -> list[str]:
    """Return *lines* without colours."""
    return [re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in lines]


def test_a_narrow_terminal_folds_names_and_no_numbers(on_a_terminal: Callable[[int], list[str]]) -> None:
    """No line is wider than the terminal."""
    lines = plain(on_a_terminal(36))
    assert max(map(len, lines)) <= 36
    assert any("1,204 → 31,612  +3.5 MiB" in line for line in lines)


def test_on_a_narrow_terminal_lines_of_source_are_below_names(
    on_a_terminal: Callable[[int], list[str]], tmp_path: Path
) -> None:
    """Two columns of paths beside each other would leave both a few characters."""
    (tmp_path / "app.py").write_text("locks = {}\n")
    owner = {"module": "app", "file": str(tmp_path / "app.py"), "qualname": "", "attribute": "locks"}
    for number, name in enumerate(("first.json", "second.json")):
        written(tmp_path / name, number, container("app.locks", 40 + number, owner=owner))

    assert plain(on_a_terminal(99))[-2:] == ["app.locks   40 → 41  +120 B", "  app.py:1"]
    assert plain(on_a_terminal(100))[-1:] == ["app.locks   40 → 41  +120 B  app.py:1"]


def test_growth_is_red_on_a_terminal(
    on_a_terminal: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what shrank is green, unless NO_COLOR is set."""
    text = "\n".join(on_a_terminal(100))
    assert re.search(r"\x1b\[31m *\+3.5 MiB", text)
    assert re.search(r"\x1b\[32m *-64 B", text)

    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in "\n".join(on_a_terminal(100))


def test_a_terminal_with_ascii_alone_has_an_arrow_too(first: Path, second: Path) -> None:
    """Nothing that its encoding lacks is written."""
    said = io.BytesIO()
    stream = io.TextIOWrapper(said, encoding="ascii")
    say_diff(compare(first, second, cwd=None), (first, second), stream)
    stream.flush()
    assert b"1,204 -> 31,612" in said.getvalue()
