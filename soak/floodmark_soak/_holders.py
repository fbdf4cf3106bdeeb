"""The picture of who holds what grows, drawn for a report where graphviz is installed."""

from collections.abc import Mapping, Sequence
from typing import Any

from floodmark_sidecar.culprits import graph
from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.graphviz import draw


def drawn(culprits: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the picture of *culprits*, as JSON has them, as SVG, and "" or why there is none. Blocks while it is drawn."""
    ways = graph(culprits)
    if ways is None:
        return "", ""
    try:
        return draw(ways), ""
    except FloodmarkError as error:
        return "", f"{error.message}{error.hint and f': {error.hint}'}"
