"""What trace windows say: the lines whose allocations stayed, as culprits of their own or as evidence for others. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from floodmark_sidecar.culprits._capture import FORMAT, _count, _mapping, _number
from floodmark_sidecar.culprits._culprit import Culprit
from floodmark_sidecar.culprits._explained import Owning, explained, may_own, placed_by_size, share, together
from floodmark_sidecar.units import format_bytes

LEAST_SHARE: Final = 0.05
"""Of what stayed of the windows, and of the climb: a line below is the small change of a service at work."""

TURNOVER: Final = 3.0
"""A line that stays so many times faster than memory grows holds what is given back later: requests in flight."""

_LASTING: Final = 0.5
"""The part of what is alive of a line at the end that must be growth, where no climb says how much is much."""

_CALLED: Final = 16.0
"""A line of a library that makes up to so many times more or fewer blocks than a line of the user's is called from it."""

_ITS_OWN: Final = 2.0
"""A line may stay so many times faster than a container of its file grows and still be where that is filled."""

_MAKES: Final = 0.4
"""The part of a type's growth that a line must make to say more of it than its name."""

_MOST: Final = 10
_MOST_CALLS: Final = 6


@dataclass(frozen=True, slots=True)
class Line:
    """What one line (its file absolute, or in angle brackets) allocated within a window and was alive at its end.

    In bytes and blocks; `largest` is the bytes of the largest block. `earlier` is what counted as growth at each earlier
    look into the window. `users` says whether the line is in the user's own code. `calls` are the files and lines of the
    calls by which most of it came, the innermost first, where the window kept more than one.
    """

    file: str
    line: int
    bytes: int
    count: int
    largest: int
    earlier: tuple[float, ...] = ()
    users: bool = True
    calls: tuple[tuple[str, int], ...] = ()

    @property
    def grown(self) -> int:
        """The bytes that count as growth.

        A table that outgrows its memory is allocated anew with all it held before: one block says nothing.
        """
        return max(self.bytes - self.largest, 0)


@dataclass(frozen=True, slots=True)
class Window:
    """One trace window in one worker's life: its end (epoch seconds), its length, and what it allocated that stayed.

    `other_bytes` stayed as well, from lines that are not told. `looks` are the seconds into it of earlier looks, `frames`
    how many calls it kept of each allocation.
    """

    worker: str
    life: int
    t: float
    seconds: float
    lines: tuple[Line, ...]
    other_bytes: int
    looks: tuple[float, ...] = ()
    frames: int = 1

    def stayed(self, line: Line) -> float:
        """Return the bytes by which *line* grew for good: at the pace that it kept up after the first look.

        What is alive at any one time may be under way, and a cache that fills stops; both are there at the first look.
        """
        seen = [look for look in zip(self.looks, line.earlier, strict=True) if look[0] <= self.seconds - self._part / 2]
        if not seen:
            return line.grown
        paces = [(b - a) / (t - s) for (s, a), (t, b) in pairwise([*seen, (self.seconds, line.grown)])]
        return max(0.0, min(paces)) * self.seconds

    def points(self, line: Line) -> tuple[tuple[float, float], ...]:
        """Return (epoch second, bytes) of what *line* had allocated and was alive, from the beginning on."""
        began = self.t - self.seconds
        seen = [(began + at, size) for at, size in zip(self.looks, line.earlier, strict=True)]
        return ((began, 0.0), *seen, (self.t, float(line.grown)))

    @property
    def _part(self) -> float:
        """The usual time between looks; one that is the window's end as well has seen no more than the end."""
        return self.looks[0] if self.looks else self.seconds


@dataclass(frozen=True, slots=True)
class _Stayed:
    """What stayed of one line over all windows; rates are sums over the workers that were traced.

    `lasting` is the part of what was alive at the ends of windows that stayed by `Window.stayed`.
    """

    file: str
    name: str
    bytes: float
    lasting: float
    blocks: float
    bytes_per_hour: float
    blocks_per_hour: float
    points: tuple[tuple[float, float], ...]
    users: bool = True
    calls: tuple[str, ...] = ()

    def comes_with(self, other: "_Stayed") -> bool:
        """Whether this line of a library is most likely called from *other*, a line of the user's that leaks more."""
        if self.users or not other.users or self.bytes > other.bytes:
            return False
        return other.blocks / _CALLED <= self.blocks <= other.blocks * _CALLED


def parse_window(obj: Mapping[str, Any], *, worker: str, life: int) -> Window:
    """Return the window in *obj*, of *life* of the slot *worker*; raises `ValueError` that says what is wrong."""
    if obj.get("floodmark_capture") != FORMAT or obj.get("kind") != "trace":
        msg = f"not a trace window of format {FORMAT}: its kind is {obj.get('kind')!r:.40}"
        raise ValueError(msg)
    lines = obj.get("lines")
    if not isinstance(lines, list):
        msg = f"lines of a trace window must be a list (got {type(lines).__name__})"
        raise ValueError(msg)  # noqa: TRY004  a file with wrong content is a wrong value, whatever its type
    seconds, looks = _number(obj, "window_seconds", "the window"), _looks(obj)
    if seconds == 0:
        msg = "window_seconds of the window must be more than 0"
        raise ValueError(msg)
    return Window(
        worker=worker,
        life=life,
        t=_number(obj, "t", "the window"),
        seconds=seconds,
        lines=tuple(_line(each, f"line {index}", looks=len(looks)) for index, each in enumerate(lines)),
        looks=looks,
        other_bytes=_count(obj, "other_bytes", "the window"),
        frames=_count(obj, "frames", "the window") if "frames" in obj else 1,
    )


def with_lines(
    culprits: Sequence[Culprit],
    windows: Sequence[Window],
    *,
    slope: float | None,
    climbs: bool | None,
    risen: float | None,
    since: float | None,
    shown: Callable[[str], str],
    notes: Sequence[str] = (),
    growing: Sequence[Owning] = (),
    named: float,
) -> tuple[Culprit, ...]:
    """Return *culprits* with what *windows* from *since* on add: evidence, and lines where much has no name.

    *slope* is the growth of the service in bytes an hour; where it is not known, lines are named only if nothing else
    is. *climbs* says whether it is known to be growth, and is None where nobody has judged: what may be noise does not
    make a line that merely fills a leak. Where a judge saw too little even for a slope, *risen* is what memory rose by in
    bytes an hour from end to end, None where nobody knows: without it no line is named, since what is replaced only after
    the window's end looks the same as what stays.
    *shown* writes the path of a file as culprits show it. *notes* end the evidence of every line. *growing* are what the
    culprits were made of, in their order: lines that may allocate what the entries of one own come behind it. *named* is
    what in bytes an hour has a name for sure.
    """
    windows = [window for window in windows if since is None or window.t >= since]
    # One that kept more calls tells the user's line where a shallower one has only the library's.
    windows = [window for window in windows if window.frames == max(each.frames for each in windows)]
    alive = sum(window.other_bytes + sum(line.grown for line in window.lines) for window in windows)
    telling = [each for each in _stayed(windows, shown) if each.bytes > 0 and each.bytes >= LEAST_SHARE * alive]
    found = list(culprits)
    unheld = []
    for line in telling:
        holder = _holder(found, line)
        if holder is None:
            unheld.append(line)
        else:
            held = found[holder]
            found[holder] = replace(held, evidence=f"{held.evidence}; what stays is allocated at {line.name}")
    if explained(slope, named) if slope is not None else culprits or (climbs is False and risen is None):
        return tuple(found)
    fresh = unheld
    if slope is None or not climbs:
        fresh = [line for line in fresh if line.lasting >= _LASTING]
    if slope is not None:
        fresh = [line for line in fresh if LEAST_SHARE <= line.bytes_per_hour / slope <= TURNOVER]
    elif risen is not None:
        fresh = [line for line in fresh if line.bytes_per_hour <= TURNOVER * risen]
    fresh = [line for line in fresh if not any(line.comes_with(other) for other in telling)]
    if not fresh:
        return tuple(found)
    for line in fresh[:_MOST]:
        below = [other.name for other in telling if other.comes_with(line)]
        told = [f"most of it by the calls {' < '.join(line.calls)}"] if line.calls else []
        told += [f"{', '.join(below)} (libraries) grow with it"] if below else []
        owning = [
            rank
            for rank, each in enumerate(growing, start=1)
            if may_own(each, line.bytes_per_hour, line.blocks_per_hour)
        ]
        behind = next((place for place, each in enumerate(found, start=1) if each.rank in owning[:1]), 0)
        found = _before_bare(placed_by_size(found, _culprit(line, alive, windows, [*told, *notes]), behind=behind))
    whole = None if slope is None else max(slope, together(found))
    return tuple(replace(each, rank=rank, share=_share(each, whole)) for rank, each in enumerate(found, start=1))


def _before_bare(ordered: Sequence[Culprit]) -> list[Culprit]:
    """Return *ordered* with lines before the types without a place that they most likely make, of not much more bytes."""
    found = list(ordered)
    for place in range(1, len(found)):
        for at in range(place, 0, -1):
            bare, line = found[at - 1], found[at]
            makes = (line.bytes_per_hour or 0.0) >= _MAKES * (bare.bytes_per_hour or 0.0)
            if line.kind != "line" or bare.kind != "type" or bare.where is not None or not makes:
                break
            found[at - 1], found[at] = line, bare
    return found


def _looks(obj: Mapping[str, Any]) -> tuple[float, ...]:
    found = obj.get("look_seconds", [])
    if not isinstance(found, list):
        msg = f"look_seconds of the window must be a list (got {type(found).__name__})"
        raise ValueError(msg)  # noqa: TRY004  as above
    looks = tuple(_number({"a look": at}, "a look", "the window") for at in found)
    if any(after <= before for before, after in pairwise((0.0, *looks))):
        msg = f"look_seconds of the window must rise from above 0 (got {found!r:.60})"
        raise ValueError(msg)
    return looks


def _line(obj: Any, where: str, *, looks: int) -> Line:
    fields = _mapping(obj, where)
    file = fields.get("file")
    if not isinstance(file, str) or not file.isprintable():
        msg = f"file of {where} must be a text (got {file!r:.40})"
        raise ValueError(msg)
    size, count = _count(fields, "bytes", where), _count(fields, "count", where)
    largest, earlier = _count(fields, "largest", where), fields.get("earlier", [])
    if not isinstance(earlier, list) or len(earlier) != looks:
        msg = f"earlier of {where} must be a list of as many sizes as there were looks, {looks} (got {earlier!r:.60})"
        raise ValueError(msg)
    sizes = tuple(_number({"earlier": each}, "earlier", where) for each in earlier)
    users = fields.get("users", True) is not False
    calls = tuple(_call(each, where) for each in _listed(fields.get("calls", []), "calls", where))
    return Line(file, _count(fields, "line", where), size, count, largest, sizes, users, calls)


def _call(obj: Any, where: str) -> tuple[str, int]:
    if not isinstance(obj, list) or len(obj) != 2 or not isinstance(obj[0], str) or not obj[0].isprintable():
        msg = f"a call of {where} must be a file and a line (got {obj!r:.60})"
        raise ValueError(msg)
    return obj[0], _count({"line": obj[1]}, "line", where)


def _listed(value: Any, key: str, where: str) -> list[Any]:
    if not isinstance(value, list):
        msg = f"{key} of {where} must be a list (got {value!r:.60})"
        raise ValueError(msg)  # noqa: TRY004  as above
    return value


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
        sizes = [(window, window.stayed(line), line) for window, line in each]
        # Blocks are counted at the end alone: those that stay are as large as all.
        counts = [(window, line.count * size / line.grown if line.grown else 0.0) for window, size, line in sizes]
        found.append(
            _Stayed(
                file=shown(file),
                name=f"{shown(file)}:{number}",
                bytes=sum(size for _, size, _ in sizes),
                lasting=sum(size for _, size, _ in sizes) / max(1, sum(line.grown for _, line in each)),
                blocks=sum(count for _, count in counts),
                bytes_per_hour=sum(size / hours[window.worker] for window, size, _ in sizes),
                blocks_per_hour=sum(count / hours[window.worker] for window, count in counts),
                points=last.points(line),
                users=line.users,
                calls=tuple(f"{shown(caller)}:{at}" for caller, at in line.calls[:_MOST_CALLS]),
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


def _culprit(line: _Stayed, alive: float, windows: Sequence[Window], notes: Sequence[str]) -> Culprit:
    workers = sorted({window.worker for window in windows})
    seconds = sum(window.seconds for window in windows)
    count = "a trace window" if len(windows) == 1 else f"{len(windows)} trace windows"
    text = (
        f"{format_bytes(line.bytes)} in {line.blocks:,.0f} blocks that this line allocated in {seconds:,.0f} s stayed, "
        f"{line.bytes / alive:.0%} of what was alive then, in {count} of {', '.join(workers)}"
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
