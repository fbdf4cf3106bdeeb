"""A capture as the agent reports it: a whole file, or a reason."""

import json
from pathlib import Path

from tests.sidecar.agent.conftest import Run

PREAMBLE = """
import os, signal, sys, threading
from floodmark_sidecar.agent import capture

def take(path="capture.json", **options):
    return capture.take(os.path.abspath(path), service="web", **{"stall_limit": 10.0, **options})
"""


def test_the_file_is_whole_private_and_alone(run: Run, tmp_path: Path, python: str) -> None:
    """The file has every field, can be read by its owner only, and nothing else is left in its folder."""
    run(
        PREAMBLE
        + """
os.mkdir("captures")
held = [str(number) for number in range(1000)]
told = take("captures/one.json")
assert told["pid"] == os.getpid() and told["started"] <= told["ended"], told
assert 0 < told["stall_seconds"] < 5, told
assert told["path"] == os.path.abspath("captures/one.json")
""",
        python=python,
    )
    (file,) = (tmp_path / "captures").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    content = json.loads(file.read_text())
    assert content.keys() == {
        *("floodmark_capture", "service", "pid", "t", "python", "how", "seconds", "objects", "complete", "notes"),
        *("types", "type_owners", "orphans", "containers", "threads", "tasks", "fds", "children"),
    }
    assert (content["floodmark_capture"], content["service"], content["how"]) == (1, "web", "fork")
    assert content["objects"] > 1000
    assert content["complete"] is True
    row = next(row for row in content["containers"] if row["name"] == "held")
    assert row.keys() == {
        *("id", "kind", "entries", "bytes", "entry_bytes", "path", "name", "owner", "of", "chain", "shape"),
        *("values", "users", "tokens", "retainers", "owned"),
    }


def test_the_census_does_not_count_itself(run: Run, tmp_path: Path) -> None:
    """The child's own lists, of all objects and of what weak references lead to, are not among the containers."""
    run(
        PREAMBLE
        + """
import weakref
class Node:
    pass
held = [Node() for _ in range(5000)]
referring = tuple(map(weakref.ref, held))
print(take())
"""
    )
    content = json.loads((tmp_path / "capture.json").read_text())
    assert max(row["entries"] for row in content["containers"]) == 5000
    assert [row["path"] for row in content["containers"] if row["entries"] >= 1000 and row["kind"] == "list"] == [
        "scenario.held"
    ]


def test_what_entries_own_is_told_of_what_grew(run: Run, tmp_path: Path) -> None:
    """With all that is below them; of nothing that is as it was at the census before."""
    run(
        PREAMBLE
        + """
still = [[number, str(number)] for number in range(100)]
grows = {}
def work():
    for number in range(50):
        grows[len(grows)] = [[[bytes(5000) + str(len(grows)).encode()]]]
work()
take("one.json")
work()
take()
"""
    )
    content = json.loads((tmp_path / "capture.json").read_text())
    owned = {row["name"]: row["owned"] for row in content["containers"]}
    assert owned["still"] is None
    assert 5000 < owned["grows"]["bytes"] < 5500
    assert owned["grows"]["types"]["list"] == 3


def test_a_folder_that_cannot_be_written(run: Run) -> None:
    """A capture that cannot be stored is refused in words and leaves nothing."""
    out = run(PREAMBLE + "print(take('missing/one.json')['refused'], os.listdir())")
    assert out.startswith("the census failed: FileNotFoundError (No such file or directory) at _written.py:")
    assert out.endswith("['scenario.py']\n")


def test_a_second_capture_at_once(run: Run) -> None:
    """While one census is being taken another is refused; afterwards it is not."""
    out = run(
        PREAMBLE
        + """
import pathlib, time
biggest = capture._census.biggest
def waiting(*arguments, **options):
    while not os.path.exists("go on"):
        time.sleep(0.01)
    return biggest(*arguments, **options)
capture._census.biggest = waiting
first = threading.Thread(target=take)
first.start()
until = time.monotonic() + 10
while not any(path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/children")):
    assert time.monotonic() < until
print(take("second")["refused"])
open("go on", "w").close()
first.join()
print("path" in take("third"))
"""
    )
    assert out == "a capture is already under way\nTrue\n"


def test_nothing_is_collected(run: Run) -> None:
    """A census collects no garbage, in the service or the child: the very cycles may be the leak."""
    out = run(
        PREAMBLE
        + """
import gc, weakref
gc.disable()
class Node:
    def __del__(self):
        open("collected", "w").close()
node = Node()
node.self = node
alive = weakref.ref(node)
del node
take()
print(alive() is not None, os.path.exists("collected"))
os._exit(sys.stdout.flush() or 0)
"""
    )
    assert out == "True False\n"


def test_captures_leave_nothing_behind_where_the_collector_is_off(run: Run) -> None:
    """Objects that refer to themselves would stay for ever: after the first capture, none more is left."""
    out = run(
        PREAMBLE
        + """
import gc
def count():
    return len(gc.get_objects())
gc.collect()
gc.disable()
take("0.json"), take("1.json")
before = count()
for number in range(2, 5):
    take(f"{number}.json")
print(count() - before)
"""
    )
    assert int(out) <= 0


def test_a_class_that_grew_says_who_holds_an_instance(run: Run, tmp_path: Path) -> None:
    """Through small containers, or that nothing does, and what else that grew is in it; at first nothing has grown."""
    run(
        PREAMBLE
        + """
class Held: pass
class Part: pass
class Cyclic:
    def __init__(self):
        self.me = self
        self.parts = {"all": Part()}
import gc
gc.disable()
jobs = {number: [] for number in range(20)}
for name in ("0.json", "1.json"):
    for number in range(100):
        jobs[number % 20].append(Held())
        Cyclic()
    take(name)
"""
    )
    first, second = (json.loads((tmp_path / name).read_text())["type_owners"] for name in ("0.json", "1.json"))
    assert "held_by" not in first["scenario.Held"]
    assert second["scenario.Held"]["held_by"] == "scenario.jobs[…][…]"
    assert (second["scenario.Cyclic"]["held_by"], second["scenario.Cyclic"]["searched"]) == (None, True)
    assert (second["scenario.Cyclic"]["holds"], second["scenario.Held"]["holds"]) == (["scenario.Part"], [])


def test_entries_are_known_again_at_the_next_capture(run: Run, tmp_path: Path, python: str) -> None:
    """Of a container that the user names, what stays has the token it had; only the values' type is told of them."""
    run(
        PREAMBLE
        + """
class Scheduler:
    def __init__(self):
        self.pending = {f"/in/{number}.jpg": True for number in range(60)}
scheduler = Scheduler()
take("0.json")
for number in range(20):
    del scheduler.pending[f"/in/{number}.jpg"]
    scheduler.pending[f"/out/{number}.jpg"] = True
take("1.json")
""",
        python=python,
    )
    rows = [
        next(row for row in json.loads((tmp_path / name).read_text())["containers"] if row["name"] == "pending")
        for name in ("0.json", "1.json")
    ]
    assert [(row["users"], row["values"], len(row["tokens"])) for row in rows] == [(True, "bool", 60)] * 2
    assert len(set(rows[0]["tokens"]) & set(rows[1]["tokens"])) == 40


def test_only_what_the_user_names_itself_is_theirs(run: Run, tmp_path: Path, python: str) -> None:
    """Not the inside of something that a library made, though the user's name leads to it, nor an element.

    What a function of theirs keeps by `lru_cache` is theirs, too.
    """
    run(
        PREAMBLE
        + """
import collections, functools, weakref
class Thing: pass
things = [Thing() for number in range(50)]
weak = weakref.WeakKeyDictionary({thing: 1 for thing in things})
@functools.lru_cache(maxsize=None)
def fetch(key):
    return [key]
for number in range(50):
    fetch(number)
nested = {"a": {number: number for number in range(50)}}
def make():
    enclosed = {number: [number] for number in range(50)}
    return lambda key: enclosed[key]
getter = make()
table = collections.OrderedDict.fromkeys(range(50))
take()
""",
        python=python,
    )
    rows = json.loads((tmp_path / "capture.json").read_text())["containers"]
    mine = {row["path"]: row["users"] for row in rows if (row["path"] or "").startswith("scenario.")}
    assert mine.pop("scenario.weak") is False
    assert mine == {
        "scenario.fetch": True,
        "scenario.nested[…]": False,
        "scenario.things": True,
        "scenario.make.enclosed": True,
        "scenario.table": True,
    }
    assert all(row["tokens"] is None for row in rows if not row["users"])
    ways = {row["path"]: row["retainers"] for row in rows}
    assert ways["scenario.table"] == [["scenario.table", "collections.OrderedDict"]]
    assert ways["scenario.fetch"] == [["scenario.fetch", "functools._lru_cache_wrapper"], ["", "dict"]]
    assert ways["scenario.nested[…]"] == [["scenario.nested", "dict"], ["[…]", "dict"]]
    assert ways["scenario.make.enclosed"] == [["scenario.make.<locals>.<lambda>", "function"], [".enclosed", "dict"]]
    assert ways["os.__dict__"] is None


def test_a_long_way_loses_its_middle(run: Run, tmp_path: Path) -> None:
    """What begins it and what ends it is what a reader looks for."""
    run(
        PREAMBLE
        + """
class Node:
    pass
first = node = Node()
for number in range(20):
    node.next = Node()
    node = node.next
node.leak = {number: [number] for number in range(50)}
del node
take()
"""
    )
    rows = json.loads((tmp_path / "capture.json").read_text())["containers"]
    (way,) = (row["retainers"] for row in rows if row["name"] == "leak")
    assert len(way) == 13
    assert (way[0], way[1], way[6]) == (["scenario.first", "scenario.Node"], [".next", "scenario.Node"], ["…", ""])
    assert way[-2:] == [[".next", "scenario.Node"], [".leak", "dict"]]
