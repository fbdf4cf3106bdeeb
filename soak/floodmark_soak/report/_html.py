"""The report as one self-contained HTML page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from floodmark_sidecar.units import format_bytes, format_duration
from floodmark_soak._whole import Whole
from floodmark_soak.report._charts import memory_chart, small_chart
from floodmark_soak.report._holders import holders_chart
from floodmark_soak.report._record import Record, entries_per_hour, per_hour
from floodmark_soak.report._series import Picture, Small, pictures, smalls
from floodmark_soak.report._watched import without_pauses

MOST_BYTES: Final = 2_000_000
"""What a page may weigh; one that would be heavier is drawn again with less detail."""


@dataclass(frozen=True)
class _Detail:
    """How much of each run is drawn: points of the large chart, of the small ones, and how many small ones."""

    points: int
    small_points: int
    small_charts: int


_DETAILS: Final = (_Detail(1200, 240, 24), _Detail(500, 120, 12), _Detail(200, 60, 4), _Detail(60, 0, 0))


@dataclass(frozen=True)
class _Drawn:
    """A record with its charts as SVG."""

    record: Record
    pictures: Sequence[tuple[Picture, Markup, Markup]]
    smalls: Sequence[tuple[Small, Markup]]
    left_out: int
    holders: Markup


def render_html(records: Sequence[Record], whole: Whole | None = None) -> str:
    """Return the page of *records*, compared with each other if there are several, and with what they show as a *whole*.

    The page loads nothing, runs no script, and is at most `MOST_BYTES` long. Everything that a service or a plan named
    is escaped.
    """
    environment = Environment(
        loader=PackageLoader("floodmark_soak.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bytes": format_bytes,
        "duration": format_duration,
        "entries_per_hour": entries_per_hour,
        "per_hour": per_hour,
        "unbroken": _unbroken,
    }
    template = environment.get_template("report.html")
    page = ""
    for detail in _DETAILS:
        drawn = [_draw(without_pauses(record), detail, f"run{number}") for number, record in enumerate(records)]
        page = template.render(runs=drawn, title=_title(records), whole=whole)
        if len(page.encode()) <= MOST_BYTES:
            break
    return page


def _title(records: Sequence[Record]) -> str:
    if len(records) == 1:
        return f"{records[0].title}: {records[0].status.word}"
    return "Soak runs compared"


def _draw(record: Record, detail: _Detail, salt: str) -> _Drawn:
    """Return *record* with its charts. What is marked safe here is SVG of our own, and but for the last without a text of the service."""
    shown = pictures(record, most=detail.points)
    small = smalls(record, most=max(detail.small_points, 1))
    until = max([*shown[-1].memory.t[-1:], 1.0])
    large = []
    for number, each in enumerate(shown):
        # The sum is drawn quietly below what decided.
        height = 280 if number == 0 else 150 if each is shown[-1] else 220
        wide, narrow = (
            memory_chart(each, width=width, height=high, along=shown[-1].memory, salt=f"{salt}{kind}{number or ''}")
            for kind, width, high in (("wide", 860, height), ("narrow", 360, height - 20))
        )
        large.append((each, Markup(wide), Markup(narrow)))  # noqa: S704  see above
    return _Drawn(
        record=record,
        pictures=large,
        smalls=[
            (each, Markup(small_chart(each, warmup=shown[-1].warmup, until=until, salt=f"{salt}small{number}")))  # noqa: S704  see above
            for number, each in enumerate(small[: detail.small_charts])
        ],
        left_out=max(0, len(small) - detail.small_charts),
        holders=Markup(holders_chart(record.holders)),  # noqa: S704  graphviz escapes the names in it
    )


def _unbroken(sentence: str) -> str:
    """Return *sentence* with every number on the line of its unit."""
    return re.sub(r"(?<=\d) (?=[a-zA-Z%])", "\N{NO-BREAK SPACE}", sentence)
