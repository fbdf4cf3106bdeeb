"""Sizes that cannot be bytes of a process, and what is not measured: never `steady`."""

from collections.abc import Callable

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace, explain, judge, parse_csv, sizes_problem
from tests.sidecar.judge.traces import DAY, KIB, MIB, SHORT, Array, trace_of

T = SHORT.times
NOISE = np.random.default_rng(5).normal(0, 0.1 * MIB, len(T))
FLAT = 168 * MIB + NOISE


def rows_of(y: Array, **more: Array) -> Trace:
    """A trace of *y* as it is, fractions and all."""
    columns = {"uss_bytes": y, **more}
    return Trace.from_rows(
        {"t": t, **{name: None if np.isnan(values[i]) else values[i] for name, values in columns.items()}}
        for i, t in enumerate(T.tolist())
    )


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (
            FLAT / MIB,
            "uss_bytes is 168 at the median, and no process has so little memory: if it is in MiB, multiply it by",
        ),
        (np.round(FLAT / MIB, 1), "if it is in MiB, multiply it by 1,048,576"),
        (np.floor(FLAT / KIB / 4) * 4, "if it is in KiB, multiply it by 1,024"),
        (FLAT / 2**30, "uss_bytes is 0.1641 at the median, and no process has so little memory: if it is in GiB"),
        (FLAT * 0, "uss_bytes is 0 at the median, and no process has so little memory: it was not measured"),
        (FLAT * 2**22, "and no process has so much memory: if it was bytes before it was multiplied, leave it so"),
    ],
)
def test_memory_that_cannot_be_bytes_is_no_verdict(y: Array, says: str) -> None:
    """Growth of any service would be far under what matters: it is inconclusive, and the reason has the value."""
    verdict = judge(rows_of(y))

    assert verdict.verdict == "inconclusive"
    assert says in verdict.reasons[0]
    assert "size of a process" in [found.name for found in explain(verdict).conditions if not found.met]


def test_bytes_are_bytes() -> None:
    """The same in bytes is steady."""
    assert sizes_problem(rows_of(FLAT)) == ""
    assert judge(rows_of(FLAT)).verdict == "steady"


def test_the_largest_process_counts() -> None:
    """Three shells and a service are a service; ten workers in KiB are not, though they have millions together."""
    t = np.repeat(T, 4)
    names = ["sh", "tini", "wrapper", "web"] * len(T)
    sizes = np.where(np.arange(len(t)) % 4 == 3, 168.0 * MIB, 120 * KIB)
    shells = trace_of(t, {"uss_bytes": sizes}, worker=names)
    in_turn = trace_of(t + np.arange(len(t)) % 4 * 0.1, {"uss_bytes": sizes}, worker=names)
    t = np.repeat(T, 10)
    kib = trace_of(t, {"uss_bytes": np.full(len(t), 172_036.0)}, worker=[f"web-{i}" for i in range(10)] * len(T))

    assert sizes_problem(shells) == ""
    assert sizes_problem(in_turn) == ""
    assert "KiB" in sizes_problem(kib)


def test_a_forked_worker_that_idles_has_little_of_its_own() -> None:
    """Whole pages beside a plausible resident size are believed; what is swapped out is memory too."""
    pages = np.full(len(T), 176.0 * KIB)

    assert sizes_problem(rows_of(pages, rss_bytes=FLAT)) == ""
    assert sizes_problem(rows_of(pages, swap_bytes=FLAT)) == ""
    assert sizes_problem(rows_of(pages)) != ""
    assert sizes_problem(rows_of(FLAT / MIB, rss_bytes=FLAT)) != ""
    assert sizes_problem(rows_of(FLAT * 0, rss_bytes=FLAT)) != ""


IN_KIB = "if it is in KiB, multiply it by 1,024"


@pytest.mark.parametrize("size", [2.3 * MIB, 12.6 * MIB])
@pytest.mark.parametrize("zeros", [False, True])
def test_small_sizes_that_are_no_pages_are_not_steady(size: float, zeros: bool) -> None:
    """KiB of a service of GiB pass for bytes of a small one, whose growth matters a thousand times as late."""
    y: Array = np.round(size) + 4 * np.round(NOISE / 999)
    y[::4] *= not zeros
    verdict = judge(rows_of(y))

    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0].endswith(IN_KIB)
    assert verdict.next == "multiply uss_bytes by 1,024 if it is in KiB; round it to whole KiB if it is in bytes"
    assert verdict.hours_to_decide is None
    assert judge(rows_of(np.round(y / KIB) * KIB)).verdict == "steady"


def test_small_sizes_that_are_no_pages_may_climb() -> None:
    """In bytes or in KiB; that it may be more is noted."""
    verdict = judge(rows_of(2.3 * MIB + (T - T[0]) / (T[-1] - T[0]) * 20 * MIB + NOISE / 99))

    assert verdict.verdict == "climbing"
    assert verdict.notes[-1].endswith(IN_KIB)


def test_other_sizes_are_taken_for_bytes() -> None:
    """A service of usual size whose readings are means of many, and a small one as Linux tells of it."""
    for y in (40 * MIB + np.round(NOISE / 999), 6 * MIB + 4096 * np.round(NOISE / 9999)):
        verdict = judge(rows_of(y))
        assert verdict.verdict == "steady"
        assert verdict.notes == ()


def nan_but(keep: Callable[[int], bool], *, empty: str = "NaN") -> Trace:
    """A day of a flat service whose memory is *empty* but where *keep* says so."""
    rows = [f"{i * 15},{168 * MIB + 4096 * (i % 9) if keep(i) else empty},3\n" for i in range(int(DAY / 15))]
    return parse_csv(["t,uss_bytes,threads\n", *rows], name="x.csv")


def test_nan_is_not_measured_and_counted() -> None:
    """A few of them change nothing; the note says how many there are and of what."""
    trace = nan_but(lambda i: i % 100 != 0)

    assert trace.notes == ("NaN is taken for not measured (58 of uss_bytes)",)
    assert judge(trace).verdict == "steady"
    assert parse_csv(["t,uss_bytes,fds\n", "1,nan,\n", "2,-NaN, \n", "3,5,NAN\n"], name="x").notes[0] == (
        "NaN is taken for not measured (2 of uss_bytes, 1 of fds)"
    )


def test_nothing_at_all_is_not_measured() -> None:
    """A process has some memory: zeros are gaps that were filled, and no floors to judge by."""
    trace = nan_but(lambda i: i % 7 > 1, empty="0")

    assert trace.notes == ("0 bytes are taken for not measured (1,646 of uss_bytes)",)
    verdict = judge(trace)
    assert verdict.verdict == "steady"
    assert min(size for _, size in verdict.floors) >= 168 * MIB


@pytest.mark.parametrize("empty", ["NaN", "", "0"])
@pytest.mark.parametrize(
    "keep",
    [
        lambda i: i % 10 == 0,
        lambda i: i % 3 == 0,
        lambda i: i > 4000,
        lambda i: i * 2_654_435_761 % 100 < 40,
        lambda _: False,
    ],
    ids=["a tenth", "a third", "the end", "by chance", "none"],
)
def test_what_is_mostly_not_measured_is_never_steady(keep: Callable[[int], bool], empty: str) -> None:
    """However evenly the rest lies: rows without memory are a run that was not seen."""
    verdict = judge(nan_but(keep, empty=empty))

    assert verdict.verdict == "inconclusive"
    said = ("memory is known in only", "no reading is left", "no process has so little memory")
    assert any(words in verdict.reasons[0] for words in said)


@pytest.mark.parametrize("empty", ["NaN", "", "0"])
@pytest.mark.parametrize(("rate", "expected"), [(0.0, "inconclusive"), (4.0, "climbing")])
def test_however_it_says_so_what_is_not_measured_is_not(rate: float, expected: str, empty: str) -> None:
    """Six of ten rows without memory leave a leak to be seen, be they empty or of 0 bytes."""
    rows = [
        f"{15 * i},{168 * MIB + 4096 * (i % 9) + int(rate * i / 4) * 4096 if i * 2_654_435_761 % 100 < 40 else empty}\n"
        for i in range(int(DAY / 15))
    ]
    trace = parse_csv(["t,uss_bytes\n", *rows], name="x.csv")
    verdict = judge(trace)

    assert sizes_problem(trace) == ""
    assert verdict.verdict == expected
    assert ("memory is known in only 40% of the readings" in verdict.reasons) is (not rate)


def test_a_worker_that_is_mostly_not_measured_is_not_steady() -> None:
    """One of two workers has no memory in the file: the other one is not the service."""
    y = np.repeat(FLAT, 2)
    y[1::2] = np.nan
    trace = trace_of(np.repeat(T, 2), {"uss_bytes": y}, worker=["a", "b"] * len(T))
    verdict = judge(trace)

    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0] == "memory is known in only 0% of the readings of worker b"
    assert verdict.coverage.as_dict()["measured_share"] == 0


def test_masked_readings_are_measured_ones() -> None:
    """A census masks a reading and takes nothing away of what is known."""
    masked = np.arange(len(T)) % 5 < 2

    assert judge(rows_of(FLAT, masked=masked.astype(float))).coverage.measured_share == 1
