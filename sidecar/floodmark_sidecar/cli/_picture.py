"""A picture of a judged trace by matplotlib. No window is opened, and nothing global is changed."""

import io
import textwrap
import warnings
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from floodmark_sidecar.cli._shown import Curve, Shown
from floodmark_sidecar.cli._text import printable
from floodmark_sidecar.cli._ticks import Ticks, count_ticks, size_ticks, time_ticks
from floodmark_sidecar.judge import Verdict
from floodmark_sidecar.units import format_between, format_bytes, format_duration, format_rate

_WIDTH: Final = 10.0
_HEIGHT: Final = 5.6
_OF_A_MAP: Final = 1.7
"""Inches."""

_MOST_MAPS: Final = 4
_TITLE_COLUMNS: Final = 130
_COLOURS: Final = {"steady": "#1a7f37", "climbing": "#c62828", "inconclusive": "#b26a00"}
_GREY: Final = "#9aa4ae"
_PURPLE: Final = "#6f42c1"


def picture(name: str, verdict: Verdict, what: Shown, *, form: str) -> bytes:
    """Return the picture of *what*, whose verdict is *verdict*, as `svg` or `png`; *name* goes into its title."""
    maps = what.maps[:_MOST_MAPS]
    figure = Figure(figsize=(_WIDTH, _HEIGHT + _OF_A_MAP * len(maps)), layout="constrained", facecolor="white")
    ratios = [_HEIGHT, *[_OF_A_MAP] * len(maps)]
    panels = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    end = float(what.readings[0][-1]) if len(what.readings[0]) else 0.0
    colour = _COLOURS[verdict.verdict]
    _memory(panels[0], verdict, what)
    for panel, (label, entries) in zip(panels[1:], maps, strict=True):
        _map(panel, label, entries, what.breaks, colour)
    ticks = time_ticks(end, 12)
    _ticks(panels[-1], ticks, vertical=False)
    # A single reading is in the middle.
    panels[-1].set_xlim(0.0 if end else -1.0, max(end, ticks[-1][0]) or 1.0)
    left = len(what.maps) - len(maps)
    rest = f", and {left} more maps climb that are not drawn" if left else ""
    panels[-1].set_xlabel(f"time since the first reading{rest}", fontsize=9)
    _title(panels[0], name, verdict, colour)
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return _saved(figure, form)


def _memory(axes: Axes, verdict: Verdict, what: Shown) -> None:
    _plain(axes)
    _curve(axes, what.readings, what.breaks, colour=_GREY, width=0.6, label=_readings(verdict))
    fit, memory = what.fit, verdict.memory
    if fit is not None and memory is not None:
        colour = _COLOURS[memory.state]
        if memory.start > 0:
            axes.axvspan(
                0.0,
                memory.start,
                color="#eceff2",
                linewidth=0,
                label=f"warm-up of {format_duration(memory.start)}, not judged",
            )
        between = format_between(memory.slope.low * 3600, memory.slope.high * 3600, "/h")
        axes.fill_between(fit.x, fit.low, fit.high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            fit.x,
            fit.line,
            color=colour,
            linewidth=1.6,
            label=f"slope {format_rate(memory.slope.estimate)}, {between}",
        )
        axes.plot(
            fit.x,
            fit.delta,
            color="#1f4e9c",
            linewidth=1.2,
            linestyle=(0, (5, 3)),
            label=f"growth by δ, {format_rate(memory.delta)}",
        )
    if len(what.floors[0]):
        axes.plot(*what.floors, "o", color="#24292f", markersize=3, markeredgewidth=0, label="floors", zorder=4)
    _jumps(axes, what)
    axes.set_ylim(*what.extent)
    _ticks(axes, size_ticks(*axes.get_ylim(), 7), vertical=True)
    evidence = verdict.evidence
    # What the lives of a worker gained was never there at once.
    joined = evidence is not None and evidence.frame.recycled
    axes.set_ylabel("memory, lives put end to end" if joined else "memory", fontsize=9)


def _curve(
    axes: Axes, curve: Curve, breaks: tuple[int, ...], *, colour: str, width: float, label: str | None = None
) -> None:
    """Draw *curve* with a line between neighbours, none before *breaks*, and a dot for what has no neighbour."""
    x, y = curve
    begins = np.array([0, *breaks])
    alone = begins[np.diff(np.append(begins, len(x))) == 1]
    if len(alone) < len(begins):
        places = list(breaks)
        axes.plot(
            np.insert(x, places, x[places]), np.insert(y, places, np.nan), color=colour, linewidth=width, label=label
        )
        label = None
    axes.plot(x[alone], y[alone], "o", color=colour, markersize=3, label=label)


def _readings(verdict: Verdict) -> str:
    """Say what is drawn as readings: where lives follow each other, or counts hold memory, it is not what was read."""
    evidence = verdict.evidence
    if evidence is None:
        return "readings"
    parts = [
        ", added up over workers" if len(evidence.frame.slots) > 1 else "",
        ", lives joined" if evidence.frame.recycled else "",
        ", without what sessions hold" if evidence.rest.sessions is not None else "",
        ", without bounded maps" if any(held.kind == "map" for held in evidence.rest.held) else "",
        ", without copied pages" if evidence.copied else "",
    ]
    return f"readings{''.join(parts)}"


def _jumps(axes: Axes, what: Shown) -> None:
    """Mark each jump with its size, one above the other: jumps may be close."""
    end = float(what.readings[0][-1]) if what.jumps else 0.0
    for i, (time, size) in enumerate(what.jumps):
        axes.axvline(time, color=_PURPLE, linewidth=1, linestyle=":", label=None if i else "jumps taken out")
        late = time > 0.9 * end
        axes.annotate(
            f"+{format_bytes(size)}",
            (time, 0.02 + 0.045 * i),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if late else 3, 0),
            textcoords="offset points",
            ha="right" if late else "left",
            fontsize=8,
            color=_PURPLE,
        )


def _map(axes: Axes, name: str, entries: Curve, breaks: tuple[int, ...], colour: str) -> None:
    _plain(axes)
    _curve(axes, entries, breaks, colour=colour, width=1)
    axes.set_ylim(0.0, max(1.0, float(entries[1].max()) * 1.05))
    _ticks(axes, count_ticks(*axes.get_ylim(), 4), vertical=True)
    axes.set_title(textwrap.shorten(f"entries of map {printable(name)}", 100), fontsize=9, loc="left", parse_math=False)


def _plain(axes: Axes) -> None:
    """Give *axes* only what helps to read them."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_GREY)
    axes.grid(axis="y", color="#e1e4e8", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9, pad=6)


def _ticks(axes: Axes, ticks: Ticks, *, vertical: bool) -> None:
    setter = axes.set_yticks if vertical else axes.set_xticks
    setter([place for place, _ in ticks], [label for _, label in ticks])


def _title(axes: Axes, name: str, verdict: Verdict, colour: str) -> None:
    shown = printable(name)
    shown = shown if len(shown) <= 90 else f"…{shown[-89:]}"
    reason = textwrap.wrap(printable(verdict.reasons[0]), _TITLE_COLUMNS, max_lines=3, placeholder=" …")
    axes.set_title("\n".join(reason), fontsize=9, loc="left", parse_math=False)
    axes.figure.suptitle(
        f"{shown}: {verdict.verdict} ({verdict.shape})", fontsize=12, color=colour, parse_math=False, x=0.01, ha="left"
    )


def _saved(figure: Figure, form: str) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": "floodmark"}):
        # A name may have characters that the font lacks; they are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(out, format=form, dpi=130, metadata={"Date": None} if form == "svg" else None)
    return out.getvalue()
