"""Reading the folder of cases: what it must hold, and what is said where it does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.errors import UsageError
from tests.leaks._cases import read_cases, sides_of

LEAK = {"leaky": "a==1", "fixed": "a==2", "expect": "climbing", "culprit_match": ["_kept"], "culprit": "`a.py` `_kept`"}
SOURCE = "N, WARM = 30, 3\nkept = []\ndef trigger(i): kept.append(i)\n"


def case(folder: Path, *, source: str = SOURCE, **told: Any) -> Path:
    """A folder with one case, of which only this is of its own."""
    inner = folder / "cases" / "one"
    inner.mkdir(parents=True)
    (inner / "case.json").write_text(json.dumps({**LEAK, **told}))
    (inner / "case.py").write_text(source)
    return folder


def test_a_leak_has_a_leaky_and_a_fixed_side(tmp_path: Path) -> None:
    """Each with its requirement and the verdict to be expected."""
    (one,) = read_cases(case(tmp_path))
    sides = [(side.title, side.requirement, side.expect) for side in sides_of(one)]
    assert sides == [("one-leaky", "a==1", "climbing"), ("one-fixed", "a==2", "steady")]
    assert (one.triggers, one.warm) == (30, 3)


def test_what_nobody_fixed_has_one_side(tmp_path: Path) -> None:
    """And a requirement may be empty."""
    (one,) = read_cases(case(tmp_path, fixed=None, leaky=""))
    assert [(side.title, side.requirement) for side in sides_of(one)] == [("one-leaky", "")]


def test_a_control_is_steady_on_both_sides(tmp_path: Path) -> None:
    """What leaks nothing has no leaky side, and no culprit."""
    (one,) = read_cases(case(tmp_path, expect="steady", culprit_match=[]))
    assert [(side.name, side.expect) for side in sides_of(one)] == [("control", "steady"), ("fixed", "steady")]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"expect": "leaking"}, "expect must be one of climbing, steady (got 'leaking')"),
        ({"culprit_match": "_kept"}, "culprit_match must be a list of words (got '_kept')"),
        ({"culprit_match": []}, "culprit_match is empty, and something leaks"),
        ({"leaky": None}, "leaky must be text (got None)"),
        ({"fixed": 2}, "fixed must be text (got 2)"),
        ({"source": "def trigger(i): pass"}, "must say how many triggers"),
        ({"source": "N, WARM = 0, 3"}, "must say how many triggers"),
        ({"source": "N, WARM = many"}, "must say how many triggers"),
        ({"source": "def trigger("}, "case.py: cannot be read"),
    ],
)
def test_a_malformed_case_says_what_is_wrong(tmp_path: Path, told: dict[str, Any], said: str) -> None:
    """With the file and the value."""
    with pytest.raises(UsageError) as caught:
        read_cases(case(tmp_path, **told))
    assert said in caught.value.message
    assert "cases/one/case." in caught.value.message


def test_what_is_no_json_says_so(tmp_path: Path) -> None:
    """A case that was cut while it was copied."""
    (case(tmp_path) / "cases/one/case.json").write_text('{"leaky": ')
    with pytest.raises(UsageError, match="cannot be read"):
        read_cases(tmp_path)


def test_a_folder_without_cases_says_so(tmp_path: Path) -> None:
    """Whether it is missing or empty."""
    with pytest.raises(UsageError, match="no case is in"):
        read_cases(tmp_path)
    with pytest.raises(UsageError, match="there is no folder of cases"):
        read_cases(tmp_path / "nowhere")
