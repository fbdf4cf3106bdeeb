"""Traces as CSV."""

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark_sidecar.errors import ExitCode
from floodmark_sidecar.judge import Trace, TraceError, format_csv, judge, parse_csv

_NUMBERS = st.one_of(
    st.none(),
    st.integers(min_value=0, max_value=2**53),
    st.floats(min_value=0, max_value=2.0**63),
)
_LABELS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
_ROWS = st.lists(
    st.fixed_dictionaries(
        {"t": st.floats(min_value=0, max_value=1e10), "uss_bytes": _NUMBERS},
        optional={
            "swap_bytes": _NUMBERS,
            "threads": _NUMBERS,
            "worker": _LABELS,
            "life": st.integers(min_value=1, max_value=9),
            "masked": st.integers(min_value=0, max_value=1),
            'map.move, "locks".entries': _NUMBERS,
            "map.a.b.maxsize": _NUMBERS,
        },
    ),
    max_size=30,
)


def parsed(text: str) -> Trace:
    """The trace in *text*."""
    return parse_csv(text.splitlines(keepends=True), name="x.csv")


@given(_ROWS)
def test_what_is_written_is_read_back_exactly(rows: list[dict[str, object]]) -> None:
    """Rows written as CSV and read back are the trace that the rows themselves make."""
    read = parse_csv(format_csv(rows), name="x.csv")

    assert read.rows() == Trace.from_rows(rows).rows()
    assert parse_csv(format_csv(read.rows()), name="x.csv").rows() == read.rows()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "the file is empty"),
        ("\n\n", 1, "the file is empty"),
        ("uss_bytes\n1\n", 1, "no column t"),
        ("t,rss_bytes\n1,2\n", 1, "no column uss_bytes"),
        ("t,t,uss_bytes\n1,1,2\n", 1, "'t' twice"),
        ("t,uss_bytes\n1,2\nnan,2\n", 3, "t is 'nan', which is not a finite number"),
        ("t,uss_bytes\n1,inf\n", 2, "not a finite number"),
        ("t,uss_bytes\n1,1e999\n", 2, "not a finite number"),
        ("t,uss_bytes\n1,1e19\n", 2, "more than 2^63"),
        ("t,uss_bytes\n1,2\n2,-5\n", 3, "uss_bytes is '-5', which is negative"),
        ("t,uss_bytes\n1,2\n2,many\n", 3, "uss_bytes is 'many', which is not a number"),
        (
            "t,uss_bytes\n1,168 MiB\n",
            2,
            "uss_bytes is '168 MiB', which is not a number: leave out units and separators",
        ),
        ('t,uss_bytes\n1,"168,038,451"\n', 2, "which is not a number: leave out units and separators"),
        ("t,uss_bytes\n,2\n", 2, "t is empty"),
        ("t,uss_bytes\n1,2\n2\n", 3, "1 cell where the header has 2"),
        ("t,uss_bytes\n1,2,3\n", 2, "3 cells where the header has 2"),
        ("t,uss_bytes,masked\n1,2,2\n", 2, "masked must be 0 or 1"),
        ("t,uss_bytes,map.a.entries\n1,2,x\n", 2, "map.a.entries is 'x'"),
        ("t,uss_bytes\n1,\0\n", 2, "binary file"),
        ('t,uss_bytes\n1,"2\n', 2, "not readable as CSV"),
        ("\x89PNG\n\x1a\n", 1, "no column t and no column uss_bytes"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    """A file that is no trace is refused with its name, the line, and what is wrong there."""
    with pytest.raises(TraceError) as caught:
        parsed(text)

    assert (caught.value.name, caught.value.line) == ("x.csv", line)
    assert caught.value.exit_code == ExitCode.USAGE
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"x.csv, line {line}: ")


def test_text_that_is_no_text_is_refused() -> None:
    """Bytes that are not UTF-8 are refused as a binary file."""

    def lines() -> Iterator[str]:
        yield "t,uss_bytes\n"
        yield b"\xff\xfe".decode("utf-8")

    with pytest.raises(TraceError, match="binary file or not UTF-8") as caught:
        parse_csv(lines(), name="x.csv")

    assert caught.value.line == 2


def test_a_cell_too_large_for_csv_is_refused() -> None:
    """A cell beyond what CSV readers take is an error with its line, not a traceback."""
    with pytest.raises(TraceError, match="line 2"):
        parsed("t,uss_bytes\n1," + "9" * 200_000 + "\n")


def test_a_long_file_is_read_as_a_whole_and_errors_keep_their_line() -> None:
    """Rows are read some at a time: none is lost, and what is wrong far down is found where it is."""
    lines = [f"{i},{i + 0.5},{i % 7 or ''},{'a' if i % 2 else ' '}\n" for i in range(5000)]
    text = "t,uss_bytes,threads,worker\n" + "\n".join(lines)

    trace = parsed(text)

    assert trace.column("uss_bytes").tolist() == [i + 0.5 for i in range(5000)]
    assert trace.column("threads")[:9].tolist() == pytest.approx([math.nan, 1, 2, 3, 4, 5, 6, math.nan, 1], nan_ok=True)
    assert [row["worker"] for row in trace.rows()] == [" ", "a"] * 2500
    with pytest.raises(TraceError, match="line 8404: uss_bytes is 'x', which is not a number"):
        parsed(text.replace("\n4201,4201.5,", "\n4201,x,"))
    with pytest.raises(TraceError, match="line 8404: 3 cells where the header has 4"):
        parsed(text.replace("\n4201,4201.5,", "\n4201,"))


def test_a_cell_of_blanks_is_empty() -> None:
    """Blanks are not a number, and not an error: nothing was measured."""
    trace = parsed("t,uss_bytes,threads\n1,10, \n2,11,\n3,12,  5 \n")

    assert trace.column("threads").tolist() == pytest.approx([math.nan, math.nan, 5], nan_ok=True)
    with pytest.raises(TraceError, match="line 3: threads is 'inf'"):
        parsed("t,uss_bytes,threads\n1,10, \n2,11,inf\n3,12,\n")


def test_unknown_columns_blank_lines_and_a_byte_order_mark_are_ignored() -> None:
    """What is not a trace's is left out, whatever is in it."""
    trace = parsed("\ufefft,uss_bytes,host,map.a.colour\n1,2,north,red\n\n2,3,south,blue\n")

    assert trace.rows() == [
        {"t": 1, "worker": "0", "life": "1", "segment": "1", "masked": 0, "uss_bytes": 2},
        {"t": 2, "worker": "0", "life": "1", "segment": "1", "masked": 0, "uss_bytes": 3},
    ]
    assert trace.notes == ("ignored, as no columns of a trace: 'host', 'map.a.colour'",)


def test_rows_out_of_order_are_sorted_and_noted() -> None:
    """A trace is in order of time, and says so if its rows were not."""
    trace = parsed("t,uss_bytes\n3,30\n1,10\n2,20\n")

    assert trace.column("uss_bytes").tolist() == [10, 20, 30]
    assert trace.notes == ("rows were out of order and have been sorted by time",)


def test_repeated_times_are_merged_and_noted() -> None:
    """Rows of one worker at one time become one: what either measured is kept, the later one's word counts."""
    trace = parsed("t,uss_bytes,threads,masked,worker\n1,10,4,1,a\n1,12,,0,a\n1,50,,0,b\n2,20,5,0,a\n")

    assert [row["uss_bytes"] for row in trace.rows()] == [12, 50, 20]
    assert (trace.rows()[0]["threads"], trace.rows()[0]["masked"]) == (4, 1)
    assert trace.notes == ("1 row repeated a worker's time and has been merged (the last one counts)",)


def test_what_was_not_measured_stays_unknown() -> None:
    """An empty cell is not a zero."""
    trace = parsed("t,uss_bytes,threads\n1,10,\n2,11,0\n")

    assert math.isnan(trace.column("threads")[0])
    assert trace.column("threads")[1] == 0
    assert "threads" not in trace.rows()[0]


def test_a_header_alone_is_a_trace_of_nothing() -> None:
    """A trace without rows can be read, and judged to be inconclusive."""
    verdict = judge(parsed("t,uss_bytes\n"))

    assert verdict.verdict == "inconclusive"
    assert verdict.reasons == ("there are no readings",)


def test_maps_are_told_apart_by_name() -> None:
    """A map's name may hold dots; its field is the last part."""
    trace = parsed("t,uss_bytes,map.app.cache.entries,map.b.maxsize\n1,2,3,4\n")

    assert trace.map_names == ("app.cache", "b")


def test_columns_come_in_one_order() -> None:
    """The header is the same whatever the order of keys, and the time comes first."""
    rows: list[dict[str, object]] = [
        {"uss_bytes": 2, "map.b.entries": 1, "worker": "w", "t": 1},
        {"map.a.bytes": 1, "fds": 3, "t": 2, "pid": 9},
    ]

    header, *lines = format_csv(rows)

    assert header == "t,worker,uss_bytes,fds,map.a.bytes,map.b.entries\n"
    assert lines == ["1,w,2,,,1\n", "2,,,3,1,\n"]


def test_rows_with_nonsense_are_refused_by_number() -> None:
    """What is not a number is refused in rows as it is in files."""
    with pytest.raises(TraceError, match="rows, line 2: threads is 'four', which is not a number"):
        Trace.from_rows([{"t": 1, "uss_bytes": 1}, {"t": 2, "uss_bytes": 2, "threads": "four"}])
