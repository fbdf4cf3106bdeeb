"""Lines whose allocations stay: named where nothing else explains a climb, evidence where something does."""

from collections.abc import Sequence
from typing import Any, Final

import pytest

from floodmark_sidecar.culprits import Culprit, Window, parse_capture, parse_window, rank
from floodmark_sidecar.judge import Trace
from tests.sidecar.culprits.scripted import START, captures, locate, verdict

MB = 1 << 20
SECONDS = 36.0
"""The length of every window: what stays of it is a hundredth of an hour's growth."""

_LINE: Final = {"file": "a", "line": 1, "bytes": 1, "count": 1, "largest": 0}


def line(
    file: str, number: int, size: int, *, count: int = 1000, largest: int = 0, earlier: Sequence[int] = ()
) -> dict[str, Any]:
    found = {"file": f"/srv/{file}", "line": number, "bytes": size, "count": count, "largest": largest}
    return {**found, "earlier": list(earlier)} if earlier else found


def window(*lines: dict[str, Any], t: float = 300.0, worker: str = "web-0", **more: Any) -> Window:
    file = {"floodmark_capture": 1, "kind": "trace", "t": START + t, "window_seconds": SECONDS, "frames": 1}
    return parse_window({**file, "lines": list(lines), "other_bytes": 0, **more}, worker=worker, life=1)


def named(
    windows: Sequence[Window],
    *,
    slope: float | None,
    growing: Sequence[int] = (),
    word: str | None = "climbing",
    since: float = 0.0,
) -> tuple[Culprit, ...]:
    """Return the ranking of a service that has *windows*, and a dict `jobs` in app.py of the sizes *growing*."""
    seen = captures("app.jobs", growing) if growing else []
    return rank(
        seen,
        None,
        None if word is None else verdict(word, slope=slope, since=since),
        locate=lambda owner: "app.py:7" if locate(owner) else None,
        windows=windows,
        shown=lambda file: file.removeprefix("/srv/"),
    )


def test_a_line_is_named_where_nothing_else_is() -> None:
    """With what stayed of it an hour, and its share of the climb."""
    windows = [window(line("app.py", 12, MB), line("app.py", 40, MB // 100))]
    (culprit,) = named(windows, slope=100.0 * MB)
    assert culprit.as_dict() == {
        "rank": 1,
        "kind": "line",
        "name": "app.py:12",
        "where": "app.py:12",
        "path": None,
        "worker": None,
        "share": 1.0,
        "bytes_per_hour": 100.0 * MB,
        "entries_per_hour": 100_000.0,
        "evidence": "1.0 MiB in 1,000 blocks that this line allocated in 36 s stayed, 99% of what was alive then, in a trace window of web-0",
        "measured": "bytes",
        "points": [[START + 264.0, 0.0], [START + 300.0, MB]],
        "retainers": [],
        "fix": None,
    }


def test_the_calls_that_led_to_a_line_are_told() -> None:
    """The nearest ones; of a window that kept but one there are none."""
    calls = [["/srv/lib.py", 5], ["/srv/app.py", 12], *(["/srv/main.py", number] for number in range(9))]
    (culprit,) = named([window({**line("app.py", 12, MB), "calls": calls}, frames=16)], slope=100.0 * MB)
    assert culprit.evidence.endswith(
        "; most of it by the calls lib.py:5 < app.py:12 < main.py:0 < main.py:1 < main.py:2 < main.py:3"
    )


def test_the_window_with_more_calls_is_believed() -> None:
    """It has the user's line where one that kept a single call has the library's, for the same memory."""
    shallow = window(line("lib.py", 5, MB))
    deep = window(line("app.py", 12, MB), frames=8, t=600.0)
    (culprit,) = named([shallow, deep], slope=100.0 * MB)
    assert (culprit.name, culprit.bytes_per_hour) == ("app.py:12", 100.0 * MB)


def test_what_is_explained_needs_no_line() -> None:
    """A container that makes more than three fifths of the climb leaves none to name, wherever it is filled."""
    windows = [window(line("other.py", 12, MB // 8))]
    growing = [1000, 2000, 3000]  # 120 bytes each, a thousand a minute
    assert [each.kind for each in named(windows, slope=7.2e6 / 0.7, growing=growing)] == ["container"]
    assert {each.kind for each in named(windows, slope=7.2e6 / 0.5, growing=growing)} == {"container", "line"}


def test_ranks_and_shares_of_both_kinds() -> None:
    """By bytes, of one whole: the climb, or all that was named where that is more."""
    windows = [window(line("other.py", 12, MB))]
    first, second = named(windows, slope=6 * 7.2e6, growing=[1000, 2000, 3000])
    assert [(each.rank, each.name) for each in (first, second)] == [(1, "other.py:12"), (2, "jobs")]
    whole = 100 * MB + 7.2e6
    assert first.share == pytest.approx(100 * MB / whole, abs=1e-3)
    assert second.share == pytest.approx(7.2e6 / whole, abs=1e-3)


def test_a_line_in_the_file_of_a_container_is_its_evidence() -> None:
    """It is no culprit beside the one it fills; one that stays far faster is."""
    filling, other = line("app.py", 9, 72_000), line("app.py", 30, 720_000)
    (culprit,) = named([window(filling)], slope=7.2e6, growing=[1000, 2000, 3000])
    assert culprit.evidence.endswith("; what stays is allocated at app.py:9")
    first, second = named([window(filling, other)], slope=79.2e6, growing=[1000, 2000, 3000])
    assert (first.name, second.name) == ("app.py:30", "jobs")
    assert "app.py:9" in second.evidence
    assert "app.py:30" not in second.evidence


@pytest.mark.parametrize("slope", [10.0 * MB, 3000.0 * MB])
def test_what_does_not_fit_the_climb_is_not_named(slope: float) -> None:
    """Requests in flight stay of a short window and are given back later; small change is no climb."""
    assert named([window(line("app.py", 12, MB))], slope=slope) == ()


def test_a_table_that_moved_is_no_growth() -> None:
    """One large block is a table allocated anew with all it held before."""
    windows = [window(line("app.py", 12, 100 * MB, largest=100 * MB - 1000), line("app.py", 40, MB, largest=100))]
    assert [each.name for each in named(windows, slope=100.0 * MB)] == ["app.py:40"]


def test_what_does_not_go_on_growing_is_no_growth() -> None:
    """What was there at the first look, or comes and goes, is under way or a cache: the pace after it is what counts."""
    looks: dict[str, Any] = {"look_seconds": [SECONDS / 3, 2 * SECONDS / 3]}
    leak = line("app.py", 12, 3 * MB, earlier=(MB, 2 * MB))
    full = line("app.py", 20, 3 * MB, earlier=(3 * MB, 3 * MB + 10))
    queue = line("app.py", 30, 6 * MB, earlier=(6 * MB, 0))
    begun = line("app.py", 40, 6 * MB, earlier=(0, 0))
    (culprit,) = named([window(leak, full, queue, begun, **looks)], slope=300.0 * MB)
    assert culprit.name == "app.py:12"
    assert culprit.bytes_per_hour == pytest.approx(300 * MB)
    assert culprit.entries_per_hour == pytest.approx(100_000)
    assert culprit.evidence.startswith(
        "3.0 MiB in 1,000 blocks that this line allocated in 36 s stayed, 17% of what was alive then"
    )
    began = START + 264.0
    assert culprit.points == ((began, 0.0), (began + 12, MB), (began + 24, 2 * MB), (began + 36, 3 * MB))


def test_the_pace_is_the_least_that_a_part_of_the_window_had() -> None:
    """A line that fills a cache and leaks beside it has the pace of the leak, which began with the window."""
    both = line("app.py", 12, 12 * MB, earlier=(9 * MB, 10 * MB))
    (culprit,) = named([window(both, look_seconds=[12.0, 24.0])], slope=300.0 * MB)
    assert culprit.bytes_per_hour == pytest.approx(300 * MB)
    assert culprit.entries_per_hour == pytest.approx(25_000)


def test_lines_of_libraries_that_grow_with_one_of_the_users() -> None:
    """They are what that line calls, and told with it; one that takes more, or is as good as never called, is its own."""
    own = line("app.py", 12, 4 * MB, count=4000)
    called = line("lib.py", 1, MB, count=1000) | {"users": False}
    rare = line("lib.py", 2, MB, count=10) | {"users": False}
    dear = line("lib.py", 3, 5 * MB, count=4000) | {"users": False}
    other = line("app.py", 13, MB, count=1000)
    first, second = named([window(own, called)], slope=500.0 * MB)[0], named([window(called)], slope=500.0 * MB)[0]
    assert (first.name, second.name) == ("app.py:12", "lib.py:1")
    assert first.evidence.endswith("of web-0; lib.py:1 (libraries) grow with it")
    found = named([window(own, called, rare, dear, other)], slope=1100.0 * MB)
    assert [each.name for each in found] == ["lib.py:3", "app.py:12", "app.py:13", "lib.py:2"]


def test_where_no_climb_is_known_a_line_must_be_growth_for_the_most_part() -> None:
    """A cache that goes on filling a little at the end of a window is small change, and a leak grew all along."""
    leak, cache = line("app.py", 12, 3 * MB, earlier=(MB, 2 * MB)), line("app.py", 20, 9 * MB, earlier=(5 * MB, 8 * MB))
    windows = [window(leak, cache, look_seconds=[12.0, 24.0])]
    assert [each.name for each in named(windows, slope=None, word=None)] == ["app.py:12"]
    assert [each.name for each in named(windows, slope=300.0 * MB, word="inconclusive")] == ["app.py:12"]
    assert [each.name for each in named(windows, slope=300.0 * MB)] == ["app.py:12", "app.py:20"]


@pytest.mark.parametrize("looks", [[12.0, 35.9], [12.0, 36.0], [12.0]])
def test_a_look_at_the_end_has_seen_no_more_than_the_end(looks: list[float]) -> None:
    """A window that ends early may end right after a look, between which nothing needs to have grown."""
    leak = line("app.py", 12, 3 * MB, earlier=(MB, 3 * MB)[: len(looks)])
    (culprit,) = named([window(leak, look_seconds=looks)], slope=300.0 * MB)
    assert culprit.bytes_per_hour == pytest.approx(300 * MB)


def test_windows_are_averaged_over_a_worker_and_summed_over_workers() -> None:
    """A second window of a worker that does not show the line halves its rate; another worker adds its own."""
    one = window(line("app.py", 12, MB))
    assert named([one, window(t=600.0)], slope=100.0 * MB)[0].bytes_per_hour == 50 * MB
    (culprit,) = named([one, window(line("app.py", 12, MB), worker="web-1")], slope=200.0 * MB)
    assert culprit.bytes_per_hour == 200 * MB
    assert (
        "allocated in 72 s stayed, 100% of what was alive then, in 2 trace windows of web-0, web-1" in culprit.evidence
    )


def test_windows_before_what_is_judged_do_not_count() -> None:
    """What a service allocates while it warms up stays, and is no leak."""
    windows = [window(line("app.py", 12, MB), t=300.0)]
    assert named(windows, slope=100.0 * MB, since=301.0) == ()


def test_services_that_do_not_climb() -> None:
    """Nothing is named of a service whose memory is steady or falls; what an inconclusive one holds is said with that."""
    windows = [window(line("app.py", 12, MB))]
    assert named(windows, slope=100.0 * MB, word="steady") == ()
    assert named(windows, slope=-1.0, word="inconclusive") == named(windows, slope=0.0, word="inconclusive") == ()
    (culprit,) = named(windows, slope=100.0 * MB, word="inconclusive")
    assert "could not tell a climb from noise" in culprit.evidence


def test_a_judge_that_saw_too_little_names_no_line() -> None:
    """What the last thousand requests left behind looks like a leak in a window of a thousand; unjudged, it is told."""
    windows = [window(line("app.py", 12, MB))]
    assert named(windows, slope=None, word="inconclusive") == ()
    (culprit,) = named(windows, slope=None, word=None)
    assert (culprit.name, culprit.share) == ("app.py:12", None)


@pytest.mark.parametrize(("rise", "names"), [(MB // 2, ["app.py:12"]), (MB // 5, []), (-MB, [])])
def test_without_a_slope_a_line_is_held_against_what_memory_rose_by(rise: int, names: list[str]) -> None:
    """Within two minutes here: a line whose pace is beyond three times that is of what comes and goes."""
    rows = [{"t": START + 120 * part, "worker": "web-0", "uss_bytes": 50 * MB + rise * 4 * part} for part in (0, 1)]
    found = rank(
        [],
        Trace.from_rows(rows),
        verdict("inconclusive", slope=None, since=0.0),
        locate=lambda _: None,
        windows=[window(line("app.py", 12, MB))],
        shown=lambda file: file.removeprefix("/srv/"),
    )
    assert [each.name for each in found] == names


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "census"}, "its kind is 'census'"),
        ({"floodmark_capture": 2}, "not a trace window of format 1"),
        ({"lines": {}}, "must be a list"),
        ({"window_seconds": 0}, "must be more than 0"),
        ({"window_seconds": None}, "window_seconds of the window must be a number"),
        ({"other_bytes": -1}, "other_bytes of the window"),
        ({"lines": [{"line": 1}]}, "file of line 0 must be a text"),
        ({"lines": [{"file": "a\n", "line": 1}]}, "file of line 0 must be a text"),
        ({"lines": [{"file": "a", "line": 1, "bytes": True, "count": 1}]}, "bytes of line 0"),
        ({"lines": [7]}, "line 0 must be an object"),
        ({"frames": -1}, "frames of the window must be a whole number"),
        ({"lines": [{**_LINE, "calls": 7}]}, "calls of line 0 must be a list"),
        ({"lines": [{**_LINE, "calls": [["a"]]}]}, r"a call of line 0 must be a file and a line \(got \['a'\]\)"),
        ({"lines": [{**_LINE, "calls": [["a", "1"]]}]}, "line of line 0 must be a whole number"),
        ({"look_seconds": 7}, "look_seconds of the window must be a list"),
        ({"look_seconds": [0.5, "x"]}, "a look of the window must be a number"),
        ({"look_seconds": [0.5, 0.5]}, "look_seconds of the window must rise from above 0"),
        ({"lines": [{**_LINE, "earlier": [1]}]}, r"list of as many sizes as there were looks, 0 \(got \[1\]\)"),
        ({"look_seconds": [0.5], "lines": [_LINE]}, "as many sizes as there were looks, 1"),
        ({"look_seconds": [0.5], "lines": [{**_LINE, "earlier": [-1]}]}, "earlier of line 0 must be a number"),
    ],
)
def test_a_file_that_is_none(change: dict[str, Any], why: str) -> None:
    """The sentence says what is wrong."""
    whole = {"floodmark_capture": 1, "kind": "trace", "t": START, "window_seconds": 1.0, "lines": [], "other_bytes": 0}
    assert parse_window(whole, worker="web-0", life=1).lines == ()
    with pytest.raises(ValueError, match=why):
        parse_window(whole | change, worker="web-0", life=1)


@pytest.mark.parametrize(("size", "order"), [(MB // 2, ["line", "type"]), (MB // 4, ["type", "line"])])
def test_a_type_without_a_place_comes_behind_the_line_that_makes_it(size: int, order: list[str]) -> None:
    """It explains the climb and helps nobody; but a line that makes little of it says less."""
    seen = [
        parse_capture(
            {"floodmark_capture": 1, "t": START + 60.0 * n, "containers": [], "types": [["list", count, 1000 * count]]},
            worker="web-0",
            life=1,
        )
        for n, count in enumerate((10_000, 11_750, 13_500, 15_250))
    ]
    judged = verdict("climbing", slope=100.0 * MB)
    found = rank(seen, None, judged, locate=locate, windows=[window(line("app.py", 12, size))], shown=str)

    assert [each.kind for each in found] == order


def test_what_grows_in_number_is_enough_where_memory_is_undecided() -> None:
    """What is under way at the end of a window stays in it as well; a climb of memory is asked for lines all the same."""
    windows = [window(line("app.py", 12, MB))]
    seen = [
        parse_capture(
            {
                "floodmark_capture": 1,
                "t": START + 60.0 * n,
                "containers": [],
                "fds": [{"name": "socket", "count": size}],
            },
            worker="web-0",
            life=1,
        )
        for n, size in enumerate((100, 200, 300, 400))
    ]

    def kinds(word: str) -> list[str]:
        judged = verdict(word, slope=100.0 * MB)
        return [each.kind for each in rank(seen, None, judged, locate=locate, windows=windows, shown=str)]

    assert kinds("inconclusive") == ["fd"]
    assert sorted(kinds("climbing")) == ["fd", "line"]
