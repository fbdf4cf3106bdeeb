"""What trace windows say: the lines whose allocations stayed, as culprits of their own or as evidence for others. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from floodmark_sidecar.culprits._capture import FORMAT, _count, _mapping, _number
from floodmark_sidecar.culprits._culprit import Culprit
from floodmark_sidecar.culprits._explained import explained, share, together
from floodmark_sidecar.units import format_bytes

_LEAST_SHARE: Final = 0.05
"""Of what stayed of the windows, and of the climb: a line below is the small change of a service at work."""

_TURNOVER: Final = 3.0
"""A line that stays so many times faster than memory grows holds what is given back later: requests in flight."""

_ITS_OWN: Final = 2.0
"""A line may stay so many times faster than a container of its file grows and still be where that is filled."""

_MOST: Final = 10


@dataclass(frozen=True, slots=True)
class Line:
    """What one line (its file absolute, or in angle brackets) allocated within a window and was alive at its end.

    In bytes and blocks; `largest` is the bytes of the largest block.
    """

    file: str
    line: int
    bytes: int
    count: int
    largest: int

    @property
    def grown(self) -> int:
        """The bytes that count as growth.

        A table that outgrows its memory is allocated anew with all it held before: one block says nothing.
        """
        return max(self.bytes - self.largest, 0)


@dataclass(frozen=True, slots=True)
class Window:
    """One trace window in one worker's life: its end (epoch seconds), its length, and what it allocated that stayed.

    `other_bytes` stayed as well, from lines that are not told.
    """

    worker: str
    life: int
    t: float
    seconds: float
    lines: tuple[Line, ...]
    other_bytes: int


@dataclass(frozen=True, slots=True)
class _Stayed:
    """What stayed of one line over all windows; rates are sums over the workers that were traced."""

    file: str
    name: str
    bytes: int
    blocks: int
    bytes_per_hour: float
    blocks_per_hour: float
    points: tuple[tuple[float, float], ...]


def parse_window(obj: Mapping[str, Any], *, worker: str, life: int) -> Window:
    """Return the window in *obj*, of *life* of the slot *worker*; raises `ValueError` that says what is wrong."""
    if obj.get("floodmark_capture") != FORMAT or obj.get("kind") != "trace":
        msg = f"not a trace window of format {FORMAT}: its kind is {obj.get('kind')!r:.40}"
        raise ValueError(msg)
    lines = obj.get("lines")
    if not isinstance(lines, list):
        msg = f"lines of a trace window must be a list (got {type(lines).__name__})"
        raise ValueError(msg)  # noqa: TRY004  a file with wrong content is a wrong value, whatever its type
    seconds = _number(obj, "window_seconds", "the window")
    if seconds == 0:
        msg = "window_seconds of the window must be more than 0"
        raise ValueError(msg)
    return Window(
        worker=worker,
        life=life,
        t=_number(obj, "t", "the window"),
        seconds=seconds,
        lines=tuple(_line(each, f"line {index}") for index, each in enumerate(lines)),
        other_bytes=_count(obj, "other_bytes", "the window"),
    )


def with_lines(
    culprits: Sequence[Culprit],
    windows: Sequence[Window],
    *,
    slope: float | None,
    since: float | None,
    shown: Callable[[str], str],
    notes: Sequence[str] = (),
) -> tuple[Culprit, ...]:
    """Return *culprits* with what *windows* from *since* on add: evidence, and lines where much has no name.

    *slope* is the growth of the service in bytes an hour; where it is not known, lines are named only if nothing else
    is. *shown* writes the path of a file as culprits show it. *notes* end the evidence of every line.
    """
    windows = [window for window in windows if since is None or window.t >= since]
    total = sum(window.other_bytes + sum(line.grown for line in window.lines) for window in windows)
    telling = [each for each in _stayed(windows, shown) if each.bytes > 0 and each.bytes >= _LEAST_SHARE * total]
    found = list(culprits)
    unheld = []
    for line in telling:
        holder = _holder(found, line)
        if holder is None:
            unheld.append(line)
        else:
            held = found[holder]
            found[holder] = replace(held, evidence=f"{held.evidence}; what stays is allocated at {line.name}")
    if explained(slope, culprits) if slope is not None else culprits:
        return tuple(found)
    fresh = [line for line in unheld if slope is None or _LEAST_SHARE <= line.bytes_per_hour / slope <= _TURNOVER]
    if not fresh:
        return tuple(found)
    found += [_culprit(line, total, windows, notes) for line in fresh[:_MOST]]
    found.sort(key=lambda each: -(each.bytes_per_hour or 0.0))
    whole = None if slope is None else max(slope, together(found))
    return tuple(replace(each, rank=rank, share=_share(each, whole)) for rank, each in enumerate(found, start=1))


def _line(obj: Any, where: str) -> Line:
    fields = _mapping(obj, where)
    file = fields.get("file")
    if not isinstance(file, str) or not file.isprintable():
        msg = f"file of {where} must be a text (got {file!r:.40})"
        raise ValueError(msg)
    size, count = _count(fields, "bytes", where), _count(fields, "count", where)
    return Line(file, _count(fields, "line", where), size, count, _count(fields, "largest", where))


def _stayed(windows: Sequence[Window], shown: Callable[[str], str]) -> list[_Stayed]:
    """Return the lines of all *windows*, what stays fastest first."""
    hours: defaultdict[str, float] = defaultdict(float)
    seen: defaultdict[tuple[str, int], list[tuple[Window, Line]]] = defaultdict(list)
    for window in windows:
        hours[window.worker] += window.seconds / 3600
        for line in window.lines:
            seen[line.file, line.line].append((window, line))
    found = []
    for (file, number), each in seen.items():
        last, line = max(each, key=lambda pair: pair[0].t)
        found.append(
            _Stayed(
                file=shown(file),
                name=f"{shown(file)}:{number}",
                bytes=sum(line.grown for _, line in each),
                blocks=sum(line.count for _, line in each),
                bytes_per_hour=sum(line.grown / hours[window.worker] for window, line in each),
                blocks_per_hour=sum(line.count / hours[window.worker] for window, line in each),
                points=((last.t - last.seconds, 0.0), (last.t, float(line.grown))),
            )
        )
    return sorted(found, key=lambda each: (-each.bytes_per_hour, each.name))


def _holder(culprits: Sequence[Culprit], line: _Stayed) -> int | None:
    """Return which of *culprits* is filled on *line*: one that is made in its file and grows about as fast."""
    for index, culprit in enumerate(culprits):
        made_in = (culprit.where or "").rpartition(":")[0]
        if made_in == line.file and line.bytes_per_hour <= _ITS_OWN * (culprit.bytes_per_hour or 0.0):
            return index
    return None


def _culprit(line: _Stayed, total: int, windows: Sequence[Window], notes: Sequence[str]) -> Culprit:
    workers = sorted({window.worker for window in windows})
    seconds = sum(window.seconds for window in windows)
    count = "a trace window" if len(windows) == 1 else f"{len(windows)} trace windows"
    text = (
        f"{format_bytes(line.bytes)} in {line.blocks:,} blocks that this line allocated in {seconds:,.0f} s stayed, "
        f"{line.bytes / total:.0%} of all that did, in {count} of {', '.join(workers)}"
    )
    return Culprit(
        rank=0,
        kind="line",
        name=line.name,
        where=line.name,
        path=None,
        worker=None,
        share=None,
        bytes_per_hour=line.bytes_per_hour,
        entries_per_hour=line.blocks_per_hour,
        measured="bytes",
        points=line.points,
        evidence="; ".join([text, *notes]),
    )


def _share(culprit: Culprit, whole: float | None) -> float | None:
    if whole is None or culprit.bytes_per_hour is None:
        return None
    return share(culprit.bytes_per_hour, whole)
