"""What the suite counts on of its runner: tests of one group run in one process, one after the other."""

import re
import subprocess
import sys
from pathlib import Path

_TESTS = """
import pytest

pytestmark = pytest.mark.xdist_group("soaks")

@pytest.mark.parametrize("number", range(8))
def test(number):
    pass
"""


def test_a_group_keeps_to_one_process(tmp_path: Path) -> None:
    """Soaks that ran side by side took each other's processor, and could not tell what they were to tell."""
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(_TESTS)
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-v", "-p", "no:cacheprovider"]
    command += ["-p", "no:locust", f"--rootdir={tmp_path}", str(tmp_path)]

    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout
    processes = re.findall(r"^\[(gw\d)\].*PASSED", run.stdout, re.MULTILINE)
    assert len(processes) == 16
    assert len(set(processes)) == 1
