"""What of the user's own is in the entries of a container, for one that only libraries hold."""

import gc
from collections import Counter
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any, Final
from weakref import ReferenceType

from floodmark_sidecar.agent import _census, _objects
from floodmark_sidecar.agent._hops import Hops, Owner
from floodmark_sidecar.agent._origin import USER, Modules
from floodmark_sidecar.agent._places import Places

_SAMPLE: Final = 5
_MOST: Final = 48
"""Objects looked at below one entry."""


class Contents:
    """Finds the user's classes and functions in the entries of containers. Each class is looked at once."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._hops, self._places = Hops(modules, {}), Places(modules)
        self._users: dict[int, tuple[type, bool]] = {}

    def of(self, container: _census.Container) -> Owner | None:
        """Return the user's class of which at least half of the entries hold an instance, or else such a function.

        Of several the one nearest to an entry. Entries are sampled, and not all they hold is looked at.
        """
        classes: Counter[Owner] = Counter()
        functions: Counter[Owner] = Counter()
        sampled = 0
        for entry in _census.sample_of(container, _SAMPLE):
            sampled += 1
            found = {id(each): each for each in self._below(entry)}
            for each in found.values():
                owner = self._hops.definition(each)
                if owner is not None:
                    (functions if type(each) is FunctionType else classes)[owner] += 1
        often = (
            owner for counter in (classes, functions) for owner, count in counter.most_common(1) if 2 * count >= sampled
        )
        return next(often, None)

    def _below(self, entry: tuple[Any, ...]) -> Iterator[object]:
        """Yield the user's functions and the user's classes of instances in *entry*, the nearest first."""
        seen: set[int] = set()
        # The entries of a `WeakSet` are weak references; one further down holds nothing.
        waiting = [each() if type(each) is ReferenceType else each for each in entry]
        for each in waiting:
            if id(each) in seen or type(each) is ModuleType or _objects.is_class(each):
                continue
            seen.add(id(each))
            if type(each) is FunctionType:
                if self._places.is_users(each.__code__):
                    yield each
            else:
                if self._is_users(type(each)):
                    yield type(each)
                waiting += gc.get_referents(each)[: _MOST - len(waiting)] if len(waiting) < _MOST else []

    def _is_users(self, kind: type) -> bool:
        known = self._users.get(id(kind))
        if known is None:
            origin = self._modules.origin(_objects.module_name(kind) or "builtins")
            known = self._users[id(kind)] = (kind, origin == USER)
        return known[1]
