"""How the agent gets into a service that knows nothing of it, and keeps out of everything else."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import floodmark_sidecar.agent
from floodmark_sidecar.agent import environment
from tests.sidecar.agent.conftest import Service, Sidecar, clean_environment, find_interpreter

STUB = Path(str(floodmark_sidecar.agent.__file__)).parent / "_bootstrap" / "sitecustomize.py"


def execute(
    folder: Path, code: str, *, path: str = "", socket: str = "s", python: str = sys.executable, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run *code* as a service would be started, in *folder*, with *path* as its own PYTHONPATH."""
    base = {**clean_environment(), **({"PYTHONPATH": path} if path else {})}
    return subprocess.run(
        [python, "-c", code],
        env={**environment(socket=socket, service="web", base=base), **extra},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


THREADS = "import os; print(len(os.listdir('/proc/self/task')))"


def test_the_folder_holds_the_stub_alone() -> None:
    """Whatever lies in that folder shadows modules of the service."""
    assert [entry.name for entry in STUB.parent.iterdir() if entry.name != "__pycache__"] == ["sitecustomize.py"]


def test_environment_keeps_the_service_s_own(tmp_path: Path) -> None:
    """Our folder goes first on PYTHONPATH, once; the rest stays as it was."""
    base = {"PATH": "/bin", "PYTHONPATH": "/a:/b"}
    found = environment(socket=tmp_path / "s", service="web", base=base)
    assert found["PYTHONPATH"] == f"{STUB.parent}:/a:/b"
    assert (found["PATH"], found["FLOODMARK_SERVICE"]) == ("/bin", "web")
    assert found["FLOODMARK_SOCKET"] == str(tmp_path / "s")
    assert environment(socket=tmp_path / "s", service="web", base=found) == found
    assert base == {"PATH": "/bin", "PYTHONPATH": "/a:/b"}


def test_environment_refuses_a_path_no_socket_can_have() -> None:
    """Too long a path is an error where the service is started, not silence inside it."""
    with pytest.raises(ValueError, match="is 205 bytes long, and a unix socket takes 107"):
        environment(socket="/run/" + "x" * 200, service="web", base={})


def test_a_service_under_its_own_interpreter(
    sidecar: Sidecar, service: Service, short_path: Path, tmp_path: Path, python: str
) -> None:
    """An interpreter without floodmark loads the agent through the environment alone."""
    env = environment(socket=short_path / "s", service="web", base={})
    process = service("import sys; sys.stdin.read()", python=python, flags=("-W", "error"), env=env)
    sidecar.wait(lambda s: s.of("reading"))
    assert sidecar.messages[0]["pid"] == process.pid
    assert process.communicate("") == ("", "")


def test_the_kill_switch(tmp_path: Path) -> None:
    """With FLOODMARK_DISABLED=1 there is no thread, and not even an import."""
    done = execute(
        tmp_path, f"{THREADS}; import sys; print('floodmark_sidecar' in sys.modules)", FLOODMARK_DISABLED="1"
    )
    assert (done.stdout, done.stderr) == ("1\nFalse\n", "")
    assert execute(tmp_path, THREADS).stdout == "2\n"


@pytest.mark.parametrize(
    "helper", ["from multiprocessing.resource_tracker import main", "from multiprocessing.forkserver import main"]
)
def test_helpers_of_multiprocessing(tmp_path: Path, helper: str) -> None:
    """Processes that count or fork for the service get no agent."""
    assert execute(tmp_path, f"{helper}; {THREADS}").stdout == "1\n"


def test_the_application_s_own_sitecustomize(tmp_path: Path) -> None:
    """The next sitecustomize on the path runs after ours, as the module of that name."""
    (tmp_path / "sitecustomize.py").write_text("MINE = 1\n")
    done = execute(
        tmp_path, "import sitecustomize; print(sitecustomize.MINE, sitecustomize.__file__)", path=str(tmp_path)
    )
    assert done.stdout == f"1 {tmp_path}/sitecustomize.py\n"
    assert done.stderr == ""


def test_an_application_s_sitecustomize_that_fails(tmp_path: Path) -> None:
    """Its error is told as Python tells it without us, and the service runs on."""
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('mine')\n")
    plain = subprocess.run(
        [sys.executable, "-c", "print(1)"],
        env={**clean_environment(), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    done = execute(tmp_path, "print(1)", path=str(tmp_path))
    assert (done.stdout, done.stderr) == (plain.stdout, plain.stderr)
    assert "ValueError: mine" in done.stderr


def test_the_service_s_own_floodmark_wins(tmp_path: Path) -> None:
    """A floodmark_caches of the service's is the one that is imported, from whichever place."""
    own = tmp_path / "own" / "floodmark_caches"
    own.mkdir(parents=True)
    (own / "__init__.py").write_text("OWN = True\n")
    code = f"import sys; sys.path.append({str(own.parent)!r}); import floodmark_caches; print(floodmark_caches.OWN)"
    isolated = [python for python in (find_interpreter("3.12"), find_interpreter("3.13"), sys.executable) if python]
    done = execute(tmp_path, code, path=str(own.parent), python=isolated[0])
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_service_without_floodmark_gets_ours(tmp_path: Path) -> None:
    """Without one of its own it may import ours, which comes last of all finders."""
    code = "import sys, floodmark_caches; print(type(sys.meta_path[-1]).__name__, floodmark_caches.__name__)"
    assert execute(tmp_path, code).stdout == "Finder floodmark_caches\n"


def test_a_broken_environment_is_no_harm(tmp_path: Path) -> None:
    """Whatever is in the variables, the service starts and prints nothing of ours."""
    done = execute(tmp_path, "print(1)", FLOODMARK_PACKAGES="{nonsense", FLOODMARK_SOCKET="\udcff" * 300)
    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.8"])
def test_old_interpreters_read_the_stub_and_do_nothing(tmp_path: Path, version: str) -> None:
    """Helper interpreters of any age parse the stub and hand on to the application's sitecustomize."""
    python = find_interpreter(version)
    if python is None:
        ast.parse(STUB.read_text(), feature_version=(3, 7))
        return
    (tmp_path / "sitecustomize.py").write_text("MINE = 1\n")
    done = execute(
        tmp_path,
        "import sitecustomize, sys; print(sitecustomize.MINE); print('floodmark_sidecar' in sys.modules)",
        path=str(tmp_path),
        python=python,
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert (done.stdout, done.stderr) == ("1\nFalse\n", "")


def test_the_import_is_light_and_loads_nothing_foreign() -> None:
    """The agent brings in the standard library only, and none of what it does not need at once."""
    assert importlib.util.find_spec("numpy") is not None
    done = subprocess.run(
        [sys.executable, "-c", "import floodmark_sidecar.agent, sys; print(*sys.modules)"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    tops = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert tops - {name.partition(".")[0] for name in bare.stdout.split()} == {"floodmark_sidecar"}
    assert loaded.isdisjoint(
        {"asyncio", "ctypes", "dataclasses", "inspect", "logging", "pathlib", "threading"} - set(bare.stdout.split())
    )
    own = {name.removeprefix("floodmark_sidecar.") for name in loaded if name.startswith("floodmark_sidecar.")}
    assert own.isdisjoint({"agent._fork", "agent._census", "agent.capture", "errors", "units"})
