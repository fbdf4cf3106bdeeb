"""The times of a trace: seconds, or dates."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from floodmark_sidecar.judge import Trace, TraceError, parse_csv

START = 1_763_800_000.0


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is not UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


def times(*cells: str) -> list[float]:
    """The times that these cells are, one a row."""
    trace = parse_csv(["t,uss_bytes\n", *(f"{cell},30000000\n" for cell in cells)], name="x.csv")
    return list(map(float, trace.t))


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2025-11-22T08:26:40", "2025-11-22T08:27:10"),
        ("2025-11-22 08:26:40", "2025-11-22 08:27:10.000"),
        ("2025-11-22T08:26:40Z", "2025-11-22T08:27:10+00:00"),
        ("2025-11-22T09:26:40+01:00", "2025-11-22T03:27:10-05:00"),
        ('"2025-11-22 08:26:40,000"', '"2025-11-22 08:27:10,000"'),
        (" 20251122T082640 ", "20251122T082710"),
    ],
)
def test_dates_are_seconds_since_1970(first: str, second: str) -> None:
    """As ISO 8601 writes them; without an offset they are UTC."""
    assert times(first, second) == [START, START + 30]


def test_a_long_file_of_dates_is_read_as_a_whole() -> None:
    """Times are read some at a time, and the way of the first holds for all."""
    began = datetime.fromtimestamp(START, UTC).replace(tzinfo=None)
    dates = [(began + timedelta(seconds=15.5 * i)).isoformat(sep=" ") for i in range(3000)]

    assert times(*dates) == [START + 15.5 * i for i in range(3000)]
    with pytest.raises(
        TraceError, match=r"line 2902: t is '7', which is no date as the first, '2025-11-22 08:26:40', is"
    ):
        times(*dates[:2900], "7", *dates[2900:])


def test_rows_may_have_dates() -> None:
    """Dates of Python's own too."""
    rows = [{"t": datetime.fromtimestamp(START + i, UTC), "uss_bytes": 1} for i in range(3)]

    assert Trace.from_rows(rows).t.tolist() == [START, START + 1, START + 2]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (
            ("2025-11-22T08:26:40", "2025-11-22T08:27:10Z"),
            "line 3: t is '2025-11-22T08:27:10Z', which has an offset from",
        ),
        (
            ("2025-11-22T08:26:40Z", "2025-11-22T08:27:10"),
            "line 3: t is '2025-11-22T08:27:10', which has no offset from",
        ),
        (("2025-11-22T08:26:40", "1763800030"), "line 3: t is '1763800030', which is no date as the first,"),
        (
            ("1763800000", "2025-11-22T08:27:10"),
            "line 3: t is '2025-11-22T08:27:10', which is a date where the first is",
        ),
        (("2025-11-22", ""), "line 3: t is empty"),
        (
            ("22.11.2025 08:26",),
            "line 2: t is '22.11.2025 08:26', which is neither seconds nor a date such as 2025-11-22T",
        ),
        (("2025-13-22",), "line 2: t is '2025-13-22', which is neither seconds nor a date"),
        (("1969-12-31",), "line 2: t is '1969-12-31', which is before 1970"),
        (("0001-01-01T00:00+23:59",), "which is before 1970"),
        (("9999-12-31T23:59-23:59",), "which is past the year 5000"),
        (("1763800000000",), "t is in seconds, so divide milliseconds by 1000"),
        (("1763800000000000",), "t is in seconds, so divide microseconds by 1000000"),
        (("1763800000000000000",), "t is in seconds, so divide nanoseconds by 1000000000"),
    ],
)
def test_a_time_that_is_none_or_unlike_the_first_is_refused(cells: tuple[str, ...], says: str) -> None:
    """With the line, the value, and what to do."""
    with pytest.raises(TraceError) as caught:
        times(*cells)

    assert says in str(caught.value)
