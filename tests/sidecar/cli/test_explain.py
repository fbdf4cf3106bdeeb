"""`floodmark judge --explain` and `--plot`."""

import argparse
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from floodmark_sidecar.cli import judge as command
from floodmark_sidecar.cli import main
from floodmark_sidecar.cli._chart import chart
from floodmark_sidecar.cli._shown import Shown, shown
from floodmark_sidecar.cli._ticks import size_ticks, time_ticks
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.judge import Trace, format_csv, judge
from floodmark_sidecar.traces import generate
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB

LEAK = made.short_leak(1, 8 * MIB, stairs=False).trace()
CLOCK = made.short_clean(3)
MAP = CLOCK.trace(**{"map.$jobs$ <&>.entries": np.linspace(0, 4000, len(CLOCK.t))})
STEPS = generate("N6b", seed=1, duration=7200.0, every=15.0).trace


def written(path: Path, trace: Trace) -> Path:
    """Write *trace* to *path*."""
    path.write_text("".join(format_csv(trace.rows())), encoding="utf-8")
    return path


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    return written(tmp_path / "leak.csv", LEAK)


def run(*words: object) -> int:
    """Run the command on *words* and return its exit code."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_every_condition_has_a_line_and_the_changes_follow(leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict first, then value, threshold and yes or no of each condition, then what would change it, then a chart."""
    assert run(leak, "--explain") == 1
    out = capsys.readouterr().out
    lines = out.splitlines()

    assert lines[0].startswith(f"{leak}: climbing (")
    (upper,) = [line for line in lines if "upper limit of the slope   " in line]
    assert upper.split()[0] == "no"
    assert "under δ = " in upper
    assert out.index("\n  yes  number of readings") < out.index("\n  steady if ") < out.index("• floors")


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


def test_what_to_do_next_is_the_last_line(leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A climb says where to look, in the text and in JSON."""
    run(leak)
    run(leak, "--json")
    *_, said, told = capsys.readouterr().out.splitlines()

    assert said.startswith("  next: add python_blocks or heap_used_bytes, which tell what grows")
    assert f"  next: {json.loads(told)['next']}" == said


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


def test_json_has_the_explanation_only_where_it_is_asked_for(leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line either way."""
    run(leak, "--json")
    run(leak, "--json", "--explain")
    plain, explained = map(json.loads, capsys.readouterr().out.splitlines())

    assert "explanation" not in plain
    assert explained.pop("explanation")["changes"][0].startswith("steady if the upper limit of the slope")
    assert plain == explained


def test_what_is_drawn_follows_the_readings_over_a_jump() -> None:
    """A jump that was taken out is in the line, its band and the line of δ: they lie among the floors on both sides."""
    what = shown(STEPS, judge(STEPS))
    assert what.fit is not None
    ((time, size),) = what.jumps

    before, after = np.interp([time - 60, time + 60], what.fit.x, what.fit.line)
    assert after - before == pytest.approx(size, rel=0.1)
    x, y = what.floors
    assert np.median(np.abs(y - np.interp(x, what.fit.x, what.fit.line))[x > what.fit.x[0]]) < size / 4
    assert (what.fit.low <= what.fit.line).all()
    assert (what.fit.line <= what.fit.high).all()
    assert what.fit.delta[0] == what.fit.line[0]


def test_what_is_drawn_follows_the_readings_over_a_fall() -> None:
    """Floors are drawn as they were read, and the line falls where they do."""
    trace = made.daily(1, 200 * MIB).step(-60 * MIB, 0.5).trace()
    what = shown(trace, judge(trace))

    assert what.fit is not None
    x, y = what.floors
    assert y[x > 0.6 * made.DAY].max() < 150 * MIB < y[(x > 0.2 * made.DAY) & (x < 0.4 * made.DAY)].min()
    assert np.abs(y - np.interp(x, what.fit.x, what.fit.line))[x > what.fit.x[0]].max() < 10 * MIB


def test_a_chart_shows_where_memory_rises() -> None:
    """Floors go from the lower left to the upper right, δ stays below the slope, and both axes are labelled."""
    lines = chart(shown(LEAK, judge(LEAK)), width=80)
    rows = [i for i, line in enumerate(lines[:-3]) if "━" in line]
    delta = [i for i, line in enumerate(lines[:-3]) if "╌" in line]

    assert max(map(len, lines[:-2])) <= 80
    assert lines[rows[0]].rindex("━") > lines[rows[-1]].rindex("━")
    assert min(rows) < min(delta)
    assert any("MiB┤" in line for line in lines)
    assert lines[-2].split()[:4] == ["0", "s", "30", "s"]


def test_a_chart_marks_jumps_on_its_axis() -> None:
    """An arrow for each."""
    lines = chart(shown(STEPS, judge(STEPS)), width=100)
    assert lines[-3].count("↑") == 1
    assert "↑ jump taken out" in lines[-1]
    narrow = chart(shown(STEPS, judge(STEPS)), width=60)
    assert max(map(len, narrow)) <= 60
    assert narrow[-1].strip().endswith("↑ jump taken out")


def test_a_chart_of_a_terminal_without_unicode_is_ascii() -> None:
    """Every character has a stand-in."""
    for trace in (LEAK, STEPS):
        assert "\n".join(chart(shown(trace, judge(trace)), width=80, ascii_only=True)).isascii()


@pytest.mark.parametrize("sizes", [[], [5.0], [7.0, 7.0]])
def test_a_chart_of_next_to_nothing_is_none_or_flat(sizes: list[float]) -> None:
    """No reading and one reading make no chart; two that are equal do."""
    x = np.arange(float(len(sizes)))
    what = Shown((x, np.array(sizes)), (x[:0], x[:0]), None, (), ())
    assert bool(chart(what, width=60)) == (len(sizes) > 1)


@pytest.mark.parametrize(
    ("end", "labels"),
    [
        (170.0, ["0 min", "1 min", "2 min"]),
        (86_400.0, ["0 h", "6 h", "12 h", "18 h", "24 h"]),
        (86_385.0, ["0 h", "6 h", "12 h", "18 h", "24 h"]),
        (2.5 * 86_400.0, ["0 d", "1 d", "2 d"]),
        (40 * 86_400.0, ["0 d", "10 d", "20 d", "30 d", "40 d"]),
    ],
)
def test_times_are_told_in_one_round_unit(end: float, labels: list[str]) -> None:
    """Seconds to days, whatever the run."""
    assert [label for _, label in time_ticks(end, 4)] == labels


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (260 * MIB, 340 * MIB, ["260 MiB", "280 MiB", "300 MiB", "320 MiB", "340 MiB"]),
        (1.0 * 2**30, 1.1 * 2**30, ["1.00 GiB", "1.02 GiB", "1.04 GiB", "1.06 GiB", "1.08 GiB", "1.10 GiB"]),
        (0.0, 100.0, ["0 B", "20 B", "40 B", "60 B", "80 B", "100 B"]),
    ],
)
def test_sizes_are_told_in_one_unit_that_tells_them_apart(low: float, high: float, labels: list[str]) -> None:
    """As many digits as the steps between them need."""
    assert [label for _, label in size_ticks(low, high, 5)] == labels


def test_no_line_is_drawn_across_a_gap() -> None:
    """After more than three intervals without a reading, and after a life that ended, a new line begins."""
    keep = (LEAK.t - LEAK.t[0] < 40) | (LEAK.t - LEAK.t[0] > 70)
    gap = made.trace_of(LEAK.t[keep], {"uss_bytes": LEAK.column("uss_bytes")[keep]})
    what = shown(gap, judge(gap))
    (first,) = what.breaks
    assert what.readings[0][first] - what.readings[0][first - 1] > 30

    lives = made.recycled(3, 40_000.0, lives=3, workers=1)
    assert len(shown(lives, judge(lives)).breaks) == 2
    assert shown(LEAK, judge(LEAK)).breaks == ()


def test_one_reading_is_a_dot(tmp_path: Path) -> None:
    """A line needs two; the picture of one reading shows it."""
    one = written(tmp_path / "one.csv", made.trace_of(np.array([5.0]), {"uss_bytes": np.array([50.0 * MIB])}))
    none = written(tmp_path / "none.csv", made.trace_of(np.empty(0), {"uss_bytes": np.empty(0)}))

    assert run(one, none, "--plot", tmp_path / "x.svg") == 3

    drawn, empty = ((tmp_path / f"x-{i}.svg").read_text("utf-8") for i in (1, 2))
    dot = "#9aa4ae; stroke: #9aa4ae"
    assert dot in drawn
    assert dot not in empty


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


def test_a_judge_that_draws_nothing_loads_neither_rich_nor_matplotlib(leak: Path) -> None:
    """They take longer to load than a trace to judge."""
    code = (
        "import sys\nfrom floodmark_sidecar.cli import main\n"
        f"assert main(['judge', {str(leak)!r}]) == 1\nassert not {{'rich', 'matplotlib'}} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
