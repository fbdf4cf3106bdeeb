"""Charts as inline SVG that takes its colours from the page, so that it suits light and dark. No file, no window.

Matplotlib writes colours as numbers. Each is drawn in a number that stands for a name and is replaced by that CSS
variable afterwards. Text stays text, in the page's font; nothing that a service named is drawn into a chart.
"""

import io
import re
from collections.abc import Sequence
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from floodmark_sidecar.units import format_bytes
from floodmark_soak.report._series import Picture, Series, Small

_COLOURS: Final = {
    name: f"#0a00{number:02x}"
    for number, name in enumerate(
        ("ink", "grid", "line", "floor", "shade", "band", "capture", "mask", "bound"), start=16
    )
}
_POINTS_AN_INCH: Final = 72
_MIB: Final = 1 << 20
_EXACT: Final = 1e-6
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def memory_chart(picture: Picture, *, width: int, height: int, along: Series, salt: str) -> str:
    """Return the large chart as an SVG element of *width* to *height*; its time axis is that of *along* too, *salt* keeps its ids
    apart from others'.
    """
    figure, axes = _axes(width, height)
    if picture.warmup is not None:
        axes.axvspan(*picture.warmup, color=_COLOURS["shade"], linewidth=0)
    for start, end in picture.masked:
        axes.axvspan(start, end, color=_COLOURS["mask"], linewidth=0)
    for t in picture.captures:
        axes.axvline(t, color=_COLOURS["capture"], linewidth=0.8, dashes=(2, 3))
    axes.plot(picture.memory.t, picture.memory.sizes, color=_COLOURS["line"], linewidth=1)
    _slope_band(axes, picture)
    axes.plot(
        picture.floors.t,
        picture.floors.sizes,
        "o",
        color=_COLOURS["floor"],
        markersize=3.2,
        markeredgewidth=0,
        zorder=3,
    )
    _time_axis(axes, [picture.memory, picture.floors, along], wide=width > 500)
    most = 6 if height > 200 else 4
    _size_axis(axes, [picture.memory, picture.floors], measured=picture.measured, from_zero=False, most=most)
    return _svg(figure, salt)


def small_chart(small: Small, *, warmup: tuple[float, float] | None, until: float, salt: str) -> str:
    """Return the chart of one map or container; *until* is the end of the run's time axis."""
    figure, axes = _axes(300, 120)
    if warmup is not None:
        axes.axvspan(*warmup, color=_COLOURS["shade"], linewidth=0)
    if small.bound is not None:
        axes.plot(small.bound.t, small.bound.sizes, color=_COLOURS["bound"], linewidth=1, dashes=(4, 2))
    few = len(small.series.t) <= 60
    colour = _COLOURS["line"] if small.rank is None else _COLOURS["floor"]
    axes.plot(small.series.t, small.series.sizes, "o-" if few else "-", color=colour, linewidth=1.2, markersize=2.6)
    shown = [small.series, *([small.bound] if small.bound is not None else [])]
    _time_axis(axes, [*shown, Series(np.array([0.0, until]), np.zeros(2))], wide=False)
    _size_axis(axes, shown, measured=small.measured, from_zero=True, most=4)
    return _svg(figure, salt)


def _axes(width: int, height: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width / _POINTS_AN_INCH, height / _POINTS_AN_INCH), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_COLOURS["grid"])
    axes.grid(axis="y", color=_COLOURS["grid"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=5, labelsize=11, labelcolor=_COLOURS["ink"])
    return figure, axes


def _slope_band(axes: Axes, picture: Picture) -> None:
    """Draw the judged line through the middle of its floors, between the lowest and highest slope it may have."""
    floors = picture.floors
    if picture.slope is None or picture.window is None or not floors:
        return
    judged = (floors.t >= picture.window[0]) & (floors.t <= picture.window[1]) & np.isfinite(floors.sizes)
    if not judged.any():
        return
    middle, level = float(np.median(floors.t[judged])), float(np.median(floors.sizes[judged]))
    t = np.array([picture.window[0], middle, picture.window[1]])
    low, estimate, high = (level + slope * (t - middle) for slope in picture.slope)
    axes.fill_between(t, np.minimum(low, high), np.maximum(low, high), color=_COLOURS["band"], linewidth=0)
    axes.plot(t, estimate, color=_COLOURS["floor"], linewidth=1.4)


def _time_axis(axes: Axes, series: Sequence[Series], *, wide: bool) -> None:
    times = np.concatenate([each.t for each in series])
    first, last = (float(times.min()), float(times.max())) if len(times) else (0.0, 0.0)
    last = max(last, first + 1.0)
    axes.set_xlim(first, last)
    most = 8 if wide else 4
    span = last - first
    step = next((step for step in _STEPS if span / step <= most), 86400 * max(1, round(span / 86400 / most)))
    ticks = np.arange(np.ceil(first / step) * step, last + step / 100, step)
    unit, name = next((unit, name) for unit, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")) if step >= unit)
    axes.xaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axes.set_xticklabels([f"{tick / unit:g} {name}" for tick in ticks])


def _size_axis(axes: Axes, series: Sequence[Series], *, measured: str, from_zero: bool, most: int) -> None:
    sizes = np.concatenate([each.sizes for each in series])
    sizes = sizes[np.isfinite(sizes)]
    low, high = (float(sizes.min()), float(sizes.max())) if len(sizes) else (0.0, 1.0)
    low = 0.0 if from_zero else low
    # A quiet series fills the chart with its own noise; a twentieth of its level at least keeps it quiet.
    room = max((high - low) * 1.08, high * 0.05, 1.0) - (high - low)
    low, high = (0.0, high + room) if from_zero else (max(0.0, low - room / 2), high + room / 2)
    axes.set_ylim(low, high)
    unit = _MIB if measured == "bytes" and high >= _MIB else 1
    locator = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10], integer=unit == 1)
    ticks = np.asarray(locator.tick_values(low / unit, high / unit)) * unit
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    axes.yaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axes.set_yticklabels(_size_labels(ticks.tolist(), measured))


def _size_labels(ticks: Sequence[float], measured: str) -> list[str]:
    if measured != "bytes":
        return [f"{tick:,.0f}" for tick in ticks]
    if max(ticks, default=0.0) < _MIB:
        return [format_bytes(tick) for tick in ticks]
    sizes = [tick / _MIB for tick in ticks]
    # As many digits as tell each tick exactly.
    digits = next((digits for digits in range(3) if all(abs(round(size, digits) - size) < _EXACT for size in sizes)), 3)
    return [f"{size:,.{digits}f} MiB" for size in sizes]


def _svg(figure: Figure, salt: str) -> str:
    text = io.StringIO()
    # How SVG is written is a setting of the whole library only; it is put back at once.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "path.simplify": True}):
        figure.savefig(
            text, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    # The page sizes and styles the chart; names of groups would repeat from chart to chart.
    svg = re.sub(r"<(metadata|style).*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(
        r'(<svg\b[^>]*?)\s(?:width|height)="[^"]*"', r"\1", re.sub(r'(<svg\b[^>]*?)\swidth="[^"]*"', r"\1", svg)
    )
    svg = re.sub(r" font-family: [^;]*;", "", svg)
    svg = re.sub(r'\s(?:xmlns(?::\w+)?|version)="[^"]*"', "", svg)
    for name, number in _COLOURS.items():
        svg = svg.replace(number, f"var(--{name})")
    return re.sub(r"\s*\n\s*", "\n", svg).strip()
