"""A case as a service beside a sidecar: a tiny one that needs no package."""

import json
import sys
from pathlib import Path

import pytest

from tests.leaks.__main__ import main
from tests.leaks._cases import Side, read_cases, sides_of
from tests.leaks._environments import Environment
from tests.leaks._load import Pace
from tests.leaks._record import judged, record, recorded
from tests.planted._watched import DriveError

HERE = Environment(Path(sys.executable), Path(), ())
LEAK = "N, WARM = 8000, 5\nkept = {}\nasync def asetup(): print('set up')\nasync def trigger(i): kept[i] = [0] * 50\n"
FAILS = "N, WARM = 8000, 1\ndef trigger(i): print(1 // (2 - i))\n"


def side(folder: Path, source: str) -> Side:
    """The leaky side of the only case of *folder*."""
    inner = folder / "cases" / "tiny"
    inner.mkdir(parents=True)
    told = {"leaky": "", "fixed": None, "expect": "climbing", "culprit_match": ["kept"], "culprit": "kept"}
    (inner / "case.json").write_text(json.dumps(told))
    (inner / "case.py").write_text(source)
    return sides_of(read_cases(folder)[0])[0]


def test_a_side_is_recorded_and_judged_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaks is named, by its line in the case, out of what was kept; and nothing is left beside the case."""
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        monkeypatch.delenv(name, raising=False)
    leaky = side(tmp_path, LEAK)
    run = record(leaky, HERE, tmp_path / "kept", seconds=0.8, commit="abc", censuses=4)
    assert recorded(tmp_path / "kept") == run
    assert run.triggered > 200
    said = judged(leaky, tmp_path / "kept", run)
    assert (said.captures, said.notes) == (5, ())
    assert [(culprit.path, culprit.where) for culprit in said.culprits[:1]] == [("case.kept", "case.py:2")]
    assert sorted(file.name for file in leaky.case.folder.iterdir()) == ["case.json", "case.py"]


def test_a_case_that_fails_under_load_says_so(tmp_path: Path) -> None:
    """With its own error; and what was cut is not taken for a run."""
    with pytest.raises(DriveError, match="the case failed under load: ZeroDivisionError"):
        record(side(tmp_path, FAILS), HERE, tmp_path / "kept", seconds=0.6, commit="abc", censuses=3)
    assert recorded(tmp_path / "kept") is None


def test_a_side_that_was_not_run_has_no_record(tmp_path: Path) -> None:
    """So it is run."""
    assert recorded(tmp_path) is None


@pytest.mark.parametrize(
    ("elapsed", "done", "due"), [(0.0, 0, 0), (0.5, 0, 15), (0.5, 15, 0), (9.0, 0, 30), (0.2, 9, 0)]
)
def test_the_pace_is_even_and_bounded(elapsed: float, done: int, due: int) -> None:
    """What a slow service leaves undone comes back by a second's worth at a time."""
    assert Pace(300, 10).due(elapsed, done) == due


def test_a_slow_pace_has_one_at_a_time() -> None:
    """Less than one a second is no reason for none."""
    assert [Pace(5, 10).due(elapsed, 0) for elapsed in (1.9, 2.0, 10.0)] == [0, 1, 1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "the following arguments are required: --cases"),
        (["--cases", "nowhere"], "there is no folder of cases nowhere"),
        (["--cases", "nowhere", "--seconds", "1"], "a side must run from 5 to 600 seconds (got 1)"),
    ],
)
def test_a_wrong_option_ends_with_two(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a sentence that says what is wrong."""
    monkeypatch.setattr(sys, "argv", ["leaks", *options])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_an_unknown_case_ends_with_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says which there are."""
    side(tmp_path, LEAK)
    monkeypatch.setattr(sys, "argv", ["leaks", "--cases", str(tmp_path), "--only", "huge"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "no such cases: huge (there are tiny)" in capsys.readouterr().err
