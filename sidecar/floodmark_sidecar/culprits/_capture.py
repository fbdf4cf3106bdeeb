"""What one census saw, read from the JSON that the forked child wrote. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from floodmark_sidecar.culprits._retainers import Retainer

FORMAT: Final = 1
"""The version of capture files that this module reads."""

_SUMMARY: Final = ("name", "count", "bytes")
"""A row of pympler's summaries."""

_LIMIT: Final = 1 << 64
_MAX_TEXT: Final = 400
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Owner:
    """The attribute, global or closure variable, written by the user, that holds a container; or a function of theirs.

    `file` is absolute, or None where the module has none; `qualname` is `""` for a global of the module. `line` is
    there where the process itself told it, and then that alone, with `file`, says where this is.
    """

    module: str
    file: str | None
    qualname: str
    attribute: str
    line: int | None = None

    @property
    def path(self) -> str:
        """The owner in dotted form."""
        return ".".join(part for part in (self.module, self.qualname, self.attribute) if part)


@dataclass(frozen=True, slots=True)
class Owned:
    """What one entry of a container owns, in the mean and as deep as that goes: `bytes`, and how many objects of each type."""

    bytes: float
    types: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Container:
    """One big container at the time of a census.

    `bytes` is the container's own size (its table), `entry_bytes` the mean size of what one entry holds, or None where
    no entry could be sampled: two levels deep. `owned` goes deeper, where a census looked into this one. `path`, `name`, `owner` and `chain` are None where nothing that was reached holds it. `of` is
    the class or function of the user's that is in its entries, where the owner is none of the user's.
    `id` tells containers of one process apart while both are alive; it may be used again later. `values` is the type of
    most values of a dict. `users` says that the user's own code names the container itself, or the function whose
    `lru_cache` it is. `tokens` are a sample of what tells its entries apart: the smallest ones there are, all of them where
    they are as many as the entries. `retainers` are the steps of `chain`, the last one the container itself.
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
    values: str | None = None
    users: bool = False
    tokens: tuple[int, ...] = ()
    retainers: tuple[Retainer, ...] = ()
    of: Owner | None = None
    owned: Owned | None = None

    @property
    def total_bytes(self) -> int:
        """Its own size and what its entries hold near by, where that was sampled."""
        return self.bytes + round(self.entries * (self.entry_bytes or 0.0))


@dataclass(frozen=True, slots=True)
class TypeCount:
    """The live objects of one type at the time of a census: how many, and the `bytes` they take by themselves.

    Of a class that is written in Python, `owner` says where, and `each_bytes` what an instance holds, if one was sampled.
    Of one that had grown, `held_by` is the chain of names that leads to an instance; `unheld` says that none does; `holds`
    are the other such classes of which an instance had one. Of a type of C that had grown, `orphans` says how many
    of how many that came last nobody holds whom the collector knows, and `holds` what a few of these hold.
    """

    name: str
    count: int
    bytes: int
    owner: Owner | None = None
    each_bytes: float | None = None
    held_by: str | None = None
    unheld: bool = False
    holds: tuple[str, ...] = ()
    orphans: tuple[int, int] | None = None

    @property
    def bytes_of_one(self) -> float:
        """What one of them takes, with what it holds where that is known."""
        return self.bytes / self.count if self.each_bytes is None else self.each_bytes


@dataclass(frozen=True, slots=True)
class Group:
    """Threads, tasks, descriptors or child processes of one kind at the time of a census.

    `owner` is the function that threads run, `at` where most of the group stand or wait in the user's code; each None
    where nothing of the user's was seen. Of child processes, those that have `ended` wait to be reaped. Where objects
    stand for most of a group, `holder` has one of them, by `chain`, and `path` is the holder with `[…]` for an element.
    """

    name: str
    count: int
    owner: Owner | None = None
    at: Owner | None = None
    ended: bool = False
    holder: Owner | None = None
    path: str | None = None
    chain: str | None = None


RESOURCES: Final = ("threads", "tasks", "fds", "children")
"""The keys of a capture file that list groups."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One census of one worker's life at the epoch second `t`: its containers, its objects by type, and what else it has.

    Where it is not `complete`, a container that it lacks may be there all the same. `types` are the largest ones, none
    in a capture that did not count them. `resources` lacks the kinds that could not be read. `remark` says how it was taken,
    and why, if not in a forked child.
    """

    worker: str
    life: int
    t: float
    complete: bool
    containers: tuple[Container, ...]
    types: tuple[TypeCount, ...] = ()
    resources: Mapping[str, tuple[Group, ...]] = field(default_factory=dict)
    remark: str | None = None


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
        resources={kind: _groups(obj[kind], kind) for kind in RESOURCES if obj.get(kind) is not None},
        containers=tuple(_container(each, index) for index, each in enumerate(containers)),
        types=_types(obj),
        remark="; ".join(_texts(obj, "notes", "the capture")) if obj.get("how") == "process" else None,
    )


def _types(obj: Mapping[str, Any]) -> tuple[TypeCount, ...]:
    rows = obj.get("types", [])
    owners = _mapping(obj.get("type_owners", {}), "type_owners of the capture")
    orphans = _mapping(obj.get("orphans", {}), "orphans of the capture")
    if not isinstance(rows, list):
        msg = f"types of a capture must be a list (got {type(rows).__name__})"
        raise ValueError(msg)  # noqa: TRY004  as above
    return tuple(_type(row, owners, orphans, f"type {index}") for index, row in enumerate(rows))


def _type(row: Any, owners: Mapping[str, Any], orphans: Mapping[str, Any], where: str) -> TypeCount:
    if not isinstance(row, list) or len(row) != len(_SUMMARY):
        msg = f"{where} must be a row of name, count and bytes (got {row!r:.60})"
        raise ValueError(msg)
    fields = dict(zip(_SUMMARY, row, strict=True))
    about = owners.get(str(row[0]))
    known = {} if about is None else _mapping(about, f"the owner of {where}")
    each = known.get("each_bytes")
    held_by = _text(known, "held_by", where)
    unheld = orphans.get(str(row[0]))
    lost = {} if unheld is None else _mapping(unheld, f"orphans of {where}")
    return TypeCount(
        name=_text(fields, "name", where) or "?",
        count=_count(fields, "count", where),
        bytes=_count(fields, "bytes", where),
        owner=_owner(known, where) if known else None,
        each_bytes=None if each is None else _number(known, "each_bytes", where),
        held_by=held_by,
        unheld=held_by is None and "held_by" in known and known.get("searched") is True,
        holds=_texts(lost or known, "holds", where),
        orphans=_orphans(lost, f"the orphans of {where}") if lost else None,
    )


def _orphans(obj: Mapping[str, Any], where: str) -> tuple[int, int]:
    return _count(obj, "count", where), _count(obj, "of", where)


def _container(obj: Any, index: int) -> Container:
    where = f"container {index}"
    fields = _mapping(obj, where)
    owner, of = fields.get("owner"), fields.get("of")
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
        values=_text(fields, "values", where),
        users=fields.get("users") is True,
        tokens=_tokens(fields.get("tokens"), where),
        retainers=_retainers(fields.get("retainers"), where),
        of=None if of is None else _owner(_mapping(of, f"what is in {where}"), where),
        owned=_owned(fields.get("owned"), f"what an entry of {where} owns"),
    )


def _owned(obj: Any, where: str) -> Owned | None:
    if obj is None:
        return None
    fields = _mapping(obj, where)
    types = _mapping(fields.get("types"), f"types of {where}")
    counts = {name: _number(types, name, where) for name in types}
    return Owned(
        _number(fields, "bytes", where), {_text({"": name}, "", where) or "?": counts[name] for name in counts}
    )


def _tokens(tokens: Any, where: str) -> tuple[int, ...]:
    if tokens is None:
        return ()
    if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
        msg = f"tokens of {where} must be a list of whole numbers (got {tokens!r:.40})"
        raise ValueError(msg)
    return tuple(tokens)


def _retainers(steps: Any, where: str) -> tuple[Retainer, ...]:
    if steps is None:
        return ()
    if not isinstance(steps, list) or not all(isinstance(step, list) and len(step) == 2 for step in steps):
        msg = f"retainers of {where} must be a list of names and types (got {steps!r:.60})"
        raise ValueError(msg)
    named = [dict(zip(("name", "type"), step, strict=True)) for step in steps]
    return tuple(Retainer(_text(step, "name", where) or "", _text(step, "type", where) or "") for step in named)


def _groups(rows: Any, kind: str) -> tuple[Group, ...]:
    if not isinstance(rows, list):
        msg = f"{kind} of a capture must be a list (got {type(rows).__name__})"
        raise ValueError(msg)  # noqa: TRY004  as above
    return tuple(_group(each, f"{kind} {index}") for index, each in enumerate(rows))


def _group(obj: Any, where: str) -> Group:
    fields = _mapping(obj, where)
    owner, holder = fields.get("owner"), _mapping(fields.get("holder") or {}, f"the holder of {where}")
    return Group(
        name=_text(fields, "name", where) or "unnamed",
        count=_count(fields, "count", where),
        owner=None if owner is None else _owner(_mapping(owner, f"the owner of {where}"), where),
        at=_place(fields.get("at")),
        ended=fields.get("state") == "Z",
        holder=_owner(holder, where),
        path=_text(holder, "path", where),
        chain=_text(holder, "chain", where),
    )


def _place(at: Any) -> Owner | None:
    file, _, line = at.rpartition(":") if isinstance(at, str) else ("", "", "")
    number = int(line) if line.isascii() and line.isdigit() and len(line) < 10 else 0
    return Owner("", file, "", "", number) if file and number else None


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


def _texts(obj: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    values = obj.get(key, [])
    if not isinstance(values, list):
        msg = f"{key} of {where} must be a list (got {type(values).__name__})"
        raise ValueError(msg)  # noqa: TRY004  as above
    return tuple(text for value in values if (text := _text({key: value}, key, where)))


def _text(obj: Mapping[str, Any], key: str, where: str) -> str | None:
    value = obj.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        msg = f"{key} of {where} must be a text (got {type(value).__name__})"
        raise ValueError(msg)  # noqa: TRY004  as above
    line = _CONTROL.sub(" ", value)
    return (line if len(line) <= _MAX_TEXT else f"{line[: _MAX_TEXT - 1]}…") or None
