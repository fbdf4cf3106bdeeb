"""What the entries of a container look like, with nothing of any one in it: keys like `/in/#/#.jpg`, values of a type."""

import re
from collections.abc import Iterable
from typing import Final

from floodmark_sidecar.agent import _objects

_VARYING: Final = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # a uuid
    r"|(?<![A-Za-z0-9])[0-9a-fA-F]{6,}(?![A-Za-z0-9])"  # a hash
    r"|[0-9]+"
)
_SEPARATORS: Final = re.compile(r"([^A-Za-z0-9#]+)")
_LONGEST: Final = 80
_CUT: Final = 400
"""Characters of a key that are looked at."""


def masked(text: str) -> str:
    """Return *text* with `#` for its digits, hashes and uuids; what is too long to be read is cut off."""
    return _VARYING.sub("#", text[:_CUT])


def shape(keys: Iterable[object]) -> str | None:
    """Return the shape most of *keys* share, None if there is none.

    Digits, hashes and uuids become `#`, and so does every word that is not the same in all keys of the same structure:
    a key may be a person's name. A key that is not text is shown as its type.
    """
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    total = 0
    for key in keys:
        total += 1
        words, structure = _split(key)
        groups.setdefault(structure, []).append(words)
    if not groups:
        return None
    structure, members = max(groups.items(), key=lambda group: len(group[1]))
    if 2 * len(members) < total:
        return None
    parts = [column[0] if len(set(column)) == 1 else "#" for column in zip(*members, strict=True)]
    text = "".join(part for pair in zip(parts, (*structure, ""), strict=True) for part in pair)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _split(key: object) -> tuple[list[str], tuple[str, ...]]:
    """Return the words of a key and the separators between them, one fewer."""
    if type(key) is str:
        parts = _SEPARATORS.split(_VARYING.sub("#", key[:_CUT]))
        return parts[0::2], tuple(parts[1::2])
    kind = type(key)
    return [f"<{_objects.qualname(kind)}>"], ()


def common_type(values: Iterable[object]) -> str | None:
    """Return the type of most of *values*, with its module unless that is `builtins`; None if there is none of most."""
    names: dict[str, int] = {}
    total = 0
    for value in values:
        total += 1
        kind = type(value)
        name = f"{_objects.module_name(kind)}.{_objects.qualname(kind)}".removeprefix("builtins.")
        names[name] = names.get(name, 0) + 1
    most = max(names, key=lambda name: names[name], default=None)
    return most if most is not None and 2 * names[most] > total else None
