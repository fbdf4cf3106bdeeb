"""What history says of a service: its trace out of the store, judged, with what grows named and located."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from floodmark_sidecar.culprits import (
    Capture,
    Culprit,
    NativeWindow,
    parse_capture,
    parse_native_window,
    parse_window,
    rank,
)
from floodmark_sidecar.history import trace_of
from floodmark_sidecar.judge import Settings, Trace, Verdict, judge
from floodmark_sidecar.source import SourceLocator
from floodmark_sidecar.store import CaptureRow, Reader
from floodmark_sidecar.trims import Trim, parse_trim, said

_MOST_FILES: Final = 128
_MOST_OF_A_LIFE: Final = 8
_MOST_FILE_BYTES: Final = 32 << 20

_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict with its culprits and the trace both were found in; `notes` says which captures could not be read.

    `trims` are the trims that were asked for, and what they come to is among the notes.
    """

    verdict: Verdict
    culprits: tuple[Culprit, ...]
    trace: Trace
    notes: tuple[str, ...] = ()
    trims: tuple[Trim, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as a result has it, culprits included."""
        result = self.verdict.as_dict()
        result["notes"] = [*result.get("notes", ()), *self.notes]
        trims = [trim.as_dict() for trim in self.trims]
        if self.verdict.verdict == "climbing" and self.culprits:
            result["next"] = _look_at(self.culprits)
        return {**result, "culprits": [culprit.as_dict() for culprit in self.culprits], "trims": trims}


def assess(
    reader: Reader,
    service: str,
    *,
    settings: Settings | None = None,
    cwd: Path | None,
    since: float | None = None,
    at_most: int | None = None,
    locate: SourceLocator | None = None,
) -> Assessment:
    """Judge *service* by its history from *since* on, and rank what grows. Blocks for as long as judging takes.

    *cwd* is what the lines of culprits are written relative to; *at_most* bounds the instants that are looked at, and
    so the cost; *locate* replaces the search through the sources.
    """
    trace = trace_of(reader.rows(service, since=since, at_most=at_most))
    verdict = judge(trace, settings or Settings())
    taken = [row for row in reader.captures(service) if row.t >= (since or 0.0)]
    captures, notes = _load(_chosen([row for row in taken if row.kind == "census"]), parse_capture)
    windows, more_notes = _load(_chosen([row for row in taken if row.kind == "trace"]), parse_window)
    natives, notes_on_natives = _load(_chosen([row for row in taken if row.kind == "native"]), parse_native_window)
    trims, unread = trims_of(_chosen([row for row in taken if row.kind == "trim"]))
    locate = locate or SourceLocator(cwd)
    culprits = rank(
        captures,
        trace,
        verdict,
        locate=locate,
        registered=reader.registered(service),
        windows=windows,
        natives=natives,
        shown=locate.shown,
    )
    notes = (
        *notes,
        *_remarks(captures),
        *more_notes,
        *_loaded(natives),
        *notes_on_natives,
        *unread,
        *said(trims, grown=_grown(verdict)),
    )
    return Assessment(verdict, culprits, trace, notes, tuple(trims))


def _look_at(culprits: Sequence[Culprit]) -> str:
    """Return what to do next, where captures know more of what grows than its readings did."""
    first = culprits[0]
    what = " ".join(part for part in (first.where, first.path or first.name) if part)
    share = "" if first.share is None else f", which explains {first.share:.0%} of the growth"
    more = "" if len(culprits) == 1 else f"; it is the first of {len(culprits)} culprits"
    return f"look at {what}{share}{more}"


def trims_of(rows: Sequence[CaptureRow]) -> tuple[list[Trim], tuple[str, ...]]:
    """Return the trims in the files of *rows*, and a note for each that cannot be read."""
    return _load([row for row in rows if row.path is not None], parse_trim)


def _remarks(captures: Sequence[Capture]) -> list[str]:
    """Return how those of *captures* were taken that could not be taken as usual."""
    counts = Counter(capture.remark for capture in captures if capture.remark is not None)
    return [f"{count} of {len(captures)} censuses: {remark}" for remark, count in counts.items()]


def _loaded(natives: Sequence[NativeWindow]) -> list[str]:
    """Return what native windows have left in the workers that had one."""
    workers = sorted({f"{window.worker} (life {window.life})" for window in natives})
    if not workers:
        return []
    return [
        f"a native window left memray loaded in {', '.join(workers)}: some 12 MB of each that the service did not ask for"
    ]


def _grown(verdict: Verdict) -> float | None:
    """Return the bytes by which memory grew in the time that was judged, if it climbed."""
    slope = verdict.as_dict()["slope_bytes_per_hour"]["estimate"]
    if verdict.verdict != "climbing" or verdict.window is None or slope is None:
        return None
    return float(slope) * (verdict.window[1] - verdict.window[0]) / 3600


def _chosen(rows: Sequence[CaptureRow]) -> list[CaptureRow]:
    """Return the first, the last and a few evenly spread captures of each life, of the newest lives first.

    Files that have made room for newer ones are not among those to spread over.
    """
    lives: dict[tuple[str, int], list[CaptureRow]] = {}
    for row in rows:
        if row.path is not None and Path(row.path).exists():
            lives.setdefault((row.worker, row.life), []).append(row)
    each = max(2, min(_MOST_OF_A_LIFE, _MOST_FILES // max(1, len(lives))))
    newest = sorted(lives.values(), key=lambda taken: taken[-1].t)[-_MOST_FILES // each :]
    return [row for taken in newest for row in _spread(taken, each)]


def _spread(rows: Sequence[CaptureRow], count: int) -> list[CaptureRow]:
    if len(rows) <= count:
        return list(rows)
    return [rows[round(index * (len(rows) - 1) / (count - 1))] for index in range(count)]


def _load(rows: Sequence[CaptureRow], parse: Callable[..., _Parsed]) -> tuple[list[_Parsed], tuple[str, ...]]:
    captures, notes = [], []
    for row in rows:
        path = Path(row.path or "")
        try:
            if path.stat().st_size > _MOST_FILE_BYTES:
                notes.append(f"the capture {path.name} is too large to read")
                continue
            captures.append(parse(_content(path), worker=row.worker, life=row.life))
        except FileNotFoundError:
            continue  # it has made room for a newer one by now
        except (OSError, ValueError, RecursionError) as error:
            notes.append(f"the capture {path.name} cannot be read: {error}")
    return captures, tuple(notes)


def _content(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_bytes())
    if not isinstance(value, dict):
        msg = "it is not an object"
        raise ValueError(msg)  # noqa: TRY004 - a file with the wrong content is a wrong value
    return value
