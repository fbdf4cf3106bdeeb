"""What native windows say: where in C, and on which line of Python's, memory was asked for that was not given back. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from floodmark_sidecar.culprits._capture import FORMAT, _count, _mapping, _number, _text, _texts
from floodmark_sidecar.culprits._culprit import Culprit
from floodmark_sidecar.culprits._explained import share
from floodmark_sidecar.culprits._lines import LEAST_SHARE, TURNOVER
from floodmark_sidecar.units import format_bytes

_MOST: Final = 5
_MOST_CALLS: Final = 6


@dataclass(frozen=True, slots=True)
class NativePlace:
    """Where memory was asked for: `function` is of C, `file` (absolute) and `line` of Python's; what is not known is None, 0.

    `allocator` is what was called, `bytes` and `count` what was not given back of it, `calls` how that came, innermost
    first. `users` says whether the line is in the user's own code.
    """

    allocator: str
    function: str | None
    file: str | None
    line: int
    bytes: int
    count: int
    calls: tuple[str, ...] = ()
    users: bool = False


@dataclass(frozen=True, slots=True)
class NativeWindow:
    """One native window in one worker's life: its end (epoch seconds), its length, and what was asked for and is left."""

    worker: str
    life: int
    t: float
    seconds: float
    places: tuple[NativePlace, ...]
    other_bytes: int


def parse_native_window(obj: Mapping[str, Any], *, worker: str, life: int) -> NativeWindow:
    """Return the window in *obj*, of *life* of the slot *worker*; raises `ValueError` that says what is wrong."""
    if obj.get("floodmark_capture") != FORMAT or obj.get("kind") != "native":
        msg = f"not a native window of format {FORMAT}: its kind is {obj.get('kind')!r:.40}"
        raise ValueError(msg)
    places = obj.get("places")
    if not isinstance(places, list):
        msg = f"places of a native window must be a list (got {type(places).__name__})"
        raise ValueError(msg)  # noqa: TRY004  a file with wrong content is a wrong value, whatever its type
    seconds = _number(obj, "window_seconds", "the window")
    if seconds == 0:
        msg = "window_seconds of the window must be more than 0"
        raise ValueError(msg)
    return NativeWindow(
        worker=worker,
        life=life,
        t=_number(obj, "t", "the window"),
        seconds=seconds,
        places=tuple(_place(each, f"place {index}") for index, each in enumerate(places)),
        other_bytes=_count(obj, "other_bytes", "the window"),
    )


def _place(obj: Any, where: str) -> NativePlace:
    fields = _mapping(obj, where)
    return NativePlace(
        allocator=_text(fields, "allocator", where) or "unknown",
        function=_text(fields, "function", where),
        file=_text(fields, "file", where),
        line=_count(fields, "line", where),
        bytes=_count(fields, "bytes", where),
        count=_count(fields, "count", where),
        calls=_texts(fields, "calls", where),
        users=fields.get("users") is True,
    )


def from_windows(
    windows: Sequence[NativeWindow], *, left: float, slope: float, shown: Callable[[str], str]
) -> list[Culprit]:
    """Return the places that ask for what is *left* without a name, in bytes an hour, of a climb of *slope*; dearest first.

    Rates are sums over the workers in which there was a window. *shown* writes the path of a file as culprits show it.
    """
    hours: defaultdict[str, float] = defaultdict(float)
    seen: defaultdict[tuple[str | None, str | None, int], list[tuple[NativeWindow, NativePlace]]] = defaultdict(list)
    for window in windows:
        hours[window.worker] += window.seconds / 3600
        for place in window.places:
            seen[place.function, place.file, place.line].append((window, place))
    rates = {key: sum(place.bytes / hours[window.worker] for window, place in each) for key, each in seen.items()}
    telling = [key for key in seen if LEAST_SHARE <= rates[key] / left <= TURNOVER]
    telling.sort(key=lambda key: -rates[key])
    alive = sum(window.other_bytes + sum(place.bytes for place in window.places) for window in windows)
    return [
        _culprit(
            seen[key],
            rates[key],
            alive=alive,
            share=share(rates[key], max(slope, rates[key])),
            hours=hours,
            shown=shown,
        )
        for key in telling[:_MOST]
    ]


def _culprit(
    each: Sequence[tuple[NativeWindow, NativePlace]],
    per_hour: float,
    *,
    alive: int,
    share: float,
    hours: Mapping[str, float],
    shown: Callable[[str], str],
) -> Culprit:
    last, place = max(each, key=lambda pair: pair[0].t)
    size, blocks = sum(place.bytes for _, place in each), sum(place.count for _, place in each)
    line = None if place.file is None else f"{shown(place.file)}:{place.line}"
    seconds = sum(window.seconds for window, _ in each)
    workers = sorted({window.worker for window, _ in each})
    text = (
        f"{format_bytes(size)} in {blocks:,} blocks of {place.allocator} that were asked for here in {seconds:,.0f} s were not "
        f"given back, {size / max(alive, 1):.0%} of what was not, in a native window of {', '.join(workers)}"
    )
    calls = f"; by the calls {' < '.join(place.calls[:_MOST_CALLS])}" if place.calls else ""
    return Culprit(
        rank=0,
        kind="native",
        name=place.function or line or place.allocator,
        where=line,
        path=None,
        worker=None,
        share=share,
        bytes_per_hour=per_hour,
        entries_per_hour=sum(place.count / hours[window.worker] for window, place in each),
        measured="bytes",
        points=((last.t - last.seconds, 0.0), (last.t, float(place.bytes))),
        evidence=f"{text}{calls}",
    )
