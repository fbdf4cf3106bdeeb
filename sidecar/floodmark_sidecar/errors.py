"""The one family of errors that the command line turns into exit codes."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final


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


_PRECEDENCE: Final = (
    ExitCode.INTERRUPTED,
    ExitCode.INTERNAL,
    ExitCode.CLIMBING,
    ExitCode.SERVICE_DIED,
    ExitCode.LOAD_FAILED,
    ExitCode.NOT_PROVEN,
    ExitCode.INCONCLUSIVE,
    ExitCode.USAGE,
    ExitCode.STEADY,
)


def first_of(codes: Iterable[int]) -> ExitCode:
    """Return the one of *codes*, of which there is at least one, that a command with several things to say ends with."""
    return min((ExitCode(code) for code in codes), key=_PRECEDENCE.index)


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
