"""The main job on real services under real load: what leaks is found and named, what does not is left in peace.

Each test here is a whole soak run of a minute or more. The light applications run two at a time; the image pipeline,
which keeps both cores of a small machine busy, runs alone.
"""

import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .conftest import Floodmark
from .scenarios.environments import make_environment
from .scenarios.renamed import NAMES, renamed_copy
from .scenarios.running import SCENARIOS

APPLICATIONS = Path(__file__).parent / "scenarios"
PIPELINE = SCENARIOS / "image_pipeline"
FOUR_MAPS = {
    "image_pipeline.event_listener.EventListener.processed",
    "image_pipeline.scanner.Scanner.processed",
    "image_pipeline.scheduler.Scheduler.move_locks",
    "image_pipeline.scheduler.Scheduler.pending_inference",
}

# One after the other, wherever they run: two soaks at once would compete for the processors that each needs.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("soaks")]


@dataclass(frozen=True)
class Soaked:
    """A finished `floodmark soak`: its exit code, its result, and its output folder."""

    code: int
    result: Mapping[str, Any]
    output: Path

    @property
    def culprits(self) -> dict[str, Mapping[str, Any]]:
        """The culprits by path, in their order."""
        return {culprit["path"]: culprit for culprit in self.result["culprits"]}


@dataclass(frozen=True)
class Job:
    """A soak to run: its plan, for how long, and what is added to the environment."""

    plan: Path
    duration: str
    env: Mapping[str, str] = field(default_factory=dict)


def soaked(folder: Path, job: Job) -> Soaked:
    """Run one soak in a folder of its own; nothing that it started may be left."""
    folder.mkdir()
    commands = Floodmark(folder)
    output = folder / "output"
    started = commands.start(["soak", job.plan, "--duration", job.duration, "--output", output, "--json"], env=job.env)
    try:
        code = started.finish(280)
    finally:
        left = commands.left_behind()
        for process in commands.processes():
            process.kill()
    sys.stderr.write(started.stderr)
    assert left == []
    return Soaked(code, json.loads(started.stdout), output)


def both(folder: Path, first: Job, second: Job) -> tuple[Soaked, Soaked]:
    """Run two light soaks at the same time."""
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(soaked, folder / "one", first), pool.submit(soaked, folder / "other", second)
        return one.result(), other.result()


@pytest.fixture(scope="module")
def leaking_flask_and_clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Soaked, Soaked]:
    """The Flask application under gunicorn that leaks, beside an application that keeps nothing."""
    return both(
        tmp_path_factory.mktemp("flask"),
        Job(APPLICATIONS / "flask_app" / "plan.toml", "70s"),
        Job(APPLICATIONS / "clean_app" / "plan.toml", "70s"),
    )


@pytest.fixture(scope="module")
def own_pins_and_filling(tmp_path_factory: pytest.TempPathFactory) -> tuple[Soaked, Soaked]:
    """The service with an environment of its own, beside the application whose caches only fill."""
    folder = tmp_path_factory.mktemp("pins")
    python = make_environment(folder / "venv", "cachetools==5.3.3")
    application = APPLICATIONS / "own_pins"
    plan = folder / "plan.toml"
    plan.write_text(
        (application / "plan.toml")
        .read_text()
        .replace('cwd = "."', f'cwd = "{application}"\npython = "{python}"')
        .replace("../load/", f"{APPLICATIONS}/load/")
    )
    return both(folder, Job(plan, "70s"), Job(APPLICATIONS / "filling_app" / "plan.toml", "70s"))


def line_of(where: str, root: Path) -> str:
    """The source line that a culprit's `where` points at."""
    file, _, number = where.rpartition(":")
    return (root / file).read_text().splitlines()[int(number) - 1]


def test_the_leaky_pipeline_climbs_and_its_four_maps_are_named(tmp_path: Path) -> None:
    """The service registers nothing; its four dicts are found, by path and by the line that makes them."""
    run = soaked(tmp_path / "leaky", Job(PIPELINE / "leaky.toml", "75s"))

    assert (run.code, run.result["verdict"]) == (1, "climbing")
    assert set(run.culprits) == FOUR_MAPS
    for path, culprit in run.culprits.items():
        attribute = path.rpartition(".")[2]
        assert f"self.{attribute}: dict[" in line_of(culprit["where"], SCENARIOS)
        assert culprit["name"] == attribute
        assert culprit["entries_per_hour"] > 1000
    assert 0.6 < sum(culprit["share"] for culprit in run.result["culprits"]) <= 1
    assert run.result["captures"]["taken"] >= 5
    assert run.result["captures"]["refused"] == []


def test_the_bounded_pipeline_is_steady_with_every_map_at_or_under_its_bound(tmp_path: Path) -> None:
    """The same service under the same load, on bounded maps."""
    run = soaked(tmp_path / "bounded", Job(PIPELINE / "bounded.toml", "75s"))

    assert (run.code, run.result["verdict"]) == (0, "steady")
    assert run.result["culprits"] == []
    maps = run.result["maps"]
    assert set(maps) == {"event_listener_processed", "scanner_processed", "move_locks", "pending_inference"}
    header, *rows = (line.split(",") for line in (run.output / "readings.csv").read_text().splitlines())
    for name in maps:
        entries, bounds = header.index(f"map.{name}.entries"), header.index(f"map.{name}.maxsize")
        sizes = [(int(row[entries]), row[bounds]) for row in rows if row[entries]]
        assert sizes
        assert all(size <= int(bound) for size, bound in sizes if bound)
    assert maps["event_listener_processed"]["entries"] == maps["scanner_processed"]["entries"] == 1500
    assert maps["move_locks"]["entries"] < 50


def test_other_names_are_found_all_the_same(tmp_path: Path) -> None:
    """Nothing knows the report's names: with every attribute and class renamed, the four maps are named by the new ones."""
    run = soaked(tmp_path / "renamed", Job(renamed_copy(tmp_path / "copy"), "75s"))

    assert run.code == 1
    named = {culprit["name"]: culprit["where"].rpartition(":")[0] for culprit in run.result["culprits"]}
    assert named == NAMES


def test_half_the_leak_climbs_as_well(tmp_path: Path) -> None:
    """At half the load, and so half the leak, the verdict and the names are the same."""
    run = soaked(tmp_path / "half", Job(PIPELINE / "leaky.toml", "75s", {"IMAGE_PIPELINE_RATE": "110"}))

    assert (run.code, run.result["verdict"]) == (1, "climbing")
    assert set(run.culprits) == FOUR_MAPS


def test_a_service_that_is_not_ours_is_soaked_by_a_plan_alone(leaking_flask_and_clean: tuple[Soaked, Soaked]) -> None:
    """Flask under gunicorn, two workers, no floodmark in its code: climbing, the module's dict named, both workers seen."""
    run, _ = leaking_flask_and_clean

    assert (run.code, run.result["verdict"]) == (1, "climbing")
    first = run.result["culprits"][0]
    assert (first["name"], first["path"]) == ("SESSIONS_BY_REQUEST", "app.SESSIONS_BY_REQUEST")
    assert line_of(first["where"], APPLICATIONS / "flask_app").startswith("SESSIONS_BY_REQUEST")
    assert len({path.name.partition(".")[0] for path in (run.output / "captures").glob("*.json")}) == 2


def test_a_service_that_keeps_nothing_is_steady(leaking_flask_and_clean: tuple[Soaked, Soaked]) -> None:
    """A control: nothing grows, nothing is named."""
    _, run = leaking_flask_and_clean

    assert (run.code, run.result["verdict"], run.result["culprits"]) == (0, "steady", [])


def test_a_service_runs_on_its_own_interpreter_and_pins(own_pins_and_filling: tuple[Soaked, Soaked]) -> None:
    """A second environment with an older cachetools and no floodmark: it keeps its pins, and its dict is named."""
    run, _ = own_pins_and_filling

    assert (run.code, run.result["verdict"]) == (1, "climbing")
    first = run.result["culprits"][0]
    assert first["path"] == "pinned.ORDERS_SEEN"
    assert line_of(first["where"], APPLICATIONS / "own_pins").startswith("ORDERS_SEEN")


def test_maps_that_only_fill_are_not_accused(own_pins_and_filling: tuple[Soaked, Soaked]) -> None:
    """Bounded caches of the service's own, unknown to floodmark, fill in the first third: that is warm-up."""
    _, run = own_pins_and_filling

    assert run.code != 1
    assert (run.result["verdict"], run.result["culprits"]) == ("steady", [])


def test_the_files_of_a_run_agree_with_each_other(leaking_flask_and_clean: tuple[Soaked, Soaked]) -> None:
    """Printed result, result.json, report, summary, JUnit and readings tell one story."""
    run, _ = leaking_flask_and_clean
    report = (run.output / "report.html").read_text()

    assert json.loads((run.output / "result.json").read_text()) == run.result
    for file in ("report.html", "summary.md"):
        text = (run.output / file).read_text()
        assert "climbing" in text
        assert all(culprit["where"] in text for culprit in run.result["culprits"])
    assert "<failure" in (run.output / "junit.xml").read_text()
    assert len(report.encode()) <= 2 * 1024**2
    rows = (run.output / "readings.csv").read_text().splitlines()[1:]
    assert {row.split(",")[1] for row in rows} >= set(run.result["workers"])
