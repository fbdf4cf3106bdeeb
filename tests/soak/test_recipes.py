"""The recipes for CI: what they run is what floodmark understands, and the chain of jobs adds up to a run."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.soak.conftest import APPS, Floodmark

RECIPES = Path(__file__).parents[2] / "soak" / "recipes"
pytestmark = pytest.mark.skipif(not RECIPES.is_dir(), reason="the recipes are beside the sources only")
FILES = sorted(path.relative_to(RECIPES) for path in RECIPES.rglob("*.yml"))
RESUME = "${{ inputs.before && '--resume' || '' }}"


def loaded(name: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((RECIPES / name).read_text())
    return found


def commands(value: Any) -> Iterator[str]:
    """Yield every line of shell in a recipe."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from [each] if key == "run" else each if key in ("script", "before_script") else commands(each)
    elif isinstance(value, list):
        for each in value:
            yield from commands(each)


def test_there_are_recipes() -> None:
    """For each of the places of which the page tells, and it tells of each."""
    page = (RECIPES / "README.md").read_text()
    assert len(FILES) == 4
    for path in [*FILES, Path("soak.cron")]:
        assert f"({path})" in page


@pytest.mark.parametrize("name", [*map(str, FILES), "soak.cron"])
def test_what_is_run_is_understood(name: str) -> None:
    """Every option of every floodmark command is one that it has."""
    text = (RECIPES / name).read_text()
    lines = list(commands(loaded(name))) if name.endswith(".yml") else text.splitlines()
    found = [
        words
        for line in lines
        for words in re.findall(r"floodmark (soak|report)\b([^|>&]*)", line.replace(RESUME, "--resume"))
    ]
    assert found or "uses: ./.github/workflows/soak-segment.yml" in text
    for command, rest in found:
        shown = subprocess.run(
            [sys.executable, "-m", "floodmark_sidecar.cli", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for option in re.findall(r"--[a-z-]+", rest):
            assert re.search(rf"{option}\b", shown), option


def test_hosted_jobs_end_before_they_are_ended() -> None:
    """290 minutes under load, and time to start, to judge and to upload, within the six hours of a job."""
    job = loaded("github/soak-segment.yml")["jobs"]["segment"]
    assert job["timeout-minutes"] <= 360 - 5
    assert job["timeout-minutes"] >= 290 + 30
    assert 5 * 290 >= 24 * 60
    chain = loaded("github/soak.yml")["jobs"]
    needs = {name: each.get("needs") for name, each in chain.items()}
    assert needs == {
        "segment-1": None,
        **{f"segment-{n}": f"segment-{n - 1}" for n in range(2, 6)},
        "verdict": "segment-5",
    }
    given = [each["with"] for name, each in chain.items() if name != "verdict"]
    assert [each["name"] for each in given] == [f"soak-{n}" for n in range(1, 6)]
    assert [each.get("before") for each in given] == [None, *(f"soak-{n}" for n in range(1, 5))]
    assert loaded("github/soak-self-hosted.yml")["jobs"]["soak"]["timeout-minutes"] > 24 * 60 + 60


def test_gitlab_jobs_end_before_they_are_ended() -> None:
    """165 minutes under load within the three hours of GitLab's own runners, and the script before the job."""
    jobs = loaded("gitlab/soak.gitlab-ci.yml")
    assert jobs[".segment"]["timeout"] == "2h 55m"
    assert jobs[".segment"]["variables"] == {"RUNNER_SCRIPT_TIMEOUT": "2h50m"}
    assert 9 * 165 >= 24 * 60
    assert {name: job.get("needs") for name, job in jobs.items() if not name.startswith(".")} == {
        "soak-1": None,
        **{f"soak-{n}": [f"soak-{n - 1}"] for n in range(2, 10)},
        "soak-verdict": ["soak-9"],
    }


def test_what_cron_runs_has_one_name_for_a_run_of_two_days(tmp_path: Path) -> None:
    """The log that is mailed is the one that was written, though the date has changed by then; as `sh` runs it."""
    line = (RECIPES / "soak.cron").read_text().splitlines()[-1]
    program = tmp_path / "floodmark"
    program.write_text("#!/bin/sh\necho climbing; exit 1\n")
    date = tmp_path / "date"
    date.write_text(f"#!/bin/sh\necho day >> {tmp_path}/days; wc -l < {tmp_path}/days\n")
    for each in (program, date):
        each.chmod(0o755)
    command = line.split("6  ", 1)[1].replace("\\%", "%").replace("/srv/app", str(tmp_path))
    command = command.replace("/srv/floodmark/bin/floodmark", str(program)).replace("/var/soaks", str(tmp_path))
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert (done.stdout, done.stderr) == ("climbing\n", "")


def github_chain() -> Iterator[str]:
    segment = [line for line in commands(loaded("github/soak-segment.yml")) if line.startswith("floodmark")]
    for job in loaded("github/soak.yml")["jobs"].values():
        resume = "before" in job.get("with", {})
        lines = segment if "uses" in job else [line for line in commands(job) if line.startswith("floodmark")]
        yield from (line.replace(RESUME, "--resume" if resume else "") for line in lines)


def gitlab_chain() -> Iterator[str]:
    jobs = loaded("gitlab/soak.gitlab-ci.yml")
    for name, job in jobs.items():
        if not name.startswith("."):
            yield from job.get("script", jobs[job["extends"]].get("script"))


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("chain", [github_chain, gitlab_chain])
def test_the_chain_adds_up_to_a_run(floodmark: Floodmark, tmp_path: Path, chain: Any) -> None:
    """Each job on a machine of its own, with the folder as the only thing that is carried; a day is two segments of two seconds."""
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(APPS / "service.py", source / "app.py")
    shutil.copy(APPS / "browse.py", source / "locustfile.py")
    (source / "plan.toml").write_text(
        'floodmark = 1\n[service]\ncommand = ["{python}", "app.py", "--port", "{port}", "--mode", "steady"]\n'
        'ready = "http://127.0.0.1:{port}/healthz"\n[load]\nusers = 2\n[soak]\nduration = "4s"\n'
    )
    carried: Path | None = None
    first, *others, last = chain()
    assert len(set(others)) == 1
    for number, line in enumerate((first, others[0], last)):
        machine = tmp_path / f"machine-{number}"
        shutil.copytree(source, machine)
        if carried is not None:
            shutil.copytree(carried, machine / "soak-run")
        program, *words = shlex.split(re.sub(r"\b\d+m\b", "2s", line))
        assert program == "floodmark"
        started = floodmark.start(words, folder=machine)
        code = started.finish()
        assert code == (0 if number == 0 else 3), started.stderr
        carried = machine / "soak-run"
    result = json.loads((machine / "soak-run" / "result.json").read_text())
    assert (result["complete"], len(result["segments"])) == (True, 2)
    assert result["duration_seconds"] == pytest.approx(4, abs=1)
