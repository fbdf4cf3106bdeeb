"""A picture of a judged trace by matplotlib. No window is opened, and nothing global is changed."""

import io
import textwrap
import warnings
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from floodmark_sidecar.cli._shown import Curve, Shown, heading
from floodmark_sidecar.cli._text import printable
from floodmark_sidecar.cli._ticks import Ticks, count_ticks, size_ticks, time_ticks
from floodmark_sidecar.judge import Finding, Verdict
from floodmark_sidecar.units import format_between, format_bytes, format_duration, format_rate

_WIDTH: Final = 10.0
_HEIGHT: Final = 5.6
_OF_A_MAP: Final = 1.7
_OF_SUM: Final = 2.1
_OF_SEVERAL: Final = 3.2
"""Inches: of the sum where it did not decide, and of each series where several did."""

_MOST_MAPS: Final = 4
_MOST_DECISIVE: Final = 4
_TITLE_COLUMNS: Final = 130
_COLOURS: Final = {"steady": "#1a7f37", "climbing": "#c62828", "inconclusive": "#b26a00"}
_GREY: Final = "#9aa4ae"
_PURPLE: Final = "#6f42c1"


def picture(name: str, verdict: Verdict, what: Shown, *, form: str) -> bytes:
    """Return the picture of *what*, whose verdict is *verdict*, as `svg` or `png`; *name* goes into its title."""
    maps, decisive = what.maps[:_MOST_MAPS], what.decisive[:_MOST_DECISIVE]
    sizes = [_HEIGHT]
    if decisive:
        sizes = [*([_HEIGHT] if len(decisive) == 1 else [_OF_SEVERAL] * len(decisive)), _OF_SUM]
    sizes += [_OF_A_MAP] * len(maps)
    figure = Figure(figsize=(_WIDTH, sum(sizes)), layout="constrained", facecolor="white")
    panels = figure.subplots(len(sizes), 1, sharex=True, squeeze=False, height_ratios=sizes)[:, 0]
    end = float(what.readings[0][-1]) if len(what.readings[0]) else 0.0
    colour = _COLOURS[verdict.verdict]
    most = 7 if len(decisive) == 1 else 5
    for panel, each in zip(panels, decisive, strict=False):
        _series(panel, each, readings=_readings(each, verdict, workers=1), most=most, told=True)
        _label(panel, each)
    total = panels[len(decisive)]
    workers = len(verdict.workers)
    _series(
        total, what, readings=_readings(what, verdict, workers=workers), most=3 if decisive else 7, told=bool(decisive)
    )
    if decisive:
        lives = ", lives put end to end" if what.joined else ""
        total.set_title(f"{heading(what)}{lives}", fontsize=9, loc="left", parse_math=False)
        total.set_ylabel("memory", fontsize=9)
    for panel, (label, entries) in zip(panels[len(sizes) - len(maps) :], maps, strict=True):
        _map(panel, label, entries, what.breaks, colour)
    ticks = time_ticks(end, 12)
    _ticks(panels[-1], ticks, vertical=False)
    # A single reading is in the middle.
    panels[-1].set_xlim(0.0 if end else -1.0, max(end, ticks[-1][0]) or 1.0)
    left = len(what.maps) - len(maps) + len(what.decisive) - len(decisive)
    rest = f", and {left} more {'series' if decisive else 'maps'} climb that are not drawn" if left else ""
    panels[-1].set_xlabel(f"time since the first reading{rest}", fontsize=9)
    _title(panels[0], name, verdict, colour, room="\n\n" if decisive else "")
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return _saved(figure, form)


def _series(axes: Axes, what: Shown, *, readings: str, most: int, told: bool) -> None:
    """Draw what was judged, with its readings called *readings* and some *most* sizes beside it; if *told*, its rates are
    written elsewhere.
    """
    _plain(axes)
    if not len(what.readings[0]):
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no readings", transform=axes.transAxes, ha="center", fontsize=11, color=_GREY)
        return
    _curve(axes, what.readings, what.breaks, colour=_GREY, width=0.6, label=readings)
    fit, finding = what.fit, what.finding
    if fit is not None and finding is not None:
        colour = _COLOURS[finding.state]
        if finding.start > 0:
            axes.axvspan(
                0.0,
                finding.start,
                color="#eceff2",
                linewidth=0,
                label=f"warm-up{'' if told else f' of {format_duration(finding.start)}'}, not judged",
            )
        slope, delta = ("slope, and between what it lies", "growth by δ") if told else _rates(finding)
        axes.fill_between(fit.x, fit.low, fit.high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(fit.x, fit.line, color=colour, linewidth=1.6, label=slope)
        axes.plot(fit.x, fit.delta, color="#1f4e9c", linewidth=1.2, linestyle=(0, (5, 3)), label=delta)
    if len(what.floors[0]):
        axes.plot(*what.floors, "o", color="#24292f", markersize=3, markeredgewidth=0, label="floors", zorder=4)
    _jumps(axes, what)
    axes.set_ylim(*what.extent)
    _ticks(axes, (count_ticks if what.counted else size_ticks)(*axes.get_ylim(), most), vertical=True)
    # What the lives of a worker gained was never there at once.
    axes.set_ylabel(_unit(what), fontsize=9)


def _rates(finding: Finding) -> tuple[str, str]:
    between = format_between(finding.slope.low * 3600, finding.slope.high * 3600, "/h")
    return f"slope {format_rate(finding.slope.estimate)}, {between}", f"growth by δ, {format_rate(finding.delta)}"


def _unit(what: Shown) -> str:
    if what.counted:
        return "entries" if what.name.startswith("map ") else "number"
    return "memory, lives put end to end" if what.joined else "memory"


def _label(axes: Axes, what: Shown) -> None:
    """Write above *axes* what *what* is and how fast it grows; a title has its own lines above that."""
    axes.annotate(
        textwrap.shorten(printable(heading(what)), 110),
        (0.0, 1.0),
        xycoords="axes fraction",
        xytext=(0, 6),
        textcoords="offset points",
        fontsize=11,
        fontweight="bold",
        color=_COLOURS["climbing"],
        parse_math=False,
    )


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


def _readings(what: Shown, verdict: Verdict, *, workers: int) -> str:
    """Say what is drawn as readings of so many *workers*: where lives follow each other, or counts hold memory, it is not what
    was read.
    """
    evidence = verdict.evidence
    if evidence is None or what.counted:
        return "readings"
    parts = [
        ", added up over workers" if workers > 1 else "",
        ", lives joined" if what.joined else "",
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
            f"+{size:,.0f}" if what.counted else f"+{format_bytes(size)}",
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


def _title(axes: Axes, name: str, verdict: Verdict, colour: str, *, room: str) -> None:
    shown = printable(name)
    shown = shown if len(shown) <= 90 else f"…{shown[-89:]}"
    reason = textwrap.wrap(printable(verdict.reasons[0]), _TITLE_COLUMNS, max_lines=3, placeholder=" …")
    axes.set_title("\n".join(reason) + room, fontsize=9, loc="left", parse_math=False)
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
