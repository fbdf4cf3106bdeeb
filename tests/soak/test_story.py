"""The story of a run, as it is kept for whoever goes on with it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.errors import ExitCode, UsageError
from floodmark_soak._judging import Judging
from floodmark_soak._resume import as_interrupted, without_interrupts
from floodmark_soak._story import Problem, Story, load_story, said

JUDGING = Judging("web.toml", "app", None, None, {}, None, 0.01).as_dict()
NEW = Story("web", "0.1.0", 7200.0, {"asked": {"floodmark": 1}}, {"files": {"app.py": "1f"}}, JUDGING)
TOLD = (
    NEW.begun("Linux", 1000.0)
    .told(since=1010.0, until=2010.0, ended="segment", notes=("noted",))
    .begun("Linux", 5000.0)
    .told(since=5010.0)
)


def test_a_story_is_read_as_it_was_written(tmp_path: Path) -> None:
    """All of it, problems included."""
    story = TOLD.told(problems=(Problem(5, "the load failed", "try more"),))
    story.save(tmp_path / "run.json")
    assert load_story(tmp_path / "run.json") == story


def test_how_far_a_run_has_come() -> None:
    """What was not under load does not count, nor does a segment that goes on."""
    assert (TOLD.seconds, TOLD.remaining, TOLD.whole, TOLD.since) == (1000.0, 6200.0, False, 1010.0)
    assert said(TOLD) == "16 min 40 s of 2 h"
    assert said(TOLD.closed(2, 6010.0)) == "33 min 20 s of 2 h in 2 segments"
    assert TOLD.closed(2, 5010.0 + 6199.5).whole
    assert TOLD.told(ended="early").whole
    assert (NEW.seconds, NEW.since) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no run to go on with in "),
        ("", "cannot be read: Expecting value"),
        ("[]", "its version is None, and 1 is known"),
        ('{"floodmark_run": 2}', "its version is 2, and 1 is known"),
        ('{"floodmark_run": 1}', "is damaged: KeyError: 'segments'"),
        ('{"floodmark_run": 1, "segments": [{"number": 2, "ended": ""}]}', "segment 1 is told as 2"),
        ('{"floodmark_run": 1, "segments": [{"number": 1, "ended": "well"}]}', "ended 'well'"),
    ],
)
def test_what_is_no_story_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    """With its path, and what is wrong."""
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_story(path)
    assert words in caught.value.message
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"segments": []}, "it has no segment"),
        ({"planned": 0}, "planned is 0"),
        ({"planned": float("nan")}, "planned is nan"),
        ({"judging": {"pith": "web.toml"}}, "is damaged: TypeError: Judging"),
        ({"judging": JUDGING | {"maps": 5}}, "is damaged"),
        ({"judging": JUDGING | {"growth": "x"}}, "growth must be a number (got 'x')"),
        ({"judging": JUDGING | {"failure_budget": "x"}}, "could not convert string to float: 'x'"),
        ({"segments": [{"until": float("inf")}]}, "until is inf"),
        ({"segments": [{"since": -1}]}, "since is -1"),
        ({"segments": [{"problems": [{"exit_code": 99, "message": "", "hint": ""}]}]}, "99 is not a valid ExitCode"),
    ],
)
def test_what_no_run_can_have_is_damage(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    """It is told with the value, before anything is judged."""
    path = tmp_path / "run.json"
    NEW.begun("Linux", 1000.0).save(path)
    content = json.loads(path.read_text())
    segments = [content["segments"][0] | each for each in changed.get("segments", [{}])]
    path.write_text(json.dumps(content | changed | {"segments": segments}))
    with pytest.raises(UsageError) as caught:
        load_story(path)
    assert f"{path} is damaged" in caught.value.message
    assert words in caught.value.message


def _ended(story: Story) -> tuple[Any, ...]:
    (problem,) = story.last.problems
    return story.last.ended, problem.exit_code, problem.message, problem.hint


def test_an_interrupted_run_says_how_far_it_came() -> None:
    """And that it can be gone on with, if there is something to go on with."""
    at = TOLD.told(until=6010.0, problems=(Problem(int(ExitCode.INTERRUPTED), "the run was interrupted"),))
    words = "the run was interrupted after 33 min 20 s of 2 h in 2 segments under load"
    assert _ended(as_interrupted(at)) == ("interrupted", 130, words, "--resume goes on with it")
    assert _ended(as_interrupted(NEW.begun("Linux", 1.0))) == (
        "interrupted",
        130,
        "the run was interrupted before the service was under load",
        "",
    )
    whole = at.told(until=5010.0 + 6200.0, ended="whole")
    assert _ended(as_interrupted(whole)) == (
        "whole",
        130,
        "the run was interrupted after its whole time under load",
        "",
    )
    assert without_interrupts(as_interrupted(whole)).last.problems == ()


def test_other_problems_stay(tmp_path: Path) -> None:
    """Who presses Ctrl-C after a failure does not hide it; nor does going on."""
    failed = TOLD.told(problems=(Problem(4, "it died"),))
    assert [each.exit_code for each in as_interrupted(failed).last.problems] == [130, 4]
    assert without_interrupts(as_interrupted(failed)) == replace(
        failed, segments=failed.told(ended="interrupted").segments
    )
    assert json.loads(json.dumps(failed.last.problems[0].message)) == "it died"
    assert failed.last.problems[0].error.exit_code is ExitCode.SERVICE_DIED
    assert without_interrupts(NEW) == NEW
