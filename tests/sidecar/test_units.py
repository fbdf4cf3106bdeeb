"""Durations, sizes and rates: what people write, and what they get told when they write it wrong."""

import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.units import (
    format_between,
    format_bytes,
    format_duration,
    format_no_less,
    format_rate,
    parse_duration,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("3m", 180), ("24h", 86400), ("30d", 2_592_000), ("250ms", 0.25), (" 1.5 h ", 5400), ("5min", 300)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    """Every unit of the plan file counts as people expect, with or without spaces."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h30m", 5400), ("3m 10s", 190), (" 2d 12h ", 216_000), ("1d1h1m1s500ms", 90_061.5), ("1h 0.5m", 3630)],
)
def test_a_duration_may_have_several_parts(text: str, seconds: float) -> None:
    """The largest unit comes first."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("seconds", [42, 150, 180, 3660, 90_000, 86_340])
def test_a_duration_that_is_written_for_people_is_read_back(seconds: float) -> None:
    """What a verdict says a run was can be given to an option."""
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "90",
        "s",
        "-3m",
        "3 fortnights",
        "1e3s",
        "0s",
        "nan s",
        "9000d",
        "1h30",
        "30m1h",
        "1h2h",
        "5m5min",
        "1h,5m",
        "1h -5m",
        "1h5m!",
    ],
)
def test_anything_else_is_refused_with_the_value(text: str) -> None:
    """A duration that cannot be read is named in the error, whatever is wrong with it."""
    with pytest.raises(UsageError) as caught:
        parse_duration(text)

    assert repr(text) in caught.value.message
    assert caught.value.exit_code == 2


def test_sizes_know_binary_and_decimal_units() -> None:
    """`MiB` is 1024² and `MB` is 1000²; both are bytes."""
    assert parse_size("512MiB") == 512 * 1024**2
    assert parse_size("2GB") == 2 * 1000**3


@pytest.mark.parametrize("text", ["9999999999999TiB", "9223372036854775808B"])
def test_a_size_that_no_file_can_have_is_refused(text: str) -> None:
    """A slip of the finger is told before it overflows where the size is used."""
    with pytest.raises(UsageError, match=text):
        parse_size(text)


def test_rates_are_bytes_per_second() -> None:
    """A plan's `2MiB/day` is what the judge compares with slopes in bytes per second."""
    assert parse_rate("2MiB/day") == pytest.approx(2 * 1024**2 / 86400)
    assert parse_rate("1MiB/h") == pytest.approx(1024**2 / 3600)


@pytest.mark.parametrize("text", ["2MiB", "2MiB/", "2MiB/fortnight", "/day", "MiB/day"])
def test_a_rate_needs_both_halves(text: str) -> None:
    """A rate without a size or without a period is refused."""
    with pytest.raises(UsageError):
        parse_rate(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (512, "512 B"), (1024, "1.0 KiB"), (3_565_158, "3.4 MiB"), (-2048, "-2.0 KiB"), (2**50, "1024 TiB")],
)
def test_bytes_are_written_in_the_unit_that_keeps_them_short(count: float, text: str) -> None:
    """Sizes for people stay within four digits as far as the units go."""
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (3.2 * 1024, 9.0 * 1024, "between 3.2 and 9.0 KiB/h"),
        (1020 * 1024, 1030 * 1024, "between 1.00 and 1.01 MiB/h"),
        (-0.3 * 1024**2, 4.2 * 1024**2, "between -0.3 and 4.2 MiB/h"),
        (204 * 1024**2, 208 * 1024**2, "between 204 and 208 MiB/h"),
        (204.1 * 1024**2, 204.3 * 1024**2, "between 204.1 and 204.3 MiB/h"),
        (5 * 1024**2, 5 * 1024**2 + 100, "close to 5.0 MiB/h"),
        (-44.0, 120.0, "between -44 and 120 B/h"),
        (0.0, 0.0, "close to 0 B/h"),
    ],
)
def test_an_interval_has_one_unit_and_ends_that_differ(low: float, high: float, text: str) -> None:
    """As many digits as tell the ends apart, within reason."""
    assert format_between(low, high, "/h") == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (24.74 * 1024, "24.8 KiB"),
        (24.7 * 1024, "24.7 KiB"),
        (0.2, "1 B"),
        (0, "0 B"),
        (1023.4, "1.0 KiB"),
        (99.96 * 1024, "100.0 KiB"),
        (100.2 * 1024, "101 KiB"),
        (1023.9 * 1024, "1024 KiB"),
        (3.01 * 1024**4, "3.1 TiB"),
    ],
)
def test_a_size_to_ask_for_is_rounded_up(count: float, text: str) -> None:
    """What is printed is enough."""
    assert format_no_less(count) == text
    assert parse_size(text.replace(" ", "")) >= count


def test_a_growth_rate_carries_its_sign_and_period() -> None:
    """A slope says which way it goes and per what."""
    assert format_rate(1024**2 / 3600) == "+1.0 MiB/h"
    assert format_rate(-1024 / 3600) == "-1.0 KiB/h"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.2 s"),
        (42, "42 s"),
        (150, "2 min 30 s"),
        (180, "3 min"),
        (86399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
        (93_540, "1 d 2 h"),
        (172_500, "2 d"),
    ],
)
def test_durations_are_written_in_their_two_largest_units(seconds: float, text: str) -> None:
    """A duration for people has no more detail than it needs."""
    assert format_duration(seconds) == text
