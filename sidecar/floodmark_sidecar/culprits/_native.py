"""Growth outside Python's objects: a culprit of its own where those that have a name leave much of it open. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from floodmark_sidecar.culprits._culprit import Culprit
from floodmark_sidecar.culprits._explained import explained, placed_by_size, share, together
from floodmark_sidecar.culprits._native_windows import NativeWindow, from_windows
from floodmark_sidecar.units import format_bytes


@dataclass(frozen=True, slots=True)
class _Place:
    """Where memory is that is not Python's: the name it has as a culprit, its row of the ledger, and what helps."""

    name: str
    row: str
    hint: str


_PLACES: Final = {
    "native": _Place(
        "malloc",
        "native malloc in use",
        "a native window (floodmark capture --native 30s) tells which C function asks for it",
    ),
    "mmap": _Place("mmap", "mmap", "large buffers, arrays and files that are mapped tell who holds them"),
    "retention": _Place("malloc, free", "malloc free but kept", "fewer arenas (MALLOC_ARENA_MAX=2) may give it back"),
}

_ELSEWHERE: Final = _Place(
    "mapped",
    "unexplained",
    "Python's allocator and malloc have no more than before: pages that C code or the interpreter maps itself, as for stacks",
)
_ROWS: Final = frozenset({"python objects", "native malloc in use", "malloc free but kept", "mmap"})
"""What must be measured before one may say that it is none of these."""

_MOST_OF_IT: Final = 0.8


def with_native(
    culprits: Sequence[Culprit],
    judged: Mapping[str, Any],
    *,
    named: float | None = None,
    windows: Sequence[NativeWindow] = (),
    shown: Callable[[str], str] = str,
) -> tuple[Culprit, ...]:
    """Return *culprits* with what a climb takes outside Python's objects, if the verdict *judged* says that it does.

    *named* is what in bytes an hour has a name for sure, by default all that is known of *culprits*. By its bytes among
    those that hold something; before lines, which are Python's own allocations. Where native *windows* saw who asks for
    it, these places come instead, and what they leave open, if that is much; *shown* writes the paths of their files.
    """
    rows = {row["row"]: row["bytes"] for row in judged.get("ledger", ())}
    place = (
        _PLACES.get(judged.get("growth_class", ""))
        or _elsewhere(rows)
        or (_by_rows(rows) if windows or not culprits else None)
    )
    slope = judged.get("slope_bytes_per_hour", {}).get("estimate") or 0.0
    held = [each for each in culprits if each.kind != "line"]
    named = together(held) if named is None else named
    if place is None or judged.get("verdict") != "climbing" or slope <= 0 or explained(slope, named):
        return tuple(culprits)
    left = slope - named
    found = from_windows(windows, left=left, slope=slope, shown=shown)
    left -= together(found)
    if not found or not explained(slope, slope - left):
        found.append(_anywhere(place, rows, left, slope, judged.get("worker")))
    ordered = held
    for each in found:
        ordered = placed_by_size(ordered, each)
    ordered += [each for each in culprits if each.kind == "line"]
    return tuple(replace(each, rank=rank) for rank, each in enumerate(ordered, start=1))


def _anywhere(place: _Place, rows: Mapping[str, float], left: float, slope: float, worker: str | None) -> Culprit:
    """Return the culprit that stands for what nobody has seen anybody ask for."""
    grown = f"{format_bytes(rows[place.row])} of {format_bytes(sum(rows.values()))} that memory grew by"
    return Culprit(
        rank=0,
        kind="native",
        name=place.name,
        where=None,
        path=None,
        worker=worker,
        share=share(left, slope),
        bytes_per_hour=left,
        entries_per_hour=0.0,
        measured="bytes",
        points=(),
        evidence=f"{place.row}: {grown}, and no object of Python's explains it; {place.hint}",
    )


def _by_rows(rows: Mapping[str, float]) -> _Place | None:
    """Return the place that most of the growth is in: what grew of Python's beside it may be a warm-up, if nothing there does."""
    place = max(_PLACES.values(), key=lambda each: rows.get(each.row, 0.0))
    grown = sum(rows.values())
    return place if grown > 0 and explained(grown, rows.get(place.row, 0.0)) else None


def _elsewhere(rows: Mapping[str, float]) -> _Place | None:
    """Return the place of growth that all who know of memory have no part in, None if there is no such growth."""
    total = sum(rows.values())
    nobodys = rows.keys() >= _ROWS and total > 0 and rows.get(_ELSEWHERE.row, 0.0) >= _MOST_OF_IT * total
    return _ELSEWHERE if nobodys else None
