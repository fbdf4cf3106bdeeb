"""What C code has lost: found by real captures of a process that loses references."""

import json
from pathlib import Path
from typing import Any

from tests.sidecar.agent.conftest import Run
from tests.sidecar.agent.test_capture import PREAMBLE

LOSING = """
import ctypes
lose = ctypes.pythonapi.Py_IncRef
lose.argtypes, lose.restype = [ctypes.py_object], None
class Held:
    pass
"""


def orphans(tmp_path: Path) -> dict[str, Any]:
    """Return what the last capture says of types that nobody holds."""
    found: dict[str, Any] = json.loads((tmp_path / "capture.json").read_text())["orphans"]
    return found


def test_lists_that_c_code_has_lost(run: Run, tmp_path: Path, python: str) -> None:
    """Since the last census, with the types of what they hold and of what that holds."""
    run(
        PREAMBLE
        + LOSING
        + """
take()
os.unlink("capture.json")
for number in range(2000):
    lose([(Held(), str(number))])
assert "path" in take()
""",
        python=python,
    )
    lost = orphans(tmp_path)["list"]
    # The youngest of all are listed first, and may be none of those that are looked for.
    assert 1500 <= lost["count"] <= lost["of"] <= 2500
    assert lost["holds"] == ["scenario.Held", "str", "tuple"]


def test_lists_that_somebody_holds(run: Run, tmp_path: Path, python: str) -> None:
    """By an element, a variable of a function, or each other, they are no orphans."""
    run(
        PREAMBLE
        + LOSING
        + """
take()
os.unlink("capture.json")
held = [[Held()] for _ in range(2000)]
def work():
    local = [[Held()] for _ in range(2000)]
    round = []
    for _ in range(500):
        one = [Held()]
        one.append(one)
        round.append(one)
    round.clear()
    assert "path" in take()
work()
""",
        python=python,
    )
    lost = orphans(tmp_path)["list"]
    assert lost["of"] > 4000
    assert lost["count"] < 100


def test_nothing_is_looked_for_that_has_not_grown(run: Run, tmp_path: Path) -> None:
    """At the first census nobody knows what has."""
    run(
        PREAMBLE
        + LOSING
        + """
for number in range(2000):
    lose([Held()])
take()
"""
    )
    assert orphans(tmp_path) == {}
    (tmp_path / "capture.json").unlink()
    run(
        PREAMBLE
        + """
take()
os.unlink("capture.json")
few = [[number] for number in range(100)]
take()
"""
    )
    assert orphans(tmp_path) == {}
