"""An explanation on a terminal: a table of the judge's conditions, what would change the verdict, and a chart."""

from typing import Final, TextIO

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from floodmark_sidecar.cli._chart import can_be_drawn, charts
from floodmark_sidecar.cli._console import Console
from floodmark_sidecar.cli._shown import Shown
from floodmark_sidecar.cli._text import printable
from floodmark_sidecar.judge import Condition, Explanation, Way

_WIDEST_CHART: Final = 110
_MARKS: Final = {True: "yes", False: "no", None: ""}
_STYLES: Final = {True: "green", False: "red", None: ""}


def say_explanation(explanation: Explanation, what: Shown, stream: TextIO) -> None:
    """Write *explanation* and a chart of *what* to *stream*; colours are rich's, which heeds NO_COLOR."""
    console = Console(stream)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for header in ("", "what the judge looked at", "measured", "asked for", "needed for"):
        table.add_column(header, overflow="fold", header_style="bold")
    for condition in explanation.conditions:
        table.add_row(*_cells(condition))
    console.print(Padding(table, (0, 0, 0, 2)))
    for way in explanation.ways:
        _say_way(console, way)
    ascii_only = not can_be_drawn(console.encoding)
    for line in charts(what, width=min(console.width, _WIDEST_CHART), ascii_only=ascii_only):
        console.print(Text(line), soft_wrap=True)


def _say_way(console: Console, way: Way) -> None:
    """Print each condition of *way* in a line of its own, below one another."""
    lines = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    lines.add_column(justify="right", no_wrap=True)
    lines.add_column(overflow="fold")
    for word, condition in way.lines:
        lines.add_row(Text(word), Text(printable(condition)))
    console.print(Padding(lines, (0, 0, 0, 2)))


def _cells(condition: Condition) -> list[Text]:
    """Return the cells of *condition*. What keeps a service from being steady is red; that it does not climb is no fault."""
    style = _STYLES[condition.met] if condition.speaks_of("steady") else ""
    needed_for = {"any": "both", "none": ""}.get(condition.needed_for, condition.needed_for)
    texts = [condition.name, condition.value, condition.threshold, needed_for]
    return [Text(_MARKS[condition.met], style), *(Text(printable(text)) for text in texts)]
