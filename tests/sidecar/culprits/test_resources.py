"""Threads, tasks, descriptors and processes: which group is named, how fast it grows, and where it is ranked."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from floodmark_sidecar.culprits import Capture, Culprit, Owner, parse_capture, parse_window, rank
from floodmark_sidecar.judge import Verdict, judge
from tests.sidecar.culprits.scripted import MINUTE, START, container, names, verdict
from tests.sidecar.judge import traces as made

READINGS = len(made.SHORT.times)
LATE = (60.0, 80.0, 100.0, 120.0)
"""Seconds of captures in the judged part of a run of 140 s."""

POLLER = {"module": "app.poll", "file": "/srv/app/poll.py", "qualname": "Poller", "attribute": "run"}


def seen(
    *counts: Sequence[int],
    kind: str = "threads",
    rows: Sequence[dict[str, Any]] = ({"name": "Thread-#"},),
    times: Sequence[float] | None = None,
    containers: Sequence[int] = (),
    worker: str = "web-0",
    life: int = 1,
) -> list[Capture]:
    """Return captures, one a minute if not at *times*: each of *rows* with its counts in turn, and one dict of *containers*."""
    at = times or [number * MINUTE for number in range(len(counts[0]))]
    return [
        parse_capture(
            {
                "floodmark_capture": 1,
                "t": START + t,
                "containers": [container("app.seen", containers[number])] if containers else [],
                kind: [row | {"count": one[number]} for row, one in zip(rows, counts, strict=True) if one[number]],
            },
            worker=worker,
            life=life,
        )
        for number, t in enumerate(at)
    ]


def place(owner: Owner) -> str | None:
    """Return the line that a process told, or the one that defines *owner*."""
    return f"{owner.file}:{owner.line or 3}".removeprefix("/srv/")


def ranked(captures: Sequence[Capture], judged: Verdict | None = None) -> tuple[Culprit, ...]:
    return rank(captures, None, judged, locate=place)


@cache
def climbing(kind: str, *, leak: float = 0.0) -> Verdict:
    """A real verdict on a run in which a count climbs by some 1850 an hour, and memory by *leak* bytes in all."""
    memory = made.short_start(6).line(leak)
    return judge(memory.trace(**{kind: np.round(np.linspace(8, 80, READINGS))}))


def test_threads_that_grow() -> None:
    """A group that goes on growing is named, with its function's line, and where its threads stand."""
    rows: list[dict[str, Any]] = [
        {"name": "Thread-#", "owner": POLLER, "at": "/srv/app/poll.py:8"},
        {"name": "MainThread"},
    ]
    (culprit,) = ranked(seen([20, 60, 100, 140], [1, 1, 1, 1], rows=rows))

    assert (culprit.kind, culprit.name, culprit.path) == ("thread", "Thread-#", "app.poll.Poller.run")
    assert (culprit.where, culprit.bytes_per_hour, culprit.share) == ("app/poll.py:3", None, None)
    assert culprit.entries_per_hour == pytest.approx(2400)
    assert culprit.evidence == "grew from 20 to 140 threads over 4 captures; most of them stand at app/poll.py:8"
    assert culprit.points[0] == (START, 20)


def test_tasks_that_grow() -> None:
    """Tasks are named by their coroutine and the line where they wait."""
    rows = [{"name": "app.jobs.wait_for", "at": "/srv/app/jobs.py:17"}]
    (culprit,) = ranked(seen([10, 50, 90], kind="tasks", rows=rows))

    assert (culprit.kind, culprit.name, culprit.where) == ("task", "app.jobs.wait_for", "app/jobs.py:17")
    assert culprit.evidence == "grew from 10 to 90 tasks over 3 captures"


def test_descriptors_that_grow() -> None:
    """The kind of descriptor is all that is known, and those that stay are not accused."""
    rows = [{"name": "socket"}, {"name": "/var/#.log"}]
    (culprit,) = ranked(seen([10, 50, 90], [30, 30, 30], kind="fds", rows=rows))

    assert (culprit.kind, culprit.name, culprit.where, culprit.path) == ("fd", "socket", None, None)
    assert culprit.evidence == "grew from 10 to 90 descriptors over 3 captures"


def test_processes_that_ended_and_are_kept() -> None:
    """Zombies are their own group beside the running ones of the same command, and are told as what they are."""
    rows = [{"name": "convert", "state": "Z"}, {"name": "convert", "state": "S"}, {"name": "convert", "state": "R"}]
    (culprit,) = ranked(seen([0, 5, 10], [2, 1, 2], [0, 1, 1], kind="children", rows=rows))

    assert (culprit.kind, culprit.name) == ("process", "convert")
    assert culprit.evidence.endswith(
        "from 0 to 10 processes over 3 captures; they have ended, and nothing waits for them"
    )


@pytest.mark.parametrize("counts", [[4, 32, 32], [40, 10, 41], [100, 103, 107]], ids=["full", "swings", "under δ"])
def test_what_does_not_go_on_growing(counts: list[int]) -> None:
    """A pool that is full, tasks that come and go, and a rise too small to matter are no culprits."""
    assert ranked(seen(counts)) == ()


def test_two_captures_that_the_judge_does_not_bear_out() -> None:
    """Where the judge has seen all readings and says nothing of threads, one rise between two captures is no culprit."""
    two = seen([10, 50], times=LATE[:2])

    assert names(ranked(two)) == ["Thread-#"]
    assert ranked(two, climbing("fds"))[-1].kind == "fd"
    assert names(ranked(two, climbing("threads"))) == ["Thread-#"]


def test_a_group_that_comes_later() -> None:
    """A group that the first captures do not have grew from none."""
    (culprit,) = ranked(seen([0, 0, 20, 60, 90]))

    assert culprit.evidence.startswith("grew from 0 to 90 threads")


def test_captures_that_do_not_say() -> None:
    """A capture without this kind, as of an older version, is no look at it."""
    without = [parse_capture({"floodmark_capture": 1, "t": START + 90, "containers": []}, worker="web-0", life=1)]
    (culprit,) = ranked([*seen([10, 50, 90]), *without])

    assert culprit.evidence.startswith("grew from 10 to 90 threads over 3 captures")


def test_the_users_own_before_machinery() -> None:
    """Where each task of the user's brings one of a library's along, the user's is named first."""
    rows = [{"name": "asyncio.locks.Event.wait"}, {"name": "app.serve", "at": "/srv/app/serve.py:4"}]

    assert names(ranked(seen([12, 60, 108], [10, 50, 90], kind="tasks", rows=rows))) == [
        "app.serve",
        "asyncio.locks.Event.wait",
    ]


def test_workers_are_added_up() -> None:
    """A group that grows in two workers is one culprit of both; one that grows in one of them names it."""
    both = [*seen([10, 50, 90]), *seen([10, 50, 90], worker="web-1")]
    (culprit,) = ranked(both)
    assert culprit.entries_per_hour == pytest.approx(2 * 2400)
    assert "from 20 to 180 threads over 3 captures, in 2 workers" in culprit.evidence

    (culprit,) = ranked([*seen([10, 50, 90]), *seen([10, 10, 10], worker="web-1")])
    assert culprit.worker == "web-0"
    assert culprit.entries_per_hour == pytest.approx(2400)


def test_inconclusive_says_so() -> None:
    """What grew is named, and its sentence says that it is no proof."""
    (culprit,) = ranked(seen([10, 50, 90]), verdict("inconclusive"))

    assert "could not tell" in culprit.evidence


@pytest.mark.parametrize(("counted", "kind"), [("threads", "thread"), ("tasks", "task"), ("fds", "fd")])
def test_a_climb_without_captures(counted: str, kind: str) -> None:
    """What the judge says climbs is named by its kind where no capture tells more, with the judge's rate."""
    (culprit,) = ranked([], climbing(counted))

    assert (culprit.kind, culprit.name, culprit.where) == (kind, kind, None)
    assert culprit.entries_per_hour == pytest.approx(72 / 140 * 3600, rel=0.1)
    assert "of readings; no capture says which" in culprit.evidence
    assert len(culprit.points) > 2


def test_processes_that_climb_without_captures() -> None:
    """A service that starts ever more processes has them named, though each has readings of its own."""
    times = made.SHORT.times
    parts = {"web-0": (times, made.short_start(1).y, ["1"] * READINGS)}
    for number in range(12):
        late = times[20 * number + 10 :]
        parts[f"child-{number}"] = (late, np.full(len(late), 3.0 * made.MIB), ["1"] * len(late))

    found = ranked([], judge(made.workers_of(parts)))
    assert [(culprit.kind, culprit.rank) for culprit in found] == [("process", 1)]


def test_a_climb_gives_its_rate_to_the_group() -> None:
    """Readings are many and captures few: where one group is all that grows, the rate is the judge's."""
    (culprit,) = ranked(seen([38, 48, 60, 75], times=LATE), climbing("threads"))

    assert culprit.name == "Thread-#"
    assert culprit.entries_per_hour == pytest.approx(72 / 140 * 3600, rel=0.05)


def test_a_climb_names_the_group_that_grew_most() -> None:
    """Where the judge says that a kind climbs, a few uneven captures are enough to say which."""
    rows = [{"name": "pool-#"}, {"name": "Thread-#"}]
    (culprit,) = ranked(seen([20, 19, 21, 20], [18, 30, 47, 45], rows=rows, times=LATE), climbing("threads"))

    assert culprit.name == "Thread-#"


def test_a_climb_that_no_group_explains() -> None:
    """Threads of native code are in no group: one that grows a little beside them is not what climbs."""
    captures = seen([38, 39, 40, 41], times=LATE)

    assert names(ranked(captures, climbing("threads"))) == ["thread"]
    captures = seen([38, 40, 43, 47], times=(40.0, 70.0, 100.0, 130.0))
    assert names(ranked(captures, climbing("threads"))) == ["thread", "Thread-#"]


def test_a_climb_in_number_comes_first() -> None:
    """Where memory does not climb, a dict that grows a little does not hide the threads that do."""
    captures = seen([38, 48, 60, 75], times=LATE, containers=[1000, 1100, 1200, 1300])

    assert names(ranked(captures, climbing("threads"))) == ["Thread-#", "seen"]


def test_the_memory_of_threads_is_theirs() -> None:
    """Where memory climbs and no container explains it, the threads come first."""
    captures = seen([38, 48, 60, 75], times=LATE, containers=[1000, 1100, 1200, 1300])
    judged = climbing("threads", leak=20 * made.MIB)
    assert judged.memory is not None
    assert judged.memory.state == "climbing"

    assert names(ranked(captures, judged)) == ["Thread-#", "seen"]


def test_memory_that_a_container_explains() -> None:
    """Where a container explains the climb of memory, threads that grow beside it come after."""
    captures = seen([38, 48, 60, 75], times=LATE, containers=[50_000, 75_000, 100_000, 125_000])
    found = ranked(captures, climbing("threads", leak=20 * made.MIB))

    assert [(culprit.rank, culprit.name) for culprit in found] == [(1, "seen"), (2, "Thread-#")]


def test_lines_do_not_explain_what_threads_hold() -> None:
    """Where what climbs is threads, the lines on which their memory is asked for come behind them."""
    judged = climbing("threads", leak=20 * made.MIB)
    assert judged.memory is not None
    line = {"file": "/srv/app.py", "line": 12, "bytes": 20 << 20, "count": 10, "largest": 0}
    file = {"floodmark_capture": 1, "kind": "trace", "t": START + 130, "window_seconds": 140.0, "other_bytes": 0}
    windows = [parse_window({**file, "lines": [line]}, worker="web-0", life=1)]
    captures = seen([38, 48, 60, 75], times=LATE)

    found = rank(captures, None, judged, locate=place, windows=windows)
    assert [(each.kind, each.rank) for each in found] == [("thread", 1), ("line", 2)]


@pytest.mark.parametrize("word", ["inconclusive", None])
def test_threads_come_before_the_tables_they_are_in(word: str | None) -> None:
    """What gains an entry for each thread is there because of it; a dict of another pace keeps its place."""
    judged = None if word is None else verdict(word)
    counts, tables, others = [20, 60, 100, 140], [120, 160, 200, 240], [1000, 9000, 17000, 25000]
    rows = [{"name": "Thread-#", "owner": POLLER}]

    assert names(ranked(seen(counts, rows=rows, containers=tables), judged)) == ["Thread-#", "seen"]
    assert names(ranked(seen(counts, rows=rows, containers=others), judged)) == ["seen", "Thread-#"]
    assert names(ranked(seen(counts, containers=tables), judged)) == ["seen", "Thread-#"]


def test_unknown_bytes_come_last() -> None:
    """Without a verdict the ranking is by bytes, and who has none that are known ends it."""
    assert names(ranked(seen([10, 50, 90], containers=[100, 200, 300]))) == ["seen", "Thread-#"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("none", "threads of a capture must be a list (got str)"),
        ([3], "threads 0 must be an object (got int)"),
        ([{"name": "x", "count": -1}], "count of threads 0 must be a whole number >= 0 (got -1)"),
        ([{"name": 5, "count": 1}], "name of threads 0 must be a text (got int)"),
    ],
)
def test_rows_that_make_no_sense(rows: object, message: str) -> None:
    """A row that is none is refused in a sentence that says which."""
    file = {"floodmark_capture": 1, "t": START, "containers": [], "threads": rows}
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared below
        parse_capture(file, worker="web-0", life=1)

    assert str(caught.value) == message


@pytest.mark.parametrize("at", [None, "", "app.py", "app.py:", ":3", "app.py:x", "app.py:²", "app.py:0", 7])
def test_a_place_that_is_none(at: object) -> None:
    """A place without a file or a line is not known, and no reason to refuse a capture."""
    row = {"name": "Thread-#", "count": 1, "at": at}
    file = {"floodmark_capture": 1, "t": START, "containers": [], "threads": [row]}

    assert parse_capture(file, worker="web-0", life=1).resources["threads"][0].at is None
