"""The one family of errors that the command line turns into exit codes."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a floodmark command says with its exit status."""

    STEADY = 0
    CLIMBING = 1
    USAGE = 2
    INCONCLUSIVE = 3
    SERVICE_DIED = 4
    LOAD_FAILED = 5
    INTERNAL = 6
    NOT_PROVEN = 7
    INTERRUPTED = 130


class FloodmarkError(Exception):
    """Raised when floodmark cannot do what was asked; its text is meant for the operator.

    `exit_code` is what the command ends with, `hint` is what the operator can do about it (or empty).
    """

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(FloodmarkError):
    """Raised when the plan, an option or an input file is not usable as it stands."""

    exit_code = ExitCode.USAGE
