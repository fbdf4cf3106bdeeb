"""The picture of who holds what grows, as a run draws it for its report."""

from pathlib import Path

import pytest

from floodmark_soak._holders import drawn
from tests.sidecar.fix_graphviz import only_dot

HELD = [{"rank": 1, "name": "jobs", "retainers": [{"name": "app.jobs", "type": "dict"}]}]


def test_a_run_has_its_picture_where_graphviz_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And then nothing to explain."""
    only_dot(tmp_path, monkeypatch)
    assert drawn(HELD) == ('<svg xmlns="http://www.w3.org/2000/svg"> 1 </svg>', "")


@pytest.mark.parametrize(
    ("body", "words"),
    [(None, "graphviz is not installed"), ("sys.exit('no fonts')", "graphviz could not draw: no fonts")],
)
def test_a_run_goes_well_without_it(
    body: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report has the words."""
    only_dot(tmp_path, monkeypatch, body)
    picture, why = drawn(HELD)
    assert picture == ""
    assert why.startswith(words)


def test_where_nothing_is_held_there_is_nothing_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphviz or not."""
    only_dot(tmp_path, monkeypatch, None)
    assert drawn([{"rank": 1, "name": "worker", "retainers": []}]) == ("", "")
