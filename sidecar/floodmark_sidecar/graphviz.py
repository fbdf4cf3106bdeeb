"""Graphs drawn by graphviz' program `dot`, where it is installed. It runs beside the sidecar or the command, never in a service."""

import functools
import re
import shutil
import subprocess
from typing import Final

from floodmark_sidecar.errors import FloodmarkError, UsageError

_PATIENCE: Final = 20.0
_MISSING: Final = "graphviz is not installed, so that there is no picture of who holds what grows"
_TITLES: Final = re.compile(r"(?:<!--[^>]*-->|<title>[^<]*</title>)\n?")
_HINT: Final = "install it (apt install graphviz); who holds each is also said in words"


class DrawingError(FloodmarkError):
    """Raised when graphviz could not draw."""


def check_installed() -> str:
    """Return where `dot` is; raises `UsageError` if it is not installed."""
    program = shutil.which("dot")
    if program is None:
        raise UsageError(_MISSING, hint=_HINT)
    return program


def draw(graph: str) -> str:
    """Return *graph*, in graphviz' language, as an SVG element; blocks for some 50 ms, and remembers the last few.

    Raises `UsageError` where graphviz is not installed, `DrawingError` where it fails or takes too long.
    """
    return _draw(check_installed(), graph)


@functools.lru_cache(maxsize=8)
def _draw(program: str, graph: str) -> str:
    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=graph.encode(errors="replace"), capture_output=True, timeout=_PATIENCE, check=True
        )
    except subprocess.TimeoutExpired:
        msg = f"graphviz did not draw within {_PATIENCE:g} s"
        raise DrawingError(msg) from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().partition("\n")[0]
        msg = f"graphviz could not draw: {said[:200] or f'it ended with {error.returncode}'}"
        raise DrawingError(msg) from None
    except OSError as error:
        msg = f"graphviz could not be started: {error.strerror}"
        raise DrawingError(msg) from None
    text = done.stdout.decode()
    start = text.find("<svg")
    if start < 0:
        msg = "graphviz drew no SVG"
        raise DrawingError(msg)
    # What comes before is for a file of its own, and names an address; the titles are the names of our nodes.
    return _TITLES.sub("", text[start:]).strip()
