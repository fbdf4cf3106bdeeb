"""What `floodmark judge --explain` prints."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sidecar.cli.drawn import LEAK, run, written


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have set how wide their terminal is."""
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    return written(tmp_path / "leak.csv", LEAK)


def test_every_condition_has_a_line_and_the_changes_follow(leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict first, then value, threshold and yes or no of each condition, then what would change it, then a chart."""
    assert run(leak, "--explain") == 1
    out = capsys.readouterr().out
    lines = out.splitlines()

    assert lines[0].startswith(f"{leak}: climbing (")
    (header,) = [line.split() for line in lines if line.strip().startswith("what the judge looked at")]
    assert header[-5:] == ["measured", "asked", "for", "needed", "for"]
    (upper,) = [line for line in lines if "upper limit of the slope   " in line]
    assert upper.split()[0] == "no"
    assert "under δ = " in upper
    assert out.index("\n  yes  number of readings") < out.index("\n  steady if ") < out.index("• floors")


def test_what_to_do_next_is_the_last_line(leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A climb says where to look, in the text and in JSON."""
    run(leak)
    run(leak, "--json")
    *_, said, told = capsys.readouterr().out.splitlines()

    assert said.startswith("  next: add python_blocks or heap_used_bytes, which tell what grows")
    assert f"  next: {json.loads(told)['next']}" == said


def test_json_has_the_explanation_only_where_it_is_asked_for(leak: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line either way."""
    run(leak, "--json")
    run(leak, "--json", "--explain")
    plain, explained = map(json.loads, capsys.readouterr().out.splitlines())

    assert "explanation" not in plain
    assert explained.pop("explanation")["changes"][0].startswith("steady if the upper limit of the slope")
    assert plain == explained


def test_a_judge_that_draws_nothing_loads_neither_rich_nor_matplotlib(leak: Path) -> None:
    """They take longer to load than a trace to judge."""
    code = (
        "import sys\nfrom floodmark_sidecar.cli import main\n"
        f"assert main(['judge', {str(leak)!r}]) == 1\nassert not {{'rich', 'matplotlib'}} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
