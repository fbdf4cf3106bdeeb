"""The asyncio tasks that are not done, in groups by their coroutine. Read from C alone: no task is asked anything."""

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from types import AsyncGeneratorType, CodeType, CoroutineType, GeneratorType, GetSetDescriptorType
from typing import Any, Final

from floodmark_sidecar.agent import _graph, _objects
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._origin import Modules
from floodmark_sidecar.agent._places import Places

_PACE: Final = 256
_DEEPEST: Final = 100
"""Coroutines below each other that are looked at in one task."""
_FEW: Final = 16
"""Referents above which an awaitable is no mere wrapper of another."""

_AWAITED: Final = {
    id(CoroutineType): CoroutineType.__dict__["cr_await"].__get__,
    id(GeneratorType): GeneratorType.__dict__["gi_yieldfrom"].__get__,
    id(AsyncGeneratorType): AsyncGeneratorType.__dict__["ag_await"].__get__,
}
_SUSPENDED: Final = {
    id(CoroutineType): CoroutineType.__dict__["cr_suspended"].__get__,
    id(GeneratorType): GeneratorType.__dict__["gi_suspended"].__get__,
}
_CODE: Final = {
    id(CoroutineType): CoroutineType.__dict__["cr_code"].__get__,
    id(GeneratorType): GeneratorType.__dict__["gi_code"].__get__,
    id(AsyncGeneratorType): AsyncGeneratorType.__dict__["ag_code"].__get__,
}

_Reader = Callable[[Any], tuple[object, object]]


def tasks(by_type: ByType, modules: Modules, *, pause: Callable[[], None]) -> list[dict[str, Any]]:
    """Return a row for each coroutine that pending tasks run.

    `name` is the outermost coroutine of the user's own in what a task awaits, else the task's own; `at` is the line most
    of the group wait at in the user's code, innermost. Each task costs some ten microseconds.
    """
    readers, places = _readers(modules), Places(modules)
    names: Counter[str] = Counter()
    waiting: dict[str, Counter[str]] = {}
    for number, value in enumerate(by_type.of(readers)):
        if number % _PACE == 0:
            pause()
        state, coroutine = readers[id(type(value))](value)
        if type(state) is str and state == "PENDING" and coroutine is not None:
            name, place = _seen(coroutine, places)
            names[name] += 1
            if place is not None:
                waiting.setdefault(name, Counter())[place] += 1
    return [
        {"name": name, "count": count, "at": waiting[name].most_common(1)[0][0] if name in waiting else None}
        for name, count in names.items()
    ]


def _readers(modules: Modules) -> dict[int, _Reader]:
    """Return how to read state and coroutine of each class of tasks, by its id; empty where asyncio is not loaded."""
    found: dict[int, _Reader] = {}
    for base, reader in (
        (modules.space("_asyncio").get("Task"), _reader_of_c),
        (modules.space("asyncio.tasks").get("_PyTask"), _reader_of_python),
    ):
        read = reader(base) if base is not None and _objects.is_class(base) else None
        if read is not None:
            found.update((id(kind), read) for kind in _objects.family(base))  # type: ignore[arg-type]
    return found


def _reader_of_c(kind: type) -> _Reader | None:
    state, coroutine = _getter(kind, "_state"), _getter(kind, "_coro")
    if state is None or coroutine is None:
        return None

    def read(task: object) -> tuple[object, object]:
        try:
            return state(task), coroutine(task)
        except Exception:  # noqa: BLE001  a task whose `__init__` did not run
            return None, None

    return read


def _reader_of_python(_: type) -> _Reader:
    def read(task: object) -> tuple[object, object]:
        own = _objects.attributes(task) or {}
        return own.get("_state", "PENDING"), own.get("_coro")

    return read


def _getter(kind: type, name: str) -> Callable[[object], object] | None:
    for each in _objects.mro(kind):
        found = _objects.namespace(each).get(name)
        if type(found) is GetSetDescriptorType:
            return found.__get__
    return None


def _seen(coroutine: object, places: Places) -> tuple[str, str | None]:
    """Return the name to show of a task's *coroutine*, and the place of the user's code where it waits."""
    shown, innermost = None, None
    for each in _chain(coroutine):
        code, frame = _code(each), _graph.frame_of(each)
        if code is not None and places.is_users(code):
            shown = each if shown is None else shown
            innermost = f"{places.file(code)}:{code.co_firstlineno}" if frame is None else places.place(frame)
    return _name(coroutine if shown is None else shown, places), innermost


def _chain(coroutine: object) -> Iterator[object]:
    """Yield *coroutine* and, one after the other, what each of them awaits, until that is no coroutine or generator."""
    each: object | None = coroutine
    for _ in range(_DEEPEST):
        if each is None:
            return
        yield each
        suspended, awaited = _SUSPENDED.get(id(type(each))), _AWAITED.get(id(type(each)))
        # What is running awaits nothing, and not every version may be asked what it does.
        if awaited is None or (suspended is not None and not suspended(each)):
            return
        each = _unwrapped(awaited(each))


def _unwrapped(awaited: object) -> object | None:
    """Return the coroutine or generator that *awaited* is, or is a thin wrapper of; None if it is neither."""
    if awaited is None or id(type(awaited)) in _AWAITED:
        return awaited
    below = gc.get_referents(awaited)
    return next((each for each in below if id(type(each)) in _AWAITED), None) if len(below) <= _FEW else None


def _code(coroutine: object) -> CodeType | None:
    getter = _CODE.get(id(type(coroutine)))
    code = getter(coroutine) if getter is not None else None
    return code if type(code) is CodeType else None


def _name(coroutine: object, places: Places) -> str:
    code, frame = _code(coroutine), _graph.frame_of(coroutine)
    if code is None:
        kind = type(coroutine)
        return f"{_objects.module_name(kind)}.{_objects.qualname(kind)}"
    module = "" if frame is None else places.module(frame)
    return f"{module}.{code.co_qualname}" if module else code.co_qualname
