"""Which subcommands there are, each loaded only when it is asked for."""

import argparse
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Final, Protocol, cast

from floodmark_sidecar.errors import UsageError

_GROUP: Final = "floodmark.commands"
_OWN: Final = {
    name: f"floodmark_sidecar.cli.{name}" for name in ("capture", "diff", "doctor", "judge", "serve", "traces")
}


class Command(Protocol):
    """What a module must have to be a subcommand."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the subcommand's options to its parser."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; returns the exit code."""


@dataclass(frozen=True, slots=True)
class Known:
    """A subcommand that is installed: the module it is in, and the extra that brings what it needs."""

    module: str
    extra: str

    def load(self) -> Command:
        """Import the module; raises `UsageError` in one line when something it needs is not installed."""
        try:
            return cast("Command", importlib.import_module(self.module))
        except ModuleNotFoundError as error:
            raise missing(error, self.extra) from error


def known() -> Mapping[str, Known]:
    """Return every subcommand by name: floodmark's own, and those that other packages bring."""
    commands = {name: Known(module, "sidecar") for name, module in _OWN.items()}
    for point in entry_points(group=_GROUP):
        commands.setdefault(point.name, Known(point.value, point.name))
    return dict(sorted(commands.items()))


def missing(error: ModuleNotFoundError, extra: str) -> UsageError:
    """Return what to say of a module that is not installed; one of floodmark's own is a fault and no extra."""
    name = (error.name or "").partition(".")[0]
    if not name or name.startswith("floodmark"):
        raise error
    return UsageError(f"this needs {name}, which is not installed", hint=f"pip install 'floodmark[{extra}]'")
