"""Whole runs of `floodmark soak` on small real services, most of which disappoint."""

import csv
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.soak.conftest import APPS, Floodmark, MakePlan, Soak

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_run_leaves_everything_it_promises(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> None:
    """Too short to judge, so inconclusive; but with every file, one object on standard output, the load told, and
    readings that `floodmark judge` comes to the same result with.
    """
    output, plan = tmp_path / "output", make_plan()
    started = floodmark.start(["soak", plan, "--duration", "5s", "--output", output, "--json"])

    assert started.finish() == 3, started.stderr

    result = json.loads(started.stdout)
    assert result == json.loads((output / "result.json").read_text())
    assert (result["verdict"], result["exit_code"], result["interrupted"]) == ("inconclusive", 3, False)
    assert 5 <= result["duration_seconds"] < 10
    assert result["load"]["requests"] > 20
    assert result["load"]["failures"] == 0
    assert result["problems"] == []
    for name in ("report.html", "summary.md", "junit.xml", "readings.csv", "service.log", "load/locust.log"):
        assert (output / name).stat().st_size > 0, name
    assert list((output / "captures").iterdir())
    (trim,) = result["trims"]
    assert trim["returned_bytes"] == max(0, trim["before_bytes"] - trim["after_bytes"])
    assert sum("a trim gave back" in note for note in result["notes"]) == 1
    assert not [*output.glob("**/*.part"), *output.glob("store.sqlite-*")]
    rows = list(csv.DictReader((output / "readings.csv").read_text().splitlines()))
    assert len(rows) >= 5
    assert int(rows[-1]["requests_total"]) > int(rows[0]["requests_total"])

    again = floodmark.start(["judge", "--json", "--plan", plan, output / "readings.csv"])

    assert again.finish() == 3, again.stderr
    judged = json.loads(again.stdout)
    for key in set(judged) & set(result) - {"notes", "culprits"}:
        assert judged[key] == result[key], key


def test_several_locust_processes_share_the_load(soak: Soak, make_plan: MakePlan) -> None:
    """Locust's own distributed mode is counted as one load."""
    _, result, _ = soak(make_plan(load="processes = 2"), "4s")

    assert result["load"]["requests"] > 20
    assert result["problems"] == []


def test_a_command_that_is_not_there(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> None:
    """Exit 2 with the command, before anything is started or made."""
    plan = make_plan(service='command = ["no-such-server", "--port", "{port}"]')

    started = floodmark.start(["soak", plan, "--output", tmp_path / "out", "--json"])

    assert started.finish() == 2
    assert "there is no command 'no-such-server'" in started.stderr
    assert started.stdout == ""
    assert not (tmp_path / "out").exists()


def test_a_service_that_is_never_ready(soak: Soak, make_plan: MakePlan) -> None:
    """Exit 4 with the last answer and the last output, when its time is over."""
    code, result, output = soak(make_plan("unready", service='start_timeout = "1s"'), "5s")

    assert code == result["exit_code"] == 4
    (problem,) = result["problems"]
    assert "was not ready after 1 s" in problem["message"]
    assert "503 Service Unavailable" in problem["message"]
    assert "    mode unready" in problem["message"]
    assert "was not ready after 1 s" in result["reasons"][0]
    assert result["verdict"] == "inconclusive"
    assert (output / "report.html").exists()


def test_a_service_that_dies_before_it_is_ready(soak: Soak, make_plan: MakePlan) -> None:
    """Its death is noticed at once: nobody waits for the rest of start_timeout."""
    code, result, _ = soak(make_plan("broken", service='start_timeout = "10m"'), "5s", timeout=60)

    assert code == 4
    assert "ended before it was ready (exit code 1)" in result["problems"][0]["message"]
    assert "fatal: no configuration" in result["problems"][0]["message"]


@pytest.mark.parametrize(
    ("mode", "ending", "output"),
    [("exits", "exit code 3", "fatal: out of cheese"), ("killed", "signal SIGKILL", "mode killed")],
)
def test_a_service_that_dies_under_load(soak: Soak, make_plan: MakePlan, mode: str, ending: str, output: str) -> None:
    """Exit 4 with how it ended and what it printed last; what was seen is kept."""
    code, result, folder = soak(make_plan(mode), "1h", timeout=60)

    assert code == 4
    assert f"the service died under load ({ending})" in result["problems"][0]["message"]
    assert output in result["problems"][0]["message"]
    assert result["duration_seconds"] < 60
    assert (folder / "junit.xml").exists()


def test_a_locustfile_that_does_not_load(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> None:
    """Exit 2 with locust's last lines, before the service is started."""
    locustfile = tmp_path / "load.py"
    locustfile.write_text("class Visitor(\n")

    started = floodmark.start(["soak", make_plan(locustfile=locustfile), "--output", tmp_path / "out"])

    assert started.finish() == 2
    assert f"locust cannot load {locustfile}" in started.stderr
    assert "SyntaxError" in started.stderr
    assert "starting the service" not in started.stderr
    assert not (tmp_path / "out").exists()


def test_a_locustfile_without_a_user(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> None:
    """A file that loads but has nobody to send requests is as bad."""
    locustfile = tmp_path / "load.py"
    locustfile.write_text("answer = 42\n")

    started = floodmark.start(["soak", make_plan(locustfile=locustfile), "--output", tmp_path / "out"])

    assert started.finish() == 2
    assert "has no user class" in started.stderr


def test_a_load_that_fails_altogether_ends_early(soak: Soak, make_plan: MakePlan) -> None:
    """An hour of errors is not waited for; the sentence has the ratio, the budget and the most common error."""
    code, result, _ = soak(make_plan("fails"), "1h", timeout=60)

    assert code == 5
    message = result["problems"][0]["message"]
    assert "(100.0%) failed, and the budget is 1.0%" in message
    assert "500 Server Error" in message
    assert result["load"]["failure_ratio"] == 1


def test_a_load_over_its_budget_is_judged_at_the_end(soak: Soak, make_plan: MakePlan, tmp_path: Path) -> None:
    """Half of the requests fail: the run goes on to its end, for failures may be over by then, and ends with 5."""
    locustfile = tmp_path / "half.py"
    text = (APPS / "browse.py").read_text()
    also = 'self.client.get("/"); self.client.get("http://127.0.0.1:1/x")'
    locustfile.write_text(text.replace('self.client.get("/")', also))

    code, result, _ = soak(make_plan(locustfile=locustfile), "4s")

    assert code == 5
    assert result["load"]["failure_ratio"] == pytest.approx(0.5, abs=0.1)
    assert result["duration_seconds"] >= 4


def test_a_load_without_a_request(soak: Soak, make_plan: MakePlan) -> None:
    """Exit 5 with what the locustfile stumbled over."""
    code, result, _ = soak(make_plan(locustfile="idle.py", service='start_timeout = "5s"'), "1h", timeout=60)

    assert code == 5
    assert "locust counted no request in" in result["problems"][0]["message"]
    assert "lost the way" in result["problems"][0]["message"]


VICTIMS = {
    "floodmark_soak._locust": (5, "the load failed: locust ended before the run did (signal SIGKILL)"),
    "floodmark_sidecar.cli serve": (6, "the sidecar ended before the run did (signal SIGKILL)"),
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_part_that_is_killed_is_noticed(
    floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path, victim: str
) -> None:
    """Without load or without readings there is no run to go on with; what was seen is written."""
    code, sentence = VICTIMS[victim]
    started = floodmark.start(["soak", make_plan(), "--duration", "1h", "--output", tmp_path / "out", "--json"])
    started.wait_for("under load")
    for process in floodmark.processes():
        if victim in " ".join(process.cmdline()):
            process.kill()

    assert started.finish() == code, started.stderr

    result = json.loads(started.stdout)
    assert sentence in result["problems"][0]["message"]
    assert (tmp_path / "out" / "report.html").exists()


def test_a_port_that_is_taken(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> None:
    """Another service on the plan's fixed port would be loaded in the place of ours: exit 2."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        plan = make_plan(service=f'ready = "http://127.0.0.1:{port}/healthz"')

        started = floodmark.start(["soak", plan, "--output", tmp_path / "out"])

        assert started.finish() == 2
    assert f"127.0.0.1:{port} (from ready) is already in use" in started.stderr
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_not_empty(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> None:
    """Exit 2, and what is in the folder stays as it is."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "result.json").write_text("{}")

    started = floodmark.start(["soak", make_plan(), "--output", tmp_path / "out"])

    assert started.finish() == 2
    assert "is not empty" in started.stderr
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["result.json"]


def test_an_output_folder_that_cannot_be_written(floodmark: Floodmark, make_plan: MakePlan) -> None:
    """Exit 2 with the system's reason."""
    started = floodmark.start(["soak", make_plan(), "--output", "/proc/floodmark"])

    assert started.finish() == 2
    assert "/proc/floodmark cannot be written to" in started.stderr


def test_a_service_that_will_not_go_is_made_to(
    floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path, soak: Soak
) -> None:
    """It ignores SIGTERM and hides a child in a session of its own: after the run neither is left."""
    code, result, _ = soak(make_plan("stubborn"), "3s")

    assert code == 3
    assert result["problems"] == []
    assert floodmark.left_behind() == []


def test_a_daemon_that_forgot_where_it_came_from_is_ended_too(soak: Soak, make_plan: MakePlan) -> None:
    """No parent, a session of its own, an empty environment: it is a child of the run all the same."""
    code, result, output = soak(make_plan("forgotten"), "3s")

    assert (code, result["problems"]) == (3, [])
    said = (output / "service.log").read_text().split()
    assert not psutil.pid_exists(int(said[said.index("daemon") + 1]))


def test_a_full_disk(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> None:
    """Exit 6 with words, whichever part is the first to find the disk full; the result is still on standard output."""
    output = tmp_path / "out"

    def small_files_only() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    started = floodmark.start(
        ["soak", make_plan(), "--duration", "4s", "--output", output, "--json"], before=small_files_only
    )

    assert started.finish() == 6
    result = json.loads(started.stdout)
    assert result["exit_code"] == 6
    assert any("disk" in problem["message"] for problem in result["problems"])
    assert not list(output.glob("**/*.part"))
    assert os.listdir(output)  # noqa: PTH208 -- anything at all


def test_a_load_that_stops_is_no_load(soak: Soak, make_plan: MakePlan) -> None:
    """A service that nobody asks for anything is steady, and that says nothing: exit 5. What locust left is ended too."""
    code, result, _ = soak(make_plan(locustfile="stops.py"), "100s")

    assert code == 5
    (problem,) = result["problems"]
    assert "the load stopped: locust counted no request for" in problem["message"]
    assert result["duration_seconds"] < 60


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", ">/dev/full 2>/dev/full", "2>&1 | true"])
def test_nobody_listening_changes_nothing(
    floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path, closed: str
) -> None:
    """Standard streams that are closed, full or read by nobody: the exit code is the run's, and its files are there."""
    output = tmp_path / "output"
    command = f"{sys.executable} -m floodmark_sidecar.cli soak {make_plan()} --duration 3s --output {output} {closed}"
    script = f"{command}; echo ${{PIPESTATUS[0]}} > {tmp_path}/code"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run(["/bin/bash", "-c", script], env=environment, check=False, timeout=60)

    assert (tmp_path / "code").read_text().strip() == "3"
    assert (output / "report.html").exists()
    assert json.loads((output / "result.json").read_text())["exit_code"] == 3


def test_users_that_are_too_late_are_told(soak: Soak, make_plan: MakePlan, tmp_path: Path) -> None:
    """Two users cannot send four thousand requests a second: what they omit is counted."""
    locustfile = tmp_path / "paced.py"
    locustfile.write_text(
        "from locust import HttpUser, constant_throughput, task\n"
        "class Visitor(HttpUser):\n"
        "    wait_time = constant_throughput(2000)\n"
        "    @task\n"
        '    def look(self): self.client.get("/")\n'
    )
    code, result, _ = soak(make_plan(locustfile=locustfile), "4s")

    assert code == 3
    assert result["load"]["omitted_requests"] > result["load"]["requests"]
    assert any(reason.startswith("The load omitted") for reason in result["reasons"])


def test_a_profile_changes_how_many_users_there_are(soak: Soak, make_plan: MakePlan, tmp_path: Path) -> None:
    """Up in steps, and down again: the load's history has them, and not those of a shape that the locustfile has itself."""
    locustfile = tmp_path / "shaped.py"
    locustfile.write_text(
        (APPS / "browse.py").read_text()
        + "\nfrom locust import LoadTestShape\nclass Nine(LoadTestShape):\n    def tick(self): return 9, 50\n"
    )
    _, result, folder = soak(make_plan(locustfile=locustfile, load='profile = "ramp"\nspawn_rate = 50'), "8s")

    history = csv.DictReader((folder / "load/segment-1/locust_stats_history.csv").read_text().splitlines())
    users = [int(row["User Count"]) for row in history if row["Name"] == "Aggregated"]
    assert result["load"]["users"] == 2
    assert {1, 2} <= set(users)
    assert users[-1] == 1
    assert result["problems"] == []
