"""Who holds what grows: the steps from a name to a culprit, as words and as a graph in the language of graphviz. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

_MOST: Final = 8
"""Culprits in one graph."""

_LONGEST: Final = 48
"""Characters of a name or a type in a graph: what is longer loses its middle."""

_HEAD: Final = """digraph retainers {
  graph [bgcolor="white", nodesep=0.2, ranksep=0.25, pad=0.1];
  node [shape=box, style="rounded", fontname="DejaVu Sans,sans-serif", fontsize=10, margin="0.12,0.06", \
color="#9aa8b3", fontcolor="#17222b"];
  edge [color="#9aa8b3", arrowsize=0.7];"""

_CULPRIT: Final = ', style="rounded,filled", fillcolor="#fbe8e5", color="#b0301f", fontcolor="#b0301f"'

_Way: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Retainer:
    """One step of the way to a container: the `name` that leads to an object, "" where it is inside the one before, and
    the object's `type`, "" where steps are left out.
    """

    name: str
    type: str

    def as_dict(self) -> dict[str, str]:
        """Return the step as results and the HTTP interface write it."""
        return {"name": self.name, "type": self.type}


def path_text(retainers: Sequence[Mapping[str, Any]]) -> str:
    """Return the steps, as JSON has them, in one line: `app.scheduler (app.Scheduler) → .pending (dict)`; "" for none."""
    return " → ".join(_words(each, "{name} ({type})") for each in retainers)


def graph(culprits: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the ways to *culprits*, as JSON has them, as one graph in graphviz' language; None if none is known.

    The culprits are marked and numbered by their ranks. Steps that several begin with are drawn once, types without their
    modules. Nothing that a service named can be more than text in it.
    """
    held = [each for each in culprits if each.get("retainers")][:_MOST]
    if not held:
        return None
    nodes: dict[_Way, list[int]] = {}
    for culprit in held:
        way: _Way = ()
        for step in culprit["retainers"]:
            way = (*way, (str(step["name"]), str(step["type"])))
            nodes.setdefault(way, [])
        nodes[way].append(int(culprit["rank"]))
    numbers = {way: number for number, way in enumerate(nodes)}
    lines = [_HEAD]
    for way, ranks in nodes.items():
        lines.append(f'  n{numbers[way]} [label="{_label(way[-1], ranks)}"{_CULPRIT if ranks else ""}];')
        if way[:-1]:
            lines.append(f"  n{numbers[way[:-1]]} -> n{numbers[way]};")
    return "\n".join([*lines, "}", ""])


def _label(step: tuple[str, str], ranks: Sequence[int]) -> str:
    name, kind = step
    number = "".join(f"{rank}. " for rank in ranks)
    return "\\n".join(_quoted(_shortened(part)) for part in (f"{number}{name}", kind.rpartition(".")[2]) if part)


def _words(step: Mapping[str, Any], form: str) -> str:
    name, kind = step["name"], step["type"]
    return form.format(name=name, type=kind) if name and kind else f"({kind})" if kind else str(name)


def _shortened(text: str) -> str:
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}…{text[-half + 1 :]}"


def _quoted(text: str) -> str:
    """Return *text* as it stands between quotes in graphviz' language: a backslash would begin an escape there."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
