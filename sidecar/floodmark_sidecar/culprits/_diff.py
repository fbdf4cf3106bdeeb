"""What grew and what shrank from one capture to another: objects by type and the containers that were found, or, of two
trace windows, what was alive by line. Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pympler import summary

from floodmark_sidecar.culprits._capture import Capture, Container, Owner, TypeCount
from floodmark_sidecar.culprits._diff_notes import notes_on
from floodmark_sidecar.culprits._lines import Window
from floodmark_sidecar.culprits._pairing import Held, paired
from floodmark_sidecar.culprits._snapshot import Snapshot

Locate = Callable[[Owner], str | None]


@dataclass(frozen=True, slots=True)
class Change:
    """A number before and after; None where the capture does not list what it counts, which may be there all the same."""

    before: int | None
    after: int | None

    @property
    def by(self) -> int:
        """The change, with what is not listed as 0."""
        return (self.after or 0) - (self.before or 0)

    def as_dict(self) -> dict[str, int | None]:
        """Return both numbers and the change."""
        return {"before": self.before, "after": self.after, "change": self.by}


@dataclass(frozen=True, slots=True)
class _Counted:
    """A number of objects or blocks, and their bytes."""

    name: str
    count: Change
    bytes: Change
    owner: Owner | None = None
    where: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {
            "name": self.name,
            "where": self.where,
            "count": self.count.as_dict(),
            "bytes": self.bytes.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class TypeChange(_Counted):
    """The objects of one type: how many, and the bytes they take by themselves, without what they hold."""


@dataclass(frozen=True, slots=True)
class ContainerChange:
    """One container, or all that one path holds: `containers` says how many.

    `bytes` are those of the tables and, where entries were sampled, about those of what is in them.
    """

    name: str
    path: str | None
    kind: str
    containers: Change
    entries: Change
    bytes: Change
    owner: Owner | None = None
    where: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {
            "name": self.name,
            "path": self.path,
            "where": self.where,
            "kind": self.kind,
            "containers": self.containers.as_dict(),
            "entries": self.entries.as_dict(),
            "bytes": self.bytes.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class LineChange(_Counted):
    """What one line had allocated in a trace window and was alive at its end: blocks and bytes. It goes by its place."""

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {**_Counted.as_dict(self), "name": self.where or self.name}


Row = TypeVar("Row", TypeChange, ContainerChange, LineChange)


@dataclass(frozen=True, slots=True)
class Changes(Generic[Row]):
    """The rows that changed most, the largest growth first; `more` others changed by `more_bytes` together."""

    rows: tuple[Row, ...]
    more: int
    more_bytes: int


@dataclass(frozen=True, slots=True)
class Diff:
    """Two captures compared. `types` is None where one of them did not count types, `lines` where they are no trace windows.

    `one_process` says that both are of one process, so that a container is the same if it is the same object; else
    containers are the same if they have one path.
    """

    before: Snapshot
    after: Snapshot
    one_process: bool
    types: Changes[TypeChange] | None
    containers: Changes[ContainerChange]
    notes: tuple[str, ...]
    lines: Changes[LineChange] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON; `more` counts the rows that were left out, and what they changed by together."""
        left_out = {"containers": {"rows": self.containers.more, "bytes": self.containers.more_bytes}}
        if self.types is not None:
            left_out["types"] = {"rows": self.types.more, "bytes": self.types.more_bytes}
        if self.lines is not None:
            left_out["lines"] = {"rows": self.lines.more, "bytes": self.lines.more_bytes}
        return {
            "from": self.before.as_dict(),
            "to": self.after.as_dict(),
            "seconds": self.after.capture.t - self.before.capture.t,
            "one_process": self.one_process,
            "types": None if self.types is None else [row.as_dict() for row in self.types.rows],
            "containers": [row.as_dict() for row in self.containers.rows],
            "lines": None if self.lines is None else [row.as_dict() for row in self.lines.rows],
            "more": left_out,
            "notes": list(self.notes),
        }


def diff(before: Snapshot, after: Snapshot, *, locate: Locate, at_most: int | None = None) -> Diff:
    """Return what changed from *before* to *after*; of types and of containers at most *at_most* rows each.

    *locate* finds the line of source of an owner; it is asked for the rows that are kept. Raises `ValueError` where one is
    a census and the other a trace window. O(n log n).
    """
    if (before.window is None) != (after.window is None):
        kinds = ["a census" if each.window is None else "a trace window" for each in (before, after)]
        msg = f"the first is {kinds[0]} and the second {kinds[1]}: only two of one kind can be compared"
        raise ValueError(msg)
    one_process = before.is_of_the_process_of(after)
    counted = before.capture.types and after.capture.types
    pairs = paired(before.capture, after.capture, by_id=one_process)
    return Diff(
        before=before,
        after=after,
        one_process=one_process,
        types=_kept(_types(before.capture, after.capture), locate, at_most) if counted else None,
        containers=_kept([_container(first, second) for first, second in pairs], locate, at_most),
        notes=notes_on(before, after, one_process=one_process),
        lines=None
        if before.window is None or after.window is None
        else _kept(_lines(before.window, after.window), locate, at_most),
    )


def _lines(before: Window, after: Window) -> list[LineChange]:
    first, second = ({(line.file, line.line): line for line in each.lines} for each in (before, after))
    found = []
    for place in dict.fromkeys([*first, *second]):
        ends = first.get(place), second.get(place)
        count = Change(*(None if line is None else line.count for line in ends))
        size = Change(*(None if line is None else line.bytes for line in ends))
        file, number = place
        owner = None if file.startswith("<") else Owner("", file, "", "", number)
        found.append(LineChange(f"{file}:{number}", count, size, owner))
    return found


def _types(before: Capture, after: Capture) -> list[TypeChange]:
    """Return pympler's difference of the two summaries, each row with both of its ends."""
    first, second = _summary(before.types), _summary(after.types)
    owners = {each.name: each.owner for each in (*before.types, *after.types) if each.owner is not None}
    rows: list[list[Any]] = summary.get_diff([*first.values()], [*second.values()])  # type: ignore[no-untyped-call]
    unlisted = [None, None, None]
    found = []
    for name, *_ in rows:
        _, *count_and_bytes = zip(first.get(name, unlisted), second.get(name, unlisted), strict=True)
        count, size = (Change(*ends) for ends in count_and_bytes)
        found.append(TypeChange(name, count, size, owners.get(name)))
    return found


def _summary(types: Iterable[TypeCount]) -> dict[str, list[Any]]:
    """Return pympler's rows by name; classes that were made twice have one name, and one row."""
    rows: dict[str, list[Any]] = {}
    for each in types:
        row = rows.setdefault(each.name, [each.name, 0, 0])
        row[1] += each.count
        row[2] += each.bytes
    return rows


def _container(before: Held, after: Held) -> ContainerChange:
    sampled = all(each.entry_bytes is not None for each in (*before, *after))
    shown = max((*before, *after), key=lambda each: (each.path is not None, each.owner is not None, each.entries))
    return ContainerChange(
        name=shown.name or described(shown),
        path=shown.path,
        kind=shown.kind,
        containers=Change(len(before) or None, len(after) or None),
        entries=_change(before, after, lambda each: each.entries),
        # A size that was sampled on one side only is no growth on the other.
        bytes=_change(before, after, lambda each: each.total_bytes if sampled else each.bytes),
        owner=shown.owner,
    )


def _change(before: Held, after: Held, measure: Callable[[Container], int]) -> Change:
    first, second = (sum(map(measure, side)) if side else None for side in (before, after))
    return Change(first, second)


def described(container: Container) -> str:
    """Return what stands for the name of a container that nothing with a name holds."""
    if container.chain:
        return f"{container.kind} in {container.chain}"
    return f"{container.kind} of {container.shape}" if container.shape else f"a {container.kind} without a name"


def _kept(rows: Sequence[Row], locate: Locate, at_most: int | None) -> Changes[Row]:
    """Return those of *rows* that changed, and of these the ones that changed most."""
    changed = [row for row in rows if row.bytes.by or _number(row).by]
    changed.sort(key=lambda row: (-abs(row.bytes.by), -abs(_number(row).by), row.name))
    kept, rest = changed[:at_most], changed[len(changed) if at_most is None else at_most :]
    kept.sort(key=lambda row: (-row.bytes.by, -_number(row).by, row.name))
    return Changes(
        tuple(replace(row, where=None if row.owner is None else locate(row.owner)) for row in kept),
        more=len(rest),
        more_bytes=sum(row.bytes.by for row in rest),
    )


def _number(row: TypeChange | ContainerChange | LineChange) -> Change:
    return row.entries if isinstance(row, ContainerChange) else row.count
