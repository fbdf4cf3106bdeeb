"""The bench of the judge's speed measures what it says."""

from pathlib import Path

import pytest

from floodmark_sidecar.judge import judge, parse_csv
from tests.bench.judge._services import DAY, MIB, Service
from tests.bench.judge.speed import Call, call, in_rounds, own_peak, render


def test_a_service_has_the_rows_and_columns_that_its_title_says() -> None:
    """Several workers are rows of one time each, maps are columns, and growth is in their entries."""
    service = Service("x", seconds=180, every=0.5, workers=3, maps=2, grows=True)

    trace = service.trace

    assert (len(trace), trace.workers, trace.map_names) == (1080, ("0", "1", "2"), ("cache00", "cache01"))
    entries = judge(trace).as_dict()["maps"]["cache01"]
    assert entries["state"] == "growing"
    assert trace.notes == ()


def test_a_run_of_days_is_written_as_one_day_after_the_other(tmp_path: Path) -> None:
    """The file of two days has their readings in order of time, and the second day's are the first's."""
    service = Service("x", seconds=2 * DAY, every=900, maps=1)

    service.write(tmp_path / "x.csv")

    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as lines:
        trace = parse_csv(lines, name="x.csv")
    assert len(trace) == service.readings == 192
    assert trace.notes == ()
    assert trace.t[-1] == 2 * DAY - 900
    assert trace.column("uss_bytes")[:96].tolist() == trace.column("uss_bytes")[96:].tolist()


def test_every_round_measures_each_work_once_and_in_turn() -> None:
    """What is done before the first round is not measured."""
    done: list[str] = []

    taken = in_rounds({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 2)

    assert done == ["a", "b"] * 3
    assert [len(timings) for timings in taken.values()] == [2, 2]


def test_the_judges_own_memory_is_not_its_traces() -> None:
    """Judging a run holds a part of what its trace holds."""
    trace = Service("x", seconds=2 * DAY, maps=9).trace

    peak = own_peak(trace)

    assert 0 < peak < sum(values.nbytes for values in trace.columns.values())


@pytest.mark.slow
def test_a_call_is_one_process_for_all_its_files(tmp_path: Path) -> None:
    """Its memory is that of the command, whatever the bench itself has, and an error in it is not passed over."""
    path = tmp_path / "x.csv"
    Service("x", seconds=120, every=1, maps=1).write(path)
    ballast = bytearray(b"x" * (300 * MIB))

    one = call([path, path])

    assert 20 * MIB < one.bytes < len(ballast)
    with pytest.raises(RuntimeError, match=r"missing\.csv"):
        call([path, tmp_path / "missing.csv"])


def test_the_report_says_medians_worst_and_memory() -> None:
    """Milliseconds by either clock, bytes in MiB."""
    timings = [(0.010, 0.005), (0.040, 0.006), (0.020, 0.004)]

    told = render(
        {"commit": "abc"},
        {"24 h, 20 flat maps": timings},
        {("3 min", 30_000): timings},
        {30: (26 * MIB, Call(4.25, 150 * MIB))},
        {1000: Call(9, 60 * MIB)},
    )

    assert "- commit: abc" in told
    assert "| 24 h, 20 flat maps | 5,760 | 20.0 ms | 40.0 ms | 5.0 ms |" in told
    assert "| 3 min | 0.03 MB | 20.0 ms | 40.0 ms | 5.0 ms |" in told
    assert "| 30 d | 172,800 | 26.0 MiB | 150.0 MiB | 4.2 s |" in told
    assert "| 1,000 | 9.0 s | 60.0 MiB |" in told
