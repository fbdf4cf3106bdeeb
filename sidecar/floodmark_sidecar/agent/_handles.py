"""The objects by which a service holds its descriptors and child processes. Read from C and namespaces alone."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from floodmark_sidecar.agent import _objects
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._origin import Modules

_PACE: Final = 4096

_DESCRIPTORS: Final = (("_socket", "socket"), ("_io", "FileIO"))
"""Classes in C that know their descriptor: module and name. Whatever else is open by them is below one of these."""

_PROCESSES: Final = (("subprocess", "Popen"), ("multiprocessing.popen_fork", "Popen"))
"""Classes whose instances have the `pid` of a child that is theirs."""

_Reader = Callable[[Any], object]


def handles(
    by_type: ByType, modules: Modules, *, pause: Callable[[], None]
) -> tuple[dict[int, object], dict[int, object]]:
    """Return the objects that hold an open descriptor, by its number, and those that hold a child, by its pid.

    Of several for one the last. Time grows with the number of objects that may hold one.
    """
    fds, pids = _readers(_DESCRIPTORS, _fileno, modules), _readers(_PROCESSES, _pid, modules)
    return _known(by_type, fds, pause), _known(by_type, pids, pause)


def _known(by_type: ByType, readers: Mapping[int, _Reader], pause: Callable[[], None]) -> dict[int, object]:
    found: dict[int, object] = {}
    for number, value in enumerate(by_type.of(readers)):
        if number % _PACE == 0:
            pause()
        known = readers[id(type(value))](value)
        if type(known) is int:
            found[known] = value
    return found


def _readers(
    classes: Iterable[tuple[str, str]], reader: Callable[[type], _Reader], modules: Modules
) -> dict[int, _Reader]:
    """Return how to read each of *classes* that is loaded, and all below it, by the class's id."""
    found: dict[int, _Reader] = {}
    for module, name in classes:
        base = modules.space(module).get(name)
        if base is not None and _objects.is_class(base):
            found.update((id(kind), reader(base)) for kind in _objects.family(base))
    return found


def _fileno(base: type) -> _Reader:
    method = _objects.namespace(base)["fileno"]

    def read(value: object) -> object:
        try:
            return method(value)
        except Exception:  # noqa: BLE001  it is closed, or its `__init__` did not run
            return None

    return read


def _pid(_: type) -> _Reader:
    def read(value: object) -> object:
        return (_objects.attributes(value) or {}).get("pid")

    return read
