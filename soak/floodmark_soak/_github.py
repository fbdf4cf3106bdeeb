"""What a job of GitHub Actions shows of a run: its page in the job's summary, and an annotation where the first culprit is."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

MOST_SUMMARY: Final = 1 << 20
"""Bytes of the summary of one step, beyond which GitHub shows none of it
(https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
"""

_CUT: Final = "\n\nThe rest is in summary.md of the run's folder.\n"
_LEVELS: Final = {0: "notice", 3: "warning"}


def add_summary(text: str, environ: Mapping[str, str] = os.environ) -> None:
    """Add *text*, a page of Markdown, to the summary of the step, cut to what fits; does nothing elsewhere."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("ab") as file:
            room = MOST_SUMMARY - file.tell()
            data = f"{text}\n".encode()
            if len(data) > room:
                whole = data[: max(0, room - len(_CUT.encode()))].decode(errors="ignore").rpartition("\n")[0]
                data = f"{whole}{_CUT}".encode() if whole else b""
            file.write(data)
    except OSError:
        return  # a summary is a help to people, and nothing rests on it


def annotation(result: Mapping[str, Any], sentence: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the line that annotates the job with *sentence*, at the line of the first culprit; empty elsewhere."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return ""
    level = _LEVELS.get(int(result["exit_code"]), "error")
    name = str(result["plan"]["name"])
    return f"::{level} {_place(result, environ)}title={_property(f'floodmark: {name}')}::{_message(sentence)}\n"


def _place(result: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Return the file and line of the first culprit for an annotation, relative to the repository, where it is in there."""
    first = next(iter(result.get("culprits") or ()), None)
    file, _, line = str((first or {}).get("where") or "").rpartition(":")
    root = environ.get("GITHUB_WORKSPACE")
    if not file or not root or not line.isdecimal():
        return ""
    found = (Path(result["plan"]["cwd"]) / file).resolve()
    if not found.is_relative_to(Path(root).resolve()) or not found.is_file():
        return ""
    return f"file={_property(str(found.relative_to(Path(root).resolve())))},line={line},"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
