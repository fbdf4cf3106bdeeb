"""A gate that is shown to fail."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.errors import ExitCode
from floodmark_soak._prove import Plant, plant_for, planted_share, proven, rank_of
from tests.soak.conftest import Floodmark, MakePlan

MIB = 1 << 20
CONTROL: dict[str, Any] = {"exit_code": 0, "detectable_bytes_per_hour": 3.0 * MIB, "delta_bytes_per_hour": 2.0 * MIB}


def planted(code: int, *paths: str | None) -> dict[str, Any]:
    """A run with a planted leak that ended with *code* and named *paths*."""
    culprits = [{"rank": rank, "path": path} for rank, path in enumerate(paths, 1)]
    return {"exit_code": code, "culprits": culprits, "planted_bytes_per_hour": 6.0 * MIB, "planted_share": 0.9}


LEAK = "floodmark_planted.LEAK"
PROOFS: list[tuple[int, dict[str, Any] | None, int, str]] = [
    (
        0,
        planted(1, LEAK),
        0,
        "the planted leak of 6.0 MiB/h was caught and named as number 1, and the service itself is steady",
    ),
    (0, planted(1, "app.A", None, LEAK), 0, "named as number 3"),
    (0, planted(1, "a", "b", "c", LEAK), 7, "was caught, and named only as number 4"),
    (0, planted(1, "app.A"), 7, "was caught, and not named"),
    (0, planted(0), 7, "the planted leak of 6.0 MiB/h was not caught"),
    (3, planted(3, LEAK), 7, "was not caught"),
    (0, planted(0) | {"planted_share": 0.3}, 7, "of a leak of 6.0 MiB/h only 30% was planted"),
    (0, planted(1, LEAK) | {"planted_share": 0.3}, 0, "was caught and named as number 1"),
    (3, planted(1, LEAK), 3, "and of the service itself the run cannot tell"),
    (1, planted(1, LEAK), 1, "and the service itself climbs"),
    (1, planted(0), 1, "was not caught"),
    (0, planted(4, LEAK), 4, "did not come to its end"),
    (0, planted(130), 130, "did not come to its end"),
    (3, None, 7, "nothing was planted: the control could not tell any growth from noise"),
    (130, None, 130, "nothing was planted"),
]


@pytest.mark.parametrize(("control", "found", "code", "words"), PROOFS)
def test_what_both_runs_show_together(control: int, found: dict[str, Any] | None, code: int, words: str) -> None:
    """7 where a leak came through; what the service itself does is told all the same."""
    result = proven({**CONTROL, "exit_code": control}, found)
    assert (result[0], words in result[1]) == (ExitCode(code), True), result[1]


@pytest.mark.parametrize(
    ("control", "rate"),
    [
        (CONTROL, 6.0 * MIB),
        ({**CONTROL, "delta_bytes_per_hour": 5.0 * MIB}, 10.0 * MIB),
        ({**CONTROL, "detectable_bytes_per_hour": None}, None),
        ({"exit_code": 3}, None),
    ],
)
def test_the_leak_is_twice_what_could_be_seen_and_matters(
    tmp_path: Path, control: dict[str, Any], rate: float | None
) -> None:
    """Of a run that does not know it there is nothing to plant."""
    plant = plant_for(control, tmp_path, read_every=5.0)
    assert (None if plant is None else plant.bytes_per_hour) == rate
    assert sorted(path.name for path in tmp_path.iterdir()) == ([] if rate is None else ["floodmark_planted.py"])


def test_the_planted_leak_among_culprits() -> None:
    """Culprits without a path are passed over."""
    assert (rank_of(planted(1, None, LEAK)), rank_of(planted(1))) == (2, None)


GROWS = """
import os, sys, tracemalloc
from floodmark_sidecar.agent._plant import planted
grow = planted()
if sys.argv[1:]:
    times = [float(word) for word in sys.argv[1:]]
    tracemalloc.start()
    for now in times:
        if now == 0:
            open(os.environ["FLOODMARK_PLANT"] + ".turn", "w").write(f"1 {last + 1} 0")
        else:
            grow(now)
            last = now
    module = sys.modules["floodmark_planted"]
    print(tracemalloc.get_traced_memory()[0], module.__file__)
else:
    print(grow)
"""


def grown(plant: Plant | None, *times: float) -> str:
    env = {**os.environ, **({} if plant is None else plant.environment())}
    done = subprocess.run(
        [sys.executable, "-c", GROWS, *map(str, times)], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_it_leaks_as_fast_as_it_was_asked(tmp_path: Path) -> None:
    """By what is due at each reading, whatever the readings' pace: with all that Python adds to what is kept."""
    for rate in (0.05, 3.0, 200.0):
        control = {"detectable_bytes_per_hour": rate * MIB, "delta_bytes_per_hour": 0.0}
        plant = plant_for(control, tmp_path, read_every=5.0)
        assert plant is not None
        size, file = grown(plant, 1000.0, 1000.5, 1600.0, 4600.0).split()
        assert int(size) == pytest.approx(2 * rate * MIB, rel=0.12)
        assert file == str(plant.path)


def test_who_has_lost_its_turn_goes_on_when_it_has_it_again(tmp_path: Path) -> None:
    """With what is due from then on."""
    plant = plant_for(CONTROL, tmp_path, read_every=5.0)
    # 0: the turn is another process's, which is not heard of again.
    size = grown(plant, 1000.0, 2800.0, 0.0, 2810.0, 2900.0, 4700.0).split()[0]
    assert int(size) == pytest.approx(6 * MIB, rel=0.12)


def test_a_worker_that_is_seldom_read_is_not_taken_for_gone(tmp_path: Path) -> None:
    """Nor do two leak where each is read every ten minutes."""
    plant = plant_for(CONTROL, tmp_path, read_every=600.0)
    assert int(grown(plant, 1000.0, 1600.0).split()[0]) > MIB // 2
    assert int(grown(plant, 1700.0, 2300.0).split()[0]) < MIB // 100


def test_what_was_planted_of_what_was_due_is_known(tmp_path: Path) -> None:
    """Of all processes that had their turn."""
    plant = plant_for(CONTROL, tmp_path, read_every=5.0)
    assert plant is not None
    assert planted_share(plant, 600.0) == 0
    grown(plant, 1000.0, 1200.0)
    grown(plant, 1300.0, 1400.0)
    assert planted_share(plant, 600.0) == pytest.approx(0.5)


def test_a_parent_that_asks_once_is_no_worker(tmp_path: Path) -> None:
    """As gunicorn's, which is read only before it has workers: they wait for some readings and not for a minute."""
    plant = plant_for(CONTROL, tmp_path, read_every=0.5)
    grown(plant, 1000.0)
    assert int(grown(plant, 1000.5, *(1001.0 + n / 2 for n in range(240))).split()[0]) > 0.9 * 6 * MIB / 30


def test_one_process_leaks_at_a_time(tmp_path: Path) -> None:
    """Another only when the first has not been heard of for a while: of several workers, the sum leaks as fast as asked."""
    plant = plant_for(CONTROL, tmp_path, read_every=5.0)
    sizes = [int(grown(plant, *times).split()[0]) for times in ((1000.0, 1060.0), (1070.0, 1080.0), (1200.0, 1260.0))]
    assert [size > MIB // 12 for size in sizes] == [True, False, True], sizes


def test_without_a_plant_nothing_leaks(tmp_path: Path) -> None:
    """Nor with one that cannot be loaded: the service goes on."""
    assert grown(None) == "None"
    assert grown(Plant(tmp_path / "none.py", 1.0)) == "None"
    (tmp_path / "broken.py").write_text("1 / 0")
    assert grown(Plant(tmp_path / "broken.py", 1.0)) == "None"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_run_too_short_to_see_anything_proves_nothing(
    floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path
) -> None:
    """Exit 7, with both reasons, and the folder of the control."""
    asked = ["soak", make_plan(), "--prove", "--duration", "3s", "--output", tmp_path / "out"]
    started = floodmark.start(asked)
    assert started.finish() == 7
    assert "proof: nothing was planted: the control could not tell any growth from noise" in started.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "control",
        "junit.xml",
        "report.html",
        "result.json",
        "summary.md",
    ]


@pytest.mark.parametrize("option", [["--segment", "5m"], ["--resume"], ["--against", "old.toml"]])
def test_a_proof_is_of_whole_runs(floodmark: Floodmark, make_plan: MakePlan, tmp_path: Path, option: list[str]) -> None:
    """In pieces it is refused."""
    started = floodmark.start(["soak", make_plan(), "--prove", "--output", tmp_path / "out", *option])
    assert started.finish() == 2
    assert f"--prove makes runs of its own, and does not go with {option[0]}" in started.stderr
