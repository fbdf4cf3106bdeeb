"""The census: which containers are big, how big an entry is, and what their keys look like."""

import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import compress, filterfalse, islice
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from floodmark_sidecar.agent import _objects, _shapes
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._originals import sleep

LEAST_ENTRIES: Final = 32
MOST_CONTAINERS: Final = 400
_FIRST_LOOK: Final = 20_000
"""Containers whose weight is estimated from a few entries before the heaviest are looked at closely."""
_SECOND_LOOK: Final = 2 * MOST_CONTAINERS
_FEW, _MANY = 3, 32
_REFERENTS: Final = 64
"""Objects looked at below one key or value."""

_SHARED: Final = frozenset(
    id(kind)
    for kind in (ModuleType, FunctionType, BuiltinFunctionType, MethodType, CodeType, type(None), bool, type(...))
)
"""Types, by id, whose instances belong to no single entry."""

PLAIN: Final = frozenset(id(kind) for kind in (dict, list, tuple, set))

Pause = Callable[[], None]


@dataclass
class Container:
    """One big container as found: the object itself, its builtin kind, and what was measured of it, in bytes.

    `shape` is that of most of its keys or elements, `values` the type of most of the values of a dict. Samples are taken
    from its first `reach` entries.
    """

    value: Any
    base: type
    entries: int
    shallow_bytes: int
    entry_bytes: float | None = None
    shape: str | None = None
    values: str | None = None
    reach: int = sys.maxsize

    @property
    def total_bytes(self) -> float:
        """The container and all its entries."""
        return self.shallow_bytes + self.entries * (self.entry_bytes or 0.0)

    @property
    def kind(self) -> str:
        """`dict`, `list`, `set` or `deque`; the qualified name of a subclass."""
        own = type(self.value)
        if own is self.base:
            return self.base.__name__
        return f"{_objects.module_name(own)}.{_objects.qualname(own)}".removeprefix("collections.")


class Pacer:
    """Keeps the child's share of one processor at *duty* (0 to 1), so that a rationed service is not throttled."""

    def __init__(
        self,
        duty: float,
        *,
        clock: Callable[[], float] = time.process_time,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._duty, self._clock, self._sleep = duty, clock, sleep
        self._last = clock()

    def __call__(self) -> None:
        """Sleep for what the work since the last call has earned."""
        if self._duty >= 1.0:
            return
        worked = self._clock() - self._last
        self._sleep(worked * (1.0 / self._duty - 1.0))
        self._last = self._clock()


def biggest(
    by_type: ByType,
    dicts: Iterable[object],
    *,
    pause: Pause,
    reach: int = sys.maxsize,
) -> tuple[list[Container], bool]:
    """Return the containers of at least `LEAST_ENTRIES` entries with the most bytes, the heaviest first.

    The second value says whether every one of them was looked into; else those with the smallest tables were not.

    *by_type* has all that the collector tracks. *dicts* are dicts that it may not track; repeats and tracked ones among them
    do no harm. What is sampled is among the first *reach* entries. Time grows with the number of objects; memory with the
    number of big containers.
    """
    kinds = _objects.container_types()
    sizes = _objects.Sizes()
    found = [
        Container(value, base, entries, sizes(value), reach=reach)
        for value, base, entries in _big(by_type, dicts, kinds, pause)
    ]
    found.sort(key=lambda each: each.shallow_bytes, reverse=True)
    complete = len(found) <= _FIRST_LOOK
    for look, sample in ((_FIRST_LOOK, _FEW), (_SECOND_LOOK, _MANY)):
        del found[look:]
        for number, each in enumerate(found):
            each.entry_bytes = _entry_bytes(each, sizes, sample)
            if number % 4 == 0:
                pause()
        found.sort(key=lambda each: each.total_bytes, reverse=True)
    del found[MOST_CONTAINERS:]
    for each in found:
        pause()
        if each.base in (dict, set):
            each.shape = _shapes.shape(key for key, *_ in sample_of(each, _MANY))
            each.values = _shapes.common_type(value for _, *rest in sample_of(each, _MANY) for value in rest)
    return found, complete


def _big(
    by_type: ByType, dicts: Iterable[object], kinds: Mapping[int, type], pause: Pause
) -> Iterator[tuple[Any, type, int]]:
    """Yield every container of enough entries once, with its builtin kind and its length by that kind's own method."""
    for chunk in by_type.chunks(kinds):
        base = kinds[id(type(chunk[0]))]
        lengths = [*map(base.__len__, chunk)]  # type: ignore[attr-defined]
        for value, entries in compress(zip(chunk, lengths, strict=True), map(LEAST_ENTRIES.__le__, lengths)):
            yield value, base, entries
        pause()
    seen: set[int] = set()
    for value in filterfalse(gc.is_tracked, dicts):
        entries = dict.__len__(value)  # type: ignore[arg-type]
        if entries >= LEAST_ENTRIES and id(value) not in seen:
            seen.add(id(value))
            yield value, dict, entries


def sample_of(each: Container, count: int) -> list[tuple[Any, ...]]:
    """Return up to *count* entries, spread evenly: `(key, value)` of a dict, `(element,)` of any other.

    Between two entries no Python runs. Raises RuntimeError where a finalizer that ran meanwhile has changed the container.
    """
    step = max(1, min(each.entries, each.reach) // count)
    every = slice(0, step * count, step)
    if each.base is dict:
        return list(islice(dict.items(each.value), every.start, every.stop, every.step))
    if each.base is list:
        return [(element,) for element in list.__getitem__(each.value, every)]
    elements = set.__iter__(each.value) if each.base is set else deque.__iter__(each.value)
    return [(element,) for element in list(islice(elements, every.start, every.stop, every.step))]


def _entry_bytes(each: Container, sizes: _objects.Sizes, count: int) -> float | None:
    """Return the mean size of one entry, two levels deep; what several sampled entries share is counted once."""
    return _mean(sample_of(each, count), sizes)


def deep_bytes(values: Iterable[object], sizes: _objects.Sizes) -> float | None:
    """Return the mean size of *values*, two levels deep; what several of them share is counted once. None for none."""
    return _mean(((value,) for value in values), sizes)


def _mean(entries: Iterable[tuple[Any, ...]], sizes: _objects.Sizes) -> float | None:
    seen: set[int] = set()
    total = sampled = 0
    for entry in entries:
        sampled += 1
        for value in entry:
            total += _deep(value, sizes, seen)
    return total / sampled if sampled else None


def _deep(value: object, sizes: _objects.Sizes, seen: set[int]) -> int:
    total = 0
    waiting = [(value, 1)]
    for each, level in waiting:
        if id(each) in seen or id(type(each)) in _SHARED or _objects.is_class(each):
            continue
        seen.add(id(each))
        total += sizes(each)
        if level:
            below = gc.get_referents(each)
            # An instance's dictionary is part of the instance, not a level of its own.
            own = [] if id(type(each)) in PLAIN else [b for b in below if type(b) is dict]
            for part in own[:1]:
                total += sizes(part)
                seen.add(id(part))
                below += gc.get_referents(part)
            waiting.extend((part, level - 1) for part in below[:_REFERENTS])
    return total
