"""The command line: one module a subcommand, errors mapped to exit codes in one place."""

from floodmark_sidecar.cli._main import main

__all__ = ["main"]
