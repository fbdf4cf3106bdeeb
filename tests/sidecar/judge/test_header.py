"""The header of a trace: what was meant where it is not one, and what of it is not read."""

import pytest

from floodmark_sidecar.judge import TraceError, parse_csv


def refusal(header: str) -> TraceError:
    """The error that a file with this header is refused with."""
    with pytest.raises(TraceError) as caught:
        parse_csv([f"{header}\n"], name="x.csv")
    return caught.value


def notes(header: str) -> tuple[str, ...]:
    """The notes on a trace with this header and no rows."""
    return parse_csv([f"{header}\n"], name="x.csv").notes


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("time,uss_bytes", "rename 'time' to t"),
        ("Timestamp,uss_bytes", "rename 'Timestamp' to t"),
        ("T,USS_BYTES", "rename 'T' to t; rename 'USS_BYTES' to uss_bytes"),
        ("t,uss", "rename 'uss' to uss_bytes"),
        ("t,us_bytes", "rename 'us_bytes' to uss_bytes"),
        ("t,memory_bytes", "rename 'memory_bytes' to uss_bytes"),
        ("t,uss_mib", "turn 'uss_mib' into bytes and name it uss_bytes"),
        ("t,rss_bytes,uss_mb", "turn 'uss_mb' into bytes and name it uss_bytes"),
        ("t;uss_bytes", "its cells are separated by ';': write it with commas, and with a point in decimals"),
        ("t\tuss_bytes", r"its cells are separated by '\t': write it with commas, and with a point in decimals"),
        ("1763800000,168038451", "its first line is numbers: put a line before it that names the columns"),
        ("a,b", "a trace is CSV with a header that has at least t and uss_bytes"),
    ],
)
def test_a_header_that_is_none_is_told_with_what_to_change(header: str, hint: str) -> None:
    """The message says what is missing, the hint what the file calls it."""
    error = refusal(header)

    assert "the header has no column" in error.message
    assert error.hint.startswith(hint)


@pytest.mark.parametrize("column", ["rss_bytes", "rss", "process_resident_memory_bytes", "RSS Bytes"])
def test_resident_memory_alone_can_be_judged_for_what_it_is(column: str) -> None:
    """The hint says what to rename, and what resident memory cannot tell."""
    hint = refusal(f"t,{column}").hint

    assert hint.startswith(f"where nothing better is measured, rename '{column}' to uss_bytes; ")
    assert hint.endswith("need not be a leak")


@pytest.mark.parametrize(
    ("column", "near"),
    [
        ("session", "sessions"),
        ("request_total", "requests_total"),
        ("requests", "requests_total"),
        ("Threads", "threads"),
        ("swap", "swap_bytes"),
        ("worker_id", "worker"),
        ("map.locks.entry", "map.locks.entries"),
        ("map.a.b.max_size", "map.a.b.maxsize"),
    ],
)
def test_an_ignored_column_that_is_nearly_one_is_told(column: str, near: str) -> None:
    """A misspelt column is missing, and nobody would notice."""
    assert notes(f"t,uss_bytes,{column}") == (f"column '{column}' is ignored: {near} may be meant",)


def test_a_column_that_is_there_is_meant_by_no_other() -> None:
    """Beside `sessions` a `session` is something else."""
    assert notes("t,uss_bytes,sessions,session") == ("ignored, as no columns of a trace: 'session'",)


def test_ignored_columns_are_named_as_far_as_there_is_room() -> None:
    """Eight of them; one without a name, as of an index, too."""
    assert notes("t,pod,uss_bytes,") == ("ignored, as no columns of a trace: 'pod', ''",)
    many = ",".join(f"x{i}" for i in range(30))
    assert notes(f"t,uss_bytes,{many}")[0].endswith(", 'x6', 'x7' and 22 more")
    assert len(notes(f"t,uss_bytes,{'y' * 5000}")[0]) < 120


def test_all_that_a_trace_is_read_from_is_ignored_nowhere() -> None:
    """Every column of the README."""
    known = "t,worker,life,segment,masked,uss_bytes,swap_bytes,rss_bytes,requests_total,sessions,threads,fds,tasks"
    known += ",python_blocks,heap_used_bytes,heap_free_bytes,mmap_bytes,map.a.entries,map.a.maxsize,map.a.ttl"
    assert notes(f"{known},map.a.bytes,map.a.adds,map.a.removes") == ()
