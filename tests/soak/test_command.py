"""`floodmark soak` asked wrongly: one sentence, exit code 2, nothing left."""

from pathlib import Path

import pytest

from floodmark_sidecar.cli import main

CASES = {
    "nothing": ([], "soak needs a plan, or --builtin"),
    "both": (["plan.toml", "--builtin", "image-pipeline"], "not both"),
    "a variant of nothing": (["plan.toml", "--variant", "leaky"], "--variant belongs to --builtin"),
    "unknown service": (["--builtin", "nope"], "there is no bundled service 'nope'"),
    "unknown variant": (["--builtin", "image-pipeline", "--variant", "nope"], "has no variant 'nope'"),
    "no such plan": (["gone.toml"], "gone.toml: there is no such plan"),
    "a duration without unit": (["gone.toml", "--duration", "3"], "'3' is not a duration such as 90s"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_command_is_told_so(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence is on standard error, standard output stays empty, and no folder is made."""
    args, sentence = CASES[case]
    monkeypatch.chdir(tmp_path)

    code = main(["soak", *args, "--json"])

    said = capsys.readouterr()
    assert code == 2
    assert sentence in said.err
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_results_is_not_written_into_by_two_variants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check comes before the first variant's run and not after it."""
    (tmp_path / "report.html").write_text("old")

    code = main(["soak", "--builtin", "image-pipeline", "--output", str(tmp_path)])

    assert code == 2
    assert "is not empty" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
