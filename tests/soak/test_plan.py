"""The plan file: what a good one says, and what a bad one is told."""

import os
import sys
from pathlib import Path

import pytest

from floodmark_sidecar.errors import ExitCode
from floodmark_soak._schema import PlanError
from floodmark_soak.plan import load_plan

SMALLEST = """
floodmark = 1
[service]
command = ["{python}", "service.py", "--port", "{port}"]
ready = "http://127.0.0.1:{port}/healthz"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "locustfile.py").write_text("")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    plan = folder / "web.toml"
    plan.write_text(text)
    return plan


def test_the_smallest_plan_has_the_documented_defaults(folder: Path) -> None:
    """Everything but the command and the ready address has a default."""
    plan = load_plan(write(folder, SMALLEST))

    assert plan.name == "web"
    assert plan.service.python == sys.executable
    assert plan.service.cwd == folder
    assert plan.service.start_timeout == 30
    assert plan.load.locustfile == folder / "locustfile.py"
    assert (plan.load.users, plan.load.spawn_rate, plan.load.processes, plan.load.failure_budget) == (8, 8, 1, 0.01)
    assert plan.soak.duration == 86400
    assert plan.soak.warmup is None
    assert (plan.limits.growth, plan.limits.memory) == (None, None)


def test_every_documented_key_is_read(folder: Path) -> None:
    """A plan that says everything is taken at its word, in base units."""
    (folder / "app").mkdir()
    (folder / "load.py").write_text("")
    plan = load_plan(
        write(
            folder,
            """
            floodmark = 1
            [service]
            command = ["serve"]
            python = "venv/bin/python"
            cwd = "app"
            ready = "http://127.0.0.1:8000/up?x=1"
            start_timeout = "5s"
            env = { MODE = "soak" }
            [load]
            locustfile = "load.py"
            users = 3
            spawn_rate = 1.5
            processes = 2
            failure_budget = 0
            [soak]
            duration = "3m"
            warmup = "20s"
            read_every = "250ms"
            census_every = "off"
            trace_window = "off"
            trim = false
            [limits]
            growth = "1MiB/h"
            memory = "512MiB"
            [maps]
            move_locks = 1000
            """,
        )
    )

    assert plan.service.python == str(folder / "venv/bin/python")
    assert plan.service.cwd == folder / "app"
    assert plan.service.host == "http://127.0.0.1:8000"
    assert plan.service.env == {"MODE": "soak"}
    assert plan.load.locustfile == folder / "load.py"
    assert (plan.load.users, plan.load.spawn_rate, plan.load.processes, plan.load.failure_budget) == (3, 1.5, 2, 0)
    assert (plan.soak.duration, plan.soak.warmup) == (180, 20)
    assert (plan.soak.read_every, plan.soak.census_every, plan.soak.trace_window) == (0.25, None, None)
    assert plan.soak.trim is False
    assert plan.limits.growth == pytest.approx(1048576 / 3600)
    assert plan.limits.memory == 512 << 20
    assert plan.maps == {"move_locks": 1000}


@pytest.mark.parametrize(
    ("duration", "asked", "window"),
    [
        ("3m", "auto", None),
        ("20m", "auto", 12),
        ("24h", "auto", 30),
        ("24h", "off", None),
        ("24h", "2m", 120),
        ("3m", "2m", 18),
        ("3s", "2m", 1),
    ],
)
def test_a_trace_window_is_a_small_part_of_the_run(
    folder: Path, duration: str, asked: str, window: float | None
) -> None:
    """Its readings are not judged."""
    plan = load_plan(write(folder, SMALLEST + f"[soak]\nduration = '{duration}'\ntrace_window = '{asked}'\n"))

    assert plan.soak.trace_window == window


@pytest.mark.parametrize(
    ("duration", "read_every", "census_every"),
    [(4, 0.5, 8), (180, 0.6, 18), (3600, 12, 360), (86400, 15, 8640)],
)
def test_auto_values_follow_the_duration_of_the_run(
    folder: Path, duration: float, read_every: float, census_every: float
) -> None:
    """A short run looks often, a long one as rarely as production does, also where the duration is overridden."""
    plan = load_plan(write(folder, SMALLEST), duration=duration)

    assert plan.soak.duration == duration
    assert (plan.soak.read_every, plan.soak.census_every) == (read_every, census_every)


def test_placeholders_are_replaced_and_other_braces_left_alone(folder: Path) -> None:
    """Interpreter, port and plan folder go into command, ready and env; JSON, shell and doubled braces stay."""
    text = """
    floodmark = 1
    [service]
    command = ["{python}", "-c", "x = {'a': 1}", "${HOME}", "{{port}}", "{plan}/x"]
    ready = "http://127.0.0.1:{port}/"
    env = { BIND = "0.0.0.0:{port}" }
    """
    placed = load_plan(write(folder, text)).placed(8123)

    assert placed.service.command == (sys.executable, "-c", "x = {'a': 1}", "${HOME}", "{port}", f"{folder}/x")
    assert placed.service.ready == "http://127.0.0.1:8123/"
    assert placed.service.env == {"BIND": "0.0.0.0:8123"}


def test_a_plan_without_the_port_placeholder_asks_for_no_port(folder: Path) -> None:
    """A plan with a port of its own keeps it."""
    fixed = SMALLEST.replace("{port}", "8000")

    assert not load_plan(write(folder, fixed)).uses_port
    assert load_plan(write(folder, SMALLEST)).uses_port


def test_a_service_name_can_stand_in_an_option(folder: Path) -> None:
    """Characters that mean something in `--watch NAME=PID:CWD` do not survive in a name."""
    plan = folder / "my plan=1:a.toml"
    plan.write_text(SMALLEST)

    assert load_plan(plan).name == "my-plan-1-a"


BAD = {
    "an address with no letter of ASCII": (SMALLEST.replace("healthz", "\u00fc"), ["ready", "http address"]),
    "a host that is no name": (SMALLEST.replace("127.0.0.1", "ex..ample"), ["ready", "ex..ample"]),
    "a port that is too large": (SMALLEST.replace("{port}/", "{port}{port}/"), ["ready", "{port}{port}"]),
    "a census all the time": (SMALLEST + '[soak]\ncensus_every = "1ms"\n', ["census_every", "at least 1s", "1ms"]),
    "readings the sidecar would not take": (SMALLEST + '[soak]\nread_every = "10ms"\n', ["read_every", "50ms", "10ms"]),
    "a folder with a NUL in its name": (SMALLEST.replace("[service]", '[service]\ncwd = "a\\u0000b"'), ["null"]),
    "a number of five thousand digits": (SMALLEST + "[load]\nusers = " + "9" * 5000, ["cannot be used"]),
    "not TOML": ("floodmark = = 1\n", ["is not TOML", "line 1"]),
    "no version": ("[service]\n", ["the first line must be `floodmark = 1`"]),
    "another version": ("floodmark = 2\n", ["version 1", "got 2"]),
    "unknown table": (SMALLEST + "[laod]\n", ["unknown table or key 'laod'", "did you mean 'load'?"]),
    "unknown key": (SMALLEST + "[soak]\nduraton = '3m'\n", ["[soak]", "'duraton'", "did you mean 'duration'?"]),
    "key far from all": (SMALLEST + "[limits]\nzzz = 1\n", ["[limits]", "'zzz'", "there are growth, memory"]),
    "a table that is none": ("floodmark = 1\nservice = 3\n", ["service must be a table", "got 3"]),
    "no service": ("floodmark = 1\n", ["[service]", "'command' is missing"]),
    "no ready": ("floodmark = 1\n[service]\ncommand = ['x']\n", ["[service]", "'ready' is missing"]),
    "command as a string": (SMALLEST.replace('["{python}", "service.py", "--port", "{port}"]', '"x y"'), ["'x y'"]),
    "empty command": (SMALLEST.replace('["{python}", "service.py", "--port", "{port}"]', "[]"), ["a list of strings"]),
    "unknown placeholder": (SMALLEST.replace('"{port}"]', '"{prot}"]'), ["{prot}", "did you mean '{port}'?"]),
    "placeholder in env": (SMALLEST + "env = { A = '{pln}' }\n", ["env.A", "{pln}", "'{plan}'"]),
    "env not of strings": (SMALLEST + "env = { A = 1 }\n", ["env must be a table of strings", "{'A': 1}"]),
    "no such cwd": (SMALLEST + "cwd = 'nowhere'\n", ["[service] cwd", "nowhere"]),
    "ready not http": (SMALLEST.replace("http:", "ftp:"), ["ready must be an http address", "ftp://"]),
    "ready without host": (SMALLEST.replace("127.0.0.1:{port}", ""), ["ready must be an http address"]),
    "start_timeout without unit": (SMALLEST + "start_timeout = '30'\n", ["start_timeout", "'30'"]),
    "start_timeout a number": (SMALLEST + "start_timeout = 30\n", ["start_timeout must be a string", "got 30"]),
    "no locustfile": (SMALLEST + "[load]\nlocustfile = 'none.py'\n", ["[load] locustfile", "none.py"]),
    "no users": (SMALLEST + "[load]\nusers = 0\n", ["users must be a whole number of at least 1", "got 0"]),
    "users true": (SMALLEST + "[load]\nusers = true\n", ["users", "got True"]),
    "spawn_rate negative": (SMALLEST + "[load]\nspawn_rate = -1\n", ["spawn_rate", "above 0", "got -1"]),
    "budget over one": (SMALLEST + "[load]\nfailure_budget = 2\n", ["failure_budget", "from 0 to 1", "got 2"]),
    "duration in words": (SMALLEST + "[soak]\nduration = 'long'\n", ["[soak] duration", "'long'", "90s, 3m"]),
    "warmup longer than the run": (
        SMALLEST + "[soak]\nduration = '1m'\nwarmup = '2m'\n",
        ["warmup must be shorter", "1 min", "'2m'"],
    ),
    "a long trace window": (
        SMALLEST + "[soak]\ntrace_window = '11m'\n",
        ["trace_window must be at least 1s and at most 10min", "'11m'"],
    ),
    "trim in words": (SMALLEST + "[soak]\ntrim = 'yes'\n", ["[soak] trim", "true or false", "'yes'"]),
    "no trace window at all": (SMALLEST + "[soak]\ntrace_window = '0.5s'\n", ["trace_window must be", "'0.5s'"]),
    "growth without period": (SMALLEST + "[limits]\ngrowth = '2MiB'\n", ["[limits] growth", "'2MiB'", "2MiB/day"]),
    "no growth at all": (SMALLEST + "[limits]\ngrowth = '0MiB/day'\n", ["[limits] growth", "above 0", "'0MiB/day'"]),
    "memory a number": (SMALLEST + "[limits]\nmemory = 5\n", ["memory must be a string", "got 5"]),
    "map threshold in words": (SMALLEST + "[maps]\nlocks = 'many'\n", ["[maps]", "locks", "'many'"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_plan_is_refused_with_its_table_key_and_value(folder: Path, case: str) -> None:
    """The sentence names the file, where in it the fault is, and what stands there."""
    text, words = BAD[case]
    plan = write(folder, text)

    with pytest.raises(PlanError) as caught:
        load_plan(plan)

    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.message.startswith(f"{plan}: ")
    for word in words:
        assert word in caught.value.message


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    """No such file is one sentence, not a traceback."""
    with pytest.raises(PlanError, match=r"gone\.toml: there is no such plan"):
        load_plan(tmp_path / "gone.toml")


def test_a_plan_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are said to be that."""
    plan = tmp_path / "web.toml"
    plan.write_bytes(b"floodmark = 1\n\xff\xfe")

    with pytest.raises(PlanError, match="is not UTF-8 text"):
        load_plan(plan)


def test_a_folder_is_no_plan(tmp_path: Path) -> None:
    """A folder in the place of a plan is refused."""
    with pytest.raises(PlanError, match="is not a file"):
        load_plan(tmp_path)


def test_a_pipe_is_no_plan(folder: Path) -> None:
    """Reading it would wait for a writer that never comes."""
    plan = folder / "pipe.toml"
    os.mkfifo(plan)

    with pytest.raises(PlanError, match="is not a file"):
        load_plan(plan)
