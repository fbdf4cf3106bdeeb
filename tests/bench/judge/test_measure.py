"""What is measured is what was asked for, once, and goes on where it was cut."""

from dataclasses import replace
from pathlib import Path

import pytest

from floodmark_sidecar.errors import UsageError
from tests.bench.judge._cases import Plan, Task, cases_of
from tests.bench.judge._measure import grown, measure
from tests.bench.judge._work import Outcomes, run

SHORT = 180.0


def plan(*codes: str, **changes: object) -> Plan:
    """A small plan of three-minute runs."""
    usual = {
        "durations": (SHORT,),
        "sizes": (5.0,),
        "seeds": 2,
        "seeds_between": 2,
        "leak_seeds": 2,
        "first_seed": 60_000,
    }
    return Plan(cases_of(codes), **{**usual, **changes})  # type: ignore[arg-type]  # a test's shorthand


def test_a_family_with_evidence_is_measured_without_it_too() -> None:
    """The case without its evidence says what is missing."""
    cases = cases_of(["L8"])
    assert list(cases) == ["L8", "L8 blind"]
    assert cases["L8 blind"].title.endswith("seen without the map")


def test_an_unknown_family_is_a_clear_error() -> None:
    """The code is in the sentence."""
    with pytest.raises(UsageError, match="'X9'"):
        cases_of(["N1", "X9"])


def test_the_middle_lengths_have_fewer_seeds() -> None:
    """The shortest and the longest run have all, those between fewer, a leak its own number."""
    made = plan("N1", "L1", durations=(180.0, 1800.0, 3600.0), seeds=9, seeds_between=4, leak_seeds=3)
    assert [len(made.seeds_of(made.cases["N1"], length)) for length in made.durations] == [9, 4, 9]
    assert len(made.seeds_of(made.cases["L1"], 180.0)) == 3


def test_a_run_too_short_for_a_family_is_left_out() -> None:
    """A day of load means nothing in three minutes."""
    assert not list(plan("N8a").tasks())


def test_tasks_cover_the_plan_once() -> None:
    """Every seed of every case is in one task, and nothing else is."""
    made = plan("N1", "L1", seeds=19, leak_seeds=10)
    found = [(task.case, size, seed) for task in made.tasks() for size in task.sizes for seed in task.seeds]
    assert len(found) == len(set(found)) == 19 + 2 * 10
    assert all(made.wants(case, SHORT, size, seed, looked=False) for case, size, seed in found)
    assert not made.wants("N1", SHORT, 5.0, 60_000, looked=False)
    assert not made.wants("N1", SHORT, 0.0, 60_019, looked=False)


def test_only_the_first_seeds_of_the_longest_run_are_looked_at() -> None:
    """A trace that should have been looked at, and was not, is not what was wanted."""
    made = plan("N1", durations=(180.0, 1800.0), seeds=3, look_seeds=2)
    assert {task.duration: task.looked_below for task in made.tasks()} == {180.0: 0, 1800.0: 60_002}
    assert [made.wants("N1", 1800.0, 0.0, seed, looked=False) for seed in (60_000, 60_001, 60_002)] == [0, 0, 1]
    assert made.wants("N1", 1800.0, 0.0, 60_000, looked=True)
    assert made.wants("N1", 180.0, 0.0, 60_000, looked=False)


def test_a_look_tells_after_how_many_hours_a_leak_fails() -> None:
    """It comes before the end; a clean service, and a seed that is not looked at, have no hours."""
    clean, leaky = measure(Task("L1", 3600.0, (0.0, 50.0), (60_000,), 60_001))
    assert clean.looked
    assert clean.early is None
    assert leaky.early is not None
    assert 0.4 < leaky.early < 1.0
    [unseen] = measure(Task("L1", 3600.0, (50.0,), (60_001,), 60_001))
    assert (unseen.looked, unseen.early) == (False, None)


def test_a_leak_is_measured_in_the_delta_of_its_clean_twin() -> None:
    """Its true growth is the size times that δ; without a leak there is none, and the label says steady."""
    clean, leaky = measure(Task("L1", SHORT, (0.0, 5.0), (60_000,)))
    assert (clean.size, clean.truth, clean.label) == (0.0, 0.0, "steady")
    assert leaky.asked == clean.asked is not None
    assert leaky.truth == pytest.approx(5 * clean.asked)
    assert leaky.label == "climbing"


def test_measuring_twice_is_the_same() -> None:
    """Times aside, an outcome is a function of its task."""
    first, second = (
        [replace(one, make_ms=0.0, judge_ms=0.0) for one in measure(Task("N5", SHORT, (0.0,), (60_000, 60_001)))]
        for _ in range(2)
    )
    assert first == second


def test_a_picture_shows_the_trace_that_was_measured() -> None:
    """The specimen that is drawn has the verdict of the outcome."""
    measured = [*measure(Task("L1", SHORT, (0.0, 5.0), (60_001,)))][1]
    drawn = grown(cases_of(["L1"])["L1"], duration=SHORT, seed=60_001, size=5.0)
    assert drawn.verdict.verdict == measured.verdict
    assert drawn.verdict.memory is not None
    assert drawn.verdict.memory.slope.estimate == measured.slope


@pytest.mark.slow
def test_a_run_that_was_cut_goes_on(tmp_path: Path) -> None:
    """A torn last line is done again, and what was done is not."""
    pytest.importorskip("scipy", reason="the baselines need scipy, which the bench has")
    made, outcomes, said = plan("N1", "L1", rival_seeds=9), Outcomes(tmp_path / "work.jsonl"), list[str]()
    run(made, outcomes, jobs=1, say=said.append)
    whole = outcomes.path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert len(whole) == 2 + 2 * 2
    assert all(len(one.others) > 5 for one in outcomes)
    outcomes.path.write_text("".join(whole[:-1]) + whole[-1][:20], encoding="utf-8")
    run(made, outcomes, jobs=1, say=said.append)
    assert said[-1].startswith("2 of 2 traces")
    assert len(list(outcomes)) == 5 + 2
    keys = {(one.case, one.size, one.seed) for one in outcomes}
    assert len(keys) == 6
    whole = outcomes.path.read_text(encoding="utf-8").splitlines(keepends=True)
    run(made, outcomes, jobs=1, say=said.append)
    assert outcomes.path.read_text(encoding="utf-8") == "".join(whole)
    run(replace(made, look_seeds=1), outcomes, jobs=1, say=said.append)
    assert said[-1].startswith("3 of 3 traces")
