"""Who holds a container, beside what objgraph says in the process itself.

A census has a walk of its own for this: objgraph runs the collector, which hides garbage in cycles, asks objects for their
text, and searches all objects anew for every step of one chain.
"""

import json
from pathlib import Path

import pytest

from tests.sidecar.agent.conftest import Run
from tests.sidecar.agent.test_capture import PREAMBLE

pytest.importorskip("objgraph")


def test_the_chain_is_that_of_objgraph(run: Run, tmp_path: Path) -> None:
    """The same objects hold it, one by the other, from a module on."""
    out = run(
        PREAMBLE
        + """
import objgraph

class Jobs:
    def __init__(self):
        self.waiting = {number: [number] for number in range(100)}

class Queue:
    __slots__ = ("jobs",)
    def __init__(self):
        self.jobs = (Jobs(),)

class App:
    def __init__(self):
        self.queues = {"first": Queue()}

APP = App()
assert "path" in take()
chain = objgraph.find_backref_chain(APP.queues["first"].jobs[0].waiting, objgraph.is_proper_module)
spaces = [id(vars(each)) for each in chain if hasattr(each, "__dict__")]
print(*(type(each).__name__ for each in chain[1:] if id(each) not in spaces))
"""
    )
    rows = json.loads((tmp_path / "capture.json").read_text())["containers"]
    (row,) = [row for row in rows if row["name"] == "waiting"]
    assert [kind.rpartition(".")[2] for _, kind in row["retainers"]] == out.split()
    assert out == "App dict Queue tuple Jobs dict\n"
    assert row["chain"] == "scenario.APP.queues[…].jobs[…].waiting"
