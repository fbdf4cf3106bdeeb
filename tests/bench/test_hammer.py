"""The bench that takes captures by the thousand, with a few of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.hammer import render


@pytest.mark.slow
def test_some_captures_under_fire(tmp_path: Path) -> None:
    """None of them hangs or leaves anything behind, and the report says so."""
    report = tmp_path / "hammer.md"
    command = [sys.executable, "-m", "tests.bench.hammer", "--captures", "100", "--report", str(report)]
    subprocess.run(command, check=True, timeout=120)
    text = report.read_text()
    assert "| failed | 0 of 100 |" in text
    assert "| descriptors and children left behind | 0, 0 |" in text


def test_what_failed_is_listed_with_its_reason() -> None:
    """A hung child is one line of the table."""
    numbers = dict.fromkeys(("seconds", "median_seconds", "worst_seconds"), 1.0)
    stalls = dict.fromkeys(("median_stall_seconds", "worst_stall_seconds"), 0.002)
    counts = {"captures": 7, "threads": 3, "objects": 9, "descriptors_left": 1, "children_left": 0}
    text = render({"date": "today"}, {**numbers, **stalls, **counts, "failures": {"took too long": 2}})
    assert "| failed | 2 of 7 |\n| … took too long | 2 |" in text
    assert "| the process stood still, median and worst | 2.0 ms, 2.0 ms |" in text
