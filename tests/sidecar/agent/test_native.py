"""Native windows in services of their own, asked for over a real socket: what a library in C asks for and loses."""

import json
from pathlib import Path

import pytest

from floodmark_sidecar.agent import _native
from floodmark_sidecar.agent._origin import Modules
from tests.sidecar.agent.conftest import Run, Service, Sidecar
from tests.sidecar.agent.test_trace import number_of, told

pytest.importorskip("memray")

SERVING = """
import ctypes, sys, time
{before}
from floodmark_sidecar import agent
library = ctypes.CDLL("libz.so.1")
library.zlibVersion.restype = ctypes.c_char_p
version = library.zlibVersion()
def leak():
    stream = ctypes.create_string_buffer(112)
    library.inflateInit_(stream, version, 112)  # the planted line
print(agent.start(service="web", socket={socket!r}), flush=True)
for line in sys.stdin:
    for _ in range(100):
        leak()
    print("memray" in sys.modules, flush=True)
"""


def ask(sidecar: Sidecar, pid: int, path: Path, *, seconds: object = 60.0) -> None:
    sidecar.send(pid, {"type": "capture", "id": path.name, "path": str(path), "kind": "native", "seconds": seconds})


def serving(short_path: Path, before: str = "") -> str:
    return SERVING.format(socket=str(short_path / "s"), before=before)


@pytest.mark.slow
def test_the_function_and_the_line_that_lose_memory(
    sidecar: Sidecar, service: Service, short_path: Path, tmp_path: Path
) -> None:
    """What a library asked for in the window and nobody gave back, with the call that led there; no file of memray's is left."""
    process = service(serving(short_path))
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    sidecar.wait(lambda s: s.of("reading"))
    assert "native" in sidecar.of("hello")[0]["can"]
    folder = short_path / "captures"
    folder.mkdir()
    ask(sidecar, process.pid, folder / "c", seconds=0.5)
    loaded = []
    while not sidecar.of("captured"):
        process.stdin.write("go\n")
        process.stdin.flush()
        loaded.append(process.stdout.readline())
    answer = told(sidecar, "c")
    assert answer.get("path") == str(folder / "c"), answer
    assert [each.name for each in folder.iterdir()] == ["c"]
    content = json.loads((folder / "c").read_text())
    assert (content["floodmark_capture"], content["kind"], content["notes"]) == (1, "native", [])
    assert 0.5 <= content["window_seconds"] < 10
    first = content["places"][0]
    script = tmp_path / "service0.py"
    assert (first["file"], first["line"], first["users"]) == (str(script), number_of(script, "planted"), True)
    assert first["allocator"] == "malloc"
    assert first["function"].startswith("inflateInit")
    assert first["bytes"] > 5000 * first["count"]
    assert f"leak ({script}:{first['line']})" in first["calls"]
    assert first["bytes"] > sum(place["bytes"] for place in content["places"][1:])
    assert loaded[-1] == "True\n"


@pytest.mark.parametrize(
    ("calls", "function"),
    [
        (
            ["malloc", "_PyMem_RawMalloc", "<unknown>", "operator new(unsigned long)", "jpeg_create", "save"],
            "jpeg_create",
        ),
        (["<unknown>", "save", "work"], None),
    ],
)
def test_a_place_has_the_first_function_of_c_and_the_users_line(calls: list[str], function: str | None) -> None:
    """Past what only hands a request on, and past libraries written in Python; a stripped library has no function."""
    python = [("save", "/x/site-packages/PIL/Image.py", 5), ("work", "/srv/app.py", 3), ("run", "/srv/main.py", 1)]
    place = _native._place("malloc", [(name, "<unknown>", 0) for name in calls], python, Modules({}))

    assert (place.function, place.file, place.line) == (function, "/srv/app.py", 3)
    nowhere = _native._place("mmap", [("clone", "<unknown>", 0)], [], Modules({}))
    assert (nowhere.function, nowhere.file, nowhere.line) == ("clone", None, 0)


def test_only_one_window_at_a_time(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """Whatever is asked for while memray notes is refused; the end of the agent ends the window, and its file goes."""
    process = service(serving(short_path))
    sidecar.wait(lambda s: s.of("reading"))
    ask(sidecar, process.pid, short_path / "one")
    ask(sidecar, process.pid, short_path / "two")
    assert told(sidecar, "two")["refused"] == "a window is open"
    assert len([*short_path.glob("one.memray.*.part")]) == 1


def test_without_memray(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """The answer says what is missing, and where."""
    process = service(serving(short_path, before="sys.modules['memray'] = None"))
    sidecar.wait(lambda s: s.of("reading"))
    ask(sidecar, process.pid, short_path / "c")
    assert told(sidecar, "c")["refused"] == (
        "memray is not installed where the service runs (its environment needs floodmark[native])"
    )


def test_a_service_that_memray_tracks_already(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """There is one tracker in a process; that of the service goes on."""
    before = f"import memray; tracker = memray.Tracker({str(short_path / 'own.bin')!r}); tracker.__enter__()"
    process = service(serving(short_path, before=before))
    sidecar.wait(lambda s: s.of("reading"))
    ask(sidecar, process.pid, short_path / "c")
    assert told(sidecar, "c")["refused"].startswith("memray does not track: RuntimeError (")
    assert [each.name for each in short_path.iterdir() if each.name.startswith("c")] == []


def test_a_fork_leaves_the_window_to_its_process(run: Run) -> None:
    """The child allocates, closes what it has inherited and ends as it likes; what was recorded is whole."""
    out = run(
        """
        import functools, json, os
        from floodmark_sidecar.agent import _native
        path = os.path.abspath("c")
        take = functools.partial(_native.take, path, service="web", stall_limit=10.0)
        window = _native.open_window(60.0, path, take=take, asked="a")
        kept = [bytes(5000) for _ in range(1000)]  # the planted line
        pid = os.fork()
        if pid == 0:
            more = [bytes(5000) for _ in range(1000)]
            window.close()
            more.clear()
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), len([name for name in os.listdir() if "memray" in name]))
        print("refused" in window.end(), [name for name in os.listdir() if "memray" in name])
        print(json.load(open("c"))["places"][0]["line"])
        """
    )
    assert out == "7 1\nFalse []\n7\n"


def test_windows_that_make_no_sense(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """Their length is in the answer."""
    process = service(serving(short_path))
    sidecar.wait(lambda s: s.of("reading"))
    for number, seconds in enumerate([0, -1, 601, "5", None, True]):
        ask(sidecar, process.pid, short_path / f"c{number}", seconds=seconds)
        assert told(sidecar, f"c{number}")["refused"] == (f"a native window lasts up to 600 seconds (got {seconds!r})")
