"""Live objects by type: how many there are and what they take by themselves. Runs in the child only.

The collector knows no strings, bytes or numbers: those are found one step below what it knows, each counted once.
"""

import gc
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import filterfalse
from typing import Any, Final

from floodmark_sidecar.agent import _census, _objects
from floodmark_sidecar.agent._origin import Modules

MOST_TYPES: Final = 300
_MORE: Final = 32
_MOST_SAMPLES: Final = 8
"""By how many instances a class must have grown for one of them to be looked for, and for how many classes that is done."""
_MOST_HELD: Final = 256
"""Objects below an instance that are looked at to tell what it holds."""
_PACE: Final = 1024
_WIDTH: Final = 26
"""Bits of a place in the record of what was counted: of objects within the same GiB no two share one."""
_UNTRACKED: Final = frozenset({id(tuple), id(dict)})
"""Types, by id, of containers that the collector may stop tracking, as nothing in them can be part of a cycle."""


@dataclass
class Tally:
    """The live objects of one type: how many, their shallow bytes, and a few of them, ever rarer as more are met."""

    kind: type
    count: int = 0
    bytes: int = 0
    some: list[object] = field(default_factory=list)

    def name(self, modules: Modules) -> str:
        """The name of the type in rows."""
        return name_of(self.kind, modules)


def name_of(kind: type, modules: Modules) -> str:
    """Return the name that pympler's summaries give a type: qualified, and plain for builtins."""
    module, qualname = _objects.module_name(kind), _objects.qualname(kind)
    return qualname if module in {"", "builtins"} else f"{modules.shown(module)}.{qualname}"


class _Once:
    """Lets every object pass once, in eight MiB whatever their number; of a heap beyond a GiB some are taken for others."""

    def __init__(self) -> None:
        self._met = bytearray(1 << (_WIDTH - 3))

    def __call__(self, value: object) -> bool:
        place = id(value) >> 4 & ((1 << _WIDTH) - 1)
        bit = 1 << (place & 7)
        met = self._met[place >> 3]
        self._met[place >> 3] = met | bit
        return not met & bit


def count(
    objects: Sequence[object],
    dicts: Iterable[object],
    *,
    pause: Callable[[], None],
    ignore: frozenset[int] = frozenset(),
) -> list[Tally]:
    """Return a tally of each type, the most bytes first.

    *objects* are all that the collector tracks, *dicts* dicts that it may not track (repeats and tracked ones do no harm).
    What has its id in *ignore* is left out. Time grows with the number of objects and of references between them.
    """
    counting = _Counting(ignore)
    counting.add_untracked(dicts)
    for start in range(0, len(objects), _PACE):
        tracked = objects[start : start + _PACE]
        counting.add(tracked)
        counting.add_below(tracked)
        pause()
    return sorted(counting.tallies.values(), key=lambda tally: -tally.bytes)


class _Counting:
    """Tallies by the id of their type: a metaclass may define `__hash__`."""

    def __init__(self, ignore: frozenset[int]) -> None:
        self.tallies: dict[int, Tally] = {}
        self._ignore = ignore
        self._sizes = _objects.Sizes()
        self._once = _Once()
        self._kinds = _objects.container_types()

    def add(self, values: Iterable[object]) -> None:
        """Count *values*."""
        for value in values:
            if id(value) in self._ignore:
                continue
            kind = type(value)
            tally = self.tallies.get(id(kind))
            if tally is None:
                tally = self.tallies[id(kind)] = Tally(kind)
            tally.count += 1
            tally.bytes += self._sizes(value)
            if not tally.count & (tally.count - 1):
                tally.some.append(value)

    def add_untracked(self, values: Iterable[object]) -> None:
        """Count those of *values* that the collector does not track, and what untracked containers among them hold."""
        found = [*filter(self._once, filterfalse(gc.is_tracked, values))]
        if found:
            self.add(found)
            self.add_below([value for value in found if id(type(value)) in _UNTRACKED])

    def add_below(self, values: Sequence[object]) -> None:
        """Count what *values* refer to and the collector does not track."""
        self.add_untracked(gc.get_referents(*values))
        # A dict shows its keys to the collector only where one of them is no text.
        dicts: list[Any] = [value for value in values if self._kinds.get(id(type(value))) is dict]
        self.add_untracked(key for each in dicts for key in dict.__iter__(each))


def rows(tallies: Sequence[Tally], modules: Modules) -> list[list[Any]]:
    """Return the first of *tallies* as rows of pympler's summary: name, count, bytes. Types of one name are one row."""
    merged: dict[str, list[Any]] = {}
    for tally in tallies:
        name = tally.name(modules)
        row = merged.setdefault(name, [name, 0, 0])
        row[1] += tally.count
        row[2] += tally.bytes
    return sorted(merged.values(), key=lambda row: -row[2])[:MOST_TYPES]


def samples(
    tallies: Sequence[Tally], modules: Modules, *, known: Collection[str], before: Mapping[str, int]
) -> dict[str, object]:
    """Return an instance of each of the few classes of which there are more than *before*, by name, the steepest first.

    *known* are the classes that are written in Python. Which instance it is, chance says: where most are leaked, it is one.
    """
    grown = []
    for tally in tallies[:MOST_TYPES]:
        name = tally.name(modules)
        more = tally.count - before.get(name, tally.count)
        if name in known and more >= _MORE:
            grown.append((more * tally.bytes / tally.count, name, tally.some[-1]))
    grown.sort(key=lambda each: -each[0])
    return {name: value for _, name, value in grown[:_MOST_SAMPLES]}


def held(samples: Mapping[str, object]) -> dict[str, list[str]]:
    """Return, by name, of which others of the sampled classes each sample holds an instance: in an attribute, or in a
    container in one.
    """
    names = {id(type(value)): name for name, value in samples.items()}
    found: dict[str, list[str]] = {}
    for name, value in samples.items():
        below = gc.get_referents(value)[:_MOST_HELD]
        for each in below:
            if id(type(each)) in _census.PLAIN and len(below) < _MOST_HELD:
                below.extend(gc.get_referents(each)[: _MOST_HELD - len(below)])
        kinds = dict.fromkeys(names.get(id(type(each))) for each in below if each is not value)
        found[name] = [other for other in kinds if other is not None and other != name]
    return found


def owners(tallies: Sequence[Tally], modules: Modules) -> dict[str, dict[str, Any]]:
    """Return, by name, where the classes among the first of *tallies* are written and what one instance holds, in bytes:
    two levels deep, what several hold counted once. Types of the interpreter and of C have no such place.
    """
    sizes = _objects.Sizes()
    found: dict[str, dict[str, Any]] = {}
    for tally in tallies[:MOST_TYPES]:
        module = _objects.module_name(tally.kind)
        file = modules.file(module)
        shown = tally.name(modules)
        if file is None or not file.endswith(".py") or shown in found or _objects.is_static(tally.kind):
            continue
        outer, _, name = _objects.qualname(tally.kind).rpartition(".")
        found[shown] = {
            "module": modules.shown(module),
            "file": file,
            "qualname": outer,
            "attribute": name,
            "each_bytes": _census.deep_bytes(tally.some, sizes),
        }
    return found
