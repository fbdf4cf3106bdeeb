"""Rows of several workers that no column `worker` tells apart: refused, whatever their order is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from floodmark_sidecar.cli import main
from floodmark_sidecar.judge import Trace, explain, judge, parse_csv
from floodmark_sidecar.traces import generate
from tests.sidecar.judge.traces import MIB, Array

COUNT = 300
T: Array = np.arange(COUNT, dtype=np.float64) * 60.0
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


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_that_are_alike_are_no_verdict(workers: int) -> None:
    """Where most times have several rows, it does not matter how little these differ: their sum is what they have."""
    draw = np.random.default_rng(workers)
    alike = {str(number): FLAT + draw.integers(0, 64, COUNT) * 4096.0 for number in range(workers)}
    assert float(max(values.max() for values in alike.values())) < 1.01 * float(FLAT.min())

    verdict = judge(trace_of(csv_of(alike)))

    assert verdict.verdict == "inconclusive"
    assert "two rows or more that differ: name the workers in a column `worker`" in verdict.reasons[0]


def test_what_one_worker_does_is_no_turn() -> None:
    """Bursts of readings of a level service, and a service that swings from reading to reading, are one worker's."""
    odd = np.arange(COUNT) % 2
    late = np.random.default_rng(4).uniform(0, 20, COUNT)
    swings = LEAKS + odd * 100 * MIB
    series = {
        "bursts": (T - 53 * odd, FLAT),
        "bursts that begin a little higher": (T - 53 * odd, 200 * MIB + odd * 0.4 * MIB),
        "swings": (T, swings),
        "swings, nearly even": (T + odd * 0.5, swings),
        "swings, with jitter": (T + late, swings),
        "teeth of two readings": (T, FLAT + 100 * MIB * (T / 120 % 1)),
        "teeth of nearly three readings": (T, FLAT + 100 * MIB * (T / 179.8 % 1)),
        "a wave of nearly two readings": (T, FLAT + 50 * MIB * np.sin(2 * np.pi * T / 121)),
        "a job at every fifth reading": (T, wander(1) + 50 * MIB * (np.arange(COUNT) % 5 == 2)),
    }

    for name, (t, sizes) in series.items():
        assert unnamed(t, sizes).mixed == "", name


def wander(seed: int) -> Array:
    """What one process has, 200 MiB about: each reading much like the one before."""
    steps = np.random.default_rng(seed).normal(0, 0.1 * MIB, COUNT)
    level: Array = 200 * MIB + np.cumsum(steps)
    return level


def unnamed(t: Array, sizes: Array, **more: Array) -> Trace:
    """Readings in which no column tells workers apart."""
    columns = {"t": t, "uss_bytes": np.round(sizes), **more}
    return Trace.from_rows({name: values[i] for name, values in columns.items()} for i in range(len(t)))


def in_turn(series: Sequence[Array]) -> Array:
    """The readings of *series*, one of each at a time."""
    return np.stack(series, axis=1).ravel()


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_workers_that_are_read_evenly_in_turn_are_told_by_their_levels(workers: int) -> None:
    """No step tells them apart, and the lows of the lowest would be all that is judged. Some that leak beside some that move
    together are workers as well.
    """
    wandering = [wander(seed) + seed * 20 * MIB for seed in range(workers)]
    level = [FLAT + 10 * MIB * i for i in range(workers // 2)]
    leaking = [LEAKS + i * (LEAKS - FLAT) for i in range(workers - len(level))]
    t = np.arange(COUNT * workers) * 60.0 / workers

    for sizes in (in_turn(wandering), in_turn([*level, *leaking])):
        said = f"the rows of {workers} workers seem to take turns: name the workers in a column `worker`"
        assert unnamed(t, sizes).mixed == f"{said}, or the one if there is one only"
        kept = np.random.default_rng(5).random(len(t)) > 0.03
        assert unnamed(t[kept], sizes[kept]).mixed.startswith(said)


@pytest.mark.parametrize(("seed", "every"), [(6, 1), (71, 1), (92, 2)])
def test_teeth_that_keep_step_beside_others_that_do_not_are_no_turn(seed: int, every: int) -> None:
    """Teeth of four readings, or of two of every second one, with small teeth of another period between."""
    trace = generate("N3", seed=seed, duration=86_400.0, period=30.0).trace

    assert unnamed(trace.t[::every], trace.used[::every]).mixed == ""


def test_a_job_that_keeps_step_and_grows_is_one_workers_where_it_is_one_of_many_readings() -> None:
    """The others have one base."""
    sizes: Array = wander(1) + np.arange(COUNT) % 6 // 5 * np.linspace(20, 80, COUNT) * MIB

    assert unnamed(T, sizes).mixed == ""


def test_readings_that_are_missed_in_step_are_no_turn() -> None:
    """Every fourteenth was not taken: a place in the round without a row is no worker."""
    sizes = in_turn([wander(1)] * 7)
    sizes += 10 * MIB * (np.arange(len(sizes)) % 14 == 3)
    kept = np.arange(len(sizes)) % 14 != 5

    assert unnamed(np.arange(len(sizes))[kept] * 60.0, sizes[kept]).mixed == ""


@pytest.mark.parametrize("workers", [3, 4])
def test_workers_that_are_read_at_random_are_told_by_their_levels(workers: int) -> None:
    """Each row is of whichever a load balancer asks; two levels may be one process with a job, and those in order are its turns."""
    rng = np.random.default_rng(workers)
    t = np.arange(0.0, 1440.0) * 60
    steady = rng.normal(0, 0.2 * MIB, len(t))

    def of(at: Array) -> Trace:
        return unnamed(t, 60 * MIB + 20 * MIB * at + steady)

    def random_of(levels: int) -> Array:
        return rng.integers(0, levels, len(t)).astype(np.float64)

    random = of(random_of(workers))
    assert f"memory hops between {workers} levels from row to row" in random.mixed
    assert random.mixed.endswith("name the workers in a column `worker`, or the one if there is one only")
    assert of(random_of(2)).mixed == ""
    assert of(np.sort(random_of(workers))).mixed == ""
    assert "hops" not in of(np.arange(float(len(t))) % workers).mixed


def test_who_names_the_one_worker_is_believed_about_its_levels() -> None:
    """A job that keeps step with the readings and grows looks the same."""
    sizes = in_turn([FLAT, LEAKS])
    rows = [{"t": 30.0 * i, "uss_bytes": size, "worker": "web"} for i, size in enumerate(sizes.tolist())]

    assert Trace.from_rows(rows).mixed == ""


def test_workers_of_one_level_that_are_read_together_are_told_by_what_they_do() -> None:
    """Rows that are a second apart would be more alike than those of a minute, if they were of one."""
    t = (T[:, None] + np.arange(4) * 0.7).ravel()
    own = [FLAT + 3 * MIB * ((T / 6000.0 + i / 8) % 1) for i in range(4)]

    assert unnamed(t, in_turn(own)).mixed.startswith("the rows of 4 workers seem to take turns")
    assert unnamed(t, np.repeat(own[0], 4)).mixed == ""


def test_a_counter_that_goes_back_and_forth_is_of_several() -> None:
    """Whatever memory does and the one name they have; a process that starts again and again is one."""
    t: Array = np.arange(2 * COUNT, dtype=np.float64) * 30.0
    first: Array = t[:COUNT] / 5
    second: Array = 5000 + t[:COUNT] / 6
    flat = np.full(2 * COUNT, 200.0 * MIB)

    assert "the rows of 2 workers" in unnamed(t, flat, requests_total=in_turn([first, second])).mixed
    restarts: Array = t % 360.0
    assert unnamed(t, flat, requests_total=restarts).mixed == ""
    assert unnamed(t, flat, requests_total=restarts + np.random.default_rng(2).integers(0, 99, 2 * COUNT)).mixed == ""
    rows = {"t": t, "uss_bytes": flat, "requests_total": in_turn([first, second])}
    lives = [{**{name: values[i] for name, values in rows.items()}, "life": str(i % 2)} for i in range(2 * COUNT)]
    assert Trace.from_rows(lives).mixed == ""


@pytest.mark.parametrize(
    ("empty", "said"), [(1, "1 row without a `worker` is"), (150, "150 rows without a `worker` are")]
)
def test_rows_without_the_worker_that_others_name_are_told(empty: int, said: str) -> None:
    """They make a second worker of what may be one; a column that is empty makes none."""
    head, *lines = csv_of({"a": FLAT}, column="worker")
    some = [line.replace(",a,", ",,") if i % 2 == 0 and i < 2 * empty else line for i, line in enumerate(lines)]
    none = [line.replace(",a,", ",,") for line in lines]

    for rows in (some, some[::-1]):
        note = f"{said} taken for those of a worker named 0: name it in all rows or in none"
        assert note in trace_of([head, *rows]).notes
    assert trace_of([head, *none]).notes == trace_of([head, *lines]).notes == ()


def test_named_workers_are_judged() -> None:
    """The same rows with a column `worker` are a service that climbs."""
    verdict = judge(trace_of(csv_of({"a": LEAKS, "b": FLAT}, column="worker", later=7.0)))

    assert (verdict.verdict, verdict.worker) == ("climbing", "a")
