"""Objects that nothing refers to as far as the collector knows: C code holds them, or has lost them. In the child only.

What C code has lost is never freed, and no name leads to it: that nobody holds it is all that there is to say, and
which of the types that grow is held by none of the others.
"""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from floodmark_sidecar.agent import _objects
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._origin import Modules
from floodmark_sidecar.agent._types import Tally, held_by, name_of

_LEAST_BYTES: Final = 64 << 10
"""A type that gained less is not worth a look at all references."""

_MOST_TYPES: Final = 4
_MOST: Final = 200_000
"""Objects of one type that are looked for: some 100 bytes each while that lasts."""

_FEW: Final = 8
"""Orphans of which it is told what most of them hold."""


@dataclass(frozen=True)
class Orphans:
    """Of one type: of how many that came last so many are held by nobody, and the types of what most of these hold."""

    of: int
    count: int
    holds: tuple[str, ...]


def orphans(
    tallies: Sequence[Tally],
    by_type: ByType,
    before: Mapping[str, int],
    *,
    modules: Modules,
    held: Iterable[object],
    pause: Callable[[], None],
) -> dict[str, Orphans]:
    """Return, by name, the orphans of the types of C that gained most since the census *before* (counts by name).

    *held* are objects that somebody holds whom the collector does not know. Time grows with the references between all
    objects, where any such type has grown enough.
    """
    kinds = _grown(tallies, before, modules)
    # The collector lists what it has known for long in the order in which it came.
    found = {
        name: {id(value): value for value in [*by_type.of([kind])][-more:]} for kind, (name, more) in kinds.items()
    }
    if not found:
        return {}
    unheld = set().union(*found.values()).difference(map(id, held))
    for chunk in by_type.chunks():
        # Some modules show what they have freed and keep for later, see `_fork`; their namespaces come by themselves.
        if not issubclass(type(chunk[0]), ModuleType):
            unheld.difference_update(map(id, gc.get_referents(*chunk)))
            pause()
    return {
        name: _orphans([value for key, value in known.items() if key in unheld], len(known), modules)
        for name, known in found.items()
    }


def _grown(tallies: Sequence[Tally], before: Mapping[str, int], modules: Modules) -> dict[int, tuple[str, int]]:
    """Return the types of C whose instances the collector knows and that gained most bytes: by their ids the name, and how
    many there are more.
    """
    gained = []
    for tally in tallies:
        name = tally.name(modules)
        more = tally.count - before.get(name, tally.count)
        size = more * tally.bytes / tally.count
        if size >= _LEAST_BYTES and _objects.is_static(tally.kind) and any(map(gc.is_tracked, tally.some)):
            gained.append((size, id(tally.kind), name, min(more, _MOST)))
    return {kind: (name, more) for _, kind, name, more in sorted(gained, reverse=True)[:_MOST_TYPES]}


def _orphans(values: Sequence[object], of: int, modules: Modules) -> Orphans:
    few = values[:: max(1, len(values) // _FEW)][:_FEW]
    kinds = Counter(kind for value in few for kind in _held(value, modules))
    return Orphans(of, len(values), tuple(sorted(kind for kind, count in kinds.items() if 2 * count >= len(few))))


def _held(value: object, modules: Modules) -> set[str]:
    """Return the types of what *value* holds, directly or in a plain container, but for its own."""
    kinds = {id(type(each)): type(each) for each in held_by(value) if not _objects.is_class(each)}
    return {name_of(kind, modules) for kind in kinds.values()} - {name_of(type(value), modules)}
