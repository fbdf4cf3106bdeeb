"""Where `floodmark capture --graph` draws who holds what grows: one new file."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from floodmark_sidecar.cli._text import printable
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.graphviz import check_installed, draw


class HoldersPicture:
    """The picture at *path*, an SVG file. Raises `UsageError` at once for what could not be drawn or written later."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.suffix.lower() != ".svg":
            msg = f"--graph must be a file that ends in .svg (got {str(path)!r})"
            raise UsageError(msg)
        if not path.parent.is_dir():
            msg = f"the graph {path} cannot be written: {path.parent} is no folder"
            raise UsageError(msg)
        if os.path.lexists(path):
            msg = f"the graph {path} exists already"
            raise UsageError(msg, hint="name another file, or remove this one")
        check_installed()

    def draw(self, culprits: Sequence[Mapping[str, Any]]) -> str:
        """Draw *culprits*, as JSON has them, and return the sentence that says so, or why there is nothing to draw."""
        from floodmark_sidecar.culprits import graph  # noqa: PLC0415 - numpy is not loaded where nothing is drawn

        try:
            ways = graph(culprits)
        except (LookupError, TypeError, ValueError):
            msg = "what the sidecar says of culprits cannot be drawn: it is of another version"
            raise UsageError(msg) from None
        if ways is None:
            return "no graph: of nothing that grows is it known who holds it; two more captures may tell"
        picture = draw(ways)
        try:
            with self.path.open("x", encoding="utf-8") as file:
                try:
                    file.write(f"{picture}\n")
                    file.flush()
                except BaseException:
                    self.path.unlink(missing_ok=True)
                    raise
        except OSError as error:
            msg = f"the graph {self.path} cannot be written: {error.strerror}"
            raise UsageError(msg) from None
        return f"graph: {printable(str(self.path))}"
