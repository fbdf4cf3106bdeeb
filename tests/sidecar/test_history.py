"""A trace out of a store, block by block."""

import tracemalloc
from collections.abc import Iterator, Mapping
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark_sidecar.history import trace_of
from floodmark_sidecar.judge import Trace

NUMBERS = ("uss_bytes", "fds", "requests_total", "map.locks.entries", "map.locks.maxsize")

cells = st.one_of(st.none(), st.integers(0, 2**40), st.floats(0, 1e12))
rows = st.lists(
    st.fixed_dictionaries(
        {"t": st.floats(1.7e9, 1.7e9 + 1e5), "masked": st.integers(0, 1)},
        optional={
            "worker": st.sampled_from(["web-0", "web-1"]),
            "life": st.integers(1, 3),
            "segment": st.integers(1, 2),
            **dict.fromkeys(NUMBERS, cells),
        },
    ),
    max_size=12,
)


def told(trace: Trace) -> dict[str, object]:
    """Return all that *trace* says, comparable."""
    lists = {name: getattr(trace, name).tolist() for name in ("t", "worker", "life", "segment", "masked")}
    columns = {name: [None if np.isnan(each) else each for each in column] for name, column in trace.columns.items()}
    names = {name: getattr(trace, name) for name in ("workers", "lives", "segments", "notes", "lives_known", "mixed")}
    return {**lists, **names, "columns": columns}


@given(rows, st.integers(0, 40))
def test_it_is_the_trace_of_the_same_rows(found: list[dict[str, object]], block: int) -> None:
    """Whatever a row has or has not, in whichever order, and wherever a block of them ends."""
    with mock.patch("floodmark_sidecar.history._CELLS", block):
        assert told(trace_of(iter(found))) == told(Trace.from_rows(found))


@pytest.mark.parametrize("count", [481, 482, 483, 1200])
def test_blocks_join_without_a_seam(count: int) -> None:
    """A column that begins late was not measured before; a block ends wherever it does."""
    found = [
        {"t": float(t), "uss_bytes": t, **{f"map.m{each}.entries": t for each in range(134)}} for t in range(count)
    ]
    found[-1]["fds"] = 9
    assert told(trace_of(found)) == told(Trace.from_rows(found))


def test_a_wide_history_is_not_held_as_rows() -> None:
    """Twenty maps of eight workers: some bytes for each number, not a hundred."""
    width, count = 136, 4000

    def wide() -> Iterator[Mapping[str, object]]:
        for t in range(count):
            yield {"t": float(t), **{f"map.m{each}.entries": 1000 + t * each for each in range(width)}}

    tracemalloc.start()
    try:
        trace_of(wide())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * width * count
