"""Rows of several workers that no column `worker` tells apart: refused, whatever their order is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from floodmark_sidecar.cli import main
from floodmark_sidecar.judge import Trace, explain, judge, parse_csv
from tests.sidecar.judge.traces import MIB, Array

COUNT = 300
T = np.arange(COUNT) * 60.0
DRAW = np.random.default_rng(3)
FLAT: Array = (200 * MIB + DRAW.integers(0, 64, COUNT) * 4096).astype(np.float64)
LEAKS: Array = FLAT + 100 * MIB + np.arange(COUNT, dtype=np.float64) * 40_960


def csv_of(series: dict[str, Array], *, column: str = "", later: float = 0.0) -> list[str]:
    """Lines of a trace with the rows of each of *series* by name, named in *column*, each *later* than the one before."""
    rows = [
        (t + i * later, name, int(size))
        for i, (name, values) in enumerate(series.items())
        for t, size in zip(T.tolist(), values.tolist(), strict=True)
    ]
    rows.sort(key=lambda row: row[0])
    if not column:
        return ["t,uss_bytes\n", *(f"{t},{size}\n" for t, _, size in rows)]
    return [f"t,{column},uss_bytes\n", *(f"{t},{name},{size}\n" for t, name, size in rows)]


def trace_of(lines: Sequence[str]) -> Trace:
    """The trace in *lines*."""
    return parse_csv(lines, name="made")


@pytest.mark.parametrize("series", [{"a": LEAKS, "b": FLAT}, {"b": FLAT, "a": LEAKS}], ids=["ab", "ba"])
@pytest.mark.parametrize("later", [0.0, 7.0])
def test_two_workers_without_names_are_no_verdict(series: dict[str, Array], later: float) -> None:
    """The last row of a time would be all there is, or memory would swing from one worker to the other."""
    verdict = judge(trace_of(csv_of(series, later=later)))

    assert verdict.verdict == "inconclusive"
    said = "the rows of 2 workers seem to take turns" if later else "300 times have two rows or more that differ"
    assert verdict.reasons == (f"{said}: name the workers in a column `worker`",)
    assert "rows of a worker at a time" in [found.name for found in explain(verdict).conditions if not found.met]


@pytest.mark.parametrize("column", ["pod", "instance", "Host", "container"])
@pytest.mark.parametrize("later", [0.0, 7.0])
def test_the_column_to_rename_is_named(column: str, later: float) -> None:
    """Where a column that is not read tells the rows apart, it is the one; a column that does not is none."""
    said = trace_of(csv_of({"a": LEAKS, "b": FLAT}, column=column, later=later)).mixed
    alike = csv_of({"same": LEAKS, "b": FLAT}, column=column, later=later)

    assert said.endswith(f"name the workers in a column `worker`; rename `{column}` to `worker`")
    moved = [line.replace(",same,", f",{i > COUNT},").replace(",b,", f",{i > COUNT},") for i, line in enumerate(alike)]
    for lines in ([line.replace(",b,", ",same,") for line in alike], moved):
        assert trace_of(lines).mixed.endswith("in a column `worker`")


def test_a_pid_is_no_worker() -> None:
    """It changes with each restart: it may stand for a life."""
    said = trace_of(csv_of({"4711": LEAKS, "4712": FLAT}, column="pid")).mixed

    assert said.endswith("`life` counts its restarts; a pid may stand in `life`")


def test_workers_with_one_name_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command refuses the file in one sentence, with 2, and so it does where one of several names is used twice."""
    unnamed, twice = tmp_path / "unnamed.csv", tmp_path / "twice.csv"
    unnamed.write_text("".join(csv_of({"a": LEAKS, "b": FLAT}, column="pod")))
    lines = csv_of({"a": LEAKS, "b": FLAT, "c": FLAT + 20 * MIB}, column="worker")
    twice.write_text("".join(line.replace(",c,", ",b,") for line in lines))

    assert main(["judge", str(unnamed)]) == 2
    told = (
        "300 times have two rows or more that differ: name the workers in a column `worker`; rename `pod` to `worker`"
    )
    hint = "a trace has one row for each worker and time"
    assert capsys.readouterr().err == f"floodmark: {unnamed}: {told}\n  {hint}\n"
    assert main(["judge", str(twice)]) == 2
    assert "300 times of a worker have two rows or more that differ: give each worker" in capsys.readouterr().err


def test_equal_rows_are_harmless() -> None:
    """A file that was written twice, an hour that a clock was put back by, rows without a size and a few others are merged and noted."""
    once = csv_of({"a": FLAT})
    back = [once[0], *(f"{t - 600.0 * (i > 280)},{int(FLAT[i])}\n" for i, t in enumerate(T.tolist()))]
    empty = [line.rpartition(",")[0] + ",\n" for line in once[1:]]
    zeros = [once[0], *(line.rpartition(",")[0] + ",0\n" for line in once[1:])]
    again = [f"{t},{int(size * 1.1)}\n" for t, size in zip(T[:9].tolist(), FLAT.tolist(), strict=False)]

    for lines, count in (
        (once + once[1:], 300),
        (back, 10),
        (once + empty, 300),
        (zeros + once[1:], 300),
        (once + again, 9),
    ):
        trace = trace_of(lines)
        assert trace.mixed == ""
        assert f"{count} rows repeated a worker's time and have been merged (the last one counts)" in trace.notes


def test_what_one_worker_does_is_no_turn() -> None:
    """Bursts of readings of a level service, and a service that swings from reading to reading, are one worker's."""
    odd = np.arange(COUNT) % 2
    late = np.random.default_rng(4).uniform(0, 20, COUNT)
    series = {
        "bursts": (T - 53 * odd, FLAT),
        "bursts that begin a little higher": (T - 53 * odd, 200 * MIB + odd * 0.4 * MIB),
        "swings": (T, np.where(odd, LEAKS, FLAT)),
        "swings, nearly even": (T + odd * 0.5, np.where(odd, LEAKS, FLAT)),
        "swings, with jitter": (T + late, np.where(odd, LEAKS, FLAT)),
    }

    for name, (t, sizes) in series.items():
        rows = [{"t": at, "uss_bytes": int(size)} for at, size in zip(t.tolist(), sizes.tolist(), strict=True)]
        assert Trace.from_rows(rows).mixed == "", name


def test_named_workers_are_judged() -> None:
    """The same rows with a column `worker` are a service that climbs."""
    verdict = judge(trace_of(csv_of({"a": LEAKS, "b": FLAT}, column="worker", later=7.0)))

    assert (verdict.verdict, verdict.worker) == ("climbing", "a")
