"""The applications for soak runs: each does what its name says, and its plan and load fit together."""

import csv
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from floodmark_soak.plan import load_plan

from .environments import make_environment
from .renamed import NAMES, renamed_copy
from .running import SCENARIOS, free_port, running, wait_until

HERE = Path(__file__).parent
PLANS = [
    *sorted((SCENARIOS / "image_pipeline").glob("*.toml")),
    *sorted(HERE.glob("*/plan.toml")),
]


def test_the_plans() -> None:
    """The two of the bundled service and one of each application."""
    assert [path.parent.name for path in PLANS] == [
        "image_pipeline",
        "image_pipeline",
        "clean_app",
        "clean_prefork",
        "filling_app",
        "flask_app",
        "own_pins",
    ]


@pytest.mark.parametrize("path", PLANS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_plan_is_valid(path: Path) -> None:
    """A plan loads, and the locust file it names is there."""
    assert load_plan(path).load.locustfile.is_file()


def test_both_variants_have_the_same_load() -> None:
    """The two plans of the bundled service differ in the variant alone."""
    leaky, bounded = (
        tomllib.loads((SCENARIOS / "image_pipeline" / f"{name}.toml").read_text()) for name in ("leaky", "bounded")
    )
    leaky["service"]["command"].remove("leaky")
    bounded["service"]["command"].remove("bounded")
    assert leaky == bounded


def test_the_renamed_copy_has_none_of_the_names(tmp_path: Path) -> None:
    """No old class or attribute name is left in the code that is copied, and each new one is made where it is said."""
    plan = renamed_copy(tmp_path)
    code = {path.name: path.read_text() for path in plan.parent.glob("*.py")}
    for name in ("EventListener", "Scheduler", "self.processed", "self.move_locks", "self.pending_inference"):
        assert not [file for file, text in code.items() if name in text]
    for name, where in NAMES.items():
        assert f"self.{name}: dict[" in code[Path(where).name]
    assert load_plan(plan).service.cwd == tmp_path


def test_the_renamed_copy_leaks_the_same(tmp_path: Path) -> None:
    """The copy runs by itself and keeps every path."""
    plan = renamed_copy(tmp_path)
    with running("leaky", tmp_path, "--failures", "0", scenarios=plan.parent.parent) as service:
        for number in range(10):
            service.post("task", f"{number}.jpg", event=True)
        state = service.wait_for(lambda state: state["totals"]["moved"] == 10, "10 images moved")
    assert set(state["sizes"].values()) == {10, 0, 1}


@pytest.mark.slow
def test_the_load_is_half_announced_and_one_name(tmp_path: Path) -> None:
    """Locust sends tasks of two images each, one of them announced, under a single name, and none fails."""
    with running("leaky", tmp_path, "--failures", "0") as service:
        command = [sys.executable, "-m", "locust", "-f", str(SCENARIOS / "image_pipeline" / "locustfile.py")]
        command += ["--headless", "-u", "4", "-r", "4", "-t", "4s", "--host", str(service.client.base_url)]
        command += ["--csv", str(tmp_path / "load"), "--only-summary"]
        done = subprocess.run(
            command,
            env=os.environ | {"IMAGE_PIPELINE_RATE": "40"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        state = service.wait_for(lambda state: state["totals"]["moved"] == state["totals"]["accepted"], "all moved")
    with (tmp_path / "load_stats.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["Name"] != "Aggregated"]
    assert [(row["Type"], row["Name"], row["Failure Count"]) for row in rows] == [("POST", "/tasks/[id]/images", "0")]
    accepted = state["totals"]["accepted"]
    assert accepted > 40
    assert abs(state["sizes"]["event_listener.processed"] - accepted / 2) <= 4
    assert abs(state["sizes"]["scheduler.move_locks"] - accepted / 2) <= 4


@pytest.mark.slow
def test_a_service_with_its_own_pins(tmp_path: Path) -> None:
    """In its environment there is an older cachetools, and no floodmark."""
    python = make_environment(tmp_path / "environment", "cachetools==5.5.2")
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
        subprocess.Popen([python, "pinned.py", "--port", str(port)], cwd=HERE / "own_pins", env=environ) as process,
    ):
        try:
            wait_until(lambda: _answers(client), "the service answers")
            assert client.get("/version").json() == {
                "cachetools": "5.5.2",
                "python": str(python),
                "floodmark_found": False,
            }
            for number in range(3):
                assert client.post(f"/orders/{number}").status_code == 201
            assert client.get("/sizes").json() == {"ORDERS_SEEN": 3, "RECENT": 3}
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "most"),
    [
        ("flask_app", {"SESSIONS_BY_REQUEST": 20}),
        ("filling_app", {"RECEIPTS": 20, "BASKETS": 20}),
        ("clean_app", None),
        ("clean_prefork", None),
    ],
)
def test_the_application_takes_orders(folder: str, most: dict[str, int] | None, tmp_path: Path) -> None:
    """Started as its plan says, it takes orders and keeps what it is meant to."""
    plan = load_plan(HERE / folder / "plan.toml").placed(free_port())
    with (
        (tmp_path / "log").open("w") as log,
        httpx.Client(base_url=plan.service.host) as client,
        subprocess.Popen(plan.service.command, cwd=plan.service.cwd, stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(lambda: _answers(client), "the service answers")
            for number in range(20):
                assert client.post(f"/orders/{number}").status_code == 201
            if most is not None:
                sizes: dict[str, int] = {}

                # Of two workers, the one that answers took a part of the orders, or none.
                def took_orders() -> bool:
                    sizes.update(client.get("/sizes").json())
                    return all(sizes.values())

                wait_until(took_orders, "a worker that took orders answers")
                assert all(size <= most[name] for name, size in sizes.items())
                assert sizes.keys() == most.keys()
        finally:
            process.terminate()
            process.wait(10)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False
