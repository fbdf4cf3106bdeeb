"""What a run says while it goes on: a bar on a terminal, plain lines elsewhere. Always on standard error."""

import os
import sys
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from floodmark_sidecar.cli._streams import give_up
from floodmark_sidecar.units import format_bytes, format_duration


@dataclass(frozen=True)
class Moment:
    """How far a run is: seconds under load, the seconds planned, and the latest numbers (None = not known yet)."""

    elapsed: float
    duration: float
    memory: int | None
    requests: int

    def __str__(self) -> str:
        memory = "memory not read yet" if self.memory is None else f"memory {format_bytes(self.memory)}"
        left = format_duration(max(0.0, self.duration - self.elapsed))
        return f"{memory}, {self.requests:,} requests, {left} left"


class Reporter(Protocol):
    """Whoever tells the operator how the run goes on."""

    def phase(self, name: str) -> None:
        """Say that the run has come to a new phase."""

    def advance(self, moment: Moment) -> None:
        """Say how far the run under load is."""

    def note(self, text: str) -> None:
        """Say something that stays to be read."""

    def close(self) -> None:
        """End; idempotent."""


def reporter(title: str, stream: TextIO = sys.stderr) -> Reporter:
    """Return the reporter that suits *stream*; *title* names the run in every line."""
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return Bar(title, stream)
    return Lines(title, stream)


class Lines:
    """One plain line for each phase, and for each tenth of the run."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._title, self._stream = title, stream
        self._tenths = 0
        self._lost = False

    def phase(self, name: str) -> None:
        """Write the phase."""
        self.note(name)

    def advance(self, moment: Moment) -> None:
        """Write where the run is, once a tenth of it."""
        tenths = int(10 * moment.elapsed / moment.duration)
        if tenths > self._tenths:
            self._tenths = tenths
            self.note(f"{10 * tenths} %: {moment}")

    def note(self, text: str) -> None:
        """Write *text*."""
        if self._lost:
            return
        try:
            print(f"floodmark: {self._title}: {text}", file=self._stream, flush=True)
        except OSError:
            # Whoever read the log is gone, or its disk is full; the run goes on.
            self._lost = True
            give_up(self._stream)

    def close(self) -> None:
        """Do nothing: lines end by themselves."""


class Bar:
    """A bar that is redrawn in place; colours are rich's, which leaves them out under NO_COLOR."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[detail]}", markup=False),
            console=Console(file=stream),
            refresh_per_second=4,
            transient=True,
        )
        self._title = title
        self._task = self._progress.add_task(title, total=1.0, detail="")
        self._progress.start()

    def phase(self, name: str) -> None:
        """Show the phase before the bar."""
        self._progress.update(self._task, description=f"{self._title}: {name}", detail="")

    def advance(self, moment: Moment) -> None:
        """Move the bar."""
        done = min(1.0, moment.elapsed / moment.duration)
        self._progress.update(self._task, completed=done, detail=str(moment))

    def note(self, text: str) -> None:
        """Write *text* above the bar."""
        self._progress.console.print(f"{self._title}: {text}", markup=False, highlight=False)

    def close(self) -> None:
        """Take the bar off the screen."""
        self._progress.stop()
