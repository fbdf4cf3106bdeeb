"""Live objects by type: how many there are and what they take by themselves. Runs in the child only.

The collector knows no strings, bytes or numbers: those are found one step below what it knows, each counted once.
"""

import gc
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, filterfalse
from operator import not_
from typing import Any, Final

from floodmark_sidecar.agent import _census, _objects
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._graph import FRAMES
from floodmark_sidecar.agent._origin import Modules

MOST_TYPES: Final = 300
_MORE: Final = 32
_MOST_SAMPLES: Final = 8
"""By how many instances a class must have grown for one of them to be looked for, and for how many classes that is done."""
_MOST_HELD: Final = 256
"""Objects below an instance that are looked at to tell what it holds."""
_WIDTH: Final = 26
"""Bits of a place in the record of what was counted: of objects within the same GiB no two share one."""
_UNTRACKED: Final = frozenset({id(tuple), id(dict)})
"""Types, by id, of containers that the collector may stop tracking, as nothing in them can be part of a cycle."""
_MOST_SHARED: Final = 30
"""Keys up to which the dictionaries of several instances may have one table of keys, which holds each key once for all."""


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


def count(by_type: ByType, others: Iterable[object], *, pause: Callable[[], None]) -> list[Tally]:
    """Return a tally of each type, the most bytes first.

    *by_type* has all that the collector tracks, *others* are known and may not be tracked (repeats and tracked ones do no
    harm). Time grows with the number of objects and of references between them.
    """
    counting = _Counting()
    counting.add_untracked(others)
    for tracked in by_type.chunks():
        counting.add(tracked)
        counting.add_below(tracked)
        pause()
    return sorted(counting.tallies.values(), key=lambda tally: -tally.bytes)


class _Counting:
    """Tallies by the id of their type: a metaclass may define `__hash__`."""

    def __init__(self) -> None:
        self.tallies: dict[int, Tally] = {}
        self._sizes = _objects.Sizes()
        self._once = _Once()
        self._kinds = _objects.container_types()
        # What the interpreter counts, while `add_untracked` asks, of an object that one other holds.
        self._alone = next(map(sys.getrefcount, [object()])) + 1

    def add(self, values: Sequence[object]) -> None:
        """Count *values*, which are all of one type."""
        kind = type(values[0])
        tally = self.tallies.get(id(kind))
        if tally is None:
            tally = self.tallies[id(kind)] = Tally(kind)
        tally.some += _ever_rarer(values, tally.count)
        tally.count += len(values)
        tally.bytes += self._sizes.total(values)

    def add_untracked(self, values: Iterable[object], *, once: bool = True) -> None:
        """Count those of *values* that the collector does not track, and what untracked containers among them hold.

        *once* says that nobody who holds a value is asked for it twice: then what one alone holds is new. *values* must not
        hold them longer than until they are read.
        """
        fresh = [*filterfalse(gc.is_tracked, values)]
        alone = [*map(self._alone.__eq__, map(sys.getrefcount, fresh))] if once else [False] * len(fresh)
        others = {id(value): value for value in compress(fresh, map(not_, alone))}
        found = chain(compress(fresh, alone), filter(self._once, others.values()))
        for group in ByType(found).chunks():
            self.add(group)
            if id(type(group[0])) in _UNTRACKED:
                self.add_below(group)

    def add_below(self, values: Sequence[object]) -> None:
        """Count what *values*, which are all of one type, refer to and the collector does not track."""
        kind = type(values[0])
        if kind is dict:
            self.add_untracked(chain.from_iterable(map(dict.values, values)))  # type: ignore[arg-type]
            self._add_keys(values)  # type: ignore[arg-type]
        else:
            # A dict shows its keys to the collector only where one of them is no text.
            dicts = self._kinds.get(id(kind)) is dict
            self.add_untracked(iter(gc.get_referents(*values)), once=not dicts and id(kind) not in FRAMES)
            if dicts:
                self.add_untracked(chain.from_iterable(map(dict.__iter__, values)), once=False)  # type: ignore[arg-type]

    def _add_keys(self, values: Sequence[dict[object, object]]) -> None:
        own = [len(each) > _MOST_SHARED for each in values]
        self.add_untracked(chain.from_iterable(compress(values, own)))
        self.add_untracked(chain.from_iterable(compress(values, map(not_, own))), once=False)


def _ever_rarer(values: Sequence[object], before: int) -> Iterator[object]:
    """Yield those of *values* whose place, after so many *before* them, is a power of two."""
    place = 1 << before.bit_length()
    while place <= before + len(values):
        yield values[place - before - 1]
        place *= 2


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


def held_by(value: object) -> list[object]:
    """Return what *value* holds, directly or in plain containers; so many objects of it at most as tell its kind."""
    below = gc.get_referents(value)[:_MOST_HELD]
    for each in below:
        if id(type(each)) in _census.PLAIN and len(below) < _MOST_HELD:
            below.extend(gc.get_referents(each)[: _MOST_HELD - len(below)])
    return below


def held(samples: Mapping[str, object]) -> dict[str, list[str]]:
    """Return, by name, of which others of the sampled classes each sample holds an instance: in an attribute, or in a
    container in one.
    """
    names = {id(type(value)): name for name, value in samples.items()}
    found: dict[str, list[str]] = {}
    for name, value in samples.items():
        below = held_by(value)
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
