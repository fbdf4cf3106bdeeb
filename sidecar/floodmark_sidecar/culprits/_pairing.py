"""Which containers of two captures are the same. Pure; what goes with what does not depend on which capture comes first."""

from collections.abc import Hashable, Iterator
from typing import TypeAlias

from floodmark_sidecar.culprits._capture import Capture, Container
from floodmark_sidecar.culprits._tracks import same

Held: TypeAlias = tuple[Container, ...]


def paired(before: Capture, after: Capture, *, by_id: bool) -> list[tuple[Held, Held]]:
    """Return what each container of *before* is in *after*, as groups: all that one path holds is one group.

    *by_id* says that both are of one process, where a container is the same as long as it has its id and kind; an id
    that another path has by then was used again, unless it did not shrink. Else the path tells, and of what has none
    the kind, and the chain or the shape of its keys. A group may be empty on one side. O(n).
    """
    moved = _moved(before, after) if by_id else {}
    groups: dict[Hashable, tuple[list[Container], list[Container]]] = {}
    for side, capture in enumerate((before, after)):
        for container in capture.containers:
            key = _key(container, moved.get(_identity(container)), by_id=by_id)
            groups.setdefault(key, ([], []))[side].append(container)
    return [(tuple(first), tuple(second)) for first, second in groups.values()]


def _moved(before: Capture, after: Capture) -> dict[Hashable, str]:
    """Return the path under which a container is known that has none, or another, in one of the two captures."""
    if before.t == after.t:
        return {}
    earlier, later = sorted((before, after), key=lambda capture: capture.t)
    now = {_identity(container): container for container in later.containers}
    return dict(_renamed(earlier, now))


def _renamed(earlier: Capture, now: dict[Hashable, Container]) -> Iterator[tuple[Hashable, str]]:
    for container in earlier.containers:
        identity = _identity(container)
        latest = now.get(identity)
        if latest is not None and same(container, latest) and (path := latest.path or container.path):
            yield identity, path


def _key(container: Container, path: str | None, *, by_id: bool) -> Hashable:
    path = path or container.path
    if path is not None:
        return path
    if by_id:
        return _identity(container)
    return (container.kind, container.chain or container.shape or "")


def _identity(container: Container) -> Hashable:
    return (container.id, container.kind)
