"""The story of a run: which segments of it there were, kept in `run.json` so that another process may go on with it.

A segment is known from the moment at which it begins, so what a `kill -9` leaves unsaid is only how it ended; how far it came is
in the store, reading by reading.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from floodmark_sidecar.errors import ExitCode, FloodmarkError, UsageError
from floodmark_sidecar.units import format_duration
from floodmark_soak._judging import Judging
from floodmark_soak._output import write_whole

_VERSION: Final = 1

_NOTHING: Final = 1.0
"""Seconds that are not worth a segment of their own: the end is told by another clock than the length."""

Ending: TypeAlias = Literal["", "whole", "segment", "early", "interrupted", "failed"]
"""How a segment ended: with the run, at its own length, with growth beyond doubt, by the operator, by a problem; or nobody says."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong in a segment, as its error said it."""

    exit_code: int
    message: str
    hint: str = ""

    @property
    def error(self) -> FloodmarkError:
        """The problem as an error, for whoever asks what the run ends with."""
        error = FloodmarkError(self.message, hint=self.hint)
        error.exit_code = ExitCode(self.exit_code)
        return error


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a run. Times are UTC epoch seconds: `since` is the first request, 0 where there was none yet; `until` is 0
    where nobody wrote down the end.

    `machine` is where it ran.
    """

    number: int
    machine: str
    started: float
    since: float = 0.0
    until: float = 0.0
    ended: Ending = ""
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the service was watched under load."""
        return max(0.0, self.until - self.since) if self.since else 0.0


@dataclass(frozen=True, slots=True)
class Story:
    """All that another process needs to go on with a run: what it is a run of, and its segments so far, in order.

    `plan` and `service` are what `_identity` says of them, `planned` the seconds that the run is to last under load,
    `judging` what of the plan decides the verdict, as `Judging` writes it, `about` how it was run, for people.
    """

    name: str
    floodmark: str
    planned: float
    plan: Mapping[str, Any]
    service: Mapping[str, Any]
    judging: Mapping[str, Any]
    about: Mapping[str, str] = field(default_factory=dict)
    segments: tuple[Segment, ...] = field(default=())

    @property
    def seconds(self) -> float:
        """How long the service was watched under load, in all segments together."""
        return sum(segment.seconds for segment in self.segments)

    @property
    def remaining(self) -> float:
        """The seconds that are still to come."""
        return max(0.0, self.planned - self.seconds)

    @property
    def whole(self) -> bool:
        """Whether nothing is to come any more."""
        return self.remaining < _NOTHING or any(segment.ended in ("whole", "early") for segment in self.segments)

    @property
    def since(self) -> float:
        """The first request of the run (epoch seconds), 0 where there was none."""
        return min((segment.since for segment in self.segments if segment.since), default=0.0)

    @property
    def last(self) -> Segment:
        """The segment that is under way, or was the last one."""
        return self.segments[-1]

    def begun(self, machine: str, started: float) -> "Story":
        """Return the story with one more segment, which begins on *machine* at *started*."""
        return replace(self, segments=(*self.segments, Segment(len(self.segments) + 1, machine, started)))

    def told(self, **changes: Any) -> "Story":
        """Return the story with *changes* to its last segment."""
        return replace(self, segments=(*self.segments[:-1], replace(self.last, **changes)))

    def closed(self, number: int, until: float) -> "Story":
        """Return the story with the end of a segment whose end nobody wrote down."""
        closed = (replace(each, until=until) if each.number == number else each for each in self.segments)
        return replace(self, segments=tuple(closed))

    def save(self, path: Path) -> None:
        """Write the story to *path*, whole or not at all; raises as `write_whole`."""
        content = {"floodmark_run": _VERSION, **asdict(self)}
        write_whole(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def load_story(path: Path) -> Story:
    """Return the story in *path*; raises `UsageError` where there is none, or none that can be gone on with."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"there is no run to go on with in {path.parent}: it has no {path.name}"
        raise UsageError(msg, hint="leave out --resume to begin one, or name the folder of one with --output") from None
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise UsageError(msg) from None
    version = content.get("floodmark_run") if isinstance(content, dict) else None
    if version != _VERSION:
        msg = f"{path} is no run of this floodmark: its version is {version!r:.40}, and {_VERSION} is known"
        raise UsageError(msg)
    try:
        return _story(content)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, UsageError) as error:
        msg = f"{path} is damaged: {type(error).__name__}: {error}"
        raise UsageError(msg) from None


def _story(content: Mapping[str, Any]) -> Story:
    segments = tuple(_segment(number, each) for number, each in enumerate(content["segments"], 1))
    if not segments:
        msg = "it has no segment"
        raise ValueError(msg)
    judging = Judging(**content["judging"])
    judging.settings(planned=None)
    _number(judging.failure_budget, "failure_budget")
    return Story(
        name=str(content["name"]),
        floodmark=str(content["floodmark"]),
        planned=_number(content["planned"], "planned", least=_NOTHING),
        plan=dict(content["plan"]),
        service=dict(content["service"]),
        judging=dict(content["judging"]),
        about={str(name): str(fact) for name, fact in content["about"].items()},
        segments=segments,
    )


def _segment(number: int, obj: Mapping[str, Any]) -> Segment:
    ended = obj["ended"]
    if obj["number"] != number or ended not in get_args(Ending):
        msg = f"segment {number} is told as {obj['number']!r:.40}, ended {ended!r:.40}"
        raise ValueError(msg)
    return Segment(
        number=number,
        machine=str(obj["machine"]),
        started=_number(obj["started"], "started"),
        since=_number(obj["since"], "since"),
        until=_number(obj["until"], "until"),
        ended=ended,
        notes=tuple(map(str, obj["notes"])),
        problems=tuple(
            Problem(ExitCode(int(p["exit_code"])), str(p["message"]), str(p["hint"])) for p in obj["problems"]
        ),
    )


def _number(value: Any, name: str, *, least: float = 0.0) -> float:
    """Return *value* as a number of at least *least*; raises `ValueError` for any other."""
    number = float(value)
    if not least <= number < math.inf:
        msg = f"{name} is {value!r:.40}"
        raise ValueError(msg)
    return number


def said(story: Story) -> str:
    """Return how far a run has come, as a clause: `9 h 40 min of 24 h in 2 segments`."""
    count = len([segment for segment in story.segments if segment.seconds])
    segments = "" if count < 2 else f" in {count} segments"
    return f"{format_duration(story.seconds)} of {format_duration(story.planned)}{segments}"
