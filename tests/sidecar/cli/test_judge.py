"""`floodmark judge`."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from floodmark_sidecar.cli import judge as command
from floodmark_sidecar.cli._plan import read_settings
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.judge import Trace, format_csv
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB


def run(*words: object) -> int:
    """Run the command on *words* and return its exit code."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


def written(path: Path, trace: Trace) -> Path:
    """Write *trace* to *path*."""
    path.write_text("".join(format_csv(trace.rows())), encoding="utf-8")
    return path


@pytest.fixture
def steady(tmp_path: Path) -> Path:
    return written(tmp_path / "steady.csv", made.short_clean(3).trace())


@pytest.fixture
def climbing(tmp_path: Path) -> Path:
    return written(tmp_path / "climbing.csv", made.short_leak(1, 8 * MIB, stairs=False).trace())


@pytest.fixture
def unclear(tmp_path: Path) -> Path:
    return written(tmp_path / "unclear.csv", made.short_fill(4, 9 * MIB, until=0.83).trace())


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.csv"
    path.write_text("t,uss_bytes\n1,2\n2,inf\n", encoding="utf-8")
    return path


def plan(folder: Path, text: str) -> Path:
    """Write a plan with *text*."""
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_one_object_a_line_for_each_file(steady: Path, climbing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints one object a line with the file's name, and nothing else."""
    code = run(steady, climbing, "--json")
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert code == 1
    assert [(result["file"], result["verdict"]) for result in results] == [
        (str(steady), "steady"),
        (str(climbing), "climbing"),
    ]


def test_without_json_a_verdict_is_read_by_people(steady: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text names the file, the verdict and the reasons."""
    assert run(steady) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{steady}: steady (")
    assert "/day) on matters: " in out


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["steady"], 0),
        (["unclear"], 3),
        (["broken"], 2),
        (["steady", "broken"], 2),
        (["broken", "unclear"], 3),
        (["unclear", "broken", "climbing", "steady"], 1),
    ],
)
def test_the_worst_of_several_decides_the_exit_code(
    names: list[str], code: int, request: pytest.FixtureRequest
) -> None:
    """Over several files the code is the first of 1, 3, 2, 0 that any of them has."""
    assert run(*(request.getfixturevalue(name) for name in names)) == code


def test_a_trace_of_a_run_that_is_not_over_passes_nothing(steady: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--planned says how long the run is to be: a trace shorter than that is undecided, a whole one is judged."""
    assert run(steady, "--planned", "24h") == 3
    assert "the run is not over: 2 min 20 s of 1 d seen" in capsys.readouterr().out
    assert run(steady, "--planned", "140s") == 0


def test_a_planned_length_that_is_none_is_refused(steady: Path) -> None:
    """A length without a unit is an error of use."""
    with pytest.raises(UsageError, match="'24' is not a duration"):
        run(steady, "--planned", "24")


def test_a_malformed_file_is_named_with_its_line_and_the_others_go_on(
    broken: Path, steady: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that cannot be read is an error on stderr; the next one is judged all the same."""
    run(broken, steady, "--json")
    said = capsys.readouterr()

    assert f"floodmark: {broken}, line 3: uss_bytes is 'inf'" in said.err
    assert json.loads(said.out)["file"] == str(steady)


@pytest.mark.parametrize(
    ("content", "line"), [(b"\x7fELF\x02\x01\x00\x00", 1), (b"\xff\xfe\x00", 1), (bytes(range(256)) * 20, 3), (b"", 1)]
)
def test_a_binary_or_empty_file_is_refused(
    content: bytes, line: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no text is refused in words."""
    path = tmp_path / "x.csv"
    path.write_bytes(content)

    assert run(path) == 2
    assert f"floodmark: {path}, line {line}: " in capsys.readouterr().err


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be opened is refused with the system's own words."""
    assert run(tmp_path / "none.csv", tmp_path) == 2
    err = capsys.readouterr().err
    assert "none.csv cannot be read: No such file or directory" in err
    assert "cannot be read: Is a directory" in err


def test_standard_input_is_a_trace_too(climbing: Path) -> None:
    """- reads a trace from standard input."""
    code = "import argparse, sys\nfrom floodmark_sidecar.cli import judge\nparser = argparse.ArgumentParser()\n"
    code += "judge.add_arguments(parser)\nsys.exit(judge.run(parser.parse_args(['-', '--json'])))"

    done = subprocess.run(
        [sys.executable, "-c", code], input=climbing.read_bytes(), capture_output=True, check=False, env=os.environ
    )

    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["file"] == "-"


def test_a_plan_gives_limits_and_warmup(tmp_path: Path, steady: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan's own growth, memory, warm-up and map limits are judged by; its other tables are not read."""
    path = plan(
        tmp_path,
        'floodmark = 1\n[service]\nanything = 3\n[soak]\nwarmup = "40s"\nduration = "24h"\n'
        '[limits]\ngrowth = "2MiB/day"\nmemory = "512MiB"\n[maps]\nmove_locks = 1000\n',
    )
    settings = read_settings(path)

    assert settings.growth == pytest.approx(2 * MIB / 86_400)
    assert (settings.memory, settings.warmup, settings.maps) == (512 * MIB, 40.0, {"move_locks": 1000})
    assert run(steady, "--plan", path, "--json") == 3
    result = json.loads(capsys.readouterr().out)
    assert result["warmup_seconds"] == 40
    assert result["delta_bytes_per_hour"] == pytest.approx(2 * MIB / 24)


def test_a_plan_may_leave_all_of_it_out(tmp_path: Path) -> None:
    """What a plan does not say is measured."""
    settings = read_settings(plan(tmp_path, 'floodmark = 1\n[limits]\ngrowth = "auto"\n'))

    assert (settings.growth, settings.memory, settings.warmup, settings.maps) == (None, None, None, {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("floodmark = ", "is not TOML"),
        ("[limits]\n", "does not say floodmark = 1"),
        ("floodmark = 2\n", "does not say floodmark = 1"),
        ("floodmark = 1\n[limits]\ngrow = 3\n", "[limits] has no key 'grow'"),
        ("floodmark = 1\n[limits]\ngrowth = 3\n", "limits.growth is 3"),
        ('floodmark = 1\n[limits]\ngrowth = "fast"\n', "plan.toml: limits.growth: 'fast' is not a rate"),
        ('floodmark = 1\n[limits]\nmemory = "lots"\n', "plan.toml: limits.memory: 'lots' is not a size"),
        ('floodmark = 1\n[soak]\nwarmup = "soon"\n', "plan.toml: soak.warmup: 'soon' is not a duration"),
        ("floodmark = 1\n[maps]\na = -1\n", "the limit of map a is -1"),
        ("floodmark = 1\n[maps]\na = true\n", "the limit of map a is True"),
        ("floodmark = 1\n[maps]\na = 0\n", "the limit of map a is 0"),
        ('floodmark = 1\n[limits]\nmemory = "0B"\n', "limits.memory must be above 0 (got '0B')"),
        ('floodmark = 1\n[soak]\nwarm_up = "40s"\n', "[soak] has no key 'warm_up'"),
        ("floodmark = 1\n[limit]\n", "has no table 'limit'"),
        ("floodmark = 1\nmaps = 3\n", "maps is 3 where a table"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(text: str, says: str, tmp_path: Path) -> None:
    """A plan that cannot be read is a usage error with the value in it."""
    with pytest.raises(UsageError) as caught:
        read_settings(plan(tmp_path, text))

    assert says in str(caught.value)


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """No plan, no verdict."""
    with pytest.raises(UsageError, match=r"none.toml cannot be read: No such file"):
        read_settings(tmp_path / "none.toml")
