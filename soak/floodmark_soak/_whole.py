"""What several runs show together: a planted leak that was caught, what a version adds."""

from dataclasses import dataclass

from floodmark_sidecar.errors import ExitCode


@dataclass(frozen=True)
class Whole:
    """What several runs are for, by its *title*: the code that the command ends with, and why in a *sentence* without its stop.

    What a run among them came to then counts by this alone: a planted leak is to climb.
    """

    title: str
    exit_code: ExitCode
    sentence: str
