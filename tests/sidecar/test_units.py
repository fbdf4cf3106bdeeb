"""Durations, sizes and rates: what people write, and what they get told when they write it wrong."""

import pytest

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.units import format_bytes, format_duration, format_rate, parse_duration, parse_rate, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("3m", 180), ("24h", 86400), ("30d", 2_592_000), ("250ms", 0.25), (" 1.5 h ", 5400)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    """Every unit of the plan file counts as people expect, with or without spaces."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "s", "-3m", "3 fortnights", "1e3s", "0s", "3m 10s", "nan s", "9000d"])
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


def test_a_growth_rate_carries_its_sign_and_period() -> None:
    """A slope says which way it goes and per what."""
    assert format_rate(1024**2 / 3600) == "+1.0 MiB/h"
    assert format_rate(-1024 / 3600) == "-1.0 KiB/h"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.2 s"), (42, "42 s"), (150, "2 min 30 s"), (180, "3 min"), (86399, "23 h 59 min"), (90_000, "1 d 1 h")],
)
def test_durations_are_written_in_their_two_largest_units(seconds: float, text: str) -> None:
    """A duration for people has no more detail than it needs."""
    assert format_duration(seconds) == text
