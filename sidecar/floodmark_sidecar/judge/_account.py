"""The account that a verdict gives of itself: its reasons, what decided first and what could not have been seen last."""

import numpy as np

from floodmark_sidecar.judge import _reasons as say
from floodmark_sidecar.judge import _reasons_beside as beside
from floodmark_sidecar.judge._case import Case
from floodmark_sidecar.judge._climbers import carriers
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._highs import above, latest_high
from floodmark_sidecar.units import format_duration


def account(
    case: Case, evidence: Evidence, *, wave: float | None, longer: float | None, full: float | None
) -> list[str]:
    """Return the reasons for the verdict of *case*, a sentence each.

    *wave* is the period of one that memory follows, *longer* the seconds more that should decide, *full* those until the
    plan's memory is used up; None where there is none.
    """
    reasons = [*case.climbs] or [*case.missing, *case.doubts]
    if case.state == evidence.memory.state == "climbing" and not evidence.departed.successors:
        carried = carriers(evidence.memory, evidence.workers)
        reasons += [carried] if carried else []
    if case.state == "steady":
        reasons += _of_steadiness(evidence)
    reasons += _of_limit(evidence, full)
    if evidence.restarts.said and not evidence.restarts.unclear:
        reasons.append(evidence.restarts.said)
    if case.state == "climbing":
        reasons += _beside_climb(evidence)
    reasons += _set_aside(case, evidence)
    if wave is not None:
        reasons.append(say.wave(wave))
    if longer is not None:
        reasons.append(f"a run some {format_duration(longer)} longer should decide")
    return [*reasons, *_of_run(evidence)]


def _of_limit(evidence: Evidence, full: float | None) -> list[str]:
    """Say how far the plan's memory is used; what the service stays above is a reason of its own."""
    limit, look = evidence.settings.memory, evidence.look
    passed = limit is not None and evidence.stays_at > limit
    waits = look is not None and (passed or any(found.over_limit for found in evidence.maps))
    said = [look.said_of_limits] if look is not None and waits and look.said_of_limits else []
    if limit is None or passed:
        return said
    over = above(evidence.frame, limit)
    said += [] if over is None else [say.was_above(limit, *over)]
    if full is not None and (full > 0 or over is None):
        high = latest_high(evidence.frame, evidence.memory)
        said.append(say.reaches(limit, full, high=high, left=None if look is None else look.left))
    return said


def _of_steadiness(evidence: Evidence) -> list[str]:
    said = [say.steadiness(evidence.memory, evidence.ruler, recycled=evidence.frame.recycled)]
    before = evidence.filled
    if before is not None:
        swap = bool(np.isfinite(evidence.frame.column("swap_bytes")).any())
        said.append(say.fills_before(before, swap=swap))
    present = evidence.frame.present(evidence.frame.used)
    if present[0] == present.min() == present.max():
        said.append(say.all_equal(len(present), float(present[0])))
    return said


def _beside_climb(evidence: Evidence) -> list[str]:
    said = [] if evidence.look is None else [evidence.look.said]
    return (
        said
        if evidence.memory.state == "climbing"
        else [*said, say.beside(evidence.memory, workers=len(evidence.workers) or 1)]
    )


def _set_aside(case: Case, evidence: Evidence) -> list[str]:
    """Say what memory was judged without, and which bound does not hold."""
    memory, said = evidence.memory, []
    if memory.jumps and case.state != "climbing":
        said.append(say.jumps(memory))
    if memory.falls:
        said.append(say.falls(memory))
    if evidence.copied:
        said.append(say.copied(evidence.copied))
    said += [beside.map_over_bound(found) for found in evidence.maps if found.over_bound]
    return [*said, *(say.held(held) for held in evidence.rest.held)]


def _of_run(evidence: Evidence) -> list[str]:
    """Say what a run of this length could have told."""
    said, span = [say.limits(evidence.memory, evidence.ruler)], evidence.coverage.span
    longest = evidence.frame.longest_life
    if longest is not None and longest < 0.9 * span:
        said.append(f"the longest life was {format_duration(longest)} of {format_duration(span)}")
    return said
