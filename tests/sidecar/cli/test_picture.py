"""The pictures of `floodmark judge --plot`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from floodmark_sidecar.cli import main
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.judge import judge
from tests.sidecar.cli.drawn import LEAK, MAP, ONE_OF_TEN, run, written
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have set how wide their terminal is."""
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    return written(tmp_path / "leak.csv", LEAK)


def test_a_picture_names_the_worker_that_decided(tmp_path: Path) -> None:
    """Its rate in large letters, memory of all of them below."""
    run(written(tmp_path / "ten.csv", ONE_OF_TEN), "--plot", tmp_path / "x.svg")

    svg = (tmp_path / "x.svg").read_text("utf-8")
    assert "worker w4: climbing, +339 KiB/h, between" in svg
    assert "memory of all 10 workers together: steady, +335 KiB/h" in svg


def test_one_reading_is_a_dot(tmp_path: Path) -> None:
    """A line needs two; the picture of one reading shows it."""
    one = written(tmp_path / "one.csv", made.trace_of(np.array([5.0]), {"uss_bytes": np.array([50.0 * MIB])}))
    none = written(tmp_path / "none.csv", made.trace_of(np.empty(0), {"uss_bytes": np.empty(0)}))

    assert run(one, none, "--plot", tmp_path / "x.svg") == 3

    drawn, empty = ((tmp_path / f"x-{i}.svg").read_text("utf-8") for i in (1, 2))
    dot = "#9aa4ae; stroke: #9aa4ae"
    assert dot in drawn
    assert dot not in empty
    assert "no readings" in empty
    assert "0.2 B" not in empty


def test_a_picture_gives_both_ends_of_a_slope_in_one_unit(tmp_path: Path, leak: Path) -> None:
    """An hour's growth, its ends told apart."""
    run(leak, "--plot", tmp_path / "x.svg")
    slope = judge(LEAK).as_dict()["slope_bytes_per_hour"]
    low, high = (slope[end] / MIB for end in ("low", "high"))
    assert f"between {low:.0f} and {high:.0f} MiB/h" in (tmp_path / "x.svg").read_text("utf-8")


@pytest.mark.parametrize("form", ["svg", "png"])
def test_a_picture_is_drawn(form: str, tmp_path: Path, leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is of the kind that its name says, and the command says where it is."""
    path = tmp_path / f"x.{form}"
    assert run(leak, "--plot", path) == 1

    begin = path.read_bytes()[:200]
    assert begin.startswith(b"\x89PNG" if form == "png" else b"<?xml")
    assert f"  picture: {path}\n" in capsys.readouterr().out


def test_a_picture_names_its_parts_and_a_map_as_it_is_called(tmp_path: Path) -> None:
    """Verdict, floors, δ, warm-up, and below the entries of a map whose name would be a formula or markup elsewhere."""
    trace = written(tmp_path / "$x$.csv", MAP)
    assert run(trace, "--plot", tmp_path / "x.svg") == 1

    svg = (tmp_path / "x.svg").read_text("utf-8")
    for part in ("climbing", "floors", "growth by δ", "not judged", "entries of map $jobs$ &lt;&amp;&gt;", "$x$.csv"):
        assert part in svg


def test_several_pictures_are_numbered(tmp_path: Path, leak: Path) -> None:
    """One for each trace, in their order; the machine's output has only machine-readable lines."""
    broken = tmp_path / "broken.csv"
    broken.write_text("t\n")
    assert run(leak, broken, leak, "--plot", tmp_path / "x.png") == 1

    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["x-1.png", "x-3.png"]


def test_json_stays_alone_on_standard_output(tmp_path: Path, leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the picture is goes to standard error."""
    run(leak, "--json", "--plot", tmp_path / "x.png")
    said = capsys.readouterr()
    assert json.loads(said.out)["verdict"] == "climbing"
    assert said.err == f"  picture: {tmp_path / 'x.png'}\n"


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("x.pdf", "--plot must be a file that ends in .svg or .png (got 'x.pdf')"),
        ("x", "--plot must be a file that ends in .svg or .png (got 'x')"),
        ("", "--plot must be a file that ends in .svg or .png (got '')"),
        ("old.png", "the picture old.png exists already"),
        ("none/x.png", "the picture none/x.png cannot be written: none is no folder"),
        ("leak.csv/x.png", "the picture leak.csv/x.png cannot be written: leak.csv is no folder"),
    ],
)
def test_a_picture_that_cannot_be_is_refused_before_anything_is_judged(
    target: str,
    says: str,
    leak: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A usage error with the name in it; what was there stays as it was."""
    monkeypatch.chdir(leak.parent)
    Path("old.png").write_text("mine")

    with pytest.raises(UsageError) as caught:
        run(leak, "--plot", target)

    assert says in str(caught.value)
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in leak.parent.iterdir()) == ["leak.csv", "old.png"]
    assert Path("old.png").read_text() == "mine"


def test_one_that_is_there_among_the_numbered_is_refused(tmp_path: Path, leak: Path) -> None:
    """The second of two would be written over."""
    (tmp_path / "x-2.svg").write_text("mine")
    with pytest.raises(UsageError, match=r"x-2\.svg exists already"):
        run(leak, leak, "--plot", tmp_path / "x.svg")


def test_a_picture_that_fails_late_leaves_the_verdicts(
    tmp_path: Path, leak: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that appears while traces are judged is not written over: a sentence, and the verdict's own code."""
    first = tmp_path / "a.csv"
    os.mkfifo(first)
    # The trace ends only after the file has appeared: then the writer closes it.
    script = "import sys\nfile = open(sys.argv[1], 'w')\nopen(sys.argv[3], 'x')\nfile.write(open(sys.argv[2]).read())"
    writer = subprocess.Popen([sys.executable, "-c", script, str(first), str(leak), str(tmp_path / "x-1.png")])
    assert run(first, leak, "--plot", tmp_path / "x.png") == 1
    assert writer.wait(10) == 0

    said = capsys.readouterr()
    assert "x-1.png cannot be written: File exists" in said.err
    assert said.out.count(": climbing (") == 2
    assert (tmp_path / "x-1.png").read_bytes() == b""
    assert (tmp_path / "x-2.png").exists()


def test_a_missing_matplotlib_is_a_sentence(
    tmp_path: Path, leak: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the extra that has it."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "floodmark_sidecar.cli._picture", raising=False)

    assert main(["judge", str(leak), "--plot", str(tmp_path / "x.png")]) == 2
    said = capsys.readouterr()
    assert said.err == "floodmark: this needs matplotlib, which is not installed\n  pip install 'floodmark[soak]'\n"
    assert said.out == ""
