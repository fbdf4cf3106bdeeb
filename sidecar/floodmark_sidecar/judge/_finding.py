"""One series examined: everything the verdict needs to know of memory, a count or a map."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from floodmark_sidecar.judge._curve import Curve, Step, fit_curve
from floodmark_sidecar.judge._cycle import has_teeth
from floodmark_sidecar.judge._delta import FOUND, KnownRuler, Ruler
from floodmark_sidecar.judge._falls import error_of, find_falls, levelled, with_falls
from floodmark_sidecar.judge._floors import FEWEST, MOST, Floors, take_floors
from floodmark_sidecar.judge._hidden import (
    hidden_by_end,
    hidden_by_jumps,
    hidden_by_peaks,
    hidden_by_wave,
    jumps_of_run,
    staircase,
)
from floodmark_sidecar.judge._jumps import MOST_ISOLATED, clear_jumps, without
from floodmark_sidecar.judge._onset import find_onset, goes_on_throughout
from floodmark_sidecar.judge._persistence import (
    GIVEN_BACK,
    doubts_of_growth,
    doubts_of_stairs,
    gave_back_little,
)
from floodmark_sidecar.judge._shape import late_slope, quickens, slackens
from floodmark_sidecar.judge._slope import DRAWS, Slope, measure_slope
from floodmark_sidecar.judge._teeth import teeth_end
from floodmark_sidecar.judge._types import FloatArray
from floodmark_sidecar.judge._warmup import LEAST, measure_warmup
from floodmark_sidecar.judge._within import Within

Shape = Literal["linear", "saturating", "staircase", "step", "accelerating", "flat", "sawtooth", "unclear"]
State = Literal["steady", "climbing", "inconclusive"]

_START: Final = 0.3
"""Share of a run within which a slackening is a start and says nothing of how growth goes on."""

SURE_OF: Final = 1.64
"""Standard errors of the interval's either end."""

_LATE: Final = 1.64
"""Standard errors by which a late rise must show to forbid `steady`."""

FEWEST_READINGS: Final = 24
SHORTEST: Final = 60.0
"""Seconds of readings below which nothing is judged."""

SLACKENS: Final = "it slackens, as a cache that fills does"
FILLS_AGAIN: Final = "it may only fill what was given back at once before"


@dataclass(frozen=True)
class Finding:
    """What one series shows from `start` to `end`, in seconds since the first reading; rates are per second.

    `floors` are those of the whole run, `window` those of the judged part; both are levelled by the isolated `falls`, of
    negative size. `jumps` are the isolated ones that were taken out. `doubts` speak against a climb though the slope is that
    of one, `hidden` against `steady` though the slope is that of it. `detectable` is the detection limit; `stepped` says that
    it comes from an allocator's steps, and not from noise. `onset` is when a climb began, where it began late, `confirmed`
    says in words which other series shows that it is one, where memory alone does not.
    """

    state: State
    shape: Shape
    slope: Slope
    delta: float
    detectable: float
    start: float
    end: float
    floors: Floors
    jumps: tuple[Step, ...]
    doubts: tuple[str, ...]
    hidden: tuple[str, ...]
    saturating: bool
    window: Floors
    onset: float | None = None
    confirmed: str = ""
    stepped: bool = False
    falls: tuple[Step, ...] = ()

    @property
    def rise(self) -> float:
        """The growth over the judged part."""
        return self.slope.estimate * (self.end - self.start)

    @property
    def seconds_to_outlast(self) -> float:
        """Seconds that its growth takes to be clearly more than its falls gave back."""
        return (1 + GIVEN_BACK) * -sum(fall.size for fall in self.falls) / self.slope.estimate

    def as_read(self, floors: Floors) -> Floors:
        """Return *floors* or *window* with the falls that they are levelled by."""
        return replace(floors, y=with_falls(floors.x, floors.y, self.falls))


@dataclass(frozen=True)
class Care:
    """How closely a series is looked at: floors at most, bootstrap draws, by what factor its interval is widened, and what
    standard error its slope has besides, per second. `within` tells the slope where lives follow each other.
    """

    floors: int = MOST
    draws: int = DRAWS
    factor: float = 1.0
    error: float = 0.0
    within: Within | None = None


THOROUGH: Final = Care()
QUICK: Final = Care(floors=32, draws=99)
"""For series of which there may be dozens."""


def examine(
    x: FloatArray, y: FloatArray, ruler: Ruler, *, warmup: float | None, care: Care = THOROUGH
) -> Finding | None:
    """Return what the readings *y* at the sorted times *x* (seconds from the first) show, None if they are too few.

    *warmup* in seconds is measured if None; then growth that slackened may have ended: the run's last half decides.
    """
    if len(x) < FEWEST_READINGS or x[-1] <= x[0]:
        return None
    plain = _examine(x, y, ruler, warmup=warmup, care=care)
    if plain is None or plain.state == "climbing" or care.within:
        return plain
    falls = find_falls(plain.floors, x, y)
    if not falls:
        return plain
    beside = error_of(falls, levelled(plain.floors.x, plain.floors.y, falls), plain.end - plain.start)
    unsure = replace(care, error=float(np.hypot(care.error, beside)))
    level = _examine(x, levelled(x, y, falls), ruler, warmup=warmup, care=unsure)
    return plain if level is None else _without_falls(plain, replace(level, falls=falls))


def _without_falls(plain: Finding, level: Finding) -> Finding:
    """Return what counts of a series that is no climb and *plain* as it was read, and *level* without its falls.

    It never climbs for want of its falls: what was given back once may be filled again.
    """
    if level.state == "climbing":
        return replace(level, state="inconclusive", shape="unclear", doubts=(FILLS_AGAIN,))
    return plain if (plain.state, level.state) == ("steady", "inconclusive") else level


def _examine(x: FloatArray, y: FloatArray, ruler: Ruler, *, warmup: float | None, care: Care) -> Finding | None:
    whole = take_floors(x, y, most=care.floors)
    if warmup is not None:
        return _examine_from(float(x[0]) + warmup, x, y, ruler, whole=whole, known=True, care=care)
    start = _warmed_up(whole)
    since = None if care.within else teeth_end(x, y)
    if since is None:
        return _examine_from(start, x, y, ruler, whole=whole, known=False, care=care)
    x, y = x[x >= since], y[x >= since]
    calm = take_floors(x, y, most=care.floors)
    finding = _examine_from(max(start, since), x, y, ruler, whole=calm, known=False, care=care)
    return finding and replace(finding, floors=whole)


def _examine_from(
    start: float, x: FloatArray, y: FloatArray, ruler: Ruler, *, whole: Floors, known: bool, care: Care
) -> Finding | None:
    finding = _from(start, x, y, ruler, whole=whole, care=care)
    if finding is None or finding.state != "inconclusive":
        return finding
    half = float(x[0] + x[-1]) / 2
    if not known and finding.saturating and finding.start < half:
        later = _from(half, x, y, ruler, whole=whole, care=care)
        if later is not None and later.state == "steady" and gave_back_little(whole):
            return later
    # Where lives follow each other, each begins anew.
    onset = None if care.within else find_onset(whole.part(float(x[0] + LEAST * (x[-1] - x[0])), finding.end))
    if onset is not None:
        since = _from(onset, x, y, KnownRuler(finding.delta), whole=whole, care=care)
        if since is not None and since.state == "climbing" and goes_on_throughout(since.window):
            return replace(since, onset=onset)
    return finding


def _warmed_up(whole: Floors) -> float:
    """Return the time from which a run is judged: a staircase is judged from its beginning, it is no start that slackens."""
    start = measure_warmup(whole)
    stairs = staircase(whole, jumps_of_run(whole))
    if len(stairs) > MOST_ISOLATED and stairs[0].time < start:
        return float(whole.x[0]) + LEAST * float(whole.x[-1] - whole.x[0])
    return start


def _from(start: float, x: FloatArray, y: FloatArray, ruler: Ruler, *, whole: Floors, care: Care) -> Finding | None:
    judged = x >= start
    if np.count_nonzero(judged) < FEWEST_READINGS:
        return None
    readings = (x[judged], y[judged])
    window = take_floors(*readings, most=care.floors)
    if len(window) < FEWEST:
        return None
    clear = _weigh(readings, window, clear_jumps(window.x, window.y), ruler, whole=whole, care=care)
    if clear.state == "inconclusive":
        jumps = window.jumps
        if jumps != clear.jumps and len(jumps) <= MOST_ISOLATED:
            fewer = _weigh(readings, window, jumps, ruler, whole=whole, care=care)
            # What falls when its rises are taken out went up and down: those were no jumps.
            level = fewer.slope.estimate > -fewer.delta / 2
            clear = fewer if fewer.state == "steady" and level else clear
    return replace(clear, start=start, end=float(x[-1]))


def _weigh(
    readings: tuple[FloatArray, FloatArray],
    window: Floors,
    found: tuple[Step, ...],
    ruler: Ruler,
    *,
    whole: Floors,
    care: Care,
) -> Finding:
    """Return what *window* shows when its jumps are those *found*; *readings* are its times and values, *whole* the run's
    floors.
    """
    isolated = found if len(found) <= MOST_ISOLATED else ()
    stairs = () if isolated else found
    level = without(window.y, isolated)
    curve = fit_curve(window.x, level)
    lives = care.within(float(window.x[0])) if care.within else None
    slope = _wider(lives or measure_slope(window.x, level, curve, draws=care.draws), care)
    delta, detectable = ruler.delta(slope.se), ruler.detectable(slope.se)
    stepped = detectable > (1 + 1e-9) * FOUND * slope.se
    saturating = not stairs and _saturates(whole, window, se=slope.se, delta=delta)
    grows = slope.estimate > delta and slope.low > delta / 2
    doubts = []
    if grows:
        doubts = doubts_of_growth(window, level, whole=whole, delta=delta) + doubts_of_stairs(window, stairs)
        if saturating:
            doubts.append(SLACKENS)
    hidden = _hidden(window, level, curve, slope=slope, delta=delta, jumps=isolated, whole=whole, readings=readings)
    state: State = "inconclusive"
    if grows and not doubts:
        state = "climbing"
        if isolated and lives is None:
            slope = _with_jumps(window, slope, delta=delta, care=care)
    elif slope.high < delta and detectable <= delta and not hidden:
        state = "steady"
    return Finding(
        state,
        _name(state, window, level, slope=slope, saturating=saturating, jumps=found, y=readings[1]),
        slope,
        delta,
        detectable,
        float(window.x[0]),
        float(window.x[-1]),
        whole,
        isolated,
        tuple(doubts),
        tuple(hidden),
        saturating,
        window,
        stepped=stepped,
    )


def _with_jumps(window: Floors, slope: Slope, *, delta: float, care: Care) -> Slope:
    """Return the slope of a climb with its jumps left in: they are part of it, unless that leaves it unsure."""
    curve = fit_curve(window.x, window.y)
    whole = _wider(measure_slope(window.x, window.y, curve, draws=care.draws), care)
    return whole if whole.estimate > slope.estimate and whole.low > delta / 2 else slope


def _wider(slope: Slope, care: Care) -> Slope:
    beside = SURE_OF * care.error
    down = float(np.hypot(slope.estimate - slope.low, beside))
    up = float(np.hypot(slope.high - slope.estimate, beside))
    return Slope(slope.estimate, slope.estimate - down, slope.estimate + up, float(np.hypot(slope.se, care.error)))


def _saturates(whole: Floors, window: Floors, *, se: float, delta: float) -> bool:
    """Say whether growth slackens within the judged part, or from the end of the start to the end of the run."""
    if slackens(window, se=se, delta=delta):
        return True
    begin = float(whole.x[0]) + _START * float(whole.x[-1] - whole.x[0])
    if window.x[0] <= begin:
        return False
    after = whole.part(begin, float(whole.x[-1]))
    span = float(after.x[-1] - after.x[0])
    if not span:
        return False  # a clock that jumped: all but one floor are within the start
    longer = float(window.x[-1] - window.x[0]) / span
    return slackens(after, se=se * longer**1.5, delta=delta)


def _hidden(
    window: Floors,
    level: FloatArray,
    curve: Curve,
    *,
    slope: Slope,
    delta: float,
    jumps: tuple[Step, ...],
    whole: Floors,
    readings: tuple[FloatArray, FloatArray],
) -> list[str]:
    """Return what a slope that is small hides, as far as it does: late rises, jumps of *whole*, and what *readings* do."""
    hidden = []
    span = float(window.x[-1] - window.x[0])
    late, error = late_slope(window, level, since=float(window.x[-1]) - span / 3, se=slope.se)
    if late - _LATE * error > delta:
        hidden.append("it rises in the last third of the judged part")
    elif curve.knees:
        stretch = float(window.x[-1]) - curve.knees[-1]
        last = min(curve.slopes[-1], late_slope(window, level, since=curve.knees[-1], se=slope.se)[0])
        if last > 2 * delta and last * stretch > max(3 * curve.sigma, delta * span / 2):
            hidden.append("it has begun to rise late in the run")
    x, y = readings
    hidden += hidden_by_jumps(whole, jumps, spare=delta - max(0.0, slope.high))
    hidden += hidden_by_wave(whole, window, high=slope.high, delta=delta)
    hidden += hidden_by_end(x, y, span=float(whole.x[-1] - whole.x[0]))
    hidden += hidden_by_peaks(x, y, lows=window.y)
    return hidden


def _name(
    state: State,
    window: Floors,
    level: FloatArray,
    *,
    slope: Slope,
    saturating: bool,
    jumps: tuple[Step, ...],
    y: FloatArray,
) -> Shape:
    if state == "climbing":
        if len(jumps) > MOST_ISOLATED and sum(jump.size for jump in jumps) > (level[-1] - level[0]) / 2:
            return "staircase"
        return "accelerating" if quickens(window, jumps, se=slope.se) else "linear"
    if saturating:
        return "saturating"
    if state == "steady":
        if jumps:
            return "step"
        return "sawtooth" if has_teeth(y) else "flat"
    return "unclear"
