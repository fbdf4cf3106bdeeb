"""Types whose instances become ever more, where no container and no map tells of it. Pure.

Whatever a container gains, some type gains as well: its keys, its values and what these hold. Such growth is told by the
container, which says who keeps it alive. What is left is held by nothing that a census looks into, as by many small
containers, by each other in a cycle, or by C code that lost count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from floodmark_sidecar.culprits._candidates import Candidate
from floodmark_sidecar.culprits._capture import Capture, TypeCount
from floodmark_sidecar.culprits._explained import explained, holder_of, placed_by_size
from floodmark_sidecar.culprits._findings import Finding, seconds_of
from floodmark_sidecar.culprits._growth import Growth, growth

_AS_MANY: Final = (0.5, 2.0)
"""A type that gains so many instances for each entry that a container gains is what is in it."""

_HELD: Final = 16.0
"""Objects of the interpreter's own types that one instance of a class may hold."""

_LOST: Final = 0.5
"""The part of what came last of a type that nobody holds where its instances are taken for lost."""

_FEW: Final = 64
_FEW_BYTES: Final = 64 << 10
"""A type of the interpreter's that gained fewer instances, of fewer bytes in all, is not named for that."""

_MOST: Final = 5


def from_types(lives: Sequence[Sequence[Capture]]) -> Iterator[Finding]:
    """Yield the types whose instances go on growing in number in each of *lives*."""
    seconds = seconds_of(lives)
    for life in lives:
        seen = [(capture.t, {each.name: each for each in capture.types}) for capture in life if capture.types]
        for name in seen[-1][1] if seen else ():
            # A type may be too small to be listed in an earlier census: then it was not counted.
            counted = [(t, types[name]) for t, types in seen if name in types]
            found = growth([t for t, _ in counted], [each.count for _, each in counted])
            if found is not None:
                yield _finding(name, [each for _, each in counted], life, seconds, found=found)


def _finding(
    name: str, counted: Sequence[TypeCount], life: Sequence[Capture], seconds: dict[str, float], *, found: Growth
) -> Finding:
    latest = next((each for each in reversed(counted) if each.orphans is not None), counted[-1])
    lost = latest.orphans is not None and latest.orphans[0] >= _LOST * latest.orphans[1]
    worker = life[0].worker
    return Finding(
        key=("type", name),
        name=name,
        worker=worker,
        life=str(life[0].life),
        growth=found,
        weight=found.seconds / seconds[worker],
        observed=f"{found.count} captures",
        bytes_per_entry=latest.bytes_of_one,
        owner=latest.owner,
        holds=latest.holds if latest.orphans is None or lost else (),
        remark=_held(latest, lost=lost),
    )


def _held(latest: TypeCount, *, lost: bool) -> str:
    if lost and latest.orphans is not None:
        count, of = latest.orphans
        return f"{count:,} of {of:,} that came last are held by nothing that the collector knows: C code holds or lost them"
    if latest.held_by is not None:
        return f"one is held by {latest.held_by}"
    return "nothing that has a name holds one: they hold each other, or C code does" if latest.unheld else ""


def unexplained(types: Sequence[Candidate], held: Sequence[Candidate], *, climb: float | None) -> list[Candidate]:
    """Return those of *types* that the growth of containers and maps, *held*, leaves open; the dearest first.

    *climb* is the growth of the service's memory in bytes an hour, None if it is not known. Where instances of classes are
    left, what the interpreter's own types gain beside them is taken for what these hold.
    """
    if climb is not None and explained(climb, sum(each.near_bytes_per_hour for each in held)):
        return []
    least, most = _AS_MANY
    rates = [each.entries_per_hour for each in held if each.entries_per_hour > 0]
    left = [each for each in types if not any(least * rate <= each.entries_per_hour <= most * rate for rate in rates)]
    left = [each for each in left if each.owner is not None or not _is_small(each)]
    classes = [each for each in left if each.owner is not None]
    most_held = _HELD * max((each.entries_per_hour for each in classes), default=0.0)
    left = [each for each in left if each.owner is not None or each.entries_per_hour > most_held]
    return sorted(_with_parts(left), key=lambda each: each.order)[:_MOST]


def _is_small(candidate: Candidate) -> bool:
    """Whether this is what any process has now a little more of and now a little less."""
    gained = candidate.gained_entries
    return gained < _FEW and gained * (candidate.findings[0].bytes_per_entry or 0.0) < _FEW_BYTES


def behind_holders(ordered: Sequence[Candidate]) -> list[Candidate]:
    """Return *ordered* with types behind the container whose entries own their instances, and what is said of that.

    The interpreter's own types are also behind a container that gains an entry for a few of them. They have no place in any
    source, and most likely they are what the entries hold, deeper than a census looks. Of several behind one container
    the dearest says enough.
    """
    found = list(ordered)
    told: set[tuple[str, ...]] = set()
    for bare in [each for each in ordered if each.findings[0].kind == "type" and each.owner is None]:
        holder = next((each for each in ordered if each.container and _may_hold(each, bare)), None)
        if holder is None:
            continue
        key = holder.findings[0].key
        if key in told or found.index(holder) > found.index(bare):
            found.remove(bare)
            if key not in told:
                found.insert(found.index(holder) + 1, bare)
        told.add(key)
    return _behind_owners(found)


def _behind_owners(ordered: Sequence[Candidate]) -> list[Candidate]:
    """Return *ordered* with each type whose instances are owned by entries behind the container that has most of them.

    From there on it has the place that its bytes give it.
    """
    containers = [each for each in ordered if each.container is not None]
    found, owned = [], []
    for each in ordered:
        first = each.findings[0]
        holder = holder_of(first.name or "", each.entries_per_hour, containers) if first.kind == "type" else None
        if holder is None:
            found.append(each)
        else:
            owned.append((each, holder))
    for each, holder in sorted(owned, key=lambda pair: pair[0].order):
        found = placed_by_size(found, _told(each, holder), behind=found.index(holder) + 1)
    return found


def _told(each: Candidate, holder: Candidate) -> Candidate:
    held = holder.container
    by = (held.path if held is not None else None) or holder.findings[0].name or "a container without a name"
    owned = f"the entries of {by} own most of these"
    return Candidate(
        tuple(
            replace(finding, remark="; ".join(text for text in (owned, finding.remark) if text))
            for finding in each.findings
        )
    )


def _may_hold(holder: Candidate, held: Candidate) -> bool:
    return _AS_MANY[0] * holder.entries_per_hour <= held.entries_per_hour <= _HELD * holder.entries_per_hour


def _with_parts(types: Sequence[Candidate]) -> list[Candidate]:
    """Return *types* without those whose instances are held by the instances of another that gains as many.

    What they take is counted with what holds them. Of classes that hold each other the dearest stays.
    """
    ordered = sorted(types, key=lambda each: each.order)
    by_name = {each.findings[0].name or "": each for each in ordered}
    below = {name: _below(name, by_name) for name in by_name}
    found = []
    for place, (name, each) in enumerate(by_name.items()):
        over = [other for other in by_name if name in below[other] and other not in below[name]]
        peers = [other for other in list(by_name)[:place] if name in below[other] and other in below[name]]
        if not over and not peers:
            found.append(_with_bytes(each, [by_name[part] for part in below[name]]))
    return found


def _below(name: str, types: Mapping[str, Candidate]) -> dict[str, None]:
    """Return the *types* that instances of *name* hold, directly or not, and that gain as many."""
    least, most = _AS_MANY
    found: dict[str, None] = {}
    waiting = [name]
    for each in waiting:
        for part in dict.fromkeys(held for finding in types[each].findings for held in finding.holds):
            if part in types and part != name and part not in found:
                pace = types[part].entries_per_hour / types[name].entries_per_hour
                if least <= pace <= most:
                    found[part] = None
                    waiting.append(part)
    return found


def _with_bytes(candidate: Candidate, parts: Sequence[Candidate]) -> Candidate:
    if not parts:
        return candidate
    more = sum(part.bytes_per_hour or 0.0 for part in parts) / candidate.entries_per_hour
    remark = f"with what one holds of {', '.join(part.findings[0].name or '' for part in parts)}"
    return Candidate(
        tuple(
            replace(
                each,
                bytes_per_entry=(each.bytes_per_entry or 0.0) + more,
                remark="; ".join(text for text in (remark, each.remark) if text),
            )
            for each in candidate.findings
        )
    )
