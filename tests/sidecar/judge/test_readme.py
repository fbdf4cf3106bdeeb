"""What the README says of verdicts for programs: its example runs, and its list of fields is whole."""

import json
import re
from pathlib import Path

import pytest

from floodmark_sidecar.cli import main
from floodmark_sidecar.judge import format_csv
from tests.sidecar.judge import traces as made
from tests.sidecar.judge.traces import MIB

README = Path(__file__).parents[3] / "README.md"

pytestmark = pytest.mark.skipif(not README.exists(), reason="the README is beside the sources only")


@pytest.fixture
def readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a trace that lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    rows = made.short_leak(1, 8 * MIB, stairs=False).trace().rows()
    Path("readings.csv").write_text("".join(format_csv(rows)), "utf-8")
    return "readings.csv"


def section() -> str:
    """The part for programs."""
    return README.read_text("utf-8").partition("### From a program\n")[2].partition("\n## ")[0]


def test_the_example_runs_as_it_is_printed(readings: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Read, judged and explained."""
    (code,) = re.findall(r"```python\n(.*?)```", section(), re.DOTALL)
    exec(code, {})  # noqa: S102 - our own page
    said = capsys.readouterr().out

    assert said.startswith("climbing\n  memory climbs by ")
    assert "{'estimate': " in said
    assert "\n  steady if " in said


def test_every_field_of_a_verdict_is_listed(readings: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And no other."""
    main(["judge", readings, "--json"])
    fields = json.loads(capsys.readouterr().out)
    rows = re.findall(r"^\| (`.*?) \|", section(), re.MULTILINE)

    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(fields)
