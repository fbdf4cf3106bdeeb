"""A program called `dot` for tests: graphviz itself need not be there where they run."""

import sys
from pathlib import Path

import pytest

DRAWS = (
    "told = sys.stdin.read(); print('<?xml?><svg xmlns=\"http://www.w3.org/2000/svg\">', told.count('label'), '</svg>')"
)
"""Draws how many boxes it was given."""


def only_dot(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str | None = DRAWS) -> None:
    """Let a script of *body* in *folder* be the only `dot` on the path, or None at all be there."""
    folder.mkdir(exist_ok=True)
    if body is not None:
        program = folder / "dot"
        program.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
