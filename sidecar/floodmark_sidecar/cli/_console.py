"""Where tables are printed: rich's console, with a reader that goes away left to who owns the stream."""

from typing import Final, TextIO

from rich.console import Console as RichConsole

_PLAIN_WIDTH: Final = 140
"""Columns where there is no terminal to be narrow."""


class Console(RichConsole):
    """A console on *stream*; colours are rich's, which heeds NO_COLOR."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(file=stream, highlight=False, width=None if stream.isatty() else _PLAIN_WIDTH)

    def on_broken_pipe(self) -> None:
        """Raise: rich would end the process."""
        raise BrokenPipeError
