"""What keeps a run from being steady whatever its readings show."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from floodmark_soak._doubts import doubts
from floodmark_soak._load import LoadResult
from floodmark_soak._load_stats import RequestCounter, Sample
from floodmark_soak._readings import Watched
from floodmark_soak._tools import Tool


def watched(*stretches: tuple[float, float]) -> list[Watched]:
    counter = RequestCounter([Sample(0.0, 2, 1000, 0)])
    return [Watched(number, *stretch, counter) for number, stretch in enumerate(stretches, 1)]


def load(*, failures: int = 0, omitted: int = 0) -> LoadResult:
    return LoadResult(1000, failures, failure_budget=0.01, seconds=10, users=2, error="", notes=(), omitted=omitted)


def tool(*, busy: float = 0.0) -> Tool:
    return Tool("locust", "steady", 0.0, 1.0, 1.0, 0.5, busy)


@pytest.mark.parametrize(
    ("given", "busy", "words"),
    [
        (load(), 0.0, ""),
        (load(omitted=52, failures=10), 0.1, ""),
        (
            load(omitted=53),
            0.0,
            "The load omitted 53 requests (5.0%): its users were too late for them, and 5% may be.",
        ),
        (load(failures=11), 0.0, "Of the requests of all segments 1.1% failed, and the budget is 1.0%."),
        (load(), 0.2, "nearly all of a processor in 20% of the readings"),
        (None, 0.0, ""),
    ],
)
def test_a_load_that_was_not_what_the_plan_asks_for(given: LoadResult | None, busy: float, words: str) -> None:
    """At its budget it was; beyond it, it is told with the figures."""
    found = doubts([], [], given, [tool(busy=busy)])
    assert len(found) == bool(words)
    assert words in "".join(found)


@pytest.mark.parametrize(
    ("times", "unread"),
    [
        (range(0, 3601, 10), None),
        (range(100, 3550, 10), None),
        (range(0, 3400, 10), "3 min 10 s"),
        ([*range(0, 1800, 10), *range(5000, 9000, 10)], "29 min 50 s"),
        ([1700.0, 1750.0], "57 min 30 s"),
        ([1000.0, 1600.0, 2200.0, 2800.0], "10 min"),
        ([], "1 h"),
        ([1800.0], "1 h"),
    ],
)
def test_time_under_load_that_nobody_read_is_none_that_was_watched(times: Iterable[float], unread: str | None) -> None:
    """From the first reading to the last of each segment, but for a twentieth."""
    found = doubts(watched((0.0, 3600.0)), times, None, ())
    assert found == (
        [] if unread is None else [f"Of 1 h under load, {unread} have no readings: nobody knows what grew then."]
    )


def test_a_short_run_is_read_at_its_last_interval_or_the_one_before() -> None:
    """Nine readings of half a second cover five."""
    assert doubts(watched((100.0, 105.0)), [100.2 + n / 2 for n in range(9)], None, ()) == []


def test_a_segment_without_readings_is_missing_among_others() -> None:
    """What lies between two segments is no gap, and an empty one of three is a third."""
    three = watched((0.0, 3600.0), (10_000.0, 13_600.0), (20_000.0, 23_600.0))
    found = doubts(three, [*range(0, 3601, 10), *range(20_000, 23_601, 10)], None, ())
    assert found == ["Of 3 h under load, 1 h have no readings: nobody knows what grew then."]
    assert doubts(three, range(0, 23_601, 10), None, ()) == []


def test_a_load_of_which_nothing_is_left_is_none_to_judge() -> None:
    """What failed in it cannot be held against the budget."""
    lost = [
        replace(each, requests=RequestCounter([])) for each in watched((0.0, 100.0), (200.0, 300.0), (400.0, 500.0))
    ]
    found = doubts([lost[0], *watched((200.0, 300.0)), lost[2]], range(0, 501, 1), load(), ())
    assert found == ["Of the load of segment 1, 3 nothing is on record: nobody knows what failed or was left out."]
