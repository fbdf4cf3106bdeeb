"""What a run comes to: the verdict of its readings, its problems, and the exit code of both together."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from floodmark_sidecar.errors import ExitCode, FloodmarkError
from floodmark_sidecar.judge import judge, parse_csv
from floodmark_sidecar.readings import WorkerReading
from floodmark_sidecar.store import Life, Sample, Store
from floodmark_soak._interrupts import InterruptedRunError
from floodmark_soak._judging import Judging
from floodmark_soak._load import LoadError
from floodmark_soak._outcome import conclude
from floodmark_soak._output import Output
from floodmark_soak._service import ServiceError
from floodmark_soak._story import Ending, Problem, Story
from floodmark_soak.plan import load_plan

START = 1_700_000_000.0


PLAN = 'floodmark = 1\n[service]\ncommand = ["x"]\nready = "http://127.0.0.1:1/"\n'


HISTORY = "Timestamp,User Count,Name,Total Request Count,Total Failure Count"


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Output]:
    (tmp_path / "locustfile.py").write_text("")
    output = Output(tmp_path / "out")
    for number in (1, 2):
        output.load_of(number).mkdir()
        history = output.load_of(number) / "locust_stats_history.csv"
        history.write_text(f"{HISTORY}\n{START + 1},2,Aggregated,1000,0\n")
    yield output
    output.release()


@pytest.fixture
def climbing(output: Output) -> Output:
    """A store with two hundred seconds of a worker that gains half a MiB each second, with a little noise."""
    life = Life("web-0", 1, 100, 1.0, START)
    with Store(output.store) as store:
        store.put_service("web")
        for second in range(201):
            size = (50 << 20) + second * (1 << 19) + (second * 7919 % 13) * 4096
            rows = ((life, WorkerReading("web-0", 1, uss_bytes=size, swap_bytes=0)),)
            done = store.put_sample(Sample("web", START + second, rows))
        done.result()
    return output


def begun(folder: Path, *, more: str = "") -> Story:
    """A run of two hundred seconds that has begun."""
    file = folder / "web.toml"
    file.write_text(PLAN + more)
    judging = Judging.of(load_plan(file, duration=200)).as_dict()
    return Story("web", "0.1.0", 200.0, {}, {}, judging).begun("Linux", START)


def seen(folder: Path, *problems: FloodmarkError, more: str = "", ended: Ending = "whole") -> Story:
    told = tuple(Problem(int(error.exit_code), error.message, error.hint) for error in problems)
    return begun(folder, more=more).told(since=START, until=START + 200, ended=ended, problems=told, notes=("noted",))


def test_the_readings_that_are_written_are_judged_to_the_same_verdict(climbing: Output, tmp_path: Path) -> None:
    """Whoever judges readings.csv again gets every number of result.json."""
    outcome = conclude(seen(tmp_path), climbing)

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
def test_a_climb_that_was_shown_outranks_what_ended_the_run(climbing: Output, tmp_path: Path, case: str) -> None:
    """A service that died of its leak ends with 1; only an internal error or the operator says something stronger."""
    problem, code = PROBLEMS[case]

    outcome = conclude(seen(tmp_path, problem("it ended; its last output:\n    boom")), climbing)

    assert outcome.exit_code is code
    assert outcome.verdict == "climbing"
    assert outcome.result["reasons"][0] == "It ended."
    assert outcome.result["interrupted"] == (code is ExitCode.INTERRUPTED)
    assert outcome.result["problems"][0]["message"].endswith("boom")


def test_a_run_that_never_came_under_load_is_inconclusive(output: Output, tmp_path: Path) -> None:
    """No readings, no culprits, every key all the same."""
    story = begun(tmp_path).told(ended="failed", problems=(Problem(4, "it was not ready"),))
    shutil.rmtree(output.load)
    outcome = conclude(story, output)

    assert (outcome.verdict, outcome.exit_code) == ("inconclusive", ExitCode.SERVICE_DIED)
    assert outcome.result["duration_seconds"] == 0
    assert (outcome.result["culprits"], outcome.result["load"]) == ([], None)
    assert outcome.result["reasons"][0] == "It was not ready."


def test_a_store_that_cannot_be_read_is_told(output: Output, tmp_path: Path) -> None:
    """The run's history is lost: exit 6 with words, and a result nevertheless."""
    output.store.write_bytes(b"not a database" * 100)

    outcome = conclude(seen(tmp_path), output)

    assert outcome.exit_code is ExitCode.INTERNAL
    assert "The readings of the run are lost" in outcome.result["reasons"][0]


def test_the_plans_limits_are_judged_by(climbing: Output, tmp_path: Path) -> None:
    """A memory limit far above says when it will be reached."""
    limited = conclude(seen(tmp_path, more='[limits]\nmemory = "10GiB"\n'), climbing)

    assert limited.result["hours_to_limit"] == pytest.approx(10240 / 0.5 / 3600, rel=0.1)


def test_a_segment_that_was_killed_ends_with_its_last_reading(climbing: Output, tmp_path: Path) -> None:
    """Nobody wrote down its end; what came after the last reading is all that is lost."""
    killed = begun(tmp_path).told(since=START + 50)
    outcome = conclude(killed, climbing)

    assert (outcome.result["duration_seconds"], outcome.result["complete"]) == (150, False)
    assert outcome.result["segments"][0]["ended"] == "killed"
    assert outcome.result["reasons"][0] == "50 s of 3 min 20 s are missing."


def test_what_ended_an_earlier_segment_is_a_note(climbing: Output, tmp_path: Path) -> None:
    """A run that went on is not what its first segment ended with; it tells of it."""
    first = seen(tmp_path, LoadError("the load failed\n    boom"), ended="failed")
    story = first.told(until=START + 100).begun("Linux", START + 110)
    outcome = conclude(story.told(since=START + 120, until=START + 200, ended="segment"), climbing)

    assert outcome.result["problems"] == []
    assert outcome.result["notes"][-2:] == ["segment 1: noted", "segment 1: the load failed"]
    rows = parse_csv(outcome.readings.splitlines(keepends=True), name="readings.csv")
    assert rows.segments == ("1", "2")


@pytest.fixture
def level(output: Output) -> Output:
    """A store with two hundred seconds of a worker that stays where it is."""
    life = Life("web-0", 1, 100, 1.0, START)
    with Store(output.store) as store:
        store.put_service("web")
        for second in range(201):
            rows = ((life, WorkerReading("web-0", 1, uss_bytes=(50 << 20) + second * 7919 % 13 * 4096, swap_bytes=0)),)
            done = store.put_sample(Sample("web", START + second, rows))
        done.result()
    return output


WATCHED = {
    "all of it": (200.0, 200.0, "steady", 0, []),
    "all but a twentieth": (192.0, 200.0, "inconclusive", 3, ["8 s of 3 min 20 s are missing."]),
    "for longer than it was read": (
        400.0,
        400.0,
        "inconclusive",
        3,
        ["Of 6 min 40 s under load, 3 min 18 s have no readings"],
    ),
}


@pytest.mark.parametrize("case", WATCHED)
def test_only_a_run_that_is_whole_and_was_read_is_steady(level: Output, tmp_path: Path, case: str) -> None:
    """However level it was meanwhile: what is missing might have shown the climb."""
    until, planned, verdict, code, words = WATCHED[case]
    file = tmp_path / "web.toml"
    file.write_text(PLAN)
    judging = Judging.of(load_plan(file, duration=planned)).as_dict()
    story = Story("web", "0.1.0", planned, {}, {}, judging).begun("Linux", START)
    ended: Ending = "whole" if until == planned else "interrupted"

    outcome = conclude(story.told(since=START, until=START + until, ended=ended), level, final=True)

    assert (outcome.verdict, outcome.exit_code) == (verdict, code)
    assert [word in reason for word, reason in zip(words, outcome.result["reasons"], strict=False)] == [True] * len(
        words
    )


def test_the_last_segment_of_a_run_is_judged_whatever_it_ended_as(level: Output, tmp_path: Path) -> None:
    """Nothing is to come of a run that lacks less than a second, so that what is inconclusive does not end with 0."""
    short = replace(seen(tmp_path, ended="segment").told(since=START + 190), planned=10.5)
    outcome = conclude(short, level)
    assert (outcome.verdict, outcome.exit_code, outcome.result["complete"]) == ("inconclusive", 3, True)
