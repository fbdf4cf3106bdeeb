"""Windows on tracemalloc by themselves: groups, filters, differences, survivors, and what goes on growing."""

import pytest

from floodmark_sidecar.agent.tracemalloc_tools import (
    Allocations,
    Change,
    Group,
    by_file,
    by_line,
    by_traceback,
    changes,
    growing,
)
from tests.sidecar.agent.conftest import Run

JOBS, CALLER, LIBRARY = ("app/jobs.py", 31), ("app/main.py", 8), ("lib/site-packages/x.py", 5)


def of(*blocks: tuple[int, tuple[tuple[str, int], ...]]) -> Allocations:
    """Blocks of so many bytes with these frames, each traceback one object as the interpreter has it."""
    known: dict[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]] = {}
    return Allocations([(0, size, known.setdefault(frames, frames), len(frames)) for size, frames in blocks])


SOME = of(
    (100, (JOBS, CALLER)), (50, (JOBS, CALLER)), (300, (JOBS,)), (40, (LIBRARY, CALLER)), (7, (("app/jobs.py", 90),))
)


def test_blocks_are_counted_by_the_line_that_made_them() -> None:
    """The most bytes first, with the largest block, and the calls that most of them came by."""
    assert SOME.by(by_line) == [
        Group((JOBS,), 450, 3, 300, (JOBS,)),
        Group((LIBRARY,), 40, 1, 40, (LIBRARY, CALLER)),
        Group((("app/jobs.py", 90),), 7, 1, 7, (("app/jobs.py", 90),)),
    ]
    assert (SOME.bytes, SOME.count) == (497, 5)


def test_other_places_to_count_at() -> None:
    """The file, the whole traceback, or what one says oneself; what has no place is left out."""
    assert [(group.place, group.bytes) for group in SOME.by(by_file)] == [
        ((("app/jobs.py", 0),), 457),
        ((("lib/site-packages/x.py", 0),), 40),
    ]
    assert [group.bytes for group in SOME.by(by_traceback)] == [300, 150, 40, 7]
    assert [group.bytes for group in SOME.by(lambda frames: frames[1:] or None)] == [190]


def test_filters_take_the_innermost_frame_or_any() -> None:
    """As file name patterns; what is left out by the one is what the other keeps."""
    assert SOME.only("app/*").bytes == 457
    assert SOME.without("*/site-packages/*").bytes == 457
    assert SOME.only("app/main.py").count == 0
    assert SOME.only("app/main.py", "no/*", anywhere=True).bytes == 190
    assert SOME.without("app/main.py", anywhere=True).bytes == 307
    assert SOME.bytes == 497


def test_any_two_are_compared() -> None:
    """What grew comes first, what shrank last, and what is alike in both not at all."""
    later = of((450, (JOBS,)), (1, (LIBRARY,)), (20, (("app/new.py", 3),)), (7, (("app/jobs.py", 90),)))

    assert changes(SOME, later) == [
        Change((("app/new.py", 3),), 20, 1),
        Change((JOBS,), 0, -2),
        Change((LIBRARY,), -39, 0),
    ]


def test_what_grows_at_each_look() -> None:
    """By its slowest step: a cache that filled at once comes behind, what swings is left out."""
    steady, fills, swings, late = ("a.py", 1), ("b.py", 1), ("c.py", 1), ("d.py", 1)
    looks = [
        of((10, (steady,)), (900, (fills,)), (50, (swings,))),
        of((20, (steady,)), (990, (fills,)), (90, (swings,))),
        of((30, (steady,)), (991, (fills,)), (60, (swings,)), (500, (late,))),
    ]

    assert [(group.place[0], group.bytes) for group in growing(looks)] == [(steady, 30), (fills, 991)]


def test_growth_needs_two_looks() -> None:
    """One says only what is alive."""
    with pytest.raises(ValueError, match=r"two looks or more \(got 1\)"):
        growing([SOME])


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (Group((JOBS,), 98_304, 96, 1024), "app/jobs.py:31: 96.0 KiB in 96 blocks"),
        (Group((("a.py", 0),), 512, 1, 512), "a.py: 512 B in 1 blocks"),
        (Change((JOBS, CALLER), -(3 << 20), -1_200), "app/jobs.py:31 < app/main.py:8: -3.0 MiB in -1,200 blocks"),
        (Change((JOBS,), 5 << 30, 7), "app/jobs.py:31: +5.0 GiB in +7 blocks"),
    ],
)
def test_text(shown: Group | Change, text: str) -> None:
    """One line each, to print."""
    assert str(shown) == text


def test_a_window_of_a_program(run: Run, python: str) -> None:
    """What leaks goes on growing from look to look; what is freed does not; tracing is off afterwards."""
    out = run(
        """
        import _tracemalloc
        from floodmark_sidecar.agent import tracemalloc_tools as tools
        held, queue = [], []
        def work():
            for number in range(100):
                held.append(bytearray(1000))  # leaks
            queue[:] = [bytearray(1000) for _ in range(200)]  # swings
        with tools.window(frames=2) as window:
            for _ in range(3):
                work()
                window.look()
        for group in tools.growing([look.only("*scenario.py") for look in window.looks]):
            if group.bytes > 10_000:
                print(group.place[0][1], group.count // 100, len(group.frames))
        print([change.place[0][1] for change in window.survivors() if change.bytes > 150_000])
        assert not any("tracemalloc_tools" in group.place[0][0] for look in window.looks for group in look.by())
        print(_tracemalloc.is_tracing(), tools.alive().count)
        """,
        python=python,
    )
    # A bytearray is two blocks, and the list's own table is one.
    assert out == "7 6 2\n[7, 8]\nFalse 0\n"


def test_a_window_within_another(run: Run) -> None:
    """What was traced before goes on, and is no survivor of the inner window."""
    out = run(
        """
        import _tracemalloc
        from floodmark_sidecar.agent import tracemalloc_tools as tools
        with tools.window() as outer:
            early = [bytearray(1000) for _ in range(100)]
            with tools.window() as inner:
                late = [bytearray(1000) for _ in range(100)]
                inner.look()
            print(_tracemalloc.is_tracing())
            outer.look()
        for each in (outer, inner):
            print([change.place[0][1] for change in each.survivors() if change.bytes > 50_000])
        """
    )
    assert out == "True\n[5, 7]\n[7]\n"


def test_windows_that_make_no_sense(run: Run) -> None:
    """No frame, too many of them, or survivors of a window that nobody looked into."""
    out = run(
        """
        import _tracemalloc
        from floodmark_sidecar.agent import tracemalloc_tools as tools
        for frames in (0, -1, 70_000):
            try:
                tools.Window(frames)
            except ValueError as error:
                print(error, _tracemalloc.is_tracing())
        with tools.window() as window:
            try:
                window.survivors()
            except LookupError as error:
                print(error)
        """
    )
    assert out.splitlines() == [
        "a trace has 1 to 65535 frames (got 0) False",
        "a trace has 1 to 65535 frames (got -1) False",
        "a trace has 1 to 65535 frames (got 70000) False",
        "nobody has looked into this window",
    ]


def test_it_stands_alone(run: Run) -> None:
    """Of floodmark's own modules it loads none but the agent's front, and nothing that is heavy."""
    out = run(
        """
        import sys
        from floodmark_sidecar.agent import tracemalloc_tools
        print(sorted(set(sys.modules) & {"tracemalloc", "pickle", "pathlib", "floodmark_sidecar.agent.capture"}))
        """
    )
    assert out == "[]\n"
