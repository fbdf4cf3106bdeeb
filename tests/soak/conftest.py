"""Running the real `floodmark soak` as an operator does: in a process, with files, signals and exit codes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

APPS = Path(__file__).parent / "apps"
_MARK = "SOAK_TEST_MARK"


@dataclass
class Started:
    """A `floodmark` command that is running; its output goes to files that can be read meanwhile."""

    popen: subprocess.Popen[bytes]
    stdout_file: Path
    stderr_file: Path

    @property
    def stdout(self) -> str:
        """What it has printed."""
        return self.stdout_file.read_text()

    @property
    def stderr(self) -> str:
        """What it has said beside."""
        return self.stderr_file.read_text()

    def wait_for(self, words: str, seconds: float = 40.0) -> None:
        """Wait until *words* are on standard error."""
        deadline = time.monotonic() + seconds
        while words not in self.stderr:
            assert self.popen.poll() is None, f"ended before it said {words!r}:\n{self.stderr}"
            assert time.monotonic() < deadline, f"did not say {words!r}:\n{self.stderr}"
            time.sleep(0.02)

    def signal(self, number: int = signal.SIGINT) -> None:
        """Send a signal, to floodmark alone."""
        self.popen.send_signal(number)

    def finish(self, seconds: float = 50.0) -> int:
        """Wait for the end; return the exit code."""
        return self.popen.wait(timeout=seconds)


@dataclass
class Floodmark:
    """Starts `floodmark` commands with a TMPDIR of their own, and finds whatever they leave behind."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(
        self,
        args: Sequence[object],
        *,
        env: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        folder: Path | None = None,
    ) -> Started:
        """Start `floodmark ARGS`, in *folder* if it matters."""
        self.temporary.mkdir(exist_ok=True)
        stdout, stderr = self.folder / f"{uuid.uuid4().hex}.out", self.folder / f"{uuid.uuid4().hex}.err"
        with stdout.open("wb") as out, stderr.open("wb") as err:
            popen = subprocess.Popen(
                [sys.executable, "-m", "floodmark_sidecar.cli", *map(str, args)],
                env={**os.environ, "TMPDIR": str(self.temporary), _MARK: self.mark, **(env or {})},
                cwd=folder or self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                preexec_fn=before,  # noqa: PLW1509 -- limits that have to hold in the command alone
            )
        return Started(popen, stdout, stderr)

    @property
    def temporary(self) -> Path:
        """Where the commands put their temporary files."""
        return self.folder / "tmp"

    def left_behind(self) -> list[str]:
        """Return the processes and temporary files that are still there."""
        return [*(str(process) for process in self.processes()), *map(str, self.temporary.glob("**/*"))]

    def processes(self) -> list[psutil.Process]:
        """Return every live process that a command of ours started, however far down."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(_MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


Soak = Callable[..., tuple[int, dict[str, Any], Path]]


@pytest.fixture
def floodmark(tmp_path: Path) -> Iterator[Floodmark]:
    """`floodmark` commands; after the test nothing that they started may be left."""
    folder = tmp_path / "floodmark"
    folder.mkdir()
    commands = Floodmark(folder)
    yield commands
    left = commands.left_behind()
    for process in commands.processes():
        process.kill()
    assert left == []


@pytest.fixture
def soak(floodmark: Floodmark, tmp_path: Path) -> Soak:
    """Run `floodmark soak PLAN --duration X --output D --json`; return (exit code, result, output folder).

    The result is empty where the command printed none. Keywords: `output` (default: a new folder), `env` (added to
    the environment), `timeout` (seconds beyond which the test fails).
    """

    def run(
        plan: Path,
        duration: str,
        *,
        output: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 600.0,
    ) -> tuple[int, dict[str, Any], Path]:
        output = output or tmp_path / "output"
        started = floodmark.start(["soak", plan, "--duration", duration, "--output", output, "--json"], env=env)
        try:
            code = started.finish(timeout)
        finally:
            started.popen.kill()
        sys.stderr.write(started.stderr)
        return code, json.loads(started.stdout) if started.stdout else {}, output

    return run


MakePlan = Callable[..., Path]


@pytest.fixture
def make_plan(tmp_path: Path) -> MakePlan:
    """Write a plan for the small service in one of its modes; tables can be added to and replaced as TOML text."""

    def make(mode: str = "steady", *, locustfile: str | Path = "browse.py", service: str = "", load: str = "") -> Path:
        plan = tmp_path / f"{mode}.toml"
        command = f'command = ["{{python}}", "{APPS / "service.py"}", "--port", "{{port}}", "--mode", "{mode}"]'
        plan.write_text(
            f"""
            floodmark = 1
            [service]
            {command if "command" not in service else ""}
            {'ready = "http://127.0.0.1:{port}/healthz"' if "ready" not in service else ""}
            {service}
            [load]
            locustfile = "{APPS / locustfile}"
            users = 2
            {load}
            """
        )
        return plan

    return make
