"""What the tools of a run take themselves."""

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from floodmark_sidecar.judge import Settings
from floodmark_soak._load_stats import RequestCounter
from floodmark_soak._readings import Watched
from floodmark_soak._tools import COLUMNS, Tools, judged

MIB = 1 << 20
BUSY = "print(1, flush=True)\nwhile True: pass"
HOLDS = "held = bytearray(30 << 20); print(1, flush=True); import time; time.sleep(600)"


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A process that does nothing, with a child that is busy and one that holds 30 MiB."""
    code = f"""
import subprocess, sys, time
for each in {[BUSY, HOLDS]!r}:
    subprocess.Popen([sys.executable, "-c", each], stdout=subprocess.PIPE).stdout.readline()
print(1, flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        os.killpg(process.pid, 9)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_tool_is_all_of_its_processes(parent: subprocess.Popen[str], tmp_path: Path) -> None:
    """Their private memory and processor time together; the busiest by itself."""
    tools = Tools(tmp_path / "tools.csv", {"locust": parent.pid, "runner": os.getpid()})
    began = time.time()
    tools.read(began)
    until = time.monotonic() + 20
    while True:
        now = time.time()
        tools.read(now)
        last = rows(tmp_path / "tools.csv")[-2]
        if now - began > 0.5 and float(last["busiest"]) > 0.3:
            break
        assert time.monotonic() < until
    assert tuple(last) == COLUMNS
    assert last["worker"] == "locust"
    assert int(last["uss_bytes"]) > 30 * MIB
    assert float(last["cpu_seconds"]) > 0.1
    own = rows(tmp_path / "tools.csv")[-1]
    assert own["worker"] == "runner"
    assert float(own["busiest"]) <= 1.5


def test_what_has_ended_is_left_out(tmp_path: Path) -> None:
    """A tool that is gone has no rows, and the others have theirs."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    tools = Tools(tmp_path / "tools.csv", {"locust": process.pid, "runner": os.getpid()})
    process.kill()
    process.wait()
    tools.read(1.0)
    assert [row["worker"] for row in rows(tmp_path / "tools.csv")] == ["runner"]


def test_a_disk_that_takes_nothing_ends_no_run(tmp_path: Path) -> None:
    """Only the rows are lost."""
    path = tmp_path / "tools.csv"
    path.symlink_to("/dev/full")
    Tools(path, {"runner": os.getpid()}).read(1.0)
    Tools(tmp_path / "gone" / "tools.csv", {"runner": os.getpid()}).read(1.0)
    assert judged(tmp_path / "gone" / "tools.csv", WATCHED, Settings()) == ()


def written(path: Path, *, busiest: float = 0.1, leak: int = 0) -> Path:
    lines = [",".join(COLUMNS)]
    for second in range(0, 2400, 4):
        lines.append(
            f"{1000 + second},locust,{50 * MIB + leak * second + second % 7 * 4096},{second * 0.2:.2f},{busiest}"
        )
        lines.append(f"{1000 + second},runner,{30 * MIB},{second * 0.01:.2f},0.01")
    path.write_text("\n".join(lines) + "\n3399,locu")
    return path


WATCHED = [Watched(1, 1000.0, 2590.0, RequestCounter([])), Watched(2, 2610.0, 4000.0, RequestCounter([]))]


def test_tools_are_judged_as_a_service_is(tmp_path: Path) -> None:
    """By what was read while the service was watched; a row that was cut off is left out."""
    locust, runner = judged(written(tmp_path / "t.csv", leak=60_000), WATCHED[:1], Settings())
    assert (locust.name, locust.verdict, runner.name, runner.verdict) == ("locust", "climbing", "runner", "steady")
    assert locust.bytes_per_hour == pytest.approx(60_000 * 3600, rel=0.02)
    assert locust.as_dict()["cpu_share"] == pytest.approx(0.2, abs=0.01)
    assert (locust.most_bytes - 50 * MIB) / 60_000 == pytest.approx(1588, abs=3)
    assert judged(tmp_path / "none.csv", WATCHED, Settings()) == ()
    several = judged(written(tmp_path / "t.csv"), WATCHED, Settings())
    assert [tool.as_dict()["cpu_share"] for tool in several] == pytest.approx([0.2, 0.01], abs=0.01)


def test_a_tool_that_still_loads_what_it_needs_is_not_said_to_grow(tmp_path: Path) -> None:
    """Nothing is told of its first ten minutes."""
    early = Watched(1, 1000.0, 1590.0, RequestCounter([]))
    locust, _ = judged(written(tmp_path / "t.csv", leak=60_000), [early], Settings())
    assert (locust.verdict, locust.bytes_per_hour) == ("inconclusive", None)
    assert locust.cpu_share == pytest.approx(0.2, abs=0.01)


def test_a_busy_generator_is_degraded_and_a_busy_runner_is_not(tmp_path: Path) -> None:
    """It is locust's users that wait for each other."""
    locust, runner = judged(written(tmp_path / "t.csv", busiest=0.97), WATCHED, Settings())
    assert (locust.is_degraded, locust.busy, runner.is_degraded) == (True, 1.0, False)
