"""The service's threads in groups that belong together: by the user's function they run, else by their name."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

from floodmark_sidecar.agent import _names, _objects, _shapes
from floodmark_sidecar.agent._origin import Modules
from floodmark_sidecar.agent._places import Places

_PACE: Final = 64


@dataclass
class _Group:
    names: list[str] = field(default_factory=list)
    body: FrameType | None = None
    lines: Counter[str] = field(default_factory=Counter)
    count: int = 0


def threads(frames: Mapping[int, FrameType], modules: Modules, *, pause: Callable[[], None]) -> list[dict[str, Any]]:
    """Return a row for each group among the threads that *frames*, by ident, are the tops of the stacks of.

    A thread whose own function is the user's belongs to that function, which is its `owner`: its name may be of a
    session or a person, so what differs between the names of a group becomes `#`. Other threads, such as those of a
    pool, go by their names. `at` is the line most of a group's threads stand at in the outermost frame of the user's.
    Time grows with the number of frames.
    """
    names, starter = _thread_names(modules), modules.file("threading")
    places = Places(modules)
    groups: dict[tuple[str, int | str], _Group] = {}
    for number, (ident, frame) in enumerate(frames.items()):
        stack = list(_names.stacks([frame]))[::-1]
        own = [each for each in stack if places.is_users(each.f_code)]
        body = next((each for each in stack if places.file(each.f_code) != starter), None)
        name = names.get(ident)
        mine = body is not None and bool(own) and own[0] is body
        masked = _shapes.masked(name) if name is not None else "thread"
        group = groups.setdefault(("code", id(own[0].f_code)) if mine else ("name", masked), _Group())
        group.count += 1
        group.names.append(masked)
        group.body = own[0] if mine else None
        if own:
            group.lines[places.place(own[0])] += 1
        if number % _PACE == 0:
            pause()
    return [_row(group, places) for group in groups.values()]


def _thread_names(modules: Modules) -> dict[int, str]:
    """Return the names of the threads that `threading` knows, by ident, without asking them."""
    active = modules.space("threading").get("_active")
    found = {}
    if type(active) is dict:
        for ident, thread in active.items():
            name = (_objects.attributes(thread) or {}).get("_name")
            if type(ident) is int and type(name) is str:
                found[ident] = name
    return found


def _row(group: _Group, places: Places) -> dict[str, Any]:
    name = _shapes.shape(group.names)
    if group.body is not None and (name is None or not name.strip("#-_. ")):
        name = group.body.f_code.co_qualname
    return {
        "name": name or "thread",
        "count": group.count,
        "owner": None if group.body is None else _owner(group.body, places),
        "at": group.lines.most_common(1)[0][0] if group.lines else None,
    }


def _owner(frame: FrameType, places: Places) -> dict[str, Any]:
    outer, _, name = frame.f_code.co_qualname.rpartition(".")
    return {"module": places.module(frame), "file": places.file(frame.f_code), "qualname": outer, "attribute": name}
