"""The service's surroundings: its command, its port, its log."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_soak._service import check_command, check_port, cut_log, free_port
from floodmark_soak.plan import ServicePlan


def plan(folder: Path, *command: str, port: int = 1, env: dict[str, str] | None = None) -> ServicePlan:
    return ServicePlan(
        command=command,
        python=sys.executable,
        cwd=folder,
        ready=f"http://127.0.0.1:{port}/",
        start_timeout=1,
        env=env or {},
    )


def test_a_command_is_found_as_the_service_would_find_it(tmp_path: Path) -> None:
    """On the PATH of its own environment, or as a path from its own folder."""
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)

    check_command(plan(tmp_path, "tool", env={"PATH": str(tmp_path)}), os.environ)
    check_command(plan(tmp_path, "./tool"), os.environ)
    check_command(plan(tmp_path, str(tool)), os.environ)


@pytest.mark.parametrize("command", ["no-such-tool", "./tool", "/nowhere/tool"])
def test_a_command_that_is_not_there_is_named(tmp_path: Path, command: str) -> None:
    """With the whole command line and the folder it would be run in."""
    with pytest.raises(UsageError) as caught:
        check_command(plan(tmp_path, command, "--x"), os.environ)

    assert f"there is no command {command!r} (in '{command} --x', run in {tmp_path})" in caught.value.message


def test_a_file_that_cannot_be_run_is_no_command(tmp_path: Path) -> None:
    """The sentence tells it from a command that is missing."""
    (tmp_path / "tool").write_text("")

    with pytest.raises(UsageError, match=r"'./tool' is not executable"):
        check_command(plan(tmp_path, "./tool"), os.environ)


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    """Whoever listens there would be loaded and judged in the service's place."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1:{port} .* is already in use"):
            check_port(plan(tmp_path, "x", port=port))


def test_a_free_port_is_free(tmp_path: Path) -> None:
    """Nobody answers on it."""
    check_port(plan(tmp_path, "x", port=free_port()))


def test_a_log_within_its_cap_is_left_alone(tmp_path: Path) -> None:
    """Nothing is cut before it has to be."""
    log = tmp_path / "service.log"
    log.write_text("line\n" * 10)

    assert cut_log(log, cap=50, kept=20) == 0
    assert log.read_text() == "line\n" * 10


def test_a_log_beyond_its_cap_keeps_its_end(tmp_path: Path) -> None:
    """Whole lines, the newest ones, under a line that says what happened."""
    log = tmp_path / "service.log"
    log.write_text("".join(f"line {n}\n" for n in range(100)))

    assert cut_log(log, cap=500, kept=30) > 0
    assert log.read_text() == "floodmark: the beginning of this log was cut\nline 97\nline 98\nline 99\n"


def test_a_service_goes_on_writing_into_a_log_that_was_cut(tmp_path: Path) -> None:
    """What it writes after the cut follows at the new end, with no hole between."""
    log = tmp_path / "service.log"
    code = "import sys\nprint('x' * 1000, flush=True)\nsys.stdin.readline()\nprint('after', flush=True)"
    with log.open("ab") as output:
        service = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=output)
    deadline = time.monotonic() + 10
    while log.stat().st_size < 1000:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    cut_log(log, cap=100, kept=50)
    service.communicate(b"\n")

    assert log.read_bytes() == b"floodmark: the beginning of this log was cut\nafter\n"
