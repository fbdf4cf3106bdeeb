"""Two versions of a service under the same load."""

import json
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.errors import ExitCode
from floodmark_soak._compare import difference
from tests.soak.conftest import Floodmark, MakePlan

MIB = float(1 << 20)


def result(
    low: float | None, estimate: float | None, high: float | None, *, delta: float | None = 1.0
) -> dict[str, Any]:
    """The result of a run, in MiB an hour."""
    slope = [None if each is None else each * MIB for each in (low, estimate, high)]
    return {
        "slope_bytes_per_hour": dict(zip(("low", "estimate", "high"), slope, strict=True)),
        "delta_bytes_per_hour": None if delta is None else delta * MIB,
        "complete": True,
        "doubts": [],
        "coverage": {"share": 0.9, "measured_share": 1.0},
    }


def test_errors_of_both_add_up_by_their_squares() -> None:
    """3 above and 4 below the slopes make 5 of their difference."""
    found = difference(result(6, 10, 14), result(17, 20, 23))
    assert [each and each / MIB for each in (found.low, found.estimate, found.high)] == [5, 10, 15]
    assert found.text == "the new version adds 10.0 MiB/h ± 5.0 MiB/h, where 1.0 MiB/h matters"
    assert found.as_dict()["estimate_bytes_per_hour"] == 10 * MIB


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        (result(0, 0, 0), result(1.9, 2, 2.1), 1, "the new version adds 2.0 MiB/h ± 102 KiB/h"),
        (result(1.9, 2, 2.1), result(1.9, 2, 2.1), 0, "the new version adds no more than matters: 0 B/h"),
        (result(1.9, 2, 2.1), result(-0.1, 0, 0.1), 0, "no more than matters: -2.0 MiB/h"),
        (result(0, 0, 0), result(-1, 2, 5), 3, "cannot be told from nothing, or from what matters: 2.0 MiB/h"),
        (result(0, 0, 0), result(0.4, 0.8, 1.2), 3, "cannot be told"),
        (result(0, 0, 0, delta=5), result(1.9, 2, 2.1), 0, "where 5.0 MiB/h matters"),
        (result(None, None, None), result(1, 2, 3), 3, "one of the runs has no slope"),
        (result(0, 0, 0, delta=None), result(1, 2, 3), 3, "one of the runs has no slope"),
        (result(0, 0, 0), {}, 3, "one of the runs has no slope"),
    ],
)
def test_what_a_version_adds(old: dict[str, Any], new: dict[str, Any], code: int, words: str) -> None:
    """By the limits of a climb and of a steady run; what cannot be told is no pass."""
    found = difference(old, new)
    assert (found.exit_code, words in found.text) == (ExitCode(code), True), found.text


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"complete": False}, "cannot be told: the new one: it was not watched to its end"),
        ({"doubts": ["The load omitted 12 requests."]}, "cannot be told: the new one: The load omitted 12 requests"),
        ({"coverage": {"share": 0.7, "measured_share": 1.0}}, "too little of it was read"),
        ({"coverage": {"share": 0.9, "measured_share": 0.1}}, "too little of it was read"),
    ],
)
def test_a_run_that_is_not_believed_shows_no_version_to_add_nothing(what: dict[str, Any], words: str) -> None:
    """What it adds is added all the same."""
    level, grown = result(-0.1, 0, 0.1), result(9, 10, 11)
    assert difference(level, level).exit_code is ExitCode.STEADY
    found = difference(level, level | what)
    assert (found.exit_code, words in found.text) == (ExitCode.INCONCLUSIVE, True), found.text
    assert difference(level | what, level).exit_code is ExitCode.INCONCLUSIVE
    assert difference(level | what, grown | what).exit_code is ExitCode.CLIMBING


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_versions_have_their_turns(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path) -> None:
    """Four each, the old one first and then in mirror order; each is one run of four segments under the same load."""
    old = make_plan()
    new = old.with_name("new.toml")
    new.write_text(old.read_text())
    asked = ["soak", new, "--against", old, "--duration", "8s", "--output", tmp_path / "out", "--json"]
    started = floodmark.start(asked)

    assert started.finish(120) == 3, started.stderr

    found = json.loads(started.stdout)
    assert found == json.loads((tmp_path / "out" / "result.json").read_text())
    assert "cannot be told" in found["comparison"]
    order = sorted((segment["started"], which) for which in ("old", "new") for segment in found[which]["segments"])
    assert [which for _, which in order] == ["old", "new", "new", "old"] * 2
    for which in ("old", "new"):
        assert (found[which]["complete"], found[which]["problems"]) == (True, [])
        assert found[which]["duration_seconds"] == pytest.approx(8, abs=1)
    assert "old: steady" in (tmp_path / "out" / "summary.md").read_text()
