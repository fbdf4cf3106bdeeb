"""What one census saw, read from the JSON that the forked child wrote. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

FORMAT: Final = 1
"""The version of capture files that this module reads."""

_SUMMARY: Final = ("name", "count", "bytes")
"""A row of pympler's summaries."""

_LIMIT: Final = 1 << 64
_MAX_TEXT: Final = 400
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Owner:
    """The attribute, global or closure variable, written by the user, that holds a container.

    `file` is absolute, or None where the module has none; `qualname` is `""` for a global of the module.
    """

    module: str
    file: str | None
    qualname: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Container:
    """One big container at the time of a census.

    `bytes` is the container's own size (its table), `entry_bytes` the mean size of what one entry holds, or None where
    no entry could be sampled. `path`, `name`, `owner` and `chain` are None where nothing that was reached holds it.
    `id` tells containers of one process apart while both are alive; it may be used again later.
    """

    id: int
    kind: str
    entries: int
    bytes: int
    entry_bytes: float | None
    path: str | None
    name: str | None
    owner: Owner | None
    chain: str | None
    shape: str | None


@dataclass(frozen=True, slots=True)
class TypeCount:
    """The live objects of one type at the time of a census: how many, and the `bytes` they take by themselves.

    Of a class that is written in Python, `owner` says where, and `each_bytes` what an instance holds, if one was sampled.
    Of one that had grown, `held_by` is the chain of names that leads to an instance; `unheld` says that none does.
    """

    name: str
    count: int
    bytes: int
    owner: Owner | None = None
    each_bytes: float | None = None
    held_by: str | None = None
    unheld: bool = False

    @property
    def bytes_of_one(self) -> float:
        """What one of them takes, with what it holds where that is known."""
        return self.bytes / self.count if self.each_bytes is None else self.each_bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """One census of one worker's life: its containers, and its objects by type, at the epoch second `t`.

    Where it is not `complete`, a container that it lacks may be there all the same. `types` are the largest ones, none
    in a capture that did not count them.
    """

    worker: str
    life: int
    t: float
    complete: bool
    containers: tuple[Container, ...]
    types: tuple[TypeCount, ...] = ()


def parse_capture(obj: Mapping[str, Any], *, worker: str, life: int) -> Capture:
    """Return the census in *obj*, taken in *life* of the slot *worker*; raises `ValueError` that says what is wrong.

    Unknown keys are ignored. Texts of the service (names, key shapes) are cut to one line of a bearable length.
    """
    if obj.get("floodmark_capture") != FORMAT:
        msg = f"not a capture of format {FORMAT}: floodmark_capture is {obj.get('floodmark_capture')!r}"
        raise ValueError(msg)
    containers = obj.get("containers")
    if not isinstance(containers, list):
        msg = f"containers of a capture must be a list (got {type(containers).__name__})"
        raise ValueError(msg)  # noqa: TRY004  a file with wrong content is a wrong value, whatever its type
    return Capture(
        worker=worker,
        life=life,
        t=_number(obj, "t", "the capture"),
        complete=obj.get("complete", True) is not False,
        containers=tuple(_container(each, index) for index, each in enumerate(containers)),
        types=_types(obj),
    )


def _types(obj: Mapping[str, Any]) -> tuple[TypeCount, ...]:
    rows = obj.get("types", [])
    owners = _mapping(obj.get("type_owners", {}), "type_owners of the capture")
    if not isinstance(rows, list):
        msg = f"types of a capture must be a list (got {type(rows).__name__})"
        raise ValueError(msg)  # noqa: TRY004  as above
    return tuple(_type(row, owners, f"type {index}") for index, row in enumerate(rows))


def _type(row: Any, owners: Mapping[str, Any], where: str) -> TypeCount:
    if not isinstance(row, list) or len(row) != len(_SUMMARY):
        msg = f"{where} must be a row of name, count and bytes (got {row!r:.60})"
        raise ValueError(msg)
    fields = dict(zip(_SUMMARY, row, strict=True))
    about = owners.get(str(row[0]))
    known = {} if about is None else _mapping(about, f"the owner of {where}")
    each = known.get("each_bytes")
    held_by = _text(known, "held_by", where)
    return TypeCount(
        name=_text(fields, "name", where) or "?",
        count=_count(fields, "count", where),
        bytes=_count(fields, "bytes", where),
        owner=_owner(known, where) if known else None,
        each_bytes=None if each is None else _number(known, "each_bytes", where),
        held_by=held_by,
        unheld=held_by is None and "held_by" in known and known.get("searched") is True,
    )


def _container(obj: Any, index: int) -> Container:
    where = f"container {index}"
    fields = _mapping(obj, where)
    owner = fields.get("owner")
    return Container(
        id=_count(fields, "id", where),
        kind=_text(fields, "kind", where) or "container",
        entries=_count(fields, "entries", where),
        bytes=_count(fields, "bytes", where),
        entry_bytes=None if fields.get("entry_bytes") is None else _number(fields, "entry_bytes", where),
        path=_text(fields, "path", where),
        name=_text(fields, "name", where),
        owner=None if owner is None else _owner(_mapping(owner, f"the owner of {where}"), where),
        chain=_text(fields, "chain", where),
        shape=_text(fields, "shape", where),
    )


def _owner(obj: Mapping[str, Any], where: str) -> Owner | None:
    file = obj.get("file")
    attribute = _text(obj, "attribute", where)
    if attribute is None:
        return None
    return Owner(
        module=_text(obj, "module", where) or "",
        file=file if isinstance(file, str) and file else None,  # never cut: it is opened, not shown
        qualname=_text(obj, "qualname", where) or "",
        attribute=attribute,
    )


def _mapping(obj: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(obj, Mapping):
        msg = f"{where} must be an object (got {type(obj).__name__})"
        raise ValueError(msg)  # noqa: TRY004  as above
    return obj


def _number(obj: Mapping[str, Any], key: str, where: str) -> float:
    value = obj.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LIMIT:
        msg = f"{key} of {where} must be a number >= 0 (got {value!r:.40})"
        raise ValueError(msg)
    return float(value)


def _count(obj: Mapping[str, Any], key: str, where: str) -> int:
    value = obj.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LIMIT:
        msg = f"{key} of {where} must be a whole number >= 0 (got {value!r:.40})"
        raise ValueError(msg)
    return value


def _text(obj: Mapping[str, Any], key: str, where: str) -> str | None:
    value = obj.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        msg = f"{key} of {where} must be a text (got {type(value).__name__})"
        raise ValueError(msg)  # noqa: TRY004  as above
    line = _CONTROL.sub(" ", value)
    return (line if len(line) <= _MAX_TEXT else f"{line[: _MAX_TEXT - 1]}…") or None
