"""The sentences on memory: numbers with their units, and what they mean to somebody who runs the service."""

from collections.abc import Sequence
from typing import Final

from floodmark_sidecar.judge._delta import DAY, MIB, MemoryRuler
from floodmark_sidecar.judge._filled import Filled
from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._held import Held
from floodmark_sidecar.judge._ranks import median
from floodmark_sidecar.judge._slope import Slope
from floodmark_sidecar.judge._wave import about_a_day
from floodmark_sidecar.units import format_between, format_bytes, format_duration, format_no_less

_STEPS: Final = "the allocator's steps of 1 MiB"

_HORIZONS: Final = ((30 * DAY, "30 days"), (DAY, "24 hours"))
_FORESEEN: Final = 60.0
"""Times the judged part up to which growth is drawn out: minutes say nothing of a month."""

_CLEARLY: Final = 0.8

_AT_ENDS: Final = 3
"""Floors whose median is the level at an end of the judged part."""

_NEARLY: Final = 0.15
"""Share of growth by which what floors gained and what the slope says may differ."""

_LONGEST_NAME: Final = 80
_OF_NAME: Final = 30
"""Characters of a name that is told whole, and of either end of one that is longer."""

_NAMED: Final = 5
"""Workers that a sentence names; the others it counts."""


def per_hour(rate: float) -> str:
    """Return a rate in bytes per second as `3.4 MiB/h`."""
    return f"{format_bytes(rate * 3600)}/h"


def per_day(rate: float) -> str:
    """Return a rate in bytes per second as `81.6 MiB/day`."""
    return f"{format_bytes(rate * DAY)}/day"


def short(name: str) -> str:
    """Return *name*, which may be of any length, as a sentence can hold it: its beginning and its end."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:_OF_NAME]}…{name[-_OF_NAME:]}"


def listed(names: Sequence[str]) -> str:
    """Return *names* in words, the first few of many."""
    if len(names) > _NAMED + 1:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def climb(finding: Finding, per_request: Slope | None, *, joined: bool) -> str:
    """Say how fast memory climbs, by request too where requests were counted; of *joined* lives, none ever had all of it."""
    by_request = "" if per_request is None else f", {format_bytes(per_request.estimate)} a request"
    since = "" if finding.onset is None else f" since {format_duration(finding.onset)} into the run"
    rise = f", {format_bytes(_gained(finding))} over the {format_duration(finding.end - finding.start)} judged"
    return (
        f"memory climbs{since}{' within lives' if joined else ''} by {per_hour(finding.slope.estimate)} ({band(finding)})"
        f"{by_request}{'' if joined else rise}; growth from {per_hour(finding.delta)} on matters"
    )


def _gained(finding: Finding) -> float:
    """Return the bytes that memory gained while it was judged: what its slope says, where its floors say nearly the same.

    Few floors at either end say it with more noise; yet of growth that began or grew in between, only they say it at all.
    """
    floors = finding.as_read(finding.window).y
    seen = median(floors[-_AT_ENDS:]) - median(floors[:_AT_ENDS])
    return finding.rise if abs(seen - finding.rise) <= _NEARLY * finding.rise else seen


def reaches(limit: int, wait: float, *, high: float, left: float | None) -> str:
    """Say that the plan's memory is used up in *wait* seconds from *high* on; *left* are those until the planned end."""
    if wait <= 0:
        return f"the latest highs of memory are at the limit of {format_bytes(limit)}"
    before = ", before the planned end" if left is not None and wait < left else ""
    reached = f"the limit of {format_bytes(limit)} is reached in about {format_duration(wait)}"
    return f"at this rate {reached} from latest highs of {format_bytes(high)}{before}"


def was_above(limit: int, since: float, highest: float) -> str:
    """Say that readings were above the plan's memory, *since* so many seconds into the run, if they do not stay there."""
    allowed, most = format_bytes(limit), format_bytes(highest)
    by = "" if most == allowed else f", the highest {most}"
    return f"readings have been above the limit of {allowed} already, first {format_duration(since)} into the run{by}"


def recycled(finding: Finding, per_request: Slope | None, *, lives: int) -> str:
    """Say that workers are replaced before their growth shows, and how much that is; up to *lives* followed each other."""
    by_request = "" if per_request is None else f" ({format_bytes(per_request.estimate)} a request)"
    return (
        f"recycling hides {per_hour(finding.slope.estimate)}{by_request}: "
        f"with up to {lives} lives in a slot, workers are replaced before the sum shows it"
    )


def beside(finding: Finding, *, workers: int) -> str:
    """Say what memory does where something else climbs, one of several *workers* maybe."""
    every = "both" if workers == 2 else f"all {workers:,}"
    whose = "memory by itself" if workers == 1 else f"the memory of {every} workers together"
    return f"{whose} is {finding.state}: its slope is {band(finding)}"


def band(finding: Finding) -> str:
    """Return the interval of a slope in words: `between 0.99 and 1.02 MiB/h`."""
    return format_between(finding.slope.low * 3600, finding.slope.high * 3600, "/h")


def steadiness(finding: Finding, ruler: MemoryRuler, *, recycled: bool) -> str:
    """Say what a steady verdict of this run rules out, and what would rule out less; growth that is seen is told, too.

    Where workers are *recycled*, it is growth within their lives, and goes on no longer than they do.
    """
    slope, delta = finding.slope, finding.delta
    # Growth that slackens is not drawn out.
    if slope.low > 0 and slope.estimate > finding.detectable and not finding.saturating:
        judged = finding.end - finding.start
        horizon, name = next(((time, name) for time, name in _HORIZONS if time <= _FORESEEN * judged), (0.0, ""))
        name = "" if recycled else name
        ahead = f"; if that goes on, {name} add {format_bytes(horizon * slope.estimate)}" if name else ""
        short = _set_by_run(finding, ruler)
        whose = "the least in so short or noisy a run" if short else _asked_by(ruler)
        where = " within the lives of its workers" if recycled else ""
        grows = f"it grows by {per_hour(slope.estimate)}{where}, less than the {per_hour(delta)} that matter ({whose}){ahead}"
        longer = "a longer run asks for less by itself, and " if short else ""
        return f"memory is steady: {grows}; {longer}the `[limits] growth` of a plan can ask for less"
    if slope.high < -finding.detectable:
        return f"memory is steady: it falls by {per_hour(-slope.estimate)} ({band(finding)}); {_less(finding, ruler)}"
    most, hidden = max(slope.high, 0.0), per_hour(finding.detectable)
    hides = f", and {_blur(finding)} may hide growth up to {hidden}" if finding.detectable > most else ""
    return (
        f"memory is steady: its readings grow by at most {per_hour(most)} (estimate {per_hour(slope.estimate)}){hides}; "
        f"{_less(finding, ruler)}"
    )


def begins_higher(rise: float) -> str:
    """Say that memory grows from life to life, though not within any."""
    return (
        f"memory is level within lives, yet the last ones begin {format_bytes(rise)} higher than the first, all workers "
        f"together: what they are forked with, or load, grows"
    )


def all_equal(count: int, size: float) -> str:
    """Say that readings never differ, which memory that is in use seldom does."""
    return f"all {count:,} readings are {format_bytes(size)}: the service was idle, or what was read is not its memory"


def jumps(finding: Finding) -> str:
    """Say which jumps memory was judged without."""
    sizes = ", ".join(format_bytes(jump.size) for jump in finding.jumps)
    what = "an isolated jump is" if len(finding.jumps) == 1 else "isolated jumps are"
    return f"{what} not counted as growth ({sizes})"


def falls(finding: Finding) -> str:
    """Say which falls memory was judged without."""
    each = [f"by {format_bytes(-fall.size)} at {format_duration(fall.time)}" for fall in finding.falls]
    often = {1: "once", 2: "twice"}.get(len(each), f"{len(each)} times")
    return f"memory fell {often} and stayed lower, {', '.join(each)}: judged as if it had not"


def fills_before(what: Filled, *, swap: bool) -> str:
    """Say how memory grew before the part that was judged, and what may have ended that; *swap* is whether it was read."""
    gained = f"memory grew by {format_bytes(what.gained)}"
    if what.restart is not None:
        when = format_duration(what.restart)
        return f"{gained} until a worker was restarted {when} into the run: what runs since does not grow so"
    grew = f"{gained} in the first {format_duration(what.seconds)}"
    if what.jumps:
        once = "one jump" if len(what.jumps) == 1 else "jumps"
        return f"{grew}, and since then only in {once} of {' and '.join(map(format_bytes, what.jumps))}"
    limit = "" if swap else " (growth into swap is not seen, as swap_bytes are not in the trace)"
    return f"{grew}, then stopped: a cache that was full, or a limit that was reached{limit}"


def at_limit(what: Filled, low: float, limit: float) -> str:
    """Say that memory stopped growing at *low*, where it may not grow on, which says nothing of whether it would."""
    return (
        f"memory grew by {format_bytes(what.gained)} in the first {format_duration(what.seconds)} and stopped at "
        f"{format_bytes(low)}, where the plan's limit is {format_bytes(limit)}: "
        f"the limit may be all that ended it; a run under a higher one would tell"
    )


def _set_by_run(finding: Finding, ruler: MemoryRuler) -> bool:
    """Say whether δ is what this run allows, and not what is asked for."""
    return ruler.limit is None and finding.delta > (1 + 1e-9) * ruler.interest


def _less(finding: Finding, ruler: MemoryRuler) -> str:
    """Say what would rule out less growth: a plan that asks for less, and a longer run, by itself where this one set δ."""
    least, short = max(finding.slope.high, finding.detectable), _set_by_run(finding, ruler)
    if least < _CLEARLY * finding.delta:
        this = f"this run could rule out {format_no_less(least * 3600)}/h, if the `[limits] growth` of a plan asks for that"
        return f"{this}; a longer run rules out less by itself" if short else this
    if short:
        return "a longer run rules out less by itself"
    return "a longer run can rule out less, if the `[limits] growth` of a plan asks for that"


def _asked_by(ruler: MemoryRuler) -> str:
    """Return whose δ it is in a run that is long and quiet enough."""
    if ruler.limit is not None:
        return "the plan's limit"
    return "2 MiB a day" if ruler.interest <= 2 * MIB / DAY else "1 % of memory a day"


def _blur(finding: Finding) -> str:
    return _STEPS if finding.stepped else "noise"


def limits(finding: Finding, ruler: MemoryRuler) -> str:
    """Say what could have been detected, and where δ comes from."""
    source = _asked_by(ruler)
    if _set_by_run(finding, ruler):
        source = f"more than {source}, for which this run is too short or too noisy"
    told = f"{per_hour(finding.detectable)} ({per_day(finding.detectable)}) from {_blur(finding)}"
    return (
        f"this run could have told growth of {told}; "
        f"growth from {per_hour(finding.delta)} ({per_day(finding.delta)}) on matters: {source}"
    )


def wave(period: float) -> str:
    """Say that memory follows a wave."""
    about = "a day" if about_a_day(period) else format_duration(period)
    return f"memory follows a wave of about {about}: growth is what its lows gain from one to the next"


def undecided(finding: Finding) -> list[str]:
    """Say why memory is neither steady nor climbing."""
    slope = finding.slope
    between = band(finding)
    said = []
    if finding.doubts:
        doubts = "; ".join(finding.doubts)
        said.append(f"memory grew by {per_hour(slope.estimate)} ({between}), yet that may not last: {doubts}")
    elif slope.high < finding.delta:
        falls = slope.high < -finding.delta
        does = f"memory falls by {per_hour(-slope.estimate)}" if falls else "memory's slope is small"
        said += [f"{does} ({between}), yet {reason}" for reason in finding.hidden]
    elif finding.hidden:
        said.append(f"the slope of memory is {between}, and {'; '.join(finding.hidden)}")
    if finding.detectable > finding.delta:
        hidden, wanted = per_hour(finding.detectable), per_hour(finding.delta)
        blur = f"{_STEPS} hide" if finding.stepped else "noise hides"
        said.append(f"{blur} growth under {hidden} in this run, and growth from {wanted} on matters")
    if said:
        return said
    return [f"the slope of memory is {between}, neither clearly above nor below {per_hour(finding.delta)}"]


def copied(size: float) -> str:
    """Say that forked workers copied pages."""
    return (
        f"workers copied {format_bytes(size)} of pages that they shared when they began, by writing to them: "
        f"nothing new is kept in these, and they are not counted as growth"
    )


def grows_within(used: Finding) -> str:
    """Say that what is in use grows where memory does not."""
    return (
        f"what Python and malloc have in use climbs by {per_hour(used.slope.estimate)}, in room that was free so far: "
        f"memory will follow when that is used up"
    )


def held(what: Held) -> str:
    """Say what a session, or an entry of a bounded map, holds."""
    if what.kind == "sessions":
        return f"memory follows the sessions, {format_bytes(what.each)} for each; it was judged without what they hold"
    return (
        f"memory follows the entries of map {what.name}, {format_bytes(what.each)} for each, and its bound ends that; "
        f"it was judged without them"
    )
