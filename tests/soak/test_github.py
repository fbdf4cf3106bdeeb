"""What a job of GitHub Actions shows of a run."""

from pathlib import Path
from typing import Any

import pytest

from floodmark_soak._github import MOST_SUMMARY, add_summary, annotation


@pytest.mark.parametrize("before", ["", "x" * 1000, "x" * (MOST_SUMMARY - 500)])
def test_a_summary_is_never_longer_than_what_is_shown(tmp_path: Path, before: str) -> None:
    """Beyond its limit GitHub would show nothing: it ends with a whole line, and says where the rest is."""
    path = tmp_path / "summary"
    path.write_text(before)
    add_summary("a line of words, with an ä\n" * 60_000, {"GITHUB_STEP_SUMMARY": str(path)})
    text = path.read_text()
    assert text.startswith(before)
    assert path.stat().st_size <= MOST_SUMMARY
    assert text.endswith("with an ä\n\nThe rest is in summary.md of the run's folder.\n")


def test_a_short_summary_is_whole(tmp_path: Path) -> None:
    """Each step adds its own; where there is no room at all nothing is added."""
    path = tmp_path / "summary"
    for text in ("one", "two"):
        add_summary(text, {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_text() == "one\ntwo\n"
    path.write_text("x" * MOST_SUMMARY)
    add_summary("three", {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.stat().st_size == MOST_SUMMARY


@pytest.mark.parametrize("environ", [{}, {"GITHUB_STEP_SUMMARY": ""}, {"GITHUB_STEP_SUMMARY": "/no/such/folder/x"}])
def test_elsewhere_there_is_no_summary(environ: dict[str, str]) -> None:
    """And one that cannot be written is no reason for a run to fail."""
    add_summary("text", environ)


def result(tmp_path: Path, code: int, where: str | None) -> dict[str, Any]:
    culprits = [] if where is None else [{"where": where}]
    return {"exit_code": code, "plan": {"name": "web", "cwd": str(tmp_path / "repo" / "svc")}, "culprits": culprits}


ANNOTATIONS = [
    (1, "app.py:12", "::error file=svc/app.py,line=12,title=floodmark%3A web::web climbs%0Aby 5 %25\n"),
    (3, None, "::warning title=floodmark%3A web::web climbs%0Aby 5 %25\n"),
    (0, None, "::notice title=floodmark%3A web::web climbs%0Aby 5 %25\n"),
    (7, "gone.py:3", "::error title=floodmark%3A web::web climbs%0Aby 5 %25\n"),
    (1, "../../else.py:3", "::error title=floodmark%3A web::web climbs%0Aby 5 %25\n"),
    (1, "json", "::error title=floodmark%3A web::web climbs%0Aby 5 %25\n"),
]


@pytest.mark.parametrize(("code", "where", "line"), ANNOTATIONS)
def test_a_job_is_annotated_where_the_first_culprit_is(tmp_path: Path, code: int, where: str | None, line: str) -> None:
    """Relative to the repository, if it is in there; and nothing elsewhere."""
    (tmp_path / "repo" / "svc").mkdir(parents=True)
    (tmp_path / "repo" / "svc" / "app.py").touch()
    (tmp_path / "else.py").touch()
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path / "repo")}
    found = result(tmp_path, code, where)
    assert annotation(found, "web climbs\nby 5 %", environ) == line
    assert annotation(found, "web climbs", {}) == ""
