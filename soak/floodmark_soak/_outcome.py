"""What a run came to: readings judged, culprits ranked, problems told, in the words and numbers of `result.json`."""

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from floodmark_sidecar.assess import Assessment, assess
from floodmark_sidecar.errors import ExitCode, FloodmarkError, first_of
from floodmark_sidecar.history import trace_of
from floodmark_sidecar.judge import Settings, Trace, Verdict, format_csv, judge
from floodmark_sidecar.store import CaptureRow
from floodmark_sidecar.units import format_duration, format_rate
from floodmark_soak._doubts import doubts
from floodmark_soak._output import Output
from floodmark_soak._readings import RunReader
from floodmark_soak._seen import Seen, look_through
from floodmark_soak._story import Segment, Story
from floodmark_soak._tools import Tool
from floodmark_soak._tools import judged as judged_tools


@dataclass(frozen=True)
class Outcome:
    """A judged run: what `result.json` and `readings.csv` hold, and what the report draws beside it."""

    result: dict[str, Any]
    readings: str
    trace: Trace
    captures: list[dict[str, object]]

    @property
    def exit_code(self) -> ExitCode:
        """What the command ends with."""
        return ExitCode(self.result["exit_code"])

    @property
    def verdict(self) -> str:
        """`steady`, `climbing` or `inconclusive`."""
        return str(self.result["verdict"])


def conclude(story: Story, output: Output, *, final: bool = False) -> Outcome:
    """Judge what is in *output* of the run that *story* tells; *final* says that no more is to come. A trace is written and read back without loss, so `floodmark
    judge` on the readings returned here comes to the same verdict.
    """
    seen = look_through(story, output)
    readings, captures, assessment, problems = _assess(seen, output)
    tools = judged_tools(output.tools, seen.watched, _settings(seen))
    found = doubts(seen.watched, assessment.trace.t.tolist(), seen.load, tools)
    judged = _believed(assessment.as_dict(), found, seen.story)
    problems += _that_count(seen.story)
    to_come = not final and not seen.story.whole and story.last.ended == "segment"
    code = first_of([_so_far(judged) if to_come else judged["exit_code"], *(problem.exit_code for problem in problems)])
    result = {
        **judged,
        "exit_code": int(code),
        "reasons": [
            *(_sentence(problem) for problem in problems),
            *missing(seen.story, "still to come" if to_come else "missing"),
            *judged["reasons"],
        ],
        "interrupted": code is ExitCode.INTERRUPTED,
        "complete": seen.story.whole,
        "duration_seconds": round(seen.story.seconds, 3),
        "remaining_seconds": 0.0 if seen.story.whole else round(seen.story.remaining, 3),
        "segments": [_told(segment) for segment in seen.story.segments],
        "plan": {
            "name": story.name,
            "path": story.judging["path"],
            "cwd": story.judging["cwd"],
            "duration_seconds": story.planned,
        },
        "load": None if seen.load is None else seen.load.as_dict(),
        "tools": {tool.name: tool.as_dict() for tool in tools},
        "captures": _cost(captures),
        "problems": [{"exit_code": int(p.exit_code), "message": p.message, "hint": p.hint} for p in problems],
        "notes": [*judged["notes"], *_notes(seen), *_on_tools(tools)],
    }
    return Outcome(result, readings, assessment.trace, [asdict(capture) for capture in captures])


def look(story: Story, output: Output) -> Verdict:
    """Judge a run that goes on, by what is in its folder so far. Blocks for as long as judging takes."""
    seen = look_through(story, output)
    with RunReader(output.store, seen.watched, captures=output.captures) as reader:
        return judge(trace_of(reader.rows(story.name)), seen.judging.settings(planned=story.planned))


def _assess(seen: Seen, output: Output) -> tuple[str, list[CaptureRow], Assessment, list[FloodmarkError]]:
    """Return the readings of the run as CSV, its captures, what they come to, and the error if they cannot be read."""
    story, settings = seen.story, _settings(seen)
    problems: list[FloodmarkError] = []
    if seen.watched:
        try:
            with RunReader(output.store, seen.watched, captures=output.captures) as reader:
                assessment = assess(reader, story.name, settings=settings, cwd=seen.judging.folder)
                return reader.csv(story.name), reader.captures(story.name), assessment, problems
        except (FloodmarkError, sqlite3.Error) as error:
            msg = f"the readings of the run are lost: {error}"
            problems.append(FloodmarkError(msg))
    nothing = Trace.from_rows(())
    return "".join(format_csv(())), [], Assessment(judge(nothing, settings), (), nothing), problems


def _settings(seen: Seen) -> Settings:
    story = seen.story
    return seen.judging.settings(planned=None if story.whole or _died(story) else story.planned)


def _believed(judged: dict[str, Any], found: Sequence[str], story: Story) -> dict[str, Any]:
    """Return *judged* with what was *found* against it; what is steady then, or of a run that is not whole, is inconclusive."""
    unsure = judged["verdict"] == "steady" and (found or not story.whole)
    changed = {"verdict": "inconclusive", "exit_code": int(ExitCode.INCONCLUSIVE)} if unsure else {}
    return {**judged, **changed, "reasons": [*found, *judged["reasons"]], "doubts": list(found)}


def _on_tools(tools: Sequence[Tool]) -> list[str]:
    """Return a note for each tool that grows itself."""
    return [
        f"{tool.name} itself grows, by {format_rate((tool.bytes_per_hour or 0.0) / 3600)}"
        for tool in tools
        if tool.verdict == "climbing"
    ]


def _died(story: Story) -> bool:
    """Whether the service is dead, and nothing of the run is to come."""
    return any(problem.exit_code == ExitCode.SERVICE_DIED for problem in story.last.problems)


def _that_count(story: Story) -> list[FloodmarkError]:
    """Return what went wrong and still counts: whatever ended the last segment, and every death of the service."""
    return [
        problem.error
        for segment in story.segments
        for problem in segment.problems
        if segment is story.last or problem.exit_code == ExitCode.SERVICE_DIED
    ]


def _so_far(judged: Mapping[str, Any]) -> int:
    """Return the code of a segment that ended at its own length: 0 where nothing was shown yet."""
    code = int(judged["exit_code"])
    return int(ExitCode.STEADY) if code == ExitCode.INCONCLUSIVE else code


def missing(story: Story, what: str) -> list[str]:
    """Return how much of the run there is not, as a sentence; nothing of one that is whole, or that never began."""
    if story.whole or not story.seconds:
        return []
    return [f"{format_duration(story.remaining)} of {format_duration(story.planned)} are {what}."]


def _told(segment: Segment) -> dict[str, Any]:
    told = asdict(segment)
    del told["notes"], told["problems"]
    return {**told, "seconds": round(segment.seconds, 3), "ended": segment.ended or "killed"}


def _notes(seen: Seen) -> list[str]:
    """Return the notes of all segments, with the segment where there are several, and those of the load."""
    several = len(seen.story.segments) > 1
    notes = []
    for segment in seen.story.segments:
        found = list(segment.notes)
        if segment is not seen.story.last:
            found += [_first_line(problem.message) for problem in segment.problems]
            found += [] if segment.ended else ["it was killed: what it saw is kept"]
        notes += [f"segment {segment.number}: {note}" if several else note for note in found]
    return [*notes, *(seen.load.notes if seen.load else ())]


def _cost(captures: Iterable[CaptureRow]) -> dict[str, object]:
    """Return how many censuses and windows were taken, why others were not, and the longest that one held a worker."""
    captures = [capture for capture in captures if capture.kind != "trim"]
    stalls = [capture.stall_seconds for capture in captures if capture.stall_seconds is not None]
    return {
        "taken": sum(capture.refused is None for capture in captures),
        "refused": sorted({capture.refused for capture in captures if capture.refused is not None}),
        "worst_stall_seconds": max(stalls, default=None),
    }


def _sentence(problem: FloodmarkError) -> str:
    """Return *problem* for a list of reasons, which has no room for the output that its message may carry."""
    text = _first_line(problem.message)
    return f"{text[0].upper()}{text[1:]}."


def _first_line(message: str) -> str:
    """Return the sentence of *message* without the output that follows it."""
    return re.sub(r"; it(s last output:| printed nothing)$", "", message.partition("\n")[0])
