"""What one entry of a container owns, as deep as that goes: its bytes, and how many objects of which types. In the child only.

Runs of neighbouring entries are walked side by side, by what the collector shows. An object counts if one run alone reaches
it, and once for all entries of its run: what an entry shares with its neighbours is divided among them. So the mean is what
the container gains with an entry, as far as its entries are alike.

Never entered: modules and what is in their namespaces, classes and functions that are written in a module's code and so are
there once, the interpreter's own classes, code, the import system, and frames that run. Other entries are not entered from
an entry, either. An entry itself counts, whatever it is.

Too much is counted of what something far from the entries holds as well, of what only entries that are no neighbours share
(in a set neighbours are chance), and of a class or function made while running of which one run alone has an instance. Too
little of what lies below something that two runs share, of long containers in an entry, of what only C code or weak
references lead to, and of texts that are the keys of attributes.
"""

import gc
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final

from floodmark_sidecar.agent import _objects, _types
from floodmark_sidecar.agent._census import Container
from floodmark_sidecar.agent._origin import Modules

RUNS: Final = 3
LENGTH: Final = 8
"""Entries of a run; fewer where the container has not so many."""
_YOUNGEST: Final = 4096
"""Of a large container the entries that came last are looked at; of a set, any."""

MOST_CONTAINERS: Final = 24
_FIRST: Final = 8
"""Containers that are looked into where no earlier census tells which of them grow."""
MOST_OBJECTS: Final = 12_000
"""Objects that are reached from one container's entries."""
_LONG: Final = 1024
"""Elements of one container in an entry that are looked at."""
SECONDS: Final = 0.1
_SHARE: Final = 0.03
"""Of the time that the census took so far: what this may take in all, or `SECONDS` where that is more."""

_MOST_TYPES: Final = 24
_SHARED: Final = -1

_IMPORTS: Final = frozenset({"_frozen_importlib", "_frozen_importlib_external", "importlib"})


@dataclass(frozen=True)
class Owned:
    """What one entry owns, in the mean: `bytes`, and the number of objects of each type, those with most bytes first."""

    bytes: float
    types: Mapping[str, float]


def owned(
    containers: Sequence[Container],
    before: Mapping[str, int],
    *,
    modules: Modules,
    running: Iterable[FrameType],
    pause: Callable[[], None],
    clock: Callable[[], float] = time.process_time,
    spent: float = 0.0,
) -> dict[int, Owned]:
    """Return, by the id of each container that was looked into, what one of its entries owns.

    These are the ones among *containers* that gained most since the census *before* (entries by id, in decimal), or the
    heaviest where there was none, as far as time allows; it is measured by *clock* in seconds, of which the census has
    *spent* so many. *running* are the frames of all calls that go on.
    """
    until = clock() + max(SECONDS, _SHARE * spent)
    surroundings = _Surroundings(modules, running)
    found = {}
    for each in _gaining(containers, before):
        walk = _Walk(each, surroundings, expired=lambda: clock() > until, pause=pause)
        result = walk.owned(modules)
        if result is not None:
            found[id(each.value)] = result
        if clock() > until:
            break
    return found


def _gaining(containers: Sequence[Container], before: Mapping[str, int]) -> list[Container]:
    if not before:
        return [*containers[:_FIRST]]

    def gained(each: Container) -> float:
        return (each.entries - before.get(str(id(each.value)), 0)) * each.total_bytes / each.entries

    return sorted((each for each in containers if gained(each) > 0), key=gained, reverse=True)[:MOST_CONTAINERS]


class _Surroundings:
    """What is there anyway, so that no entry owns it. Kinds of objects are decided once."""

    def __init__(self, modules: Modules, running: Iterable[FrameType]) -> None:
        self.kinds = _objects.container_types()
        self._modules = modules
        self._there: set[int] = {id(frame) for frame in running}
        for _, space in modules.spaces():
            self._there.add(id(space))
            self._there.update(map(id, space.values()))
        self._never: dict[int, bool] = {}

    def have(self, value: object) -> bool:
        """Whether *value* is there without any entry."""
        if id(value) in self._there:
            return True
        if type(value) is FunctionType:
            self._there.add(id(value.__globals__))
            return "<locals>" not in value.__code__.co_qualname
        if _objects.is_class(value):
            return _objects.is_static(value) or self._is_written(value)  # type: ignore[arg-type]
        kind = type(value)
        never = self._never.get(id(kind))
        if never is None:
            never = self._never[id(kind)] = (
                kind is CodeType
                or issubclass(kind, ModuleType)
                or _objects.module_name(kind).partition(".")[0] in _IMPORTS
            )
        return never

    def _is_written(self, kind: type) -> bool:
        """Whether a class is where its name says, in its module or in a class there."""
        found: Any = None
        space: Mapping[str, Any] = self._modules.space(_objects.module_name(kind))
        for part in _objects.qualname(kind).split("."):
            found = space.get(part)
            if not _objects.is_class(found):
                return False
            space = _objects.namespace(found)
        return found is kind


class _Walk:
    """One walk from the entries of *container*; what is reached is kept with the object that led to it and its run."""

    def __init__(
        self,
        container: Container,
        surroundings: _Surroundings,
        *,
        expired: Callable[[], bool],
        pause: Callable[[], None],
    ) -> None:
        self._surroundings, self._expired, self._pause = surroundings, expired, pause
        self._window = _window(container)
        self._objects: list[object] = []
        self._parents: list[int] = []
        self._runs: list[int] = []
        self._shared: list[bool] = []
        self._known: dict[int, int] = {id(container.value): _SHARED}
        for entry in self._window:
            self._known.update((id(part), _SHARED) for part in entry)

    def owned(self, modules: Modules) -> Owned | None:
        """Return the mean over the entries; None where not one of each run could be walked in time."""
        step = len(self._window) // RUNS
        length = max(1, min(LENGTH, step // 2))
        for number in range(length):
            whole = self._walk(self._window[run * step + number] for run in range(RUNS))
            if not whole:
                return self._mean(RUNS * (number + 1), modules) if number else None
        return self._mean(RUNS * length, modules)

    def _walk(self, entries: Iterable[tuple[Any, ...]]) -> bool:
        """Walk from the next entry of each run; False where that was too much or took too long."""
        level = [index for run, entry in enumerate(entries) for index in self._roots(entry, run)]
        while level:
            level = [child for index in level for child in self._expand(index)]
            self._pause()
            if self._expired() or len(self._objects) >= MOST_OBJECTS:
                return False
        return True

    def _roots(self, entry: tuple[Any, ...], run: int) -> Iterator[int]:
        for part in entry:
            known = self._known.get(id(part), _SHARED)
            if known == _SHARED and not issubclass(type(part), ModuleType):
                yield self._add(part, _SHARED, run)
            elif known != _SHARED and self._runs[known] != run:
                self._shared[known] = True

    def _expand(self, index: int) -> list[int]:
        """Return what is reached from an object for the first time."""
        parent = self._parents[index]
        if parent != _SHARED and self._shared[parent]:
            self._shared[index] = True
        if self._shared[index] or len(self._objects) >= MOST_OBJECTS:
            return []
        run, known, found = self._runs[index], self._known, []
        for child in self._below(self._objects[index], parent):
            place = known.get(id(child))
            if place is None:
                if self._surroundings.have(child):
                    known[id(child)] = _SHARED
                else:
                    found.append(self._add(child, index, run))
            elif place != _SHARED and self._runs[place] != run:
                self._shared[place] = True
        return found

    def _below(self, value: object, parent: int) -> Iterable[object]:
        base = self._surroundings.kinds.get(id(type(value)))
        if base is not None and base.__len__(value) > _LONG:  # type: ignore[attr-defined]
            return islice(_elements(value, base), _LONG)
        found = gc.get_referents(value)
        # A dict of texts shows no keys. Those of attributes are written in the source, and so are there anyway.
        if base is dict and (parent == _SHARED or self._is_container(self._objects[parent])):
            found.extend(dict.__iter__(value))  # type: ignore[arg-type]
        return found

    def _is_container(self, value: object) -> bool:
        return type(value) is tuple or id(type(value)) in self._surroundings.kinds

    def _add(self, value: object, parent: int, run: int) -> int:
        index = self._known[id(value)] = len(self._objects)
        self._objects.append(value)
        self._parents.append(parent)
        self._runs.append(run)
        self._shared.append(False)
        return index

    def _mean(self, entries: int, modules: Modules) -> Owned:
        sizes = _objects.Sizes()
        counts: Counter[int] = Counter()
        held: Counter[int] = Counter()
        kinds: dict[int, type] = {}
        for index, value in enumerate(self._objects):
            # Parents come before what they lead to.
            parent = self._parents[index]
            if self._shared[index] or (parent != _SHARED and self._shared[parent]):
                self._shared[index] = True
                continue
            kind = type(value)
            kinds[id(kind)] = kind
            counts[id(kind)] += 1
            held[id(kind)] += sizes(value)
        types = {_types.name_of(kinds[key], modules): counts[key] / entries for key, _ in held.most_common(_MOST_TYPES)}
        return Owned(sum(held.values()) / entries, types)


def _window(each: Container) -> list[tuple[Any, ...]]:
    """Return the entries to look at, `(key, value)` of a dict and `(element,)` of any other, the oldest first."""
    count = min(_YOUNGEST, each.entries - each.entries // 2)
    if each.base is dict:
        return [*islice(reversed(dict.items(each.value)), count)][::-1]
    if each.base is list:
        return [(element,) for element in list.__getitem__(each.value, slice(-count, None))]
    if each.base is deque:
        return [(element,) for element in islice(deque.__reversed__(each.value), count)][::-1]
    return [(element,) for element in islice(set.__iter__(each.value), count)]


def _elements(value: Any, base: type) -> Iterator[object]:
    if base is dict:
        return (part for item in dict.items(value) for part in item)
    return base.__iter__(value)  # type: ignore[attr-defined, no-any-return]
