"""Pictures: one small one for each case, of a trace, its floors and its verdict."""

import io
import re
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.bench.judge._cases import Case, Plan
from tests.bench.judge._measure import Specimen, grown, specimen
from tests.bench.judge._series import Series
from tests.bench.judge._tables import length
from tests.bench.judge._types import FloatArray

_COLUMNS: Final = 5
_SIZE: Final = 5.0
"""The size of leaks that are drawn, in δ."""

_BINS: Final = 100
_MIB: Final = 1 << 20
_COLOURS: Final = {"steady": "tab:green", "climbing": "tab:red", "inconclusive": "tab:orange"}
_RIGHT: Final = {"steady": "steady", "climbing": "climbing", "undecidable": "inconclusive"}


def draw(path: Path, plan: Plan) -> None:
    """Write one SVG with a picture of each case of *plan* at its longest run, with its first seed."""
    duration = max(plan.durations)
    cases = [case for case in plan.cases.values() if plan.seeds_of(case, duration)]
    rows = -(-len(cases) // _COLUMNS)
    # Text stays text, and marks keep their names from one run to the next: a picture changes when its traces do.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "judge", "font.size": 6.5}):
        figure = Figure(figsize=(2.5 * _COLUMNS, 1.75 * rows + 0.4), layout="constrained")
        figure.suptitle(
            f"memory in MiB over {length(duration)}, leaks at {_SIZE:g}δ; grey: readings, coloured: floors, dashed: slope"
        )
        grid = figure.subplots(rows, _COLUMNS, squeeze=False)
        for axes in grid.flat[len(cases) :]:
            axes.set_axis_off()
        for case, axes in zip(cases, grid.flat, strict=False):
            _picture(axes, case, _one(case, duration=duration, seed=plan.first_seed))
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None})
    # Two decimals of a point are more than a screen shows, and halve the file; a path of one line each, its lines.
    text = re.sub(r"(\d\.\d\d)\d+", r"\1", written.getvalue())
    path.write_text(re.sub(r" \n(?=[LQz])", "", text), encoding="utf-8")


def _one(case: Case, *, duration: float, seed: int) -> Specimen:
    if case.clean:
        return specimen(case, duration=duration, seed=seed)
    return grown(case, duration=duration, seed=seed, size=_SIZE)


def _picture(axes: Axes, case: Case, one: Specimen) -> None:
    verdict, label = one.verdict, one.labelled.truth.label
    colour = _COLOURS[verdict.verdict]
    series = Series.of(one.labelled.trace, delta=0.0)
    hours, low, high = _band(series)
    axes.fill_between(hours, low, high, color="0.8", linewidth=0)
    start = float(one.labelled.trace.t[0])
    if verdict.floors:
        x, y = np.array(verdict.floors).T
        axes.plot((x - start) / 3600, y / _MIB, color=colour, linewidth=1)
    memory = verdict.memory
    if memory is not None:
        window = memory.floors.part(memory.start, memory.end)
        ends = np.array([memory.start, memory.end])
        middle, level = float(np.median(window.x)), float(np.median(window.y))
        axes.plot(
            ends / 3600,
            (level + memory.slope.estimate * (ends - middle)) / _MIB,
            color="black",
            linestyle="--",
            linewidth=0.6,
        )
    said = verdict.verdict if _RIGHT[label] == verdict.verdict else f"{verdict.verdict} (truth: {label})"
    axes.set_title(f"{case.name} {case.family.name}\n{said}", color=colour, fontsize=6.5)
    axes.tick_params(length=2, pad=1)
    axes.locator_params(nbins=4)


def _band(series: Series) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return hours, and the lowest and highest reading around each in MiB."""
    parts = [(series.x[block].mean(), series.y[block].min(), series.y[block].max()) for block in series.blocks(_BINS)]
    hours, low, high = np.array(parts).T
    return hours / 3600, low / _MIB, high / _MIB
