"""`floodmark doctor`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from floodmark_sidecar.cli import main
from tests.sidecar.doctor.test_reader import service

QUIET = "print('ready', flush=True); input()"
FORKING = "import os\nif not os.fork(): input()\nprint('ready', flush=True); input()"


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONTRACEMALLOC", "FLOODMARK_DISABLED", "LD_PRELOAD"):
        monkeypatch.delenv(name, raising=False)


def test_a_shell_without_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, a line for each finding, and what they come to."""
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("a service that is started from this shell; --pid PID looks at one that runs\n\n")
    assert f"CPython {sys.version.split()[0]}" in output
    assert output.splitlines()[-1].endswith(" fine")


def test_a_running_service_with_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3; problems come first, each with what to do and where that is from."""
    with service(QUIET, PYTHONTRACEMALLOC="1", MALLOC_TRIM_THRESHOLD_="1073741824") as pid:
        assert main(["doctor", "--pid", str(pid)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"process {pid}: {sys.executable} -c")
    assert lines[2].startswith("problem  tracemalloc: on from the start, by PYTHONTRACEMALLOC=1")
    assert "         https://docs.python.org/3/library/tracemalloc.html" in lines
    assert any(line.startswith("note     malloc settings: MALLOC_TRIM_THRESHOLD_=1073741824") for line in lines)
    assert lines[-1].startswith("1 problem, ")


def test_a_library_that_is_loaded_before_all_others(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A preloaded allocator is found in the process by its file, whatever it is here."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    library = next(line.split()[-1] for line in lines if line.endswith("/libm.so.6"))
    preloaded = tmp_path / "libjemalloc.so.2"
    preloaded.write_bytes(Path(library).read_bytes())
    with service(QUIET, LD_PRELOAD=str(preloaded), MALLOC_ARENA_MAX="2") as pid:
        assert main(["doctor", "--pid", str(pid)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "note     malloc: jemalloc" in lines
    assert not any("LD_PRELOAD" in line or "arenas" in line for line in lines)


def test_children_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The pid of a master is not that of its workers."""
    with service(FORKING) as pid:
        main(["doctor", "--pid", str(pid), "--json"])
        children = json.loads(capsys.readouterr().out)["children"]
        main(["doctor", "--pid", str(pid)])
    assert len(children) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"its children are not looked at, each has a --pid of its own: {children[0]}" in said


def test_json_has_every_finding(capsys: pytest.CaptureFixture[str]) -> None:
    """One object with the exit code; what is not there is null."""
    assert main(["doctor", "--json", "--captures", "/dev/null/absent"]) == 3
    answer = json.loads(capsys.readouterr().out)
    assert (answer["pid"], answer["command"], answer["children"], answer["exit_code"]) == (None, None, [], 3)
    first, *others = answer["findings"]
    assert (first["name"], first["level"], first["source"]) == ("captures", "problem", None)
    assert "/dev/null/absent" in first["value"]
    assert {"memory", "python", "census", "malloc arenas"} <= {each["name"] for each in others}


@pytest.mark.parametrize("pid", ["0", "-1", "abc", "1.5", "", "4194305", "9" * 30, "\u0663"])
def test_a_pid_that_is_none(pid: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and a sentence with the value."""
    assert main(["doctor", f"--pid={pid}"]) == 2
    assert f"--pid must be the number of a process, 1 to 4194304 (got {pid!r})" in capsys.readouterr().err


def test_a_process_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and a sentence with the value."""
    assert main(["doctor", "--pid", "4000001"]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.splitlines()[0]) == ("", "floodmark: there is no process 4000001")


def test_foreign_command_lines_move_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """A process may call itself anything."""
    with service(f"# \x1b[2J \u03b4 {'x' * 500}\n{QUIET}") as pid:
        main(["doctor", "--pid", str(pid)])
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert r"\x1b[2J" in output
    assert "x" * 300 not in output


def test_a_narrow_terminal_without_any_other_letters() -> None:
    """No line of words is wider than the terminal, and ASCII is enough."""
    main_, side = os.openpty()
    code = (
        "import fcntl, struct, sys, termios\n"
        "fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))\n"
        "from floodmark_sidecar.cli import main\n"
        "sys.exit(main(['doctor']))\n"
    )
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    env.pop("COLUMNS", None)
    with os.fdopen(main_, "rb", buffering=0) as reader:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=side, stderr=subprocess.DEVNULL, env=env)
        os.close(side)
        output = b""
        while part := _read(reader.fileno()):
            output += part
        assert process.wait(20) == 0
    lines = output.decode("ascii").splitlines()
    assert all(len(line) <= 80 for line in lines), max(lines, key=len)
    assert any(line.startswith("fine     python: CPython") for line in lines)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


def test_it_needs_nothing_but_the_base_install() -> None:
    """Whoever lacks an extra is told so by the doctor."""
    code = "from floodmark_sidecar.cli import main; main(['doctor']); import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not loaded & {"psutil", "numpy", "rich", "fastapi", "pympler"}
