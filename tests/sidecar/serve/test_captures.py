"""Censuses asked for: one at a time, each with a deadline, whatever the agents do."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.capturefile import CaptureFile
from floodmark_sidecar.captures import CaptureError, Captures
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.intake import Agent, Intake
from floodmark_sidecar.readings import WorkerReading
from floodmark_sidecar.store import CaptureRow, Life, Reader, Sample, Store
from tests.sidecar.serve.conftest import Connect, Loop, Peer, eventually

LIFE = Life("web-0", 1, 10, 1.0, started=5.0)
OTHER = Life("web-1", 1, 11, 1.0, started=5.0)


class Bench:
    """Captures over a real socket and store; the one agent is the test."""

    def __init__(
        self,
        loop: Loop,
        folder: Path,
        connect: Connect,
        *,
        deadline: float,
        can: Sequence[str] = ("trace", "native", "trim"),
        **limits: Any,
    ) -> None:
        self.loop = loop
        self.store = Store(folder / "history.db")
        rows = [(life, WorkerReading(life.worker, 1, uss_bytes=1)) for life in (LIFE, OTHER)]
        self.store.put_sample(Sample("web", 6.0, tuple(rows)))
        self.intake = Intake(folder / "s.sock", read_every=1.0, on_event=lambda *_: None)
        self.intake.bind()
        loop.run(self.intake.start())
        self.folder = folder / "captures"
        self.captures = Captures(
            workers=self._workers, store=self.store, folder=self.folder, deadline=deadline, **limits
        )
        self.peer: Peer = connect(folder / "s.sock")
        self.peer.hello(can=[*can])
        self.lives = [LIFE]

    def _workers(self, _service: str) -> list[tuple[Life, Agent]]:
        return [(life, agent) for agent in self.intake.agents.values() for life in self.lives]

    def take(self, **options: Any) -> "Future[list[CaptureRow]]":
        """Begin to take a census, or a trace window."""
        return self.loop.start(self.captures.take("web", **options))

    def answer(self, asked: dict[str, Any], **fields: Any) -> None:
        """Answer as an agent does."""
        self.peer.send(type="captured", id=asked["id"], pid=1, started=100.0, ended=101.5, **fields)

    def close(self) -> None:
        """Stop everything."""
        self.loop.run(self.intake.stop())
        self.store.close()


@pytest.fixture
def make(loop: Loop, folder: Path, connect: Connect) -> Iterator[Callable[..., Bench]]:
    """Make a bench with a deadline, and limits on its files."""
    made: list[Bench] = []

    def start(deadline: float, **limits: Any) -> Bench:
        made.append(Bench(loop, folder, connect, deadline=deadline, **limits))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    """A bench whose deadline is far away."""
    return make(60.0)


def test_a_census_is_asked_for_by_path_and_stored(bench: Bench) -> None:
    """The file is named by worker, life and time; how it went is in the store."""
    taken = bench.take()
    asked = bench.peer.receive()
    path = Path(asked["path"])
    assert path.parent == bench.folder
    assert path.name.startswith("web-0.life1.2")
    assert not path.exists()
    path.write_text("{}")
    bench.answer(asked, stall_seconds=0.004, path=asked["path"])
    (row,) = taken.result(10)
    assert (row.path, row.refused, row.seconds, row.stall_seconds) == (str(path), None, 1.5, 0.004)
    with Reader(bench.store.path) as reader:
        assert reader.captures("web") == [row]


def test_what_is_under_way_is_known(bench: Bench) -> None:
    """Until it has ended: who asks for the next one would wait for it."""
    taken = bench.take(trace=30.0)
    asked = bench.peer.receive()
    (found,) = bench.captures.under_way.values()
    assert (found.worker, found.kind, found.seconds) == ("web-0", "trace", 30.0)
    bench.answer(asked, refused="no")
    taken.result(10)
    assert bench.captures.under_way == {}


def test_a_refusal_is_kept_in_its_words(bench: Bench) -> None:
    """Where a capture is not safe none is taken, and the reason is shown."""
    taken = bench.take()
    bench.answer(bench.peer.receive(), refused="grpc is loaded")
    (row,) = taken.result(10)
    assert (row.path, row.refused) == (None, "grpc is loaded")


def test_only_the_file_that_was_asked_for_counts(bench: Bench) -> None:
    """An agent that names another file has not written ours."""
    taken = bench.take()
    bench.answer(bench.peer.receive(), path="/etc/passwd")
    (row,) = taken.result(10)
    assert row.path is None
    assert "there is none" in str(row.refused)


def test_an_agent_that_goes_away_is_no_capture(bench: Bench) -> None:
    """A worker that dies in its census ends that census, not the round."""
    taken = bench.take()
    bench.peer.receive()
    bench.peer.close()
    (row,) = taken.result(10)
    assert row.refused == "the agent went away"


def test_no_answer_by_the_deadline_is_given_up_and_not_asked_again(make: Callable[..., Bench]) -> None:
    """A stuck worker is left alone until it answers; its late answer frees it."""
    bench = make(0.2)
    (row,) = bench.take().result(10)
    assert row.refused == "no answer within 0.2 s"
    asked = bench.peer.receive()
    (row,) = bench.take().result(10)
    assert row.refused == "its last capture has not ended"
    bench.answer(asked, refused="too slow")
    bench.peer.send(type="reading", t=1.0)
    (agent,) = bench.intake.agents.values()
    eventually(lambda: agent.reading)
    assert agent.capturing is None


def test_two_rounds_never_overlap(bench: Bench) -> None:
    """The second waits for the first: one worker is asked once at a time."""
    first, second = bench.take(), bench.take()
    asked = bench.peer.receive()
    bench.peer.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        bench.peer.receive()
    bench.peer.socket.settimeout(10)
    bench.answer(asked, refused="one")
    assert first.result(10)[0].refused == "one"
    bench.answer(bench.peer.receive(), refused="two")
    assert second.result(10)[0].refused == "two"


def test_readings_are_masked_from_the_asking_to_the_first_after(bench: Bench) -> None:
    """What was read while the child lived, or since before it ended, is not judged."""
    before = time.monotonic()
    assert not bench.captures.masks("web", since=before)
    taken = bench.take()
    asked = bench.peer.receive()
    assert bench.captures.masks("web", since=time.monotonic())
    assert not bench.captures.masks("other", since=before)
    bench.answer(asked, refused="done")
    taken.result(10)
    assert bench.captures.masks("web", since=before)
    assert not bench.captures.masks("web", since=time.monotonic())


def test_without_a_folder_none_is_taken(loop: Loop, folder: Path) -> None:
    """The sentence says what to give."""
    with Store(folder / "history.db") as store:
        captures = Captures(workers=lambda _: [], store=store, folder=None)
        with pytest.raises(CaptureError, match="no folder"):
            loop.run(captures.take("web"))


def test_a_folder_that_cannot_be_made_is_a_usage_error(folder: Path) -> None:
    """The sentence has the path and the reason."""
    (folder / "file").write_text("")
    with Store(folder / "history.db") as store, pytest.raises(UsageError, match="cannot be made"):
        Captures(workers=lambda _: [], store=store, folder=folder / "file" / "captures")


def test_a_trace_window_is_asked_of_one_worker(bench: Bench) -> None:
    """The next one is asked of the other; a census is asked of both. What each was is in the store."""
    bench.lives = [LIFE, OTHER]
    for trace, workers in ((30.0, ["web-0"]), (30.0, ["web-1"]), (None, ["web-0", "web-1"]), (30.0, ["web-0"])):
        taken = bench.take(trace=trace)
        for worker in workers:
            asked = bench.peer.receive()
            assert Path(asked["path"]).name.startswith(worker)
            window = {"kind": "trace", "seconds": 30.0, "frames": 1}
            assert {key: asked.get(key) for key in window} == (window if trace else dict.fromkeys(window))
            bench.answer(asked, refused="not now")
        kind = "trace" if trace else "census"
        assert [(row.worker, row.kind, row.refused) for row in taken.result(10)] == [
            (worker, kind, "not now") for worker in workers
        ]
    with Reader(bench.store.path) as reader:
        assert [row.kind for row in reader.captures("web")] == ["trace", "trace", "census", "census", "trace"]


def test_a_trace_window_has_its_length_beside_the_deadline(make: Callable[..., Bench]) -> None:
    """The deadline begins when the window is over."""
    bench = make(0.1)
    before = time.monotonic()
    (row,) = bench.take(trace=0.2).result(10)
    assert row.refused == "no answer within 0.3 s"
    assert time.monotonic() - before >= 0.3


def test_readings_of_a_trace_window_are_masked(bench: Bench) -> None:
    """The tables of the traces are memory that no service asked for."""
    taken = bench.take(trace=30.0)
    asked = bench.peer.receive()
    assert bench.captures.masks("web", since=time.monotonic())
    bench.answer(asked, refused="done")
    taken.result(10)
    assert not bench.captures.masks("web", since=time.monotonic())


@pytest.mark.parametrize("more", [{}, {"can": "trace"}, {"can": [["trace"], 7]}])
def test_an_older_agent_is_not_asked_for_a_window(bench: Bench, connect: Connect, more: dict[str, Any]) -> None:
    """It would take a census instead; its worker is skipped, in words."""
    bench.peer.close()
    older = connect(bench.folder.parent / "s.sock")
    older.hello(**more)
    eventually(lambda: [agent.can for agent in bench.intake.agents.values()] == [frozenset()])
    (row,) = bench.take(trace=30.0).result(10)
    assert row.refused == "its agent is of an older version, which takes no trace windows"
    older.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        older.receive()


@pytest.mark.parametrize("seconds", [0.0, -1.0, 601.0, float("nan")])
def test_a_window_that_is_too_long_is_a_usage_error(bench: Bench, seconds: float) -> None:
    """The sentence has the limit and the value; nobody is asked."""
    with pytest.raises(UsageError, match=rf"up to 600 s \(got {seconds:g} s\)"):
        bench.take(trace=seconds).result(10)


def test_one_worker_can_be_asked(bench: Bench) -> None:
    """Nobody else is, for a census and for a window."""
    bench.lives = [LIFE, OTHER]
    for trace in (None, 30.0):
        taken = bench.take(worker="web-1", trace=trace)
        asked = bench.peer.receive()
        assert Path(asked["path"]).name.startswith("web-1")
        bench.answer(asked, refused="not now")
        assert [row.worker for row in taken.result(10)] == ["web-1"]


def test_a_worker_that_nobody_knows_is_told_with_those_that_are(bench: Bench) -> None:
    """Nobody is asked."""
    with pytest.raises(CaptureError, match="web has no worker 'web-7' with an agent") as caught:
        bench.take(worker="web-7").result(10)
    assert caught.value.hint == "those that have one: web-0"
    bench.lives = []
    with pytest.raises(CaptureError) as caught:
        bench.take(worker="web-7").result(10)
    assert caught.value.hint == "those that have one: none"


def test_on_whose_account_it_was_taken_is_stored(bench: Bench) -> None:
    """By the clock, or because somebody asked."""
    taken = bench.take()
    bench.answer(bench.peer.receive(), refused="no")
    taken.result(10)
    by_clock = bench.loop.start(bench.captures.repeat(0.01, lambda: ["web"]))
    bench.answer(bench.peer.receive(), refused="no")
    bench.peer.receive()
    by_clock.cancel()
    with Reader(bench.store.path) as reader:
        assert [row.trigger for row in reader.captures("web")][:2] == ["asked", "clock"]


@pytest.mark.parametrize("kind", ["trace", "native"])
def test_a_window_has_a_name_of_its_own(bench: Bench, kind: str) -> None:
    """So that whoever looks into the folder knows it from a census; it is of one worker."""
    bench.lives = [LIFE, OTHER]
    taken = bench.take(**{kind: 30.0})
    asked = bench.peer.receive()
    bench.answer(asked, refused="no")
    (row,) = taken.result(10)
    found = CaptureFile.named(Path(asked["path"]).name)
    assert found is not None
    assert (asked["kind"], asked["seconds"], found.kind, row.kind) == (kind, 30.0, kind, kind)
    assert CaptureFile.is_unfinished(f"{found.name}.memray.7.part")


@pytest.mark.parametrize(
    ("kind", "asked", "why"),
    [
        ("trim", True, "does not trim"),
        ("native", 1.0, "takes no native windows"),
        ("trace", 1.0, "takes no trace windows"),
    ],
)
def test_nothing_is_asked_of_an_agent_that_does_not_know_it(
    make: Callable[..., Bench], kind: str, asked: object, why: str
) -> None:
    """It would take a census instead."""
    (row,) = make(60.0, can=[]).take(**{kind: asked}).result(10)
    assert (row.kind, row.refused) == (kind, f"its agent is of an older version, which {why}")


def test_a_trim_has_a_name_of_its_own(bench: Bench) -> None:
    """It is asked of every worker, and not together with a window."""
    taken = bench.take(trim=True)
    asked = bench.peer.receive()
    assert asked["kind"] == "trim"
    assert asked["path"].endswith(".trim.json")
    Path(asked["path"]).write_text("{}")
    bench.answer(asked)
    (row,) = taken.result(10)
    assert (row.kind, row.path, row.refused) == ("trim", asked["path"], None)
    with pytest.raises(UsageError, match="a trace window and a trim are 2 captures: ask for one at a time"):
        bench.take(trim=True, trace=1.0).result(10)
    with pytest.raises(UsageError, match="a trace window and a native window are 2 captures"):
        bench.take(native=1.0, trace=1.0).result(10)
    with pytest.raises(UsageError, match=r"a native window lasts more than 0 s and up to 600 s \(got 601 s\)"):
        bench.take(native=601.0).result(10)


def test_what_came_of_captures_is_counted(bench: Bench) -> None:
    """By service, kind and outcome, since the start."""
    for refused in (None, "no room", "no room"):
        taken = bench.take(trim=True)
        asked = bench.peer.receive()
        if refused is None:
            Path(asked["path"]).write_text("{}")
            bench.answer(asked)
        else:
            bench.answer(asked, refused=refused)
        taken.result(10)
    assert bench.captures.counts == {("web", "trim", "written"): 1, ("web", "trim", "refused"): 2}


def test_a_round_ends_within_the_limits(make: Callable[..., Bench]) -> None:
    """What lies between the first and the one that was taken makes room."""
    bench = make(60.0, most_files=2)
    old = [bench.folder / CaptureFile.at("web-0", 1, 1e9 + t).name for t in range(2)]
    for path in old:
        path.write_text("{}")
    taken = bench.take()
    asked = bench.peer.receive()
    Path(asked["path"]).write_text("{}")
    bench.answer(asked)
    taken.result(10)

    assert sorted(bench.folder.iterdir()) == [old[0], Path(asked["path"])]
