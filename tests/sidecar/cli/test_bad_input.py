"""What can be wrong with the input of `floodmark judge` and `floodmark traces`: a sentence, the right code, the rest done."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from floodmark_sidecar.cli import main
from floodmark_sidecar.judge import format_csv
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB

COMMAND = [sys.executable, "-m", "floodmark_sidecar.cli"]
HEADER = "t,uss_bytes\n"
ROWS = "".join(f"{i},{50_000_000 + i * 7919 % 1000}\n" for i in range(100))
WHOLE = HEADER + ROWS
HINT = "\n  a trace is CSV with a header that has at least t and uss_bytes\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A trace that is steady."""
    path = tmp_path / "good.csv"
    path.write_text(WHOLE)
    return path


def bytes_of(content: str | bytes) -> bytes:
    """UTF-8."""
    return content if isinstance(content, bytes) else content.encode()


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "line 1: the file is empty"),
    "blank": ("\n\n\n", "line 1: the file is empty"),
    "binary": (b"\x7fELF\x02\x01\x00\x00", "line 1: a binary file, not a trace"),
    "binary later": (b"t,uss_bytes\n1,2\n\x00\n", "line 3: a binary file, not a trace"),
    "utf-16": (WHOLE.encode("utf-16"), "line 1: text in UTF-16, and a trace is in UTF-8"),
    "utf-16 without a mark": (WHOLE.encode("utf-16-le"), "line 1: a binary file, not a trace"),
    "latin-1": (b"t,uss_bytes\n1,2\n3,\xf64\n", "line 3: a binary file or not UTF-8 (byte 0xf6), not a trace"),
    "latin-1 far down": (
        (HEADER + "1,2\r\n" * 5000).encode() + b"\xf6\n",
        "line 5002: a binary file or not UTF-8 (byte 0xf6), not a trace",
    ),
    "huge number": (HEADER + "1," + "9" * 400, f"line 2: uss_bytes is '{'9' * 60}', which is not a finite number"),
    "huge cell": (
        HEADER + "1," + "x" * 200_000,
        "line 2: not readable as CSV (a cell is longer than 131,072 characters)",
    ),
    "inf": (HEADER + "1,-inf\n", "line 2: uss_bytes is '-inf', which is not a finite number"),
    "1e400": (HEADER + "1,1e400\n", "line 2: uss_bytes is '1e400', which is not a finite number"),
    "1e30": (HEADER + "1,1e30\n", "line 2: uss_bytes is '1e30', which is more than 2^63"),
    "negative": (HEADER + "1,-5\n", "line 2: uss_bytes is '-5', which is negative"),
    "a word": (HEADER + "1,many\n", "line 2: uss_bytes is 'many', which is not a number"),
    "an escape": (HEADER + "1,\x1b[2J\n", r"line 2: uss_bytes is '\x1b[2J', which is not a number"),
    "milliseconds": (
        HEADER + "1700000000000,2\n",
        "line 2: t is '1700000000000', which is past the year 5000: t is in seconds, so divide milliseconds by 1000",
    ),
    "dates and numbers": (
        HEADER + "5,2\n2025-11-22,3\n",
        "line 3: t is '2025-11-22', which is a date where the first is",
    ),
    "no time": (HEADER + ",2\n", "line 2: t is empty"),
    "twice": ("t,uss_bytes,uss_bytes\n1,2,3\n", "line 1: the header has the column 'uss_bytes' twice"),
    "too few cells": (HEADER + "1\n", "line 2: 1 cell where the header has 2"),
    "a line without end": (HEADER + "1,\n" * 5 + " " * (16 << 20), "line 7: longer than 16,777,216 characters"),
    "an open quote": (HEADER + '1,"2\n', "not readable as CSV (unexpected end of data)"),
    "masked by a word": ("t,uss_bytes,masked\n1,2,yes\n", "line 2: masked is 'yes', which is not a number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_trace_is_told_and_the_next_is_judged(
    case: str, tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file, the line and the value are in one sentence; the code is 2 where the others are steady."""
    content, says = REFUSED[case]
    path = tmp_path / "bad.csv"
    path.write_bytes(bytes_of(content))

    assert main(["judge", "--json", str(path), str(good)]) == 2

    said = capsys.readouterr()
    assert said.err.startswith(f"floodmark: {path}, line ")
    assert says in said.err
    assert said.err.endswith(HINT)
    assert json.loads(said.out)["verdict"] == "steady"


UNDECIDED: dict[str, tuple[str, str]] = {
    "header only": (HEADER, "there are no readings"),
    "header with workers": ("t,uss_bytes,worker,masked\n", "there are no readings"),
    "one row": (HEADER + "1,50000000\n", "too few readings: 1 of at least 24"),
    "one time": (HEADER + "5,50000000\n" * 99, "too few readings: 1 of at least 24"),
    "all masked": ("t,uss_bytes,masked\n" + ROWS.replace("\n", ",1\n"), "no reading is left to judge"),
    "nothing measured": (HEADER + "".join(f"{i},\n" for i in range(99)), "no reading is left to judge"),
    "all NaN": (HEADER + "".join(f"{i},NaN\n" for i in range(99)), "no reading is left to judge"),
}


@pytest.mark.parametrize("case", UNDECIDED)
def test_a_trace_that_says_nothing_is_inconclusive(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a trace, so its verdict is 3 and says why; an explanation of it and a picture can be had."""
    content, says = UNDECIDED[case]
    path = tmp_path / "x.csv"
    path.write_text(content)

    assert main(["judge", "--explain", "--plot", str(tmp_path / "x.png"), str(path)]) == 3
    said = capsys.readouterr()
    assert says in said.out
    assert said.err == ""
    assert (tmp_path / "x.png").stat().st_size > 1000


@pytest.mark.parametrize(
    "content",
    [
        WHOLE.replace("\n", "\r\n").encode(),
        WHOLE.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + WHOLE.encode(),
        (HEADER + "".join(reversed(ROWS.splitlines(keepends=True)))).encode(),
    ],
    ids=["crlf", "cr", "bom", "backwards"],
)
def test_what_other_programs_write_is_read(
    content: bytes, tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Line ends, a byte order mark and the order of rows make no other verdict."""
    path = tmp_path / "x.csv"
    path.write_bytes(content)

    assert main(["judge", "--json", str(good), str(path)]) == 0
    want, got = map(json.loads, capsys.readouterr().out.splitlines())
    assert {**got, "file": "", "notes": []} == {**want, "file": "", "notes": []}


@pytest.mark.slow
def test_two_hundred_workers_are_one_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One verdict; they share a line in its explanation."""
    monkeypatch.setenv("COLUMNS", "140")
    rows = "".join(f"{10 * i},w{k},{50_000_000 + i * k * 7919 % 97_700}\n" for i in range(60) for k in range(200))
    path = tmp_path / "x.csv"
    path.write_text(f"t,worker,uss_bytes\n{rows}")

    assert main(["judge", "--explain", str(path)]) in {0, 3}
    out = capsys.readouterr().out
    assert "200 workers, 200 lives" in out
    assert len([line for line in out.splitlines() if "workers  " in line]) == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none.csv", "none.csv cannot be read: No such file or directory"),
        ("./", "./ cannot be read: Is a directory\n  name the traces in it: ./*.csv"),
        ("", "'' cannot be read: No such file or directory"),
        ("good.csv/x", "good.csv/x cannot be read: Not a directory"),
        ("/proc/self/mem", "/proc/self/mem cannot be read: Input/output error"),
        ("no\nsuch\x1b[2J", r"no\nsuch\x1b[2J cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    name: str, says: str, good: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line in the system's own words, and the next trace is judged."""
    monkeypatch.chdir(good.parent)
    assert main(["judge", name, "good.csv"]) == 2
    said = capsys.readouterr()
    assert said.err == f"floodmark: {says}\n"
    assert said.out.startswith("good.csv: steady")


def test_a_name_that_would_move_the_cursor_is_escaped(good: Path) -> None:
    """A verdict stays a line of its own, and a name that is no text is no fault, whatever the locale."""
    names = [os.fsencode(good.parent) + name for name in (b"/e\x1b[2Jvil\nname.csv", b"/caf\xe9.csv")]
    for name in names:
        Path(os.fsdecode(name)).write_text(WHOLE)
    env = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}

    done = subprocess.run([*COMMAND, "judge", *names], capture_output=True, check=False, env=env)

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    said = [line for line in done.stdout.splitlines() if not line.startswith(b"  ")]
    assert [line.partition(b".csv: steady (flat, ")[0].rpartition(b"/")[2] for line in said] == [
        rb"e\x1b[2Jvil\nname",
        rb"caf\udce9",
    ]


def test_the_name_of_a_map_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names come out of a service: none of them may write to the operator's terminal."""
    rows = "".join(f"{i},{50_000_000 + 9000 * i},{50 * i}\n" for i in range(100))
    path = tmp_path / "x.csv"
    path.write_text(f't,uss_bytes,"map.a\x1b[2J\nb.entries"\n{rows}')

    assert main(["judge", "--explain", str(path)]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert r"the entries of map a\x1b[2J\nb climb" in out


def test_standard_input_is_read_once(good: Path) -> None:
    """Named twice, the second is an error and the first has its verdict."""
    done = subprocess.run([*COMMAND, "judge", "-", "-"], input=WHOLE, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("-: steady")
    assert done.returncode == 2
    assert done.stderr == "floodmark: standard input is named twice: - can be read only once\n"


def test_a_file_named_twice_is_judged_twice(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As asked."""
    assert main(["judge", str(good), str(good)]) == 0
    assert capsys.readouterr().out.count(": steady") == 2


def test_one_that_climbs_outweighs_what_cannot_be_read(tmp_path: Path, good: Path) -> None:
    """1 before 3 before 2 before 0."""
    climbing = tmp_path / "climbing.csv"
    climbing.write_text("".join(format_csv(made.short_leak(1, 8 * MIB, stairs=False).trace().rows())))
    (tmp_path / "short.csv").write_text(HEADER)
    names = [str(good), str(tmp_path / "none.csv"), str(tmp_path / "short.csv"), str(climbing)]

    assert [main(["judge", *names[: 1 + i]]) for i in range(4)] == [0, 2, 3, 1]


PLANS: Mapping[str, tuple[bytes, str]] = {
    "utf-16": ("floodmark = 1\n".encode("utf-16"), "is not TOML: 'utf-8' codec can't decode byte 0xff"),
    "a number without end": (b"floodmark = 1\n[maps]\na = " + b"9" * 5000, "is not TOML: Exceeds the limit"),
    "nested without end": (b"floodmark = 1\na = " + b"[" * 100_000, "is not TOML: "),
    "no growth": (b"floodmark = 1\n[limits]\ngrowth = '0MiB/day'\n", "limits.growth must be above 0 (got '0MiB/day')"),
    "endless growth": (
        b"floodmark = 1\n[limits]\ngrowth = '99999999TiB/s'\n",
        "a rate must be less than 8388608TiB/s (got '99999999TiB/s')",
    ),
    "unknown table": (b"floodmark = 1\n[limit]\n", "has no table 'limit'\n  it knows floodmark, service"),
    "unknown key": (b'floodmark = 1\n[limits]\n"gr\\u001bowth" = 1\n', r"[limits] has no key 'gr\x1bowth'"),
    "empty": (b"", "it does not say floodmark = 1"),
}


@pytest.mark.parametrize("case", PLANS)
def test_a_plan_that_cannot_be_used_is_told(
    case: str, tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with the value; nothing is judged by limits that were not meant."""
    content, says = PLANS[case]
    plan = tmp_path / "plan.toml"
    plan.write_bytes(content)

    assert main(["judge", str(good), "--plan", str(plan)]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert "\x1b" not in said.err
    assert said.out == ""


@pytest.mark.parametrize("options", [(), ("--explain",)])
def test_a_reader_that_goes_away_ends_it_quietly(options: tuple[str, ...], good: Path) -> None:
    """`| head -1`: no traceback, and the code that a shell gives a broken pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "judge", *options, str(good)], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("redirect", "code", "err"),
    [
        (">/dev/full", 6, "floodmark: what was to be written could not be: No space left on device\n"),
        (">&-", 0, ""),
    ],
)
def test_a_verdict_that_could_not_be_written_is_told(redirect: str, code: int, err: str, good: Path) -> None:
    """A full disk is 6 in words; who closed standard output wanted only the code."""
    line = f"exec {sys.executable} -m floodmark_sidecar.cli judge {good} {redirect}"
    done = subprocess.run(["/bin/sh", "-c", line], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, err)


def test_a_full_standard_error_changes_no_code(good: Path) -> None:
    """What cannot be said is not said."""
    line = f"exec {sys.executable} -m floodmark_sidecar.cli judge {good}.none {good} 2>/dev/full"
    done = subprocess.run(["/bin/sh", "-c", line], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert ": steady" in done.stdout


@pytest.mark.parametrize(
    "env", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_without_unicode_what_it_prints_is_escaped(env: dict[str, str], good: Path) -> None:
    """An ASCII terminal gets an explanation and a chart, and the names of maps, and no fault."""
    named = good.with_name("named.csv")
    header, *rows = good.read_text().splitlines()
    named.write_text("\n".join([f"{header},map.ö.entries", *(f"{row},{9 * i}" for i, row in enumerate(rows))]), "utf-8")
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONIOENCODING", "PYTHONUTF8"}}
    words = [*COMMAND, "judge", "--explain", str(good), str(named), "ö.csv"]
    done = subprocess.run(words, capture_output=True, check=False, env={**clean, **env})

    assert done.returncode == 1
    assert b". readings   o floors   = slope" in done.stdout
    assert rb"give map \xf6 a bound" in done.stdout
    assert b".csv cannot be read: No such file or directory" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert (done.stdout + done.stderr).isascii()


def test_an_interruption_keeps_what_was_judged(good: Path, tmp_path: Path) -> None:
    """Ctrl-C between two of many traces: the verdicts so far are there, the code is 130, and nothing else is said."""
    waits = tmp_path / "waits.csv"
    os.mkfifo(waits)
    command = [*COMMAND, "judge", "--json", str(good), str(good), str(waits), str(good)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        judged = [json.loads(process.stdout.readline())["verdict"] for _ in range(2)]
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=20)

    assert judged == ["steady", "steady"]
    assert (process.returncode, rest, err) == (130, "", "")


TRACES = [
    (["L1", "--output", "a\x1b[2J\nb/c"], None),
    (["L1", "--output", ""], "the output folder . is not empty"),
    (["L1", "--output", "/proc/none"], "the output folder /proc/none cannot be made: No such file or directory"),
    (["", "--output", "new"], "there is no family ''"),
    (["L\x1b1", "--output", "new"], r"there is no family 'L\x1b1'"),
    (["L1", "--seed", "1.5", "--output", "new"], "invalid int value: '1.5'"),
    (["L1", "--count", "many", "--output", "new"], "invalid int value: 'many'"),
    (["L1", "--duration", "0s", "--output", "new"], "(got '0s')"),
    (["L1", "--duration", "-3m", "--output", "new"], "expected one argument"),
    (["L1", "--growth", "9" * 400 + "TiB/s", "--output", "new"], "a rate must be less than 8388608TiB/s"),
    (["L1", "--level", "9" * 400 + "B", "--output", "new"], "a size must be less than"),
    (["L1", "--level", "0B", "--output", "new"], "(got 0 B)"),
    (["L1", "--growth", "100TiB/s", "--output", "new"], "a leak can take at most 4096 TiB in a run (got 1"),
]


@pytest.mark.parametrize(
    ("words", "says"), TRACES, ids=[" ".join(words)[:40].encode("unicode_escape").decode() for words, _ in TRACES]
)
def test_what_traces_cannot_do_is_told(
    words: list[str],
    says: str | None,
    good: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit 2 with the value, and no folder; a strange name of a folder is taken, and escaped where it is printed."""
    monkeypatch.chdir(good.parent)
    code = main(["traces", "--duration", "1m", *words])
    said = capsys.readouterr()

    assert code == (0 if says is None else 2)
    assert (says or "") in said.err
    assert "\x1b" not in said.out + said.err.replace("usage", "")
    assert (len(list(good.parent.iterdir())) > 1) is (says is None)


def test_a_list_of_families_for_nobody_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """`floodmark traces | head -1`."""

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Gone())
    assert main(["traces"]) == 141
