"""Records of runs that never were: a climb with found containers, a steady run of bounded maps, a run cut short."""

from typing import Any

import pytest

from floodmark_sidecar.judge import Trace
from floodmark_soak.report import Record, render_html
from tests.soak.report.samples import MIB, START, MakeRecord, result, rows


@pytest.fixture(scope="session")
def make_record() -> MakeRecord:
    """Return what makes a record of a climb; any field can be given."""

    def make(**fields: Any) -> Record:
        made: dict[str, Any] = {
            "name": "leaky",
            "title": "pipeline, leaky",
            "result": result(),
            "trace": Trace.from_rows(rows()),
            "about": {"command": "floodmark soak plan.toml", "machine": "Linux, 2 CPUs"},
            "load": {"requests": 12_345, "failure_ratio": 0.004, "most_common_error": None},
            "captures": [{"t": START + 10 * n, "worker": "web-0", "refused": None} for n in range(1, 6)],
            "notes": ["the last census of web-1 was refused"],
        }
        return Record(**(made | fields))

    return make


@pytest.fixture(scope="session")
def climbing(make_record: MakeRecord) -> Record:
    return make_record()


@pytest.fixture(scope="session")
def steady(make_record: MakeRecord) -> Record:
    slope = {"estimate": 1.0 * MIB, "low": -2.0 * MIB, "high": 4.0 * MIB}
    told = result(verdict="steady", exit_code=0, slope_bytes_per_hour=slope, culprits=[], growth_class="none")
    return make_record(name="bounded", title="pipeline, bounded", result=told)


@pytest.fixture
def cut_short(make_record: MakeRecord) -> Record:
    """Return a run that was interrupted in its third second."""
    told = {"verdict": None, "exit_code": 130, "duration_seconds": 3.0, "reasons": ["The run was interrupted."]}
    unknown = dict.fromkeys(
        ("slope_bytes_per_hour", "delta_bytes_per_hour", "culprits", "floors", "window", "coverage")
    )
    return make_record(
        result=unknown | told, trace=Trace.from_rows(rows(3)), about={}, load=None, captures=[], notes=[]
    )


@pytest.fixture(scope="session")
def climbing_html(climbing: Record) -> str:
    """Return the page of one run that climbs; drawing it is what costs."""
    return render_html([climbing])


@pytest.fixture(scope="session")
def compared_html(climbing: Record, steady: Record) -> str:
    """Return the page of two runs that are compared."""
    return render_html([climbing, steady])
