"""The judge's conditions on what there is beside memory: the load, the plan's limits, maps, workers and counts."""

from collections.abc import Iterator

import numpy as np

from floodmark_sidecar.judge._case import Case
from floodmark_sidecar.judge._climbers import climbers, who_climbs, with_rates
from floodmark_sidecar.judge._condition import Condition, Need
from floodmark_sidecar.judge._counts import LEAST
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._maps import MapFinding
from floodmark_sidecar.judge._reasons import per_hour
from floodmark_sidecar.judge._reasons_beside import count_climb
from floodmark_sidecar.units import format_bytes


def beside(evidence: Evidence, case: Case) -> Iterator[Condition]:
    """Yield the conditions that *evidence* is held against besides memory; *case* is what was made of it."""
    for part in (_load, _lives, _maps, _workers, _counts):
        yield from part(evidence, case)


def _load(evidence: Evidence, _: Case) -> Iterator[Condition]:
    frame, load, held = evidence.frame, evidence.load, evidence.rest.sessions
    if np.isfinite(frame.column("requests_total")).any():
        fell = bool(load.of_steady) and not evidence.steady_by_request
        said = "fell away" if load.of_steady else "went on"
        if load.of_steady and not fell:
            said = "fell away, and memory is steady over requests, too"
        yield Condition("load", said, "at least half of what it was at first", not fell, "steady")
        if evidence.memory.state == "climbing":
            said = "follows it, and it rose" if load.rate else "rose without it"
            yield Condition("rate of requests", f"memory {said}", "not what memory follows", not load.rate, "climbing")
    else:
        yield Condition("load", "requests are not in the trace")
    if np.isfinite(frame.column("sessions")).any():
        stayed = bool(load.of_climbing) and not (held is not None and held.returned)
        said = f"{round(load.sessions_rise):+,} while judged"
        need: Need = "climbing" if held is None else "steady"
        yield Condition("number of sessions", said, "level, or seen to fall again with their memory", not stayed, need)
    else:
        yield Condition("sessions", "not in the trace")
    limit = evidence.settings.memory
    if limit is not None:
        over = evidence.stays_at > limit
        told = f"at most the plan's {format_bytes(limit)}"
        yield Condition("memory at the end", format_bytes(evidence.stays_at), told, not over, "steady", alone=over)


def _lives(evidence: Evidence, _: Case) -> Iterator[Condition]:
    if evidence.memory.state != "climbing":
        return
    if evidence.frame.recycled:
        slackens = evidence.frame.lives_slacken
        said = "slackens" if slackens else "goes on"
        yield Condition("growth within each life", said, "going on to its end", not slackens, "climbing")
    if evidence.calmed is not None:
        slope, half = evidence.calmed.slope.estimate, evidence.calmed.delta / 2
        name = "slope without the jumps of each worker"
        yield Condition(name, per_hour(slope), f"above δ/2 = {per_hour(half)}", slope > half, "climbing")
    said = "explain it better" if evidence.levels else "explain it less well"
    yield Condition("three jumps instead of growth that goes on", said, "less well", not evidence.levels, "climbing")


def _maps(evidence: Evidence, _: Case) -> Iterator[Condition]:
    rest = 0
    for found in evidence.maps:
        alone = found.climbs or found.over_limit
        if alone or found.waits:
            size = f"{_size(found)}, {_held(found)}" if found.over_limit else _size(found)
            yield Condition(f"map {found.name}", size, _asked(found), met=False, needed_for="steady", alone=alone)
        elif evidence.memory.state != "steady" and found.excuses(evidence.memory.rise):
            wanted = "level while memory grew"
            yield Condition(f"map {found.name}", _size(found), wanted, met=False, needed_for="climbing")
        else:
            rest += 1
    if rest:
        others = "" if rest == len(evidence.maps) else "other "
        calm = "1 that does not climb" if rest == 1 else f"{rest:,} that do not climb"
        yield Condition(f"{others}maps", calm, "not climbing", met=True, needed_for="steady")
    elif not evidence.maps:
        yield Condition("maps", "not in the trace")


def _size(found: MapFinding) -> str:
    bound = "without a bound" if found.maxsize is None else f"bound {found.maxsize:,.0f}"
    return f"{found.entries:,.0f} entries, {found.entries_rise:+,.0f} while judged, {bound}"


def _held(found: MapFinding) -> str:
    """Return what of a map is held against the plan's limit."""
    return f"{found.most:,.0f} and more in one worker throughout the last quarter"


def _asked(found: MapFinding) -> str:
    if found.over_limit:
        return f"at most {found.limit or 0:,} entries in one worker, as the plan says"
    least = found.finding.delta * found.seconds if found.finding else 0.0
    return f"under {least:,.0f} entries more, or filling to a bound that fits"


def _workers(evidence: Evidence, case: Case) -> Iterator[Condition]:
    if len(evidence.workers) < 2:
        return
    departed = evidence.departed
    for text in departed.counted:
        yield Condition("workers that ended", text, "none", met=False, needed_for="steady")
    found = climbers(evidence.workers)
    said = who_climbs(evidence.workers) if found and evidence.memory.state != "climbing" else ""
    if said:
        alone = any(text.startswith(said) for text in case.climbs)
        names = f"{len(found):,} of {len(evidence.workers):,}: {with_rates(evidence.workers)}"
        yield Condition(
            "number of workers that climb by themselves", names, "0", met=False, needed_for="steady", alone=alone
        )
    rest = [
        worker for worker in evidence.workers if not (said and worker.name in found) and worker not in departed.gone
    ]
    if rest:
        slopes = [worker.finding.slope.estimate for worker in rest if worker.finding is not None]
        between = f", slopes from {per_hour(min(slopes))} to {per_hour(max(slopes))}" if slopes else ""
        climbs = evidence.memory.state == "climbing"
        wanted = f"there to the end{'' if climbs else ', and none climbs by itself'}"
        others = "" if len(rest) == len(evidence.workers) else "other "
        yield Condition(f"{others}workers", f"{len(rest):,}{between}", wanted, met=True, needed_for="steady")


def _counts(evidence: Evidence, case: Case) -> Iterator[Condition]:
    for count in evidence.counts:
        finding = count.finding
        wanted = f"under {finding.delta * (finding.end - finding.start):,.0f} more"
        alone = count_climb(count) in case.climbs
        theirs = "" if alone else ", which may be the sessions'"
        value = f"{finding.rise:+,.0f} while judged{theirs}"
        yield Condition(f"number of {count.kind}", value, wanted, met=False, needed_for="steady", alone=alone)
    measured = [kind for kind in LEAST if kind != "processes" and np.isfinite(evidence.frame.column(kind)).any()]
    calm = [kind for kind in (*measured, "processes") if kind not in {count.kind for count in evidence.counts}]
    if calm:
        least = ", ".join(f"{LEAST[kind]:.0f} {kind}" for kind in calm)
        wanted = f"no lasting rise by {least}, or 5 % if that is more"
        yield Condition(
            "other counts" if evidence.counts else "counts", "none climbs", wanted, met=True, needed_for="steady"
        )
