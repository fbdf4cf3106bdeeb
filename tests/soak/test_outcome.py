"""What a run comes to: the verdict of its readings, its problems, and the exit code of both together."""

from collections.abc import Callable
from pathlib import Path

import pytest

from floodmark_sidecar.errors import ExitCode, FloodmarkError
from floodmark_sidecar.judge import judge, parse_csv
from floodmark_sidecar.readings import WorkerReading
from floodmark_sidecar.store import Life, Sample, Store
from floodmark_soak._interrupts import InterruptedRunError
from floodmark_soak._load import LoadError
from floodmark_soak._outcome import Seen, conclude
from floodmark_soak._service import ServiceError
from floodmark_soak.plan import Plan, load_plan

START = 1_700_000_000.0


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "locustfile.py").write_text("")
    file = tmp_path / "web.toml"
    file.write_text('floodmark = 1\n[service]\ncommand = ["x"]\nready = "http://127.0.0.1:1/"\n')
    return load_plan(file, duration=200)


@pytest.fixture
def climbing(tmp_path: Path) -> Path:
    """A store with two hundred seconds of a worker that gains half a MiB each second, with a little noise."""
    path = tmp_path / "store.sqlite"
    life = Life("web-0", 1, 100, 1.0, START)
    with Store(path) as store:
        store.put_service("web")
        for second in range(201):
            size = (50 << 20) + second * (1 << 19) + (second * 7919 % 13) * 4096
            rows = ((life, WorkerReading("web-0", 1, uss_bytes=size, swap_bytes=0)),)
            done = store.put_sample(Sample("web", START + second, rows))
        done.result()
    return path


def seen(*problems: FloodmarkError) -> Seen:
    return Seen(started=START, since=START, until=START + 200, problems=list(problems), notes=["noted"])


def test_the_readings_that_are_written_are_judged_to_the_same_verdict(plan: Plan, climbing: Path) -> None:
    """Whoever judges readings.csv again gets every number of result.json."""
    outcome = conclude(plan, climbing, seen())

    again = judge(parse_csv(outcome.readings.splitlines(keepends=True), name="readings.csv")).as_dict()
    assert outcome.verdict == "climbing"
    assert {key: outcome.result[key] for key in again if key != "notes"} == {
        key: value for key, value in again.items() if key != "notes"
    }
    assert outcome.result["notes"] == [*again["notes"], "noted"]


PROBLEMS: dict[str, tuple[Callable[[str], FloodmarkError], ExitCode]] = {
    "service died": (ServiceError, ExitCode.CLIMBING),
    "load failed": (LoadError, ExitCode.CLIMBING),
    "internal": (FloodmarkError, ExitCode.INTERNAL),
    "interrupted": (InterruptedRunError, ExitCode.INTERRUPTED),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_climb_that_was_shown_outranks_what_ended_the_run(plan: Plan, climbing: Path, case: str) -> None:
    """A service that died of its leak ends with 1; only an internal error or the operator says something stronger."""
    problem, code = PROBLEMS[case]

    outcome = conclude(plan, climbing, seen(problem("it ended; its last output:\n    boom")))

    assert outcome.exit_code is code
    assert outcome.verdict == "climbing"
    assert outcome.result["reasons"][0] == "It ended."
    assert outcome.result["interrupted"] == (code is ExitCode.INTERRUPTED)
    assert outcome.result["problems"][0]["message"].endswith("boom")


def test_a_run_that_never_came_under_load_is_inconclusive(plan: Plan, tmp_path: Path) -> None:
    """No readings, no culprits, every key all the same."""
    outcome = conclude(plan, tmp_path / "none.sqlite", Seen(started=START, problems=[ServiceError("it was not ready")]))

    assert (outcome.verdict, outcome.exit_code) == ("inconclusive", ExitCode.SERVICE_DIED)
    assert outcome.result["duration_seconds"] == 0
    assert (outcome.result["culprits"], outcome.result["load"]) == ([], None)


def test_a_store_that_cannot_be_read_is_told(plan: Plan, tmp_path: Path) -> None:
    """The run's history is lost: exit 6 with words, and a result nevertheless."""
    (tmp_path / "store.sqlite").write_bytes(b"not a database" * 100)

    outcome = conclude(plan, tmp_path / "store.sqlite", seen())

    assert outcome.exit_code is ExitCode.INTERNAL
    assert "The readings of the run are lost" in outcome.result["reasons"][0]


def test_the_plans_limits_are_judged_by(plan: Plan, climbing: Path) -> None:
    """A memory limit far above says when it will be reached."""
    path = plan.path.with_name("limited.toml")
    path.write_text(plan.path.read_text() + '[limits]\nmemory = "10GiB"\n')

    limited = conclude(load_plan(path, name="web", duration=200), climbing, seen())

    assert limited.result["hours_to_limit"] == pytest.approx(10240 / 0.5 / 3600, rel=0.1)
