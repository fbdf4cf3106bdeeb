"""What is to be known before two captures are compared: where they differ in more than what they counted. Pure."""

from collections.abc import Iterator
from typing import Final

from floodmark_sidecar.culprits._lines import Window
from floodmark_sidecar.culprits._snapshot import Snapshot
from floodmark_sidecar.units import format_duration

_UNEQUAL: Final = 1.2
"""Windows that differ so much in length are not compared without a word."""


def notes_on(before: Snapshot, after: Snapshot, *, one_process: bool) -> tuple[str, ...]:
    """Return a sentence for each reason to read a difference with care, what matters most first."""
    return tuple(_notes(before, after, one_process=one_process))


def _notes(before: Snapshot, after: Snapshot, *, one_process: bool) -> Iterator[str]:
    seconds = after.capture.t - before.capture.t
    if before == after or (one_process and seconds == 0):
        yield "both are the same capture: there is nothing to compare"
        return
    if seconds < 0:
        yield (
            f"the second is {format_duration(-seconds)} older than the first: what is shown to grow here has shrunk, "
            "and the other way round"
        )
    if before.service != after.service:
        yield f"they are of two services, {before.service or 'unknown'} and {after.service or 'unknown'}"
    if before.python != after.python:
        yield (
            f"they are of two versions of Python, {before.python or 'unknown'} and {after.python or 'unknown'}, "
            "in which the same objects may have other sizes"
        )
    if before.window is not None and after.window is not None:
        yield from _windows(before.window, after.window)
        return
    if not one_process:
        yield "they are of two processes: containers are the same here if they have the same path"
    for which, snapshot in (("first", before), ("second", after)):
        if snapshot.capture.remark is not None:
            yield f"the census of the {which} was {snapshot.capture.remark}"
        elif not snapshot.capture.complete:
            yield f"the census of the {which} was cut short: what it lacks may be there all the same"
    yield from _types(before, after)


def _windows(before: Window, after: Window) -> Iterator[str]:
    yield (
        f"what is shown was allocated in the {format_duration(before.seconds)} of the first and the "
        f"{format_duration(after.seconds)} of the second, and alive at their ends"
    )
    longer = max(before.seconds, after.seconds) / min(before.seconds, after.seconds)
    if longer >= _UNEQUAL:
        which = "second" if after.seconds > before.seconds else "first"
        yield f"the {which} was {longer:.1f} times as long: a line that allocates all the time has as much more in it"
    if before.frames != after.frames:
        yield (
            f"the first kept {before.frames} calls of each allocation and the second {after.frames}: what a library "
            "allocates may count for its own line in one and for the line that called it in the other"
        )


def _types(before: Snapshot, after: Snapshot) -> Iterator[str]:
    lacking = [which for which, one in (("first", before), ("second", after)) if not one.capture.types]
    if lacking:
        who = "neither capture counts" if len(lacking) == 2 else f"the {lacking[0]} does not count"
        yield f"{who} types: only containers are compared"
