"""The bench of the sidecar's memory, with an hour of history."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.history import Taken, render


@pytest.mark.slow
def test_an_hour_of_history(tmp_path: Path) -> None:
    """Every hour that was reached has its line, counted from the first."""
    report = tmp_path / "memory.md"
    command = [sys.executable, "-m", "tests.bench.history", "--hours", "1", "--report", str(report)]
    subprocess.run(command, check=True, timeout=120)
    hours = [line.split(" | ")[0] for line in report.read_text().splitlines() if " h |" in line]
    assert hours == ["| 0.167 h", "| 0.5 h", "| 1 h"]


def test_the_growth_is_told_from_the_first() -> None:
    """Memory, and what it is more than at the beginning."""
    text = render({"date": "today"}, 2, 4, [Taken(0.5, 3 << 20), Taken(24.0, 5 << 20)])
    assert "A history of 2 workers with 4 maps" in text
    assert "| 24 h | 5.0 MiB | 2.0 MiB |" in text
