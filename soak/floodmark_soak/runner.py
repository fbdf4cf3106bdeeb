"""A soak run from the first check to the last line: start, load, watch, judge, write, and leave nothing behind."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from floodmark_sidecar.errors import FloodmarkError, UsageError
from floodmark_soak._about import about, machine
from floodmark_soak._identity import plan_identity, service_identity
from floodmark_soak._interrupts import InterruptedRunError, Interrupts
from floodmark_soak._judging import Judging
from floodmark_soak._outcome import Outcome, conclude
from floodmark_soak._output import Output
from floodmark_soak._parts import Parts, RealParts
from floodmark_soak._progress import Reporter
from floodmark_soak._readings import tidy
from floodmark_soak._recorded import record, write_reports, write_result
from floodmark_soak._resume import as_interrupted, check_clock, checked, without_interrupts
from floodmark_soak._seen import look_through
from floodmark_soak._service import free_port
from floodmark_soak._story import Ending, Problem, Story, load_story, said
from floodmark_soak._watching import Watching
from floodmark_soak.plan import Plan

if TYPE_CHECKING:
    from floodmark_soak.report import Record


@dataclass(frozen=True)
class Wish:
    """What is asked of a run beside its plan: to go on with one (`resume`), to end after so many seconds under load (`segment`),
    to go on after growth beyond doubt (`to_the_end`).
    """

    resume: bool = False
    segment: float | None = None
    to_the_end: bool = False


_PLAIN: Final = Wish()


class Run:
    """One run of one plan into *folder*, under the environment *base*. Call `run` once, in the main thread.

    *parts* replaces the processes of this machine.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        *,
        reporter: Reporter,
        interrupts: Interrupts,
        base: Mapping[str, str],
        wish: Wish = _PLAIN,
        parts: Parts | None = None,
    ) -> None:
        self._plan = plan.placed(free_port() if plan.uses_port else 0)
        self._folder = folder
        self._reporter = reporter
        self._interrupts = interrupts
        self._base = {name: value for name, value in base.items() if name != "FLOODMARK_TOKEN"}
        self._wish = wish
        self._parts = parts or RealParts(self._plan, self._base, interrupts)

    def run(self) -> "tuple[Outcome, Record]":
        """Return the outcome, which is written by then, and its record for a report over several runs.

        Raises `UsageError` where nothing could be started; then nothing is left of a new output folder, and nothing has
        changed in one that was there.
        """
        output = Output(self._folder, resume=self._wish.resume)
        try:
            return self._run(output)
        finally:
            output.release()

    def _run(self, output: Output) -> "tuple[Outcome, Record]":
        try:
            story = self._story(output)
            if story.whole:
                self._reporter.note(f"the run is over: {said(story)}")
                return self._finish(output, without_interrupts(story))
        except UsageError:
            output.discard()
            raise
        watching = self._watching(output, story)
        try:
            watching.run(machine())
        except UsageError:
            self._undo(output, story)
            raise
        except FloodmarkError as error:
            begun = len(watching.story.segments) > len(story.segments)
            now = self._parts.clock.time()
            return self._finish(output, _failed(watching.story if begun else story.begun(machine(), now), error))
        return self._finish(output, watching.story)

    def _story(self, output: Output) -> Story:
        """Return the story so far of the run in *output*, or the beginning of one; raises `UsageError` if it is another's."""
        service = service_identity(self._plan, base=self._base, output=output.path)
        story = Story(
            name=self._plan.name,
            floodmark=version("floodmark"),
            planned=self._plan.soak.duration,
            plan=plan_identity(self._plan),
            service=service,
            judging=Judging.of(self._plan).as_dict(),
            about=about(self._plan, started=self._parts.clock.time()),
        )
        if not self._wish.resume:
            return story
        before = look_through(checked(load_story(output.story), story), output).story
        check_clock(before, self._parts.clock.time())
        return before

    def _watching(self, output: Output, story: Story) -> Watching:
        return Watching(
            self._plan,
            output,
            story,
            parts=self._parts,
            reporter=self._reporter,
            interrupts=self._interrupts,
            longest=self._wish.segment,
            to_the_end=self._wish.to_the_end,
        )

    def _undo(self, output: Output, story: Story) -> None:
        """Leave the folder as it was before a segment that could not be started."""
        if self._wish.resume:
            with contextlib.suppress(FloodmarkError):
                story.save(output.story)
        output.discard()

    def _finish(self, output: Output, story: Story) -> "tuple[Outcome, Record]":
        """Judge and write; once more if the operator interrupts meanwhile, so that the files say so too."""
        while True:
            interrupted = self._interrupts.count
            if interrupted:
                story = as_interrupted(story)
            self._reporter.phase("judging")
            outcome = conclude(story, output)
            tidy(output.store)
            told = record(story, outcome)
            try:
                story.save(output.story)
                write_result(output, outcome)
                if not self._interrupts.hurried:
                    self._reporter.phase("writing the report")
                    write_reports(output, told)
            except FloodmarkError as error:
                story = _failed(story, error)
                outcome = conclude(story, output)
                with contextlib.suppress(FloodmarkError):
                    write_result(output, outcome)
                return outcome, record(story, outcome)
            if bool(self._interrupts.count) == bool(interrupted):
                return outcome, told


def _failed(story: Story, error: FloodmarkError) -> Story:
    """Return *story* with what ended its last segment; the end of one that was through stays what it is."""
    ended: Ending = "interrupted" if isinstance(error, InterruptedRunError) else "failed"
    problem = Problem(int(error.exit_code), error.message, error.hint)
    return story.told(ended=story.last.ended or ended, problems=(*story.last.problems, problem))
