"""The fix of a growing container: the bounded map that would take its place, with its numbers and what they rest on. Pure."""

import json
import keyword
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from floodmark_sidecar.culprits._candidates import Candidate
from floodmark_sidecar.culprits._capture import Container
from floodmark_sidecar.culprits._findings import Finding
from floodmark_sidecar.culprits._fix_code import code
from floodmark_sidecar.culprits._lifetimes import Lifetimes, lifetimes, together
from floodmark_sidecar.units import format_bytes, format_duration

_ASKED: Final = 3600.0
"""Seconds for which an entry is kept where nobody has seen one leave."""

_ROOM: Final = 2.0
"""Entries live up to so many times longer than was seen, and come so many times faster."""

_LEAST: Final = 100

_TIMES: Final = (
    *(1, 2, 3, 5, 10, 15, 20, 30, 45),
    *(minutes * 60 for minutes in (1, 2, 3, 5, 10, 15, 20, 30, 45)),
    *(hours * 3600 for hours in (1, 2, 3, 4, 6, 8, 12, 18)),
    *(days * 86400 for days in (1, 2, 3, 5, 7, 14, 30)),
)
"""The seconds that a ttl is rounded up to."""

_LOCKS: Final = {
    "_thread.lock": "KeyedLocks",
    "_thread.RLock": "KeyedLocks",
    "threading._RLock": "KeyedLocks",
    "asyncio.locks.Lock": "AsyncKeyedLocks",
}
_FLAGS: Final = frozenset({"bool", "NoneType"})
_TIMESTAMPS: Final = frozenset({"float", "datetime.datetime"})
_DICTS: Final = frozenset({"dict", "OrderedDict", "defaultdict", "Counter"})
_LISTS: Final = frozenset({"list", "deque"})


@dataclass(frozen=True, slots=True)
class Fix:
    """What would take the place of a container that grows.

    `class_name` is a class of `floodmark_caches`, or `deque` for what is a list. `maxsize` (entries, in each process) and
    `ttl` (seconds) are None where the class needs none. `why` says from what each was measured and what is a guess.
    `code` is some lines to paste, which run as they are.
    """

    class_name: str
    maxsize: int | None
    ttl: float | None
    why: str
    code: str

    @property
    def title(self) -> str:
        """The fix in a few words."""
        if self.maxsize is None:
            return self.class_name
        if self.ttl is None:
            return f"{self.class_name} of the newest {self.maxsize:,}"
        return f"{self.class_name} of at most {self.maxsize:,} entries, each for {format_duration(self.ttl)}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fix as results and the HTTP interface write it."""
        return {
            "title": self.title,
            "class": self.class_name,
            "maxsize": self.maxsize,
            "ttl_seconds": self.ttl,
            "why": self.why,
            "code": self.code,
        }


def fix(candidate: Candidate) -> Fix | None:
    """Return what would bound *candidate*; None where no map would.

    That is: where it is no container or map that the user's own code names, where its entries grow and not their
    number, and where it has a bound or is of a class of the user's, which may do more than hold.
    """
    held = candidate.container
    growing = [finding for finding in candidate.findings if not finding.swells]
    if held is None or not held.users or held.owner is None or not growing:
        return None
    if any(finding.bound is not None for finding in growing):
        return None
    known = together(lifetimes(finding.seen) for finding in growing)
    variable = _variable(held.owner.attribute, held.owner.qualname)
    cached = _is_cache(held)
    class_name = "BoundedMap" if cached else _class(held, leave=known is not None and known.left > 0)
    if variable is None or class_name is None:
        return None
    watched = growing[0].name if growing[0].is_map else None
    name = watched or ".".join((held.path or variable).split(".")[-2:])
    maxsize, ttl, why = _numbers(growing, class_name, known)
    text = code(
        class_name,
        variable=variable,
        name=json.dumps(name, ensure_ascii=False),
        place=held.path or variable,
        maxsize=maxsize,
        ttl=ttl,
        values=held.values,
        cached=cached,
        watched=watched is not None,
    )
    return Fix(class_name, maxsize, ttl, why, text)


def _is_cache(held: Container) -> bool:
    """Whether *held* is the inside of `functools.lru_cache` on a function."""
    return len(held.retainers) > 1 and held.retainers[-2].type == "functools._lru_cache_wrapper"


def _class(held: Container, *, leave: bool) -> str | None:
    """Return what bounds such a container: by its kind, by what its values are, and by whether entries *leave* it."""
    if held.kind in _LISTS:
        return "deque"
    if held.kind == "set":
        return "PendingSet" if leave else "SeenSet"
    if held.kind not in _DICTS:
        return None
    values = held.values or ""
    if values in _LOCKS:
        return _LOCKS[values]
    if values in _FLAGS:
        return "PendingSet" if leave else "SeenSet"
    return "SeenSet" if values in _TIMESTAMPS else "BoundedMap"


def _numbers(
    findings: Sequence[Finding], class_name: str, known: Lifetimes | None
) -> tuple[int | None, float | None, str]:
    """Return maxsize, ttl and the sentence on both; all containers of one process are one map."""
    if class_name in _LOCKS.values():
        return None, None, "an entry lives while its key is held or waited for, so no size and no time has to be chosen"
    processes: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        processes.setdefault((finding.worker, finding.life), []).append(finding)
    first = max(sum(finding.growth.first for finding in group) for group in processes.values())
    rate = max(sum(finding.growth.per_hour for finding in group) for group in processes.values())
    rate = rate if known is None else max(rate, known.came_per_hour)
    several = max(map(len, processes.values()))
    listed = class_name == "deque"
    ttl = _ASKED if known is None or not known.left or listed else _rounded_time(_ROOM * known.longest)
    filled = _ROOM * rate * ttl / 3600
    maxsize = _rounded(max(first, filled, _LEAST))
    parts = [] if listed else [_lived(known, ttl)]
    if several > 1:
        parts.append(f"one for all {several:,} containers at this path in a process")
    if filled < first:
        held = "what was held when it was first seen"
    else:
        held = f"twice what comes in {'an hour, which is a guess and a starting point' if listed else 'that time'}"
    parts.append(f"entries came at {rate:,.0f} an hour, and {'maxlen' if listed else 'maxsize'} is {held}")
    sizes = [finding.bytes_per_entry for finding in findings if finding.bytes_per_entry]
    if sizes:
        parts.append(f"full, it takes about {format_bytes(maxsize * max(sizes))} in each process")
    return maxsize, None if listed else ttl, "; ".join(parts)


def _lived(known: Lifetimes | None, ttl: float) -> str:
    """Return what was seen of the time that entries stay, and what *ttl* makes of it."""
    if known is not None and known.left:
        return (
            f"{known.left:,} of {known.followed:,} entries that were followed left, none later than "
            f"{format_duration(known.longest)} after it came, in captures up to {format_duration(known.rest)} apart; "
            f"ttl is twice that or a little more"
        )
    seen = (
        "no entry was followed from one capture to another"
        if known is None
        else f"none of {known.followed:,} entries that were followed left within {format_duration(known.span)}"
    )
    return (
        f"{seen}, so no lifetime is known: the ttl of {format_duration(ttl)} is a guess and a starting point, "
        "to be set to how long an entry may be needed"
    )


def _variable(attribute: str, qualname: str) -> str | None:
    """Return a name for the variable that holds the map; None where *attribute* is none that could be written."""
    owner = qualname.rpartition(".")[2].lstrip("_")
    plain = re.sub(rf"^_{re.escape(owner)}__", "_", attribute) if owner else attribute
    special = plain.startswith("__") and plain.endswith("__")
    return plain if plain.isidentifier() and not keyword.iskeyword(plain) and not special else None


def _rounded(count: float) -> int:
    """Return *count* rounded up to two digits, as people write a bound."""
    step: int = 10 ** max(0, math.floor(math.log10(count)) - 1)
    return math.ceil(round(count / step, 6)) * step


def _rounded_time(seconds: float, times: Sequence[int] = _TIMES) -> float:
    return float(next((each for each in times if each >= seconds), math.ceil(seconds / 86400) * 86400))
