"""`floodmark capture` of real services, beside a real sidecar."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from floodmark_sidecar.agent import environment
from floodmark_sidecar.cli import main
from tests.sidecar.serve.conftest import Connect, Serve, Serving, Spawn, eventually

GROWING = """
import time
jobs = {}
print("ready", flush=True)
while True:
    jobs.update((f"/in/{len(jobs)}.jpg", object()) for _ in range(100))
    time.sleep(0.01)
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def watched(serve: Serve, spawn: Spawn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Serving:
    """A sidecar that has read a service with a dict that grows."""
    monkeypatch.delenv("FLOODMARK_TOKEN", raising=False)
    serving = serve().ready()
    spawn(GROWING, env=environment(socket=folder / "agent.sock", service="web", base=os.environ))
    eventually(lambda: serving.get("/api/v1/services")["services"])
    return serving


def test_a_real_service_is_trimmed_and_traced(watched: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    """What malloc gave back is said in a sentence; a window of one worker ends in a file of lines, or of places in C."""
    asked = ["capture", "--url", watched.url, "--token", "secret", "--worker", "web-0"]

    assert main([*asked, "--trim"]) == 0
    assert "\na trim gave back " in capsys.readouterr().out
    assert main([*asked, "--trace", "200ms", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["captures"]
    assert json.loads(Path(row["path"]).read_text())["lines"]
    assert main([*asked, "--native", "500ms", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["captures"]
    assert json.loads(Path(row["path"]).read_text())["places"]
    assert [row["kind"] for row in watched.get("/api/v1/captures")["captures"]] == ["native", "trace", "trim"]
    assert not [note for note in watched.get("/api/v1/verdict")["notes"] if "cannot be read" in note]
    (trim,) = watched.get("/api/v1/verdict")["trims"]
    assert trim["before_bytes"] > 0


def test_a_real_service_is_counted_twice_and_compared(watched: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way: agent, sidecar, two captures by command, and the dict that grew between them, by file and by HTTP."""
    files = []
    for _ in range(2):
        assert main(["capture", "--url", watched.url, "--token", "secret", "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)["captures"]
        files.append(row["path"])
    assert main(["diff", "--json", *files]) == 0
    found = json.loads(capsys.readouterr().out)

    (row,) = [row for row in found["containers"] if row["name"] == "jobs"]
    assert row["entries"]["change"] > 0
    assert found["one_process"] is True
    assert watched.get("/api/v1/diff", **{"from": 1, "to": 0})["containers"] == found["containers"]


def test_a_real_sidecar_tells_what_a_worker_refused(
    serve: Serve, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command waits for the worker's answer, and prints its words."""
    serving = serve().ready()
    peer = connect(serving.socket)
    peer.hello()
    eventually(lambda: serving.get("/api/v1/services")["services"])
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(main, ["capture", "--url", serving.url, "--token", "secret"])
        asked = peer.receive()
        peer.send(type="captured", id=asked["id"], pid=1, started=1.0, ended=1.1, refused="no room")
        assert ended.result(20) == 3
    said = capsys.readouterr()
    assert said.out == "web-0: refused: no room\n"
    assert said.err == "floodmark: no census was taken: its worker refused\n"
