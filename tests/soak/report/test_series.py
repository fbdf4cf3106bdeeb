"""The series behind the charts."""

from typing import Any

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace
from floodmark_soak.report import render_html
from floodmark_soak.report._charts import _size_labels
from floodmark_soak.report._series import pictures, summed, without_masked
from tests.soak.report.samples import MIB, START, MakeRecord, result, rows


def decisive(kind: str, name: str, **more: Any) -> dict[str, Any]:
    """Return what the judge says of a series that decided."""
    made = {
        "kind": kind,
        "name": name,
        "slope_per_hour": {"estimate": 90.0 * MIB, "low": 85.0 * MIB, "high": 95.0 * MIB},
        "delta_per_hour": 8.0 * MIB,
        "window": [START + 10, START + 59],
        "floors": [[START + 5 * n, (31.0 + n / 2) * MIB] for n in range(12)],
    }
    return made | more


def test_the_worker_that_decided_is_drawn_before_the_sum(make_record: MakeRecord) -> None:
    """Its own readings, floors and window; below it memory of all workers, as it was judged."""
    worker, memory = pictures(make_record(result=result(decisive=[decisive("worker", "web-0")])), most=1000)

    assert worker.caption.startswith("Worker web-0: climbs by 90.0 MiB an hour (85.0 MiB to 95.0 MiB)")
    assert (worker.window, worker.slope) == ((10.0, 59.0), (85 * MIB / 3600, 90 * MIB / 3600, 95 * MIB / 3600))
    np.testing.assert_allclose(worker.memory.sizes[0] * 2, memory.memory.sizes[0])
    assert worker.floors.sizes[0] == 31 * MIB
    assert memory.caption.endswith("which by itself is no climb")
    assert memory.window == (20.0, 59.0)


def test_a_worker_whose_lives_are_joined_is_drawn_by_its_floors(make_record: MakeRecord) -> None:
    """What its lives gained was never there at once."""
    workers = {"web-0": {"verdict": "climbing", "slope_bytes_per_hour": {"estimate": 90.0 * MIB}, "lives": 3}}
    told = result(decisive=[decisive("worker", "web-0")], workers=workers)

    worker, _ = pictures(make_record(result=told), most=1000)

    np.testing.assert_array_equal(worker.memory.sizes, worker.floors.sizes)
    assert worker.caption.endswith("its lives put end to end")


@pytest.mark.parametrize(
    ("kind", "name", "measured", "most"),
    [("map", "pending", "entries", 2000), ("count", "threads", "threads", 24), ("count", "processes", "processes", 2)],
)
def test_a_map_or_a_count_that_decided_is_drawn_in_its_own_numbers(
    kind: str, name: str, measured: str, most: float, make_record: MakeRecord
) -> None:
    """All workers together, on an axis of entries."""
    trace = Trace.from_rows({**row, "threads": 12} for row in rows())
    told = result(decisive=[decisive(kind, name, floors=[])])

    shown, _ = pictures(make_record(result=told, trace=trace), most=1000)

    assert shown.measured == measured
    assert np.nanmax(shown.memory.sizes) == most


def test_where_memory_decided_there_is_one_picture(make_record: MakeRecord) -> None:
    """As in a result that knows of nothing else."""
    (only,) = pictures(make_record(), most=1000)
    assert only.caption == "Memory of the service: unique and swapped bytes of all its processes"


def test_a_page_is_about_the_worker_that_decided(make_record: MakeRecord) -> None:
    """Its headline is the reason, not the slope of a sum that does not climb; a name is escaped."""
    name = "web-<0>"
    told = result(
        decisive=[decisive("worker", name)], reasons=[f"worker {name} climbs (90.0 MiB/h), the other is steady"]
    )
    named = [{**row, "worker": name if row["worker"] == "web-0" else row["worker"]} for row in rows()]

    page = render_html([make_record(result=told, trace=Trace.from_rows(named))])

    assert "Worker web-&lt;0&gt; climbs (90.0\N{NO-BREAK SPACE}MiB/h), the other is steady</h1>" in page
    assert "Memory climbs by" not in page
    assert page.count('<figure class="picture">') == 2
    assert "Worker web-&lt;0&gt;: climbs by 90.0 MiB an hour" in page
    assert name not in page


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([1200, 1220], ["1,200 MiB", "1,220 MiB"]),
        ([122.5, 125], ["122.5 MiB", "125.0 MiB"]),
        ([1 / 2**10, 1 / 2**9], ["1.0 KiB", "2.0 KiB"]),
    ],
)
def test_sizes_on_an_axis_have_the_digits_that_tell_them(ticks: list[float], labels: list[str]) -> None:
    """No tick is rounded to another place than it has, and none has digits for nothing."""
    assert _size_labels([tick * MIB for tick in ticks], "bytes") == labels


def test_a_masked_instant_is_a_gap_in_the_line() -> None:
    """A census makes the worker's own memory read low; the chart shows a gap there, for all workers at once."""
    trace = Trace.from_rows(
        {"t": 100.0 + t, "worker": worker, "uss_bytes": 10, "masked": int(t == 2 and worker == "web-0")}
        for t in range(4)
        for worker in ("web-0", "web-1")
    )

    line = without_masked(summed(trace, trace.column("uss_bytes"), 100.0), trace)

    np.testing.assert_array_equal(line.sizes, [20, 20, np.nan, 20])
