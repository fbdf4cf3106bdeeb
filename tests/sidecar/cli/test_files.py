"""The files that `floodmark judge` reads: plain and compressed, and what it says where it cannot."""

import contextlib
import gzip
import io
import json
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark_sidecar.cli import main
from tests.sidecar.cli.test_bad_input import COMMAND, HEADER, ROWS, WHOLE


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A trace that is steady."""
    path = tmp_path / "good.csv"
    path.write_text(WHOLE)
    return path


IN_MIB = "".join(f"{15 * i},{168.3 + i % 7}\n" for i in range(200))
OTHERWISE: dict[str, tuple[bytes, str, str]] = {
    "no header": (
        ROWS.encode(),
        ", line 1: the header has no column t and no column",
        "its first line is numbers: put",
    ),
    "semicolons": (
        WHOLE.replace(",", ";").encode(),
        ", line 1: the header has no column t",
        "its cells are separated by ';': write",
    ),
    "another time": (
        WHOLE.replace("t,", "timestamp,").encode(),
        ", line 1: the header has no column t",
        "rename 'timestamp' to t",
    ),
    "MiB": (
        (HEADER + IN_MIB).encode(),
        ": uss_bytes is 171.3 at the median, and no process has so little memory: if it is in MiB, multiply it by 1,048",
        "the memory of a trace, uss_bytes and the others, is in bytes",
    ),
    "cut gzip": (
        gzip.compress(WHOLE.encode())[:-20],
        ": not readable as gzip (Compressed file ended before",
        "expand it with gunzip",
    ),
    "bad gzip": (
        gzip.compress(WHOLE.encode())[:-8] + b"\0" * 8,
        ": not readable as gzip (CRC check failed",
        "expand it with gunzip",
    ),
    "no gzip": (
        b"\x1f\x8bt,uss_bytes\n",
        ": not readable as gzip (Unknown compression method",
        "expand it with gunzip",
    ),
    "what gzip never made": (
        gzip.compress(WHOLE.encode())[:10] + b"\xff" * 99,
        ": not readable as gzip (Error -3 while decompressing",
        "expand it with gunzip",
    ),
    "zeros in gzip": (gzip.compress(b"\0" * (1 << 26)), ", line 1: ", ""),
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_a_hint_says_what_to_do_about_it(
    case: str, tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can be put right is told with how, on standard error; the code is 2, and the next trace is judged."""
    content, says, hint = OTHERWISE[case]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)

    assert main(["judge", "--json", str(path), str(good)]) == 2

    said = capsys.readouterr()
    first, second = said.err.splitlines()
    assert first.startswith(f"floodmark: {path}{says}")
    assert second.startswith(f"  {hint}")
    assert json.loads(said.out)["file"] == str(good)


def test_a_compressed_trace_has_the_verdict_of_a_plain_one(
    tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it is called, and from standard input too; a bad byte in it is found in its line."""
    packed = gzip.compress(WHOLE.encode())
    (tmp_path / "x.csv.gz").write_bytes(packed)
    (tmp_path / "packed").write_bytes(packed)

    assert main(["judge", "--json", str(good), str(tmp_path / "x.csv.gz"), str(tmp_path / "packed")]) == 0
    plain, *others = ({**json.loads(line), "file": ""} for line in capsys.readouterr().out.splitlines())
    assert others == [plain, plain]

    done = subprocess.run([*COMMAND, "judge", "-"], input=packed, capture_output=True, check=False)
    assert done.stdout.startswith(b"-: steady"), done.stderr
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(WHOLE.encode() + b"9,\xf6\n"))
    assert main(["judge", str(tmp_path / "x.csv.gz")]) == 2
    assert "x.csv.gz, line 102: a binary file or not UTF-8 (byte 0xf6)" in capsys.readouterr().err


def test_of_several_files_each_is_told_and_the_worst_decides(
    tmp_path: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is missing, one that may not be read, one in KiB and one cut short: the good one is judged, the code is 2."""
    names = ["none.csv", "folder", "kib.csv", "cut.csv.gz"]
    missing, folder, kib, cut = (tmp_path / name for name in names)
    folder.mkdir()
    kib.write_text(HEADER + "".join(f"{i},{172_000 + 4 * i}\n" for i in range(200)))
    cut.write_bytes(gzip.compress(WHOLE.encode())[:-30])

    assert main(["judge", "--json", str(missing), str(folder), str(kib), str(good), str(cut)]) == 2

    said = capsys.readouterr()
    assert [json.loads(line)["file"] for line in said.out.splitlines()] == [str(good)]
    told = [line for line in said.err.splitlines() if line.startswith("floodmark: ")]
    assert [name for name, line in zip(names, told, strict=True) if f"{tmp_path / name}" in line] == names


ODD = [
    *"0x,;",
    "",
    " ",
    "nan",
    "-inf",
    "-1",
    "1e400",
    "9" * 50,
    "1e7",
    "50000000",
    "1_000",
    "True",
    '"',
    "\x1b[2J",
    "\r",
    "\ufeff",
]
DATES = ["2025-11-22", "2025-11-22T08:26:40Z", "9999-12-31T23:59:59-23:59", "0001-01-01", "1763800000", "1763800000000"]
GARBAGE = st.one_of(
    st.binary(max_size=200),
    st.lists(st.lists(st.sampled_from(ODD + DATES), min_size=4, max_size=4), max_size=40).map(
        lambda rows: "\n".join(["t,uss_bytes,worker,masked", *map(",".join, rows)]).encode()
    ),
    st.binary(max_size=60).map(lambda content: gzip.compress(WHOLE.encode())[:200] + content),
    st.floats(0, 2**19).map(lambda size: (HEADER + "".join(f"{15 * i},{size + i % 2}\n" for i in range(60))).encode()),
)


@settings(max_examples=80, deadline=None)
@given(GARBAGE)
def test_no_garbage_is_steady_nor_a_fault(content: bytes) -> None:
    """Whatever is in a file, it is refused in a sentence or inconclusive."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(content)
        err = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
            code = main(["judge", str(path)])

    assert code in {2, 3}
    assert "\x1b" not in err.getvalue()
    assert (code == 2) is err.getvalue().startswith(f"floodmark: {path}")
