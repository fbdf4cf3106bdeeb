"""Growth outside Python's objects: a culprit of its own where those that have a name leave much of it open. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from floodmark_sidecar.culprits._culprit import Culprit
from floodmark_sidecar.culprits._explained import explained, share, together
from floodmark_sidecar.units import format_bytes


@dataclass(frozen=True, slots=True)
class _Place:
    """Where memory is that is not Python's: the name it has as a culprit, its row of the ledger, and what helps."""

    name: str
    row: str
    hint: str


_PLACES: Final = {
    "native": _Place("malloc", "native malloc in use", "memray's native traces tell which C function asks for it"),
    "mmap": _Place("mmap", "mmap", "large buffers, arrays and files that are mapped tell who holds them"),
    "retention": _Place("malloc, free", "malloc free but kept", "fewer arenas (MALLOC_ARENA_MAX=2) may give it back"),
}


def with_native(culprits: Sequence[Culprit], judged: Mapping[str, Any]) -> tuple[Culprit, ...]:
    """Return *culprits* with what a climb takes outside Python's objects, if the verdict *judged* says that it does.

    By its bytes among those that hold something; before lines, which are Python's own allocations.
    """
    place = _PLACES.get(judged.get("growth_class", ""))
    slope = judged.get("slope_bytes_per_hour", {}).get("estimate") or 0.0
    held = [each for each in culprits if each.kind != "line"]
    if place is None or judged.get("verdict") != "climbing" or slope <= 0 or explained(slope, held):
        return tuple(culprits)
    left = slope - together(held)
    rows = {row["row"]: row["bytes"] for row in judged.get("ledger", ())}
    grown = f"{format_bytes(rows[place.row])} of {format_bytes(sum(rows.values()))} that memory grew by"
    found = Culprit(
        rank=0,
        kind="native",
        name=place.name,
        where=None,
        path=None,
        worker=judged.get("worker"),
        share=share(left, slope),
        bytes_per_hour=left,
        entries_per_hour=0.0,
        measured="bytes",
        points=(),
        evidence=f"{place.row}: {grown}, and no object of Python's explains it; {place.hint}",
    )
    ordered = sorted([*held, found], key=lambda each: -(each.bytes_per_hour or 0.0))
    ordered += [each for each in culprits if each.kind == "line"]
    return tuple(replace(each, rank=rank) for rank, each in enumerate(ordered, start=1))
