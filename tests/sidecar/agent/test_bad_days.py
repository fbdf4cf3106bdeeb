"""Captures on bad days: the child is killed, or finds no memory, no disk, a process of many threads, or one that is PID 1."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.sidecar.agent.conftest import Run, clean_environment
from tests.sidecar.agent.test_capture import PREAMBLE

AS_ROOT_OF_ITS_OWN = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child")


def _has_namespaces() -> bool:
    if shutil.which(AS_ROOT_OF_ITS_OWN[0]) is None:
        return False
    return subprocess.run([*AS_ROOT_OF_ITS_OWN, "true"], capture_output=True, check=False).returncode == 0


def test_a_child_that_is_killed(run: Run) -> None:
    """By whoever it was: the service goes on, the reason has the signal, nothing is left, and the next capture is whole."""
    out = run(
        PREAMBLE
        + """
biggest = capture._census.biggest
def killed(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)
capture._census.biggest = killed
print(take()["refused"], os.listdir())
capture._census.biggest = biggest
print("refused" in take())
"""
    )
    assert out == "the census was ended by signal 9 ['scenario.py']\nFalse\n"


def test_a_child_without_memory(run: Run) -> None:
    """What it cannot have, it goes without: the reason says so, and the service has all that it had."""
    out = run(
        PREAMBLE
        + """
import resource
biggest = capture._census.biggest
def starved(*arguments, **options):
    resource.setrlimit(resource.RLIMIT_AS, (1 << 26, 1 << 26))
    kept = []
    while True:
        kept.append(bytearray(1 << 20))
capture._census.biggest = starved
print(take()["refused"], os.listdir())
print(len(bytearray(1 << 27)))
"""
    )
    first, second = out.splitlines()
    assert first.startswith("the census failed: MemoryError at ")
    assert first.endswith(" ['scenario.py']")
    assert second == str(1 << 27)


def test_a_kernel_that_does_not_let_it_be_ended_first(run: Run) -> None:
    """Whether there is no such file or it may not be written: a child that cannot offer itself is taken all the same."""
    out = run(
        PREAMBLE
        + """
opened = os.open
def denied(path, *arguments, **options):
    if path == "/proc/self/oom_score_adj":
        raise error(13, "denied")
    return opened(path, *arguments, **options)
os.open = denied
for error in (PermissionError, FileNotFoundError):
    print("path" in take())
    os.unlink("capture.json")
"""
    )
    assert out == "True\nTrue\n"


def test_a_disk_that_is_full(run: Run) -> None:
    """The half of a file that found room is taken away again."""
    out = run(
        PREAMBLE
        + """
import resource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
write = capture._written.write
def on_a_full_disk(*arguments):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most))
    write(*arguments)
capture._written.write = on_a_full_disk
print(take()["refused"], os.listdir())
"""
    )
    assert out.startswith("the census failed: OSError (File too large) at _written.py:")
    assert out.endswith(" ['scenario.py']\n")


def test_a_process_of_five_hundred_threads(run: Run, tmp_path: Path, python: str) -> None:
    """All are told of, and what each holds in a variable is counted."""
    run(
        PREAMBLE
        + """
until, ready = threading.Event(), threading.Semaphore(0)
class Held:
    pass
def work():
    held = Held()
    ready.release()
    until.wait()
for _ in range(500):
    threading.Thread(target=work, name="worker", daemon=True).start()
for _ in range(500):
    ready.acquire()
told = take()
assert "path" in told, told
until.set()
""",
        python=python,
    )
    content = json.loads((tmp_path / "capture.json").read_text())
    assert next(row["count"] for row in content["threads"] if row["name"] == "worker") == 500
    assert next(count for name, count, _ in content["types"] if name == "scenario.Held") == 500


@pytest.mark.skipif(not _has_namespaces(), reason="this machine gives no process a namespace of its own")
def test_a_service_that_is_pid_1(tmp_path: Path, packages: Path) -> None:
    """It is whom orphans are given to: the child is reaped, and no other is left to it."""
    script = tmp_path / "scenario.py"
    script.write_text(
        PREAMBLE
        + textwrap.dedent(
            """
            assert os.getpid() == 1
            for _ in range(3):
                told = take()
                assert "path" in told, told
            try:
                print(os.waitpid(-1, os.WNOHANG))
            except ChildProcessError:
                print("no child")
            """
        )
    )
    done = subprocess.run(
        [*AS_ROOT_OF_ITS_OWN, sys.executable, str(script)],
        cwd=tmp_path,
        env={**clean_environment(), "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("no child\n", "")
