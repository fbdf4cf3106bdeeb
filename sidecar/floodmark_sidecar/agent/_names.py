"""The name its user would give a container: the owner that is written in source, and the chain that leads to it."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CellType, FrameType
from typing import Any, Final, TypeAlias

from floodmark_sidecar.agent import _objects
from floodmark_sidecar.agent._graph import Walk
from floodmark_sidecar.agent._hops import Hops, Owner
from floodmark_sidecar.agent._origin import LIBRARY, MACHINERY, USER, Modules

_ELEMENT: Final = "[…]"
_REACH: Final = 2
"""Attributes of libraries between a container and the user's own name at which that name is still the better one."""
_CACHED: Final = "functools._lru_cache_wrapper"
_LONGEST: Final = 300
_HALF: Final = 6
_MOST_STEPS: Final = 2 * _HALF

_Steps: TypeAlias = list[tuple[Owner | None, object]]


@dataclass(frozen=True)
class Name:
    """Where one container is held. `path` is the owner, with `[…]` for each container between it and this one.

    `direct` says that the owner names the container itself, and not something that it is in.
    """

    path: str
    owner: Owner
    chain: str
    direct: bool
    retainers: tuple[tuple[str, str], ...]
    """The steps of `chain`: the name that leads to each object, and its type. The last one is the container."""

    @property
    def is_users(self) -> bool:
        """Whether the user's own code names the container itself, or the function whose `lru_cache` it is."""
        cached = [kind for _, kind in self.retainers[-2:]] == [_CACHED, "dict"]
        return (self.direct or cached) and self.owner.origin == USER


def names(
    values: Sequence[object],
    *,
    loaded: Mapping[str, Any],
    frames: Iterable[FrameType],
    contexts: Sequence[object] = (),
    barred: Iterable[object],
    pause: Callable[[], None],
) -> tuple[dict[int, Name], bool]:
    """Return the name of every one of *values* that can be reached, by its id, and whether the search was complete.

    The user's modules are searched first, then the stacks of *frames*, then libraries, then the standard library, then
    *contexts*, which threads and callbacks run in; elements of large containers last. Never goes through *barred* objects.
    """
    modules, walk = Modules(loaded), Walk(values, pause=pause)
    walk.bar(barred)
    search(walk, modules, frames=frames, contexts=contexts)
    return named(walk, values, modules, pause=pause), walk.complete


def search(walk: Walk, modules: Modules, *, frames: Iterable[FrameType] = (), contexts: Sequence[object] = ()) -> None:
    """Let *walk* go from the namespaces of *modules* and from *frames* and *contexts*, in the order that `names` tells."""
    spaces = modules.spaces()
    walk.bar(space for _, space in spaces)
    running = list(stacks(frames))
    for origin in (USER, LIBRARY, MACHINERY):
        walk.start(space for name, space in spaces if modules.origin(name) == origin)
        walk.start(frame for frame in running if modules.of_file(frame.f_code.co_filename) == origin)
    walk.start(context for context in contexts if not walk.reached(context))
    walk.finish()


def named(walk: Walk, values: Iterable[object], modules: Modules, *, pause: Callable[[], None]) -> dict[int, Name]:
    """Return the name of every one of *values* that *walk*, which began in *modules*, has found, by its id."""
    spaces = modules.spaces()
    hops = Hops(modules, {id(space): name for name, space in spaces})
    shown = {id(space): modules.shown(name) for name, space in spaces}
    found = {}
    for value in values:
        pause()
        chain = walk.chain(value)
        name = _name(chain, hops.of(chain), shown, modules)
        if name is not None:
            found[id(value)] = name
    return found


def stacks(frames: Iterable[FrameType]) -> Iterator[FrameType]:
    """Yield every frame of the stacks that *frames* are the tops of."""
    for frame in frames:
        each: FrameType | None = frame
        while each is not None:
            yield each
            each = each.f_back


def _name(chain: list[object], steps: _Steps, roots: Mapping[int, str], modules: Modules) -> Name | None:
    if not chain:
        return None
    hops = [hop for hop, _ in steps]
    first = next((hop for hop in hops if hop is not None), None)
    if first is None:
        module = roots.get(id(chain[0]))
        if module is None:
            return None
        first = Owner(module, None, "", "__dict__", MACHINERY)
        steps = [(first, chain[0]), *steps]
        hops = [first, *hops]
    text = first.path + "".join(
        _ELEMENT if hop is None else f".{hop.attribute}" for hop in hops[hops.index(first) + 1 :]
    )
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"
    owner, elements = _choose(hops)
    named = next(value for hop, value in steps if hop is owner)
    return Name(
        path=owner.path + _ELEMENT * elements,
        owner=owner,
        chain=text,
        direct=_content(named) is chain[-1],
        retainers=_retainers(first, steps[hops.index(first) :], chain[-1], modules),
    )


def _content(value: object) -> object:
    """Return what is in the cell of a variable; *value* itself if it is none."""
    return next(iter(gc.get_referents(value)), value) if type(value) is CellType else value


def _retainers(first: Owner, steps: _Steps, value: object, modules: Modules) -> tuple[tuple[str, str], ...]:
    """Return the names and types of *steps*, which lead from the *first* owner to *value* or to something around it."""
    found = []
    for hop, each in steps:
        name = first.path if hop is first else _ELEMENT if hop is None else f".{hop.attribute}"
        found.append((name[-_LONGEST:], _type(_content(each), modules)))
    if _content(steps[-1][1]) is not value:
        found.append(("", _type(value, modules)))
    return tuple(found) if len(found) <= _MOST_STEPS else (*found[:_HALF], ("…", ""), *found[-_HALF:])


def _type(value: object, modules: Modules) -> str:
    if _objects.is_class(value):
        return "class"
    kind = type(value)
    return f"{modules.shown(_objects.module_name(kind))}.{_objects.qualname(kind)}".removeprefix("builtins.")


def _choose(hops: list[Owner | None]) -> tuple[Owner, int]:
    """Return the owner to show, and the containers between it and the end of *hops*.

    The nearest owner in the user's code, unless too much of a library lies between; then the nearest in a library; then
    the nearest there is. Containers inside a library's or machinery's own attribute are not counted.
    """
    best: tuple[Owner, int] | None = None
    elements = passed = 0
    for hop in reversed(hops):
        if hop is None:
            elements += 1
            continue
        if best is None or hop.origin < best[0].origin:
            best = (hop, elements)
        if hop.origin == USER:
            break
        passed += hop.origin == LIBRARY
        if passed > _REACH:
            break
        elements = 0
    if best is None:
        msg = "a chain of names has at least one owner"
        raise ValueError(msg)
    return best
