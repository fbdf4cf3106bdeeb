"""`floodmark traces`."""

import argparse
import json
from pathlib import Path

import pytest

from floodmark_sidecar.cli import main
from floodmark_sidecar.cli import traces as command
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.judge import parse_csv
from floodmark_sidecar.traces import FAMILIES, generate


def run(*words: object) -> int:
    """Run the command on *words* and return its exit code."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


def test_without_a_family_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    """One line a family: code, label, name and title."""
    assert run() == 0
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[0] for line in lines[1:]] == list(FAMILIES)
    for line in lines[1:]:
        family = FAMILIES[line.split()[0]]
        assert line.split()[1:3] == [family.label, family.name]
        assert line.endswith(family.title)


def test_traces_are_written_with_their_truths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file for each family and seed, and labels.json that says what each is."""
    folder = tmp_path / "new" / "traces"

    assert (
        run("L8", "lru-fill", "--seed", 7, "--count", 2, "--duration", "3m", "--growth", "1MiB/min", "--output", folder)
        == 0
    )

    labels = json.loads((folder / "labels.json").read_text("utf-8"))
    names = ["L8-0007.csv", "L8-0008.csv", "N5-0007.csv", "N5-0008.csv"]
    assert sorted(path.name for path in folder.iterdir()) == [*names, "labels.json"]
    assert list(labels) == names
    assert labels["L8-0007.csv"]["truth"]["label"] == "climbing"
    assert labels["L8-0007.csv"]["truth"]["slope_bytes_per_second"] == pytest.approx((1 << 20) / 60)
    assert labels["N5-0007.csv"]["truth"]["label"] == "steady"
    assert labels["N5-0007.csv"]["growth_class"] == "none"
    assert "4 traces in" in capsys.readouterr().out


def test_a_written_trace_is_the_one_that_is_labelled(tmp_path: Path) -> None:
    """What is in labels.json makes the trace in the file again."""
    run("L1", "--duration", "2m", "--every", "1s", "--growth", "1MiB/min", "--level", "64MiB", "--output", tmp_path)
    label = json.loads((tmp_path / "labels.json").read_text("utf-8"))["L1-0001.csv"]
    with (tmp_path / "L1-0001.csv").open(encoding="utf-8") as lines:
        read = parse_csv(lines, name="L1")

    made = generate(
        label["family"],
        seed=label["seed"],
        duration=label["duration_seconds"],
        every=label["every_seconds"],
        growth=label["truth"]["slope_bytes_per_second"],
        **label["parameters"],
    )

    assert read.rows() == made.trace.rows()


def test_what_was_not_asked_for_is_labelled_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The label has the time between readings that the trace has, and one trace is one."""
    assert run("N1", "--duration", "4m40s", "--output", tmp_path) == 0

    assert capsys.readouterr().out.startswith(f"1 trace in {tmp_path}: 1 steady; ")
    label = json.loads((tmp_path / "labels.json").read_text("utf-8"))["N1-0001.csv"]
    assert (label["duration_seconds"], label["every_seconds"]) == (280, 1)
    with (tmp_path / "N1-0001.csv").open(encoding="utf-8") as lines:
        assert parse_csv(lines, name="N1").t[:3].tolist() == [0, 1, 2]


def test_all_are_all_and_the_judge_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`all` writes one of every family, each a trace that `floodmark judge` takes."""
    assert main(["traces", "ALL", "--duration", "50s", "--growth", "1MiB/s", "--output", str(tmp_path)]) == 0
    files = sorted(str(path) for path in tmp_path.glob("*.csv"))
    capsys.readouterr()

    assert len(files) == len(FAMILIES)
    assert main(["judge", "--json", *files]) in {0, 1, 3}
    assert len(capsys.readouterr().out.splitlines()) == len(files)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["list", "--output", "new"], "there is no family 'list'"),
        (["L1", "--level", "1KiB", "--output", "new"], "from 8 MiB to 4 TiB (got 1.0 KiB)"),
        (["L1", "--duration", "365d", "--every", "1s", "--output", "new"], "a run of 365 d needs from "),
        (["L88", "--output", "new"], "there is no family 'L88'; the nearest is L8 (zipf-keys)"),
        (["L1", "lienar", "--output", "new"], "there is no family 'lienar'; the nearest is L1 (linear)"),
        (["L1"], "--output is missing"),
        (["--output", "new"], "no family is named"),
        (["N1", "--growth", "2MiB/day", "--output", "new"], "--growth 2MiB/day has no leak to apply to: N1 only"),
        (["L1", "--growth", "fast", "--output", "new"], "'fast' is not a rate"),
        (["L1", "--duration", "1s", "--output", "new"], "a run must be from 10 s to 366 days long (got 1 s)"),
        (["L1", "--every", "1h", "--output", "new"], "(got one every 1 h)"),
        (["L1", "--level", "1MiB", "--output", "new"], "(got 1.0 MiB)"),
        (["L1", "--seed", "-4", "--output", "new"], "(got -4)"),
        (["L1", "--count", "0", "--output", "new"], "--count must be from 1 to 10000 (got 0)"),
        (["L1", "--output", "full"], "the output folder full is not empty: old.txt is in it"),
        (["L1", "--output", "full/old.txt"], "the output folder full/old.txt cannot be made"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A usage error with the value in it; no folder is made and no file is touched."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old.txt").write_text("mine")

    with pytest.raises(UsageError) as caught:
        run(*words)

    assert says in str(caught.value)
    assert "L9" not in str(caught.value)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["full", "full/old.txt"]


def test_an_interrupted_command_labels_what_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C between two traces: the first is there with its label, and the exit code is that of an interruption."""

    def interrupted(code: str, *, seed: int, **rest: float) -> object:
        if seed == 2:
            raise KeyboardInterrupt
        return generate(code, seed=seed, **rest)

    monkeypatch.setattr("floodmark_sidecar.cli.traces.generate", interrupted)

    assert main(["traces", "N1", "--count", "3", "--duration", "1m", "--output", str(tmp_path)]) == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["N1-0001.csv", "labels.json"]
    assert list(json.loads((tmp_path / "labels.json").read_text("utf-8"))) == ["N1-0001.csv"]
