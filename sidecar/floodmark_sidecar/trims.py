"""What trims gave back: memory of a worker that its allocator had kept and nothing used. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from floodmark_sidecar.units import format_bytes

_FORMAT: Final = 1

_MUCH: Final = 0.02
"""The share of what was held below which nothing to speak of was given back."""

_TRAPPED: Final = 0.1
"""The share of what is held from which free memory between blocks in use is worth a word."""


@dataclass(frozen=True, slots=True)
class Trim:
    """One trim of one worker's life: its time (epoch seconds), and private and free bytes before and after.

    The free ones are malloc's own account, None where it gives none.
    """

    worker: str
    life: int
    t: float
    before_bytes: int
    after_bytes: int
    free_before_bytes: int | None
    free_after_bytes: int | None

    @property
    def returned_bytes(self) -> int:
        """The bytes that the kernel got back."""
        return max(0, self.before_bytes - self.after_bytes)

    def as_dict(self) -> dict[str, Any]:
        """Return the trim as a result has it."""
        return {**asdict(self), "returned_bytes": self.returned_bytes}


def parse_trim(obj: Mapping[str, Any], *, worker: str, life: int) -> Trim:
    """Return the trim in *obj*, of *life* of the slot *worker*; raises `ValueError` that says what is wrong."""
    if obj.get("floodmark_capture") != _FORMAT or obj.get("kind") != "trim":
        msg = f"not a trim of format {_FORMAT}: its kind is {obj.get('kind')!r:.40}"
        raise ValueError(msg)
    t = obj.get("t")
    if not isinstance(t, int | float) or not 0 <= t < float("inf"):
        msg = f"t of the trim must be a time (got {t!r:.40})"
        raise ValueError(msg)
    before, after = (_bytes(obj, when, "uss_bytes") for when in ("before", "after"))
    if before is None or after is None:
        msg = "the trim does not say what was held before and after it"
        raise ValueError(msg)
    free = [_bytes(obj, when, "heap_free_bytes") for when in ("before", "after")]
    return Trim(worker, life, float(t), before, after, *free)


def said(trims: Iterable[Trim], *, grown: float | None = None) -> list[str]:
    """Return what *trims*, the newest of each worker, come to in a sentence; nothing where there were none.

    *grown* is what a service that climbs has grown by, in bytes.
    """
    newest = {trim.worker: trim for trim in sorted(trims, key=lambda trim: trim.t)}
    if not newest:
        return []
    held = sum(trim.before_bytes for trim in newest.values())
    kept = sum(trim.after_bytes for trim in newest.values())
    returned = sum(trim.returned_bytes for trim in newest.values())
    free = sum(trim.free_after_bytes or 0 for trim in newest.values())
    who = next(iter(newest)) if len(newest) == 1 else f"{len(newest)} workers"
    amount = f"{format_bytes(returned)} of the {format_bytes(held)} that {who} held"
    if returned < _MUCH * held:
        text = f"a trim gave back next to nothing, {amount}: the rest is in use, or lies between blocks that are"
        if free >= _TRAPPED * kept:
            text += f" ({format_bytes(free)} of it is free for what is asked for next)"
        return [text]
    text = f"a trim gave back {amount}: free memory that the allocator had kept, which is no leak"
    if grown is not None and grown > 0:
        more = returned >= grown
        text += f"; it is {'more' if more else 'less'} than the {format_bytes(grown)} that memory grew by"
        if more:
            text += ", so that the climb may be the allocator's"
    return [text]


def _bytes(obj: Mapping[str, Any], when: str, name: str) -> int | None:
    fields = obj.get(when)
    value = fields.get(name) if isinstance(fields, Mapping) else None
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        msg = f"{name} {when} the trim must be a number of bytes (got {value!r:.40})"
        raise ValueError(msg)
    return value
