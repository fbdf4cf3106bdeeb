"""The picture of who holds what grows, in the colours of the page."""

import re
from typing import Final

_COLOURS: Final = {
    "#17222b": "text",
    "#9aa8b3": "line",
    "#b0301f": "bad",
    "#fbe8e5": "bad-ground",
}
"""The colours of the graph for paper of its own, and those of the page for them."""


def holders_chart(svg: str) -> str:
    """Return the SVG that graphviz drew, without its ground, and without ids: a page of several runs has several."""
    svg = re.sub(r'\s(?:id|xmlns(?::\w+)?)="[^"]*"', "", svg).replace(' fill="white"', ' fill="none"')
    for colour, name in _COLOURS.items():
        svg = svg.replace(f'"{colour}"', f'"var(--{name})"')
    return svg
