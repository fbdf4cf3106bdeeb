"""The conditions that the judge puts on one trace, in the order it looks at them."""

from collections.abc import Iterator
from typing import Final

from floodmark_sidecar.judge._case import COVERED_TO_BE_STEADY, COVERED_TO_CLIMB, LARGEST_GAP, MEASURED, OF_LONG_LIVES
from floodmark_sidecar.judge._condition import Condition, Need
from floodmark_sidecar.judge._conditions_beside import beside
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._finding import FEWEST_READINGS, SHORTEST, Finding
from floodmark_sidecar.judge._floors import FEWEST
from floodmark_sidecar.judge._frame import Coverage
from floodmark_sidecar.judge._jumps import MOST_ISOLATED, without
from floodmark_sidecar.judge._persistence import GIVEN_BACK, HALF, WITHOUT_JUMPS, how_it_lasts
from floodmark_sidecar.judge._reasons import band, per_day, per_hour
from floodmark_sidecar.judge._shape import late_slope
from floodmark_sidecar.judge._teeth import teeth_end
from floodmark_sidecar.judge._verdict import Verdict
from floodmark_sidecar.judge._warmup import LEAST, MOST
from floodmark_sidecar.units import format_bytes, format_duration

_NEAR: Final = 0.02
"""Share of a run by which a time is near another."""


def conditions_of(verdict: Verdict) -> Iterator[Condition]:
    """Yield the conditions of *verdict*; for a trace that could not be judged, only those that it was tried by."""
    yield from _coverage(verdict.coverage)
    evidence = verdict.evidence
    if evidence is None:
        yield from _unjudged(verdict)
        return
    met = {"steady": True, "climbing": True}
    for found in (*_lives(verdict.coverage, evidence), *_memory(evidence), *beside(evidence, verdict.case)):
        if found.met is False:
            met[found.needed_for] = False
        yield found
    # What no number stands for is said in the verdict's own words.
    case = verdict.case
    if verdict.verdict != "steady" and met["steady"] and (against := [*case.missing, *case.doubts, *case.climbs]):
        yield Condition("doubt", against[0], "out of the way", met=False, needed_for="steady")
    if verdict.verdict != "climbing" and met["climbing"] and case.doubts:
        yield Condition("doubt", case.doubts[-1], "out of the way", met=False, needed_for="climbing")


def _coverage(coverage: Coverage) -> Iterator[Condition]:
    readings, span, gap = coverage.readings, coverage.span, coverage.largest_gap
    yield Condition(
        "number of readings", f"{readings:,}", f"at least {FEWEST_READINGS}", readings >= FEWEST_READINGS, "any"
    )
    yield Condition(
        "length of the run", format_duration(span), f"at least {format_duration(SHORTEST)}", span >= SHORTEST, "any"
    )
    shares: tuple[tuple[float, Need], ...] = ((COVERED_TO_CLIMB, "climbing"), (COVERED_TO_BE_STEADY, "steady"))
    for share, verdict in shares:
        yield Condition(
            "share of the run that readings cover",
            f"{coverage.share:.0%}",
            f"at least {share:.0%}",
            coverage.share >= share,
            verdict,
        )
    yield Condition(
        "largest gap",
        format_duration(gap),
        f"at most {format_duration(LARGEST_GAP * span)}, {LARGEST_GAP:.0%} of the run",
        gap <= LARGEST_GAP * span,
        "steady",
    )
    yield Condition(
        "number of masked readings",
        f"{coverage.masked:,}",
        f"at most as many as are judged, {readings:,}",
        coverage.masked <= readings,
        "steady",
    )
    yield Condition(
        "share of a worker's readings that know its memory",
        f"{coverage.measured_share:.0%}",
        f"at least {MEASURED:.0%}",
        coverage.measured_share >= MEASURED,
        "steady",
    )


def _unjudged(verdict: Verdict) -> Iterator[Condition]:
    coverage = verdict.coverage
    if coverage.mixed:
        yield Condition("rows of a worker at a time", coverage.mixed, "one", met=False, needed_for="any")
    elif coverage.problem:
        yield Condition("size of a process", coverage.problem, "of bytes", met=False, needed_for="any")
    elif coverage.readings >= FEWEST_READINGS and coverage.span >= SHORTEST:
        short = coverage.judged_share == 0
        yield Condition(
            "share of readings in lives long enough to judge",
            f"{coverage.judged_share:.0%}",
            "above 0%",
            not short,
            "any",
        )
        if not short:
            enough = f"{FEWEST_READINGS} readings and {FEWEST} floors"
            yield Condition(
                "part of the run after warm-up", "too short", f"at least {enough}", met=False, needed_for="any"
            )


def _lives(coverage: Coverage, evidence: Evidence) -> Iterator[Condition]:
    slots = evidence.frame.slots
    lives = sum(len(each) for each in slots)
    longest = format_duration(evidence.frame.longest_life or 0.0)
    yield Condition(
        "workers and their lives",
        f"{_of(len(slots), 'worker', 'workers')}, {_of(lives, 'life', 'lives')}, the longest {longest}",
    )
    if evidence.restarts.said and not evidence.restarts.unclear:
        yield Condition("restarts", evidence.restarts.said)
    yield Condition(
        "share of readings in lives long enough to judge",
        f"{coverage.judged_share:.0%}",
        f"at least {OF_LONG_LIVES:.0%}",
        coverage.judged_share >= OF_LONG_LIVES,
        "steady",
    )


def _of(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _memory(evidence: Evidence) -> Iterator[Condition]:
    memory, settings = evidence.memory, evidence.settings
    slope, delta = memory.slope, memory.delta
    if evidence.copied:
        yield Condition("pages that workers copied of their master's", f"{format_bytes(evidence.copied)}, not counted")
    for held in evidence.rest.held:
        whose = "a session holds" if held.kind == "sessions" else f"an entry of map {held.name} holds"
        yield Condition(f"memory that {whose}", f"{format_bytes(held.each)}, taken out before judging")
    window, span = memory.window, memory.end - memory.start
    yield Condition(
        "floors, the lows that are judged",
        f"{len(window):,} in {format_duration(span)}, each the low of {format_duration(window.block)}",
        f"at least {FEWEST}",
        len(window) >= FEWEST,
        "any",
    )
    yield _warmup(evidence)
    jumps = ", ".join(f"{format_bytes(jump.size)} at {format_duration(jump.time)}" for jump in memory.jumps)
    yield Condition("isolated jumps taken out", jumps or "none", f"at most {MOST_ISOLATED}, else none is")
    if memory.falls:
        falls = ", ".join(f"{format_bytes(-fall.size)} at {format_duration(fall.time)}" for fall in memory.falls)
        yield Condition("isolated falls levelled", falls, f"at most {MOST_ISOLATED}, else none is")
    yield Condition("slope of memory", f"{per_hour(slope.estimate)}, {band(memory)}")
    whose = "the plan's" if settings.growth is not None else "2 MiB or 1 % a day, more in a short or noisy run"
    yield Condition("smallest growth that matters, δ", f"{per_hour(delta)} ({per_day(delta)})", whose)
    yield from _of_slope(memory)
    yield from _lasting(memory)
    yield _hidden(memory)


def _warmup(evidence: Evidence) -> Condition:
    """Return how much of the run is left out, and why where that is more than always is."""
    memory, share = evidence.memory, evidence.memory.start / evidence.frame.span
    ended = None if evidence.rest.care.within else teeth_end(evidence.frame.x, evidence.rest.values)
    whose, why = f"measured, from {LEAST:.0%} to {MOST:.0%} of a run", ""
    if memory.onset is not None:
        whose, why = "measured", ", until its growth began"
    elif evidence.settings.warmup is not None:
        whose = "the plan's"
    elif ended is not None and ended >= memory.start:
        whose, why = "measured", ", until it no longer gave back in turns"
    elif share > MOST - _NEAR:
        why = ", half of the run, as its growth slackened"
    elif share > LEAST + _NEAR:
        why = ", until its growth slackened"
    return Condition("warm-up, which is not judged", f"{format_duration(memory.start)}{why}", whose)


def _of_slope(memory: Finding) -> Iterator[Condition]:
    """Yield what the slope is held against: the conditions that a verdict hangs on by a number."""
    slope, delta = memory.slope, memory.delta
    yield Condition(
        "upper limit of the slope",
        per_hour(slope.high),
        f"under δ = {per_hour(delta)}",
        slope.high < delta,
        "steady",
        close=True,
    )
    yield Condition(
        "detection limit",
        per_hour(memory.detectable),
        f"at most δ = {per_hour(delta)}",
        memory.detectable <= delta,
        "steady",
        close=True,
    )
    yield Condition(
        "slope",
        per_hour(slope.estimate),
        f"above δ = {per_hour(delta)}",
        slope.estimate > delta,
        "climbing",
        close=True,
    )
    yield Condition(
        "lower limit of the slope",
        per_hour(slope.low),
        f"above δ/2 = {per_hour(delta / 2)}",
        slope.low > delta / 2,
        "climbing",
        close=True,
    )


def _hidden(memory: Finding) -> Condition:
    """Return what of a climb a small slope may hide; of one that is not small, the judge does not ask."""
    name = "signs of a hidden climb"
    if memory.slope.high >= memory.delta:
        return Condition(name, "not asked, as the slope may be a climb's itself")
    window = memory.window
    since = memory.end - (memory.end - memory.start) / 3
    late, error = late_slope(window, without(window.y, memory.jumps), since=since, se=memory.slope.se)
    last = f"none, the last third has {per_hour(late)} ± {per_hour(error)}"
    return Condition(name, "; ".join(memory.hidden) or last, "none", not memory.hidden, "steady")


def _lasting(memory: Finding) -> Iterator[Condition]:
    """Yield whether growth lasts; of a slope that is no climb's, the judge does not ask."""
    if memory.slope.estimate <= memory.delta or memory.slope.low <= memory.delta / 2:
        yield Condition("persistence of growth", "not asked, as the slope is no climb's")
        return
    if memory.confirmed:
        yield Condition(
            "persistence of growth", memory.confirmed, "growth that goes on", met=True, needed_for="climbing"
        )
        return
    delta, window = memory.delta, memory.window
    lasting = how_it_lasts(window, without(window.y, memory.jumps), whole=memory.floors)
    halves = " and ".join(map(per_hour, lasting.halves))
    yield Condition(
        "slopes of the two halves",
        halves,
        f"above {HALF:g} δ = {per_hour(HALF * delta)}",
        min(lasting.halves) > HALF * delta,
        "climbing",
    )
    yield Condition(
        "last quarter",
        "a new high" if lasting.new_high else "no new high",
        "higher than all before",
        lasting.new_high,
        "climbing",
    )
    yield Condition(
        "memory that was gained",
        format_bytes(lasting.gained),
        f"above {GIVEN_BACK:g} times what was given back at a time, {format_bytes(max(0.0, lasting.given_back))}",
        lasting.outlasts,
        "climbing",
    )
    yield Condition(
        "slope without the two largest jumps",
        per_hour(lasting.without_two),
        f"above {WITHOUT_JUMPS:g} δ = {per_hour(WITHOUT_JUMPS * delta)}",
        lasting.without_two > WITHOUT_JUMPS * delta,
        "climbing",
    )
    said = lasting.doubts(delta)
    others = [doubt for doubt in memory.doubts if doubt not in said]
    yield Condition("shape of growth", "; ".join(others) or memory.shape, "one that goes on", not others, "climbing")
