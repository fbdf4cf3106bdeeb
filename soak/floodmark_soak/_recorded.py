"""A run's outcome written down: the files of its folder, and the record that reports are made of."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from floodmark_soak._holders import drawn
from floodmark_soak._outcome import Outcome
from floodmark_soak._output import Output, write_whole
from floodmark_soak._story import Story

if TYPE_CHECKING:
    from floodmark_soak.report import Record


def record(story: Story, outcome: Outcome) -> "Record":
    """Return *outcome* of the run that *story* tells, as reports show it."""
    from floodmark_soak.report import Record  # noqa: PLC0415 -- a failing check must not wait for the charts

    picture, why_none = drawn(outcome.result["culprits"])
    return Record(
        name=story.name,
        title=story.name,
        result=outcome.result,
        trace=outcome.trace,
        about={**story.about, "censuses": f"{story.about.get('censuses', '')}{_cost(outcome.result['captures'])}"},
        load=outcome.result["load"],
        captures=outcome.captures,
        notes=outcome.result["notes"],
        holders=picture,
        no_holders=why_none,
    )


def write_result(output: Output, outcome: Outcome) -> None:
    """Write what programs read: the result and the readings. Readings that are there are not replaced by none."""
    write_whole(output.result, f"{json.dumps(outcome.result, indent=2, allow_nan=False)}\n")
    if outcome.readings.count("\n") > 1 or not output.readings.exists():
        write_whole(output.readings, outcome.readings)


def write_reports(output: Output, told: "Record") -> None:
    """Write what people and CI systems read."""
    from floodmark_soak.report import render_html, render_junit, render_summary  # noqa: PLC0415 -- as above

    write_whole(output.summary, render_summary([told]))
    write_whole(output.junit, render_junit([told]))
    write_whole(output.report, render_html([told]))


def _cost(captures: Mapping[str, Any]) -> str:
    """Return how many censuses were taken and what the worst of them cost the service."""
    worst = captures["worst_stall_seconds"]
    held = "" if worst is None else f", which held a worker for {worst * 1000:.1f} ms at most"
    return f"; {captures['taken']} taken{held}"
