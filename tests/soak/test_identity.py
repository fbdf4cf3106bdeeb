"""What a run is a run of."""

import sys
from pathlib import Path
from typing import Any

import pytest

from floodmark_soak._identity import changes, plan_identity, service_identity
from floodmark_soak.plan import Plan, load_plan

PLAN = 'floodmark = 1\n[service]\ncommand = ["x"]\nready = "http://127.0.0.1:1/"\nenv = {KEY = "hush-hush"}\n'


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "locustfile.py").write_text("")
    (tmp_path / "web.toml").write_text(PLAN)
    return load_plan(tmp_path / "web.toml")


def test_of_a_service_its_own_files_and_its_packages(plan: Plan, tmp_path: Path) -> None:
    """Not what is in environments, hidden folders, other runs or this one's output, and not its data."""
    for name in (
        "app.py",
        "pkg/jobs.py",
        "requirements.txt",
        "settings.yaml",
        "uv.lock",
        "data.json",
        "celery.lock",
        ".git/hook.py",
        "venv/lib/x.py",
        "old/x.py",
        "out/x.py",
        "pkg/__pycache__/jobs.py",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (tmp_path / "venv/pyvenv.cfg").touch()
    (tmp_path / "old/run.json").touch()

    found = service_identity(plan, base={}, output=tmp_path / "out")

    assert sorted(found["files"]) == [
        "app.py",
        "locustfile.py",
        "pkg/jobs.py",
        "requirements.txt",
        "settings.yaml",
        "uv.lock",
        "web.toml",
    ]
    assert found["python"] == sys.version.split()[0]
    assert found["packages"]["cachetools"]


def test_a_script_outside_of_the_services_folder_is_its_own(tmp_path: Path) -> None:
    """Where the command names it; what else it names may be data."""
    folder, script, data = tmp_path / "app", tmp_path / "bin" / "run.py", tmp_path / "bin" / "app.sqlite"
    for each in (folder, script.parent):
        each.mkdir()
    for each in (script, data):
        each.write_text("1")
    (folder / "locustfile.py").write_text("")
    command = f'["python", "{script}", "--db", "{data}", "missing.py"]'
    (folder / "web.toml").write_text(PLAN.replace('["x"]', command))
    plan = load_plan(folder / "web.toml")

    before = service_identity(plan, base={}, output=tmp_path / "out")
    data.write_text("2")
    assert changes(before, service_identity(plan, base={}, output=tmp_path / "out")) == []
    script.write_text("2")
    assert changes(before, service_identity(plan, base={}, output=tmp_path / "out")) == ["run.py has changed"]


def test_a_service_of_another_language_has_no_packages(plan: Plan, tmp_path: Path) -> None:
    """Then they are not compared."""
    (tmp_path / "web.toml").write_text(PLAN.replace("env", 'python = "/bin/false"\nenv'))
    found = service_identity(load_plan(tmp_path / "web.toml"), base={}, output=tmp_path / "out")
    assert (found["python"], found["packages"]) == ("", {})
    assert changes({"python": "3.11.7", "packages": {"a": "1"}}, found) == []


def test_secrets_of_a_plan_are_not_written_down(plan: Plan, tmp_path: Path) -> None:
    """What the run writes is carried from machine to machine; that one has changed is seen all the same."""
    before = plan_identity(plan)
    assert "hush" not in str(before)
    (tmp_path / "web.toml").write_text(PLAN.replace("hush-hush", "other"))
    (change,) = changes(before, plan_identity(load_plan(tmp_path / "web.toml")))
    assert change.startswith("service.env was ")


CHANGES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"duration": 60.0}, {"duration": 60.0}, []),
    ({"duration": 60.0}, {"duration": 90.0}, ["duration was 60.0 and is 90.0"]),
    ({"asked": {"load": {"users": 8}}}, {"asked": {"load": {"users": 9}}}, ["load.users was 8 and is 9"]),
    ({"asked": {"load": {"users": 8}}}, {"asked": {"load": {"x": 1}}}, ["load.users is gone", "load.x is new"]),
    (
        {"files": {"a.py": "1", "b.py": "2"}},
        {"files": {"a.py": "3", "c.py": "2"}},
        ["a.py has changed", "b.py is gone", "c.py is new"],
    ),
    ({"packages": {"flask": "3.0"}}, {"packages": {"flask": "3.1"}}, ['flask was "3.0" and is "3.1"']),
    ({"asked": {"x": "y" * 90}}, {"asked": {"x": 1}}, [f'x was "{"y" * 56}... and is 1']),
    ({"files": {}}, {"files": {"a.py": "3"}}, []),
    ({"python": "3.11.7"}, {"python": ""}, []),
]


@pytest.mark.parametrize(("before", "after", "said"), CHANGES)
def test_changes_are_told_by_their_place(before: dict[str, Any], after: dict[str, Any], said: list[str]) -> None:
    """With what was and what is; of files that they changed. What either could not tell is passed over."""
    assert changes(before, after) == said


def test_a_service_of_very_many_files_is_told_by_its_packages(plan: Plan, tmp_path: Path) -> None:
    """Reading them all would take longer than a start may."""
    for number in range(2001):
        (tmp_path / f"m{number}.py").touch()
    assert service_identity(plan, base={}, output=tmp_path / "out")["files"] == {}
