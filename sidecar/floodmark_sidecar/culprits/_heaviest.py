"""What weighs most in one capture by itself, before there is another to compare it with. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from floodmark_sidecar.culprits._capture import Capture, Owner, parse_capture
from floodmark_sidecar.culprits._diff import described
from floodmark_sidecar.culprits._lines import Window, parse_window
from floodmark_sidecar.culprits._native_windows import NativeWindow, parse_native_window

Locate = Callable[[Owner], str | None]


@dataclass(frozen=True, slots=True)
class Heavy:
    """A container of a census, a line of a trace window or a place of a native one.

    `count` is its entries or blocks, `bytes` what they take: of a window, what was allocated in it and alive at its end.
    """

    kind: str
    name: str
    where: str | None
    count: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def heaviest(content: Mapping[str, Any], *, locate: Locate, at_most: int) -> tuple[Heavy, ...]:
    """Return what weighs most in the capture *content*, the heaviest first; nothing of a trim.

    *locate* finds the line of source of an owner. Raises `ValueError` that says what is wrong with *content*. O(n log n).
    """
    kind = content.get("kind", "census")
    if kind == "census":
        return _containers(parse_capture(content, worker="", life=0), locate, at_most)
    if kind == "trace":
        return _lines(parse_window(content, worker="", life=0), locate, at_most)
    if kind == "native":
        return _places(parse_native_window(content, worker="", life=0), locate, at_most)
    return ()


def _containers(capture: Capture, locate: Locate, at_most: int) -> tuple[Heavy, ...]:
    # What a module has in its namespace is there by its own name, where it is heavy.
    told = [each for each in capture.containers if not (each.path or "").endswith(".__dict__")]
    kept = sorted(told, key=lambda each: -each.total_bytes)[:at_most]
    return tuple(
        Heavy(
            "container",
            each.path or each.name or described(each),
            None if each.owner is None else locate(each.owner),
            each.entries,
            each.total_bytes,
        )
        for each in kept
    )


def _lines(window: Window, locate: Locate, at_most: int) -> tuple[Heavy, ...]:
    kept = sorted(window.lines, key=lambda each: -each.bytes)[:at_most]
    places = [_place(line.file, line.line, locate) for line in kept]
    return tuple(Heavy("line", place, place, line.count, line.bytes) for place, line in zip(places, kept, strict=True))


def _places(window: NativeWindow, locate: Locate, at_most: int) -> tuple[Heavy, ...]:
    kept = sorted(window.places, key=lambda each: -each.bytes)[:at_most]
    return tuple(
        Heavy(
            "native",
            each.function or each.allocator,
            None if each.file is None else _place(each.file, each.line, locate),
            each.count,
            each.bytes,
        )
        for each in kept
    )


def _place(file: str, line: int, locate: Locate) -> str:
    """Return a line as it is shown; a file in angle brackets is none that can be found."""
    shown = None if file.startswith("<") else locate(Owner("", file, "", "", line))
    return shown or f"{file}:{line}"
