"""Where tables are printed: rich's console, with a reader that goes away left to who owns the stream."""

from typing import Any, Final, TextIO

from rich.console import Console as RichConsole

from floodmark_sidecar.cli._text import width_asked

_PLAIN_WIDTH: Final = 140
"""Columns where there is no terminal to be narrow, and COLUMNS says nothing."""


class Console(RichConsole):
    """A console on *stream*; colours are rich's, which heeds NO_COLOR."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(file=stream, highlight=False, width=None if stream.isatty() else width_asked() or _PLAIN_WIDTH)

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print as rich does, without the spaces that it fills the lines of a table with."""
        with self.capture() as printed:
            super().print(*args, **kwargs)
        self.file.write("\n".join(line.rstrip(" ") for line in printed.get().split("\n")))

    def on_broken_pipe(self) -> None:
        """Raise: rich would end the process."""
        raise BrokenPipeError
