"""What there is of a run in its output folder: when it was watched, and what its loads came to."""

from dataclasses import dataclass
from typing import Final

from floodmark_soak._judging import Judging
from floodmark_soak._load import LoadResult, result_in, together
from floodmark_soak._load_stats import History, RequestCounter
from floodmark_soak._output import Output
from floodmark_soak._readings import Watched, last_reading
from floodmark_soak._story import Story

_EVER: Final = 1e11
"""Epoch seconds after all readings."""


@dataclass(frozen=True)
class Seen:
    """A run as it can be judged: its *story*, with the ends that nobody wrote down, the times watched, and the load in all."""

    story: Story
    judging: Judging
    watched: tuple[Watched, ...]
    load: LoadResult | None


def look_through(story: Story, output: Output) -> Seen:
    """Return what is in *output* of the run that *story* tells.

    A segment that was killed ends with its last reading: with the store, nothing is lost but what came after that.
    """
    judging = Judging(**story.judging)
    watched, loads = [], []
    for segment in story.segments:
        folder = output.load_of(segment.number)
        history = History(folder)
        history.refresh()
        if history.samples:
            loads.append(result_in(folder, history, failure_budget=judging.failure_budget))
        if not segment.since:
            continue
        until = segment.until
        if not until:
            following = next((each.started for each in story.segments if each.number > segment.number), _EVER)
            until = last_reading(output.store, story.name, since=segment.since, until=following)
            story = story.closed(segment.number, until)
        watched.append(Watched(segment.number, segment.since, until, RequestCounter(history.samples)))
    return Seen(story, judging, tuple(watched), together(loads))
