"""Captures and verdicts written by hand, for a ranking that is tested with no memory allocated at all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from floodmark_sidecar.culprits import Capture, Culprit, Owner, parse_capture, rank
from floodmark_sidecar.judge import Trace, Verdict

START = 1_700_000_000.0
MINUTE = 60.0


def container(path: str | None, entries: int, **more: Any) -> dict[str, Any]:
    """Return a container as a capture file has it: by default a dict of 100-byte entries in a tight table."""
    module, _, rest = (path or "").rpartition(".")
    owner = {"module": module, "file": "/srv/app.py", "qualname": "", "attribute": rest} if path else None
    made: dict[str, Any] = {
        "id": abs(hash(path)) % 1_000_000,
        "kind": "dict",
        "entries": entries,
        "bytes": entries * 20,
        "entry_bytes": 100.0,
        "path": path,
        "name": rest or None,
        "owner": owner,
        "chain": path,
        "shape": None,
    }
    return made | more


def capture(
    t: float,
    containers: Iterable[Mapping[str, Any]],
    *,
    worker: str = "web-0",
    life: int = 1,
    complete: bool = True,
) -> Capture:
    """Return the capture taken *t* seconds after the start."""
    file = {"floodmark_capture": 1, "t": START + t, "complete": complete, "containers": list(containers)}
    return parse_capture(file, worker=worker, life=life)


def captures(
    path: str | None, sizes: Sequence[int], *, worker: str = "web-0", life: int = 1, **more: Any
) -> list[Capture]:
    """Return one capture a minute in which the container at *path* has each of *sizes* in turn."""
    return [
        capture(minute * MINUTE, [container(path, size, **more)], worker=worker, life=life)
        for minute, size in enumerate(sizes)
    ]


def together(*each: Sequence[Capture]) -> list[Capture]:
    """Return captures that show the containers of all of *each*, capture by capture."""
    return [
        replace(same[0], containers=tuple(container for one in same for container in one.containers))
        for same in zip(*each, strict=True)
    ]


@dataclass(frozen=True)
class _Verdict:
    verdict: str
    window: tuple[float, float]
    slope: float | None
    climbing_maps: tuple[str, ...]
    growth_class: str = "unknown"
    ledger: tuple[tuple[str, int], ...] = ()
    memory: None = None
    evidence: None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "slope_bytes_per_hour": {"estimate": self.slope, "low": None, "high": None},
            "maps": {name: {"climbing": True} for name in self.climbing_maps},
            "growth_class": self.growth_class,
            "ledger": [{"row": row, "bytes": size} for row, size in self.ledger],
        }


def verdict(
    word: str = "climbing",
    *,
    slope: float | None = None,
    since: float = 0.0,
    climbing_maps: Sequence[str] = (),
    growth_class: str = "unknown",
    ledger: Mapping[str, int] | None = None,
) -> Verdict:
    """Return a verdict that judged from *since* seconds after the start and saw *slope* bytes an hour."""
    window, rows = (START + since, START + 86400), tuple((ledger or {}).items())
    return cast("Verdict", _Verdict(word, window, slope, tuple(climbing_maps), growth_class, rows))


def locate(owner: Owner) -> str | None:
    """Return a line for every owner that has a file."""
    return f"{owner.attribute}.py:7" if owner.file else None


def ranked(
    seen: Sequence[Capture],
    trace: Trace | None = None,
    judged: Verdict | None = None,
    registered: Mapping[tuple[str, int], Mapping[int, str]] | None = None,
) -> tuple[Culprit, ...]:
    """Return the ranking; names of culprits are what most tests look at."""
    return rank(seen, trace, judged, locate=locate, registered=registered)


def names(culprits: Iterable[Culprit]) -> list[str]:
    """Return the names of *culprits*, the first one first."""
    return [culprit.name for culprit in culprits]
