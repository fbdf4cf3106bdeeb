"""Capture files read and compared, for the command line and over HTTP."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final, TypeVar, cast

from floodmark_sidecar.capturefile import CaptureFile
from floodmark_sidecar.culprits import Diff, Heavy, Snapshot, diff, heaviest, parse_snapshot
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.source import SourceLocator
from floodmark_sidecar.units import format_bytes

MOST_BYTES: Final = 32 << 20
"""Of a capture file, expanded: far more than the census of any service takes."""

_OTHER_KINDS: Final = {"native": "native window", "trim": "trim"}
_OF_MEMRAY: Final = (
    "between them there was a native window of this process: what memray imported for it is among what grew"
)

_Parsed = TypeVar("_Parsed")

_GZIP: Final = b"\x1f\x8b"
_HINT: Final = "floodmark capture writes captures, and floodmark serve --captures DIR keeps them"


def compare(first: Path, second: Path, *, cwd: Path | None, at_most: int | None = None) -> Diff:
    """Return what changed from the capture in the file *first* to the one in *second*; blocks while it reads.

    *cwd* is what lines of source are written relative to, *at_most* bounds the rows of types, those of containers and those of lines.
    Raises `UsageError`, with the name of the file, where it is no whole capture, or where only one is a trace window.
    """
    before, after = read_snapshot(first), read_snapshot(second)
    try:
        found = diff(before, after, locate=SourceLocator(cwd), at_most=at_most)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return replace(found, notes=(*found.notes, _OF_MEMRAY)) if _native_between(first, second) else found


def heaviest_in(path: Path, *, cwd: Path | None, at_most: int) -> tuple[Heavy, ...]:
    """Return what weighs most in the capture in the file *path*, as `heaviest` does; raises `UsageError` as `read_snapshot`."""
    locate = SourceLocator(cwd)
    return _parsed(path, lambda content: heaviest(content, locate=locate, at_most=at_most))


def read_snapshot(path: Path) -> Snapshot:
    """Return the capture in the file *path*, plain or in gzip; raises `UsageError` where it is none."""
    place = CaptureFile.named(path.name)

    def parse(content: dict[str, Any]) -> Snapshot:
        if (kind := content.get("kind")) in _OTHER_KINDS:
            msg = f"{path} is a {_OTHER_KINDS[kind]}: only censuses and trace windows are compared"
            raise UsageError(msg)
        return parse_snapshot(content, worker=place.worker if place else "", life=place.life if place else 0)

    return _parsed(path, parse)


def _native_between(first: Path, second: Path) -> bool:
    """Say whether beside both files there is that of a native window, of the same process, from between them."""
    ends = [CaptureFile.named(path.name) for path in (first, second)]
    others = [CaptureFile.named(path.name) for path in first.parent.glob("*.native.json*")]
    low, high = (None if end is None else (end.worker, end.life, end.stamp) for end in ends)
    if low is None or high is None or low[:2] != high[:2] or first.parent != second.parent:
        return False
    low, high = sorted((low, high))
    return any(low < (other.worker, other.life, other.stamp) < high for other in others if other is not None)


def _parsed(path: Path, parse: Callable[[dict[str, Any]], _Parsed]) -> _Parsed:
    data = _read(path)
    try:
        content = json.loads(data)
        if not isinstance(content, dict):
            msg = f"its JSON is no object (got {content!r:.40})"
            raise ValueError(msg)  # noqa: TRY004, TRY301 - a file with the wrong content is a wrong value
        return parse(content)
    except (ValueError, RecursionError) as error:
        msg = f"{path} is no capture: {_why(data, error)}"
        raise UsageError(msg, hint=_HINT) from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            packed = file.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
            plain = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file
            data = plain.read(MOST_BYTES + 1)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        msg = f"{path} is not readable as gzip ({str(error)[:80]})"
        raise UsageError(msg, hint="expand it with gunzip to see how much of it is whole") from None
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        msg = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise UsageError(msg) from None
    if len(data) > MOST_BYTES:
        msg = f"{path} is no capture: it is larger than {format_bytes(MOST_BYTES)}"
        raise UsageError(msg, hint=_HINT)
    return data


def _why(data: bytes, error: Exception) -> str:
    """Return what is wrong with *data*, which is no capture because of *error*, in words for who did not write it."""
    if not data.strip():
        return "it is empty"
    if b"\0" in data or isinstance(error, UnicodeDecodeError):
        return "it is a binary file"
    if isinstance(error, json.JSONDecodeError):
        begins = data.lstrip().startswith(b"{")
        ends = data.rstrip().endswith(b"}")
        return "it is cut off" if begins and not ends else f"it is not JSON ({error})"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
