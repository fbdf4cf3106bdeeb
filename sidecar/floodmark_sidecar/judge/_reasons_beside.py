"""The sentences on what there is beside memory: maps and counts."""

from floodmark_sidecar.judge._counts import CountClimb
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._maps import MapFinding
from floodmark_sidecar.judge._reasons import listed, per_hour, short
from floodmark_sidecar.units import format_duration


def count_climb(climb: CountClimb) -> str:
    """Say how fast a count climbs, and its own δ."""
    finding = climb.finding
    return (
        f"{climb.kind} climb by {_count(finding.slope.estimate * 3600)} an hour, {finding.rise:.0f} in the judged part; "
        f"a rise of {finding.delta * (finding.end - finding.start):.0f} matters"
    )


def count_of_sessions(climb: CountClimb) -> str:
    """Say that a count climbs no faster than the sessions that may have it."""
    rise = climb.finding.rise
    return f"{climb.kind} rose by {rise:.0f} in the judged part, and sessions with them: they may be theirs"


def map_climb(found: MapFinding) -> str:
    """Say that a map's values grow, or that its entries climb without a bound that ends it."""
    if found.heavier and found.values is not None:
        return (
            f"what map {short(found.name)} holds grows by {per_hour(found.values.slope.estimate)} beside its entries, of which there "
            f"are {found.entries:,.0f}: a bound on entries does not bound their bytes"
        )
    bound = "nothing bounds it"
    if found.endless:
        bound = f"nothing bounds it: it slackens, and still got {found.late_rise:,.0f} in the last third"
    elif found.raised:
        bound = f"its bound was raised meanwhile, to {found.maxsize or 0:,.0f}"
    elif found.maxsize is not None:
        bound = f"its bound of {found.maxsize:,.0f} does not fit in memory"
    rate = found.finding.slope.estimate * 3600 if found.finding else 0.0
    matters = found.finding.delta * found.seconds if found.finding else 0.0
    return (
        f"the entries of map {short(found.name)} climb by {_count(rate)} an hour to {found.entries:,.0f} in all at the end, and {bound}; "
        f"a rise of {matters:,.0f} matters"
    )


def unknown_maps(evidence: Evidence) -> list[str]:
    """Say which maps of the plan the trace knows nothing of: a limit on a name that is misspelt would never be passed."""
    known = sorted(found.name for found in evidence.maps)
    unknown = sorted(set(evidence.settings.maps) - set(known))
    if not unknown:
        return []
    has = f"it has {listed(known)}" if known else "it has none"
    what = "map" if len(unknown) == 1 else "maps"
    return [f"the plan limits {what} {listed(unknown)}, of which nothing is in the trace: {has}"]


def map_over_bound(found: MapFinding) -> str:
    """Say that a map holds more than it says it can."""
    return (
        f"map {short(found.name)} holds {found.entries:,.0f} entries, over its own bound of {found.maxsize or 0:,.0f}"
    )


def map_over(found: MapFinding) -> str:
    """Say that a map is over the plan's limit, by what it held nearly all the time at the end of the run."""
    held = f"{found.most:,.0f} entries in one worker"
    if found.entries_rise > 0:
        held = f"more than {held} throughout the last quarter of what was judged"
    return f"map {short(found.name)} holds {held}, the plan allows {found.limit:,}"


def map_fills(found: MapFinding) -> str:
    """Say that a bounded map was filling while memory grew."""
    bound = found.maxsize or 0.0
    if found.state == "at bound":
        return f"map {short(found.name)} filled up to its bound of {bound:,.0f} while memory grew; growth after that would decide"
    wait = found.seconds_to_bound
    until = f", full in about {format_duration(wait)}" if wait is not None else ""
    return f"map {short(found.name)} is filling, {found.entries:,.0f} of {bound:,.0f} entries{until}; growth may end with it"


def map_waits(found: MapFinding) -> str:
    """Say that a map grows, and that its TTL has not had the time to show."""
    return f"the entries of map {short(found.name)} climb, and its TTL of {format_duration(found.ttl or 0.0)} has not had the time to end that"


def _count(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
