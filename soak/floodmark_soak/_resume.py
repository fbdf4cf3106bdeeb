"""Whether a run may be gone on with here and now: of the same plan and service, by the same floodmark, and later. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from floodmark_sidecar.errors import ExitCode, UsageError
from floodmark_sidecar.units import format_duration
from floodmark_soak._identity import changes
from floodmark_soak._story import Problem, Story, said

_MOST_CHANGES: Final = 3
_ANOTHER: Final = "what changed is another run: begin one in another folder, or go back to what it was"


def checked(before: Story, now_is: Story) -> Story:
    """Return *before*, a run so far, where *now_is* what is to be run, if that is the same; raises `UsageError` if it is not."""
    if before.floodmark != now_is.floodmark:
        msg = (
            f"the run was begun by floodmark {before.floodmark}, and this is {now_is.floodmark}: one run has one judge"
        )
        raise UsageError(msg, hint=f"go on with floodmark {before.floodmark}, or begin a run in another folder")
    plan = [f"its name was {before.name} and is {now_is.name}"] if before.name != now_is.name else []
    plan += changes(before.plan, now_is.plan)
    if plan:
        msg = f"the run is one of another plan: {_listed(plan)}"
        raise UsageError(msg, hint=_ANOTHER)
    service = changes(before.service, now_is.service)
    if service:
        msg = f"the service is not the one that the run began with: {_listed(service)}"
        raise UsageError(msg, hint=_ANOTHER)
    # Where plan and service lie is the machine's own.
    return replace(before, judging=now_is.judging)


def check_clock(before: Story, now: float) -> None:
    """Raise `UsageError` if *now* (epoch seconds) lies before what was seen of *before*, whose segments have their ends."""
    last = max((max(each.started, each.since, each.until) for each in before.segments), default=0.0)
    if now < last:
        number = before.last.number
        msg = (
            f"the clock of this machine is {format_duration(last - now)} before the end of segment {number} of the run"
        )
        raise UsageError(msg, hint="set the clock: readings that seem to lie before older ones cannot be judged")


def as_interrupted(story: Story) -> Story:
    """Return *story* with how far the run came, in place of the bare signal."""
    if not story.since:
        msg = "the run was interrupted before the service was under load"
    elif not story.whole:
        msg = f"the run was interrupted after {said(story)} under load"
    else:
        msg = "the run was interrupted after its whole time under load"
    hint = "--resume goes on with it" if story.since and not story.whole else ""
    others = without_interrupts(story).last.problems
    ended = story.last.ended or "interrupted"
    return story.told(ended=ended, problems=(Problem(int(ExitCode.INTERRUPTED), msg, hint), *others))


def without_interrupts(story: Story) -> Story:
    """Return *story* as if nobody had interrupted its last segment: for one that is judged again."""
    if not story.segments:
        return story
    kept = tuple(each for each in story.last.problems if each.exit_code != ExitCode.INTERRUPTED)
    segments = (*story.segments[:-1], replace(story.last, problems=kept))
    return replace(story, segments=segments)


def _listed(found: Sequence[str]) -> str:
    more = len(found) - _MOST_CHANGES
    return "; ".join(found[:_MOST_CHANGES]) + (f"; and {more} more" if more > 0 else "")
