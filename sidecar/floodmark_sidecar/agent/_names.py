"""The name its user would give a container: the owner that is written in source, and the chain that leads to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from floodmark_sidecar.agent._graph import Walk
from floodmark_sidecar.agent._hops import Hops, Owner
from floodmark_sidecar.agent._origin import LIBRARY, MACHINERY, USER, Modules

_ELEMENT: Final = "[…]"
_REACH: Final = 2
"""Attributes of libraries between a container and the user's own name at which that name is still the better one."""
_LONGEST: Final = 300


@dataclass(frozen=True)
class Name:
    """Where one container is held. `path` is the owner, with `[…]` for each container between it and this one."""

    path: str
    owner: Owner
    chain: str


def names(
    values: Sequence[object],
    *,
    loaded: Mapping[str, Any],
    frames: Iterable[FrameType],
    barred: Iterable[object],
    pause: Callable[[], None],
) -> tuple[dict[int, Name], bool]:
    """Return the name of every one of *values* that can be reached, by its id, and whether the search was complete.

    The user's modules are searched first, then the stacks of *frames*, then libraries, then the standard library;
    elements of large containers last. Never goes through *barred* objects.
    """
    modules = Modules(loaded)
    spaces = modules.spaces()
    walk = Walk(values, pause=pause)
    walk.bar(space for _, space in spaces)
    walk.bar(barred)
    running = list(stacks(frames))
    for origin in (USER, LIBRARY, MACHINERY):
        walk.start(space for name, space in spaces if modules.origin(name) == origin)
        walk.start(frame for frame in running if modules.of_file(frame.f_code.co_filename) == origin)
    walk.finish()
    hops = Hops(modules, {id(space): name for name, space in spaces})
    shown = {id(space): modules.shown(name) for name, space in spaces}
    found = {}
    for value in values:
        chain = walk.chain(value)
        name = _name(chain, hops.of(chain), shown)
        if name is not None:
            found[id(value)] = name
    return found, walk.complete


def stacks(frames: Iterable[FrameType]) -> Iterator[FrameType]:
    """Yield every frame of the stacks that *frames* are the tops of."""
    for frame in frames:
        each: FrameType | None = frame
        while each is not None:
            yield each
            each = each.f_back


def _name(chain: list[object], hops: list[Owner | None], roots: Mapping[int, str]) -> Name | None:
    if not chain:
        return None
    first = next((hop for hop in hops if hop is not None), None)
    if first is None:
        module = roots.get(id(chain[0]))
        if module is None:
            return None
        first = Owner(module, None, "", "__dict__", MACHINERY)
        hops = [first, *hops]
    text = first.path + "".join(
        _ELEMENT if hop is None else f".{hop.attribute}" for hop in hops[hops.index(first) + 1 :]
    )
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"
    owner, elements = _choose(hops)
    return Name(owner.path + _ELEMENT * elements, owner, text)


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
