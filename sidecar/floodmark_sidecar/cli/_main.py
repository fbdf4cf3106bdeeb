"""The `floodmark` command: finds the subcommand, runs it, and turns every error into one line and an exit code."""

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Final

from floodmark_caches._version import __version__
from floodmark_sidecar.cli._commands import Known, known, missing
from floodmark_sidecar.cli._streams import complain, flush, open_closed, write_anything
from floodmark_sidecar.errors import ExitCode, FloodmarkError, UsageError

_ABOUT: Final = """\
Watches long-lived Python services for memory that keeps climbing, names what grows, and gates a release on it.
"""

_CODES: Final = """\
exit codes:
  0 steady or done   1 climbing             2 usage             3 inconclusive   4 the service died
  5 the load failed  6 an internal error    7 a planted leak was not caught      130 interrupted
"""

_BROKEN_PIPE: Final = 141
"""What a shell shows of a program that wrote into a closed pipe."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line *argv* (default: the process' own) and return its exit code."""
    open_closed()
    write_anything(sys.stdout)
    write_anything(sys.stderr)
    words = list(sys.argv[1:] if argv is None else argv)
    extra = "all"
    try:
        commands = known()
        # Only the one that is asked for is loaded; for help, or a name nobody knows, all of them.
        asked = next((word for word in words if not word.startswith("-")), "")
        extra = commands[asked].extra if asked in commands else extra
        if asked in commands or words == ["--version"]:
            commands = {name: command for name, command in commands.items() if name == asked}
        args = _parser(commands).parse_args(words)
        code: int = args.run(args)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(ExitCode.USAGE)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        return _BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the one place where every error becomes a line and a code
        return _failed(error, extra)
    finally:
        flush(sys.stdout)
        flush(sys.stderr)
    return code


def _parser(commands: Mapping[str, Known]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="floodmark", description=_ABOUT, epilog=_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"floodmark {__version__}")
    choices = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, found in commands.items():
        try:
            command = found.load()
        except UsageError as error:
            if len(commands) == 1:
                raise
            choices.add_parser(name, help=f"({error.message}: {error.hint})")
            continue
        sub = choices.add_parser(name, help=command.HELP, description=f"{command.HELP[:1].upper()}{command.HELP[1:]}.")
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def _failed(error: Exception, extra: str) -> int:
    if os.environ.get("FLOODMARK_DEBUG") == "1":
        traceback.print_exception(error)
    if isinstance(error, ModuleNotFoundError):
        try:
            error = missing(error, extra)
        except ModuleNotFoundError as own:
            error = own
    if isinstance(error, FloodmarkError):
        complain(f"{error.message}\n  {error.hint}" if error.hint else error.message)
        return int(error.exit_code)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        complain(f"what was to be written could not be: {error.strerror}")
        return int(ExitCode.INTERNAL)
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    complain(f"something went wrong inside floodmark: {what} (FLOODMARK_DEBUG=1 shows where)")
    return int(ExitCode.INTERNAL)
