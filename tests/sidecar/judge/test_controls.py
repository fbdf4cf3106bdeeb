"""Real soaks of the bundled service, recorded in `tests/data`: what leaks is found, what does not is left in peace."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np
import pytest

from floodmark_sidecar.judge import Trace, Verdict, judge
from tests.data.controls import CONTROLS, FOLDER, Control

CLEAN = [control for control in CONTROLS if not control.leak]
STEADY = [control for control in CLEAN if control.expected == "steady"]
LEAKING = [control for control in CONTROLS if control.leak and control.expected == "climbing"]
FAINT = [control for control in CONTROLS if control.leak and control.expected == "steady"]
WATCHED = [control for control in LEAKING if "CONTROL_LEAK" in control.env]

pytestmark = pytest.mark.xdist_group("controls")
"""One process for all: it reads and judges each record once."""

NEAR: Final = 0.1
"""How near the truth itself is known: dicts and arenas grow in steps."""

NOTHING: Final[Mapping[str, str]] = {}

STARTS: Final = {
    "recycling": "lives of a minute and a half that start for a minute of it: without maps their start is taken for a leak",
}
"""Recycled workers that do not leak and are called climbing."""

HIDDEN: Final = {
    "surging-leaking": "the leak goes into heap that was free before: USS keeps its floor, and only the used heap grows",
    "cyclic-leaking": "the leak goes into heap that was free, and memory grows in two steps, which are taken for jumps",
}
"""Leaks that memory alone does not tell."""

APART: Final = {
    **HIDDEN,
    "sawtooth-leaking": "USS itself grows faster than the leak at first: what is kept pins what is freed around it",
    "recycling-leaking": "what each life gains at its start is counted as leak",
}
"""Leaks whose rate is not within the interval."""


def each(controls: Iterable[Control], known: Mapping[str, str] = NOTHING) -> pytest.MarkDecorator:
    """A test for each of *controls*. *known* says by name where the judge errs, and why."""
    marks = {
        name: pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError) for name, reason in known.items()
    }
    cases = [pytest.param(one, id=one.name, marks=[marks[one.name]] if one.name in marks else []) for one in controls]
    return pytest.mark.parametrize("control", cases)


@cache
def trace_of(control: Control) -> Trace:
    return control.trace()


@cache
def verdict_of(control: Control) -> Verdict:
    return judge(trace_of(control))


def until(trace: Trace, end: float) -> Trace:
    """What had been read of the trace by then."""
    n = int(np.searchsorted(trace.t, end, side="right"))
    columns = {name: column[:n] for name, column in trace.columns.items()}
    worker, life, segment = trace.worker[:n], trace.life[:n], trace.segment[:n]
    return replace(
        trace, t=trace.t[:n], worker=worker, life=life, segment=segment, masked=trace.masked[:n], columns=columns
    )


def without_maps(trace: Trace) -> Trace:
    """The trace of a service that registers nothing."""
    return replace(trace, columns={name: column for name, column in trace.columns.items() if name[:4] != "map."})


@each(CLEAN, known=STARTS)
def test_what_does_not_leak_never_climbs(control: Control) -> None:
    """Whatever its habits, and whether or not its maps are known."""
    assert verdict_of(control).verdict != "climbing"
    assert judge(without_maps(trace_of(control))).verdict != "climbing"


@each(STEADY)
def test_what_does_not_leak_is_steady(control: Control) -> None:
    """Where the run was long enough to say so."""
    assert verdict_of(control).verdict == "steady"
    assert verdict_of(control).growth_class == "none"


@each(CLEAN)
def test_what_does_not_leak_never_climbs_at_any_look(control: Control) -> None:
    """However early it is judged: what fills meanwhile has a bound, and that is known."""
    trace = trace_of(control)
    looks = np.geomspace(60.0, trace.t[-1], 8)
    assert [look for look in looks if judge(until(trace, look)).verdict == "climbing"] == []


@each(LEAKING)
def test_what_leaks_climbs(control: Control) -> None:
    """From one δ of a ten-minute run on, beside each habit, in one worker or in many lives."""
    assert verdict_of(control).verdict == "climbing"


@each(LEAKING)
def test_memory_alone_never_calls_a_leak_steady(control: Control) -> None:
    """A service that registers nothing is told no less."""
    assert judge(without_maps(trace_of(control))).verdict != "steady"


@each(LEAKING, known=HIDDEN)
def test_memory_alone_tells(control: Control) -> None:
    """No map that is registered is needed to find the leak."""
    assert judge(without_maps(trace_of(control))).verdict == "climbing"


@each(LEAKING, known=APART)
def test_the_slope_holds_the_truth(control: Control) -> None:
    """What was planted is within the interval, as far as the truth is known itself."""
    memory = verdict_of(control).memory
    assert memory is not None
    planted = control.planted(trace_of(control))
    assert memory.slope.low <= (1 + NEAR) * planted
    assert memory.slope.high >= (1 - NEAR) * planted


@each(FAINT)
def test_a_leak_too_small_to_matter_is_told_all_the_same(control: Control) -> None:
    """What a run could not have told from noise passes, with its slope: the reasons say what steady means in it."""
    verdict, planted = verdict_of(control), control.planted(trace_of(control))
    assert verdict.verdict == "steady"
    assert verdict.memory is not None
    assert planted < verdict.memory.delta
    assert (1 - NEAR) * planted < verdict.memory.slope.high
    assert verdict.memory.slope.low < (1 + NEAR) * planted


@each(WATCHED)
def test_the_registered_map_that_leaks_is_named(control: Control) -> None:
    """And no other is."""
    assert [found.name for found in verdict_of(control).maps if found.climbs] == ["reports"]


def test_what_the_readme_lists_is_what_there_is() -> None:
    """Each control has its recording and its row, and there are no others."""
    rows = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    named = [row.split("`")[1] for row in rows if row.startswith("| `")]
    assert named == [control.name for control in CONTROLS]
    assert sorted(FOLDER.glob("*.csv*")) == sorted(control.file for control in CONTROLS)
    assert all(
        f"`{control.command}`" in row
        for control, row in zip(CONTROLS, [r for r in rows if r[:3] == "| `"], strict=True)
    )


def test_the_recordings_are_small() -> None:
    """They are in every clone."""
    sizes = [control.file.stat().st_size for control in CONTROLS]
    assert max(sizes) < 150_000
    assert sum(sizes) < 1_500_000
