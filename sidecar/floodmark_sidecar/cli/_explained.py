"""An explanation on a terminal: a table of the judge's conditions, what would change the verdict, and a chart."""

from typing import Final, TextIO

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from floodmark_sidecar.cli._chart import can_be_drawn, chart
from floodmark_sidecar.cli._console import Console
from floodmark_sidecar.cli._shown import Shown
from floodmark_sidecar.cli._text import printable
from floodmark_sidecar.judge import Condition, Explanation, Way

_WIDEST_CHART: Final = 110
_MARKS: Final = {True: ("yes", "green"), False: ("no", "red"), None: ("", "")}


def say_explanation(explanation: Explanation, what: Shown, stream: TextIO) -> None:
    """Write *explanation* and a chart of *what* to *stream*; colours are rich's, which heeds NO_COLOR."""
    console = Console(stream)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for header in ("", "what the judge looked at", "measured", "asked for", "by"):
        table.add_column(header, overflow="fold", header_style="bold")
    for condition in explanation.conditions:
        table.add_row(*_cells(condition))
    console.print(Padding(table, (0, 0, 0, 2)))
    for way in explanation.ways:
        _say_way(console, way)
    ascii_only = not can_be_drawn(console.encoding)
    for line in chart(what, width=min(console.width, _WIDEST_CHART), ascii_only=ascii_only):
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
    mark, style = _MARKS[condition.met]
    by = {"any": "all", "none": ""}.get(condition.needed_for, condition.needed_for)
    texts = [condition.name, condition.value, condition.threshold, by]
    return [Text(mark, style), *(Text(printable(text)) for text in texts)]
