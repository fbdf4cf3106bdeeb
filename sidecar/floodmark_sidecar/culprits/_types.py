"""Types whose instances become ever more, where no container and no map tells of it. Pure.

Whatever a container gains, some type gains as well: its keys, its values and what these hold. Such growth is told by the
container, which says who keeps it alive. What is left is held by nothing that a census looks into, as by many small
containers, by each other in a cycle, or by C code that lost count.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from floodmark_sidecar.culprits._candidates import Candidate
from floodmark_sidecar.culprits._capture import Capture, TypeCount
from floodmark_sidecar.culprits._explained import explained
from floodmark_sidecar.culprits._findings import Finding, seconds_of
from floodmark_sidecar.culprits._growth import Growth, growth

_AS_MANY: Final = (0.5, 2.0)
"""A type that gains so many instances for each entry that a container gains is what is in it."""

_HELD: Final = 16.0
"""Objects of the interpreter's own types that one instance of a class may hold."""

_MOST: Final = 5


def from_types(lives: Sequence[Sequence[Capture]]) -> Iterator[Finding]:
    """Yield the types whose instances go on growing in number in each of *lives*."""
    seconds = seconds_of(lives)
    for life in lives:
        seen = [(capture.t, {each.name: each for each in capture.types}) for capture in life if capture.types]
        for name in seen[-1][1] if seen else ():
            # A type may be too small to be listed in an earlier census: then it was not counted.
            counted = [(t, types[name]) for t, types in seen if name in types]
            found = growth([t for t, _ in counted], [each.count for _, each in counted])
            if found is not None:
                yield _finding(name, counted[-1][1], life, seconds, found=found)


def _finding(
    name: str, latest: TypeCount, life: Sequence[Capture], seconds: dict[str, float], *, found: Growth
) -> Finding:
    worker = life[0].worker
    return Finding(
        key=("type", name),
        name=name,
        worker=worker,
        life=str(life[0].life),
        growth=found,
        weight=found.seconds / seconds[worker],
        observed=f"{found.count} captures",
        bytes_per_entry=latest.bytes_of_one,
        owner=latest.owner,
        remark=_held(latest),
    )


def _held(latest: TypeCount) -> str:
    if latest.held_by is not None:
        return f"one is held by {latest.held_by}"
    return "nothing that has a name holds one: they hold each other, or C code does" if latest.unheld else ""


def unexplained(types: Sequence[Candidate], held: Sequence[Candidate], *, climb: float | None) -> list[Candidate]:
    """Return those of *types* that the growth of containers and maps, *held*, leaves open; the dearest first.

    *climb* is the growth of the service's memory in bytes an hour, None if it is not known. Where instances of classes are
    left, what the interpreter's own types gain beside them is taken for what these hold.
    """
    if climb is not None and explained(climb, held):
        return []
    least, most = _AS_MANY
    rates = [each.entries_per_hour for each in held if each.entries_per_hour > 0]
    left = [each for each in types if not any(least * rate <= each.entries_per_hour <= most * rate for rate in rates)]
    classes = [each for each in left if each.owner is not None]
    most_held = _HELD * max((each.entries_per_hour for each in classes), default=0.0)
    left = [each for each in left if each.owner is not None or each.entries_per_hour > most_held]
    return sorted(left, key=lambda each: each.order)[:_MOST]
