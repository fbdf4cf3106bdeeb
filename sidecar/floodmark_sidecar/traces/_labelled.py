"""Labelled traces: a family and a seed in, a trace and its truth out."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from floodmark_sidecar.judge import Trace
from floodmark_sidecar.traces._draft import Draft, Label, Value
from floodmark_sidecar.traces._families import FAMILIES
from floodmark_sidecar.traces._family import Family, Variant
from floodmark_sidecar.traces._run import DAY, MIB, Run

_LEAST_LEVEL: Final = 30 * MIB
_MOST_LEVEL: Final = 500 * MIB
_MOST_LEAKED: Final = 2.0**52
"""Bytes; families whose growth is uneven grow many times as fast for a while, and a trace's numbers end at 2^63."""


@dataclass(frozen=True)
class Truth:
    """What is known of a trace because it was made so.

    `slope_bytes_per_second` is the mean growth that the leak adds over the second half, 0 without one; `onset_seconds` is
    when that begins, `culprit` the registered map it is in, if it is in one. `reason` says why this is the label.
    """

    label: Label
    slope_bytes_per_second: float
    onset_seconds: float
    culprit: str | None
    reason: str


@dataclass(frozen=True, eq=False)
class Labelled:
    """A trace with its truth. `parameters` are all that were drawn or set, `level` among them."""

    trace: Trace
    truth: Truth
    family: Family
    seed: int
    parameters: Mapping[str, Value]


def generate(
    code: str,
    *,
    seed: int,
    duration: float = DAY,
    every: float | None = None,
    growth: float = 0.0,
    level: float | None = None,
    **parameters: Value,
) -> Labelled:
    """Return the trace of the family *code* that *seed* makes; the same arguments always make the same one.

    *duration* and *every* are in seconds; *every* is 15, or less for a run of under 70 minutes, if None. *growth* is the
    mean growth in bytes a second that a leak adds over the second half; 0 makes its clean twin: the same service without
    the leak. *level* is the service's memory in bytes once it has started, 30 to 500 MiB drawn by *seed* if None.
    *parameters* set what the family's `variants` list, instead of drawing it; that changes nothing else that is drawn.

    Raises `ValueError`, with the value in it, for anything that makes no trace. O(n log n).
    """
    return labelled(code, seed, Run.checked(duration, every), growth=growth, level=level, parameters=parameters)


def labelled(
    code: str, seed: int, run: Run, *, growth: float, level: float | None, parameters: Mapping[str, Value]
) -> Labelled:
    """Return the same as `generate`, for a run and parameters that are there already."""
    family = _family(code)
    _check(family, run, seed=seed, growth=growth, level=level)
    rng = np.random.default_rng([seed, int.from_bytes(family.code.encode(), "big")])
    drawn = float(np.exp(rng.uniform(np.log(_LEAST_LEVEL), np.log(_MOST_LEVEL))))
    values = {name: variant.draw(rng) for name, variant in family.variants.items()}
    values.update({name: _variant(family, name).check(name, value) for name, value in parameters.items()})
    size = drawn if level is None else float(level)
    draft = Draft(run, rng, level=size, growth=float(growth), values=values)
    family.build(draft)
    return Labelled(
        draft.trace(), _truth(family, draft), family, int(seed), MappingProxyType({"level": size, **values})
    )


def _truth(family: Family, draft: Draft) -> Truth:
    if family.kind == "leak" and draft.growth <= 0:
        return Truth("steady", 0.0, 0.0, None, f"no leak: the clean twin of {family.code} ({family.name})")
    label = draft.label or family.label
    reason = draft.reason or family.why or family.title
    return Truth(label, draft.growth, draft.onset, draft.culprit, reason)


def _family(code: str) -> Family:
    if code in FAMILIES:
        return FAMILIES[code]
    near = difflib.get_close_matches(str(code).upper(), FAMILIES, n=1, cutoff=0.0)
    names = {family.name: family.code for family in FAMILIES.values()}
    by_name = difflib.get_close_matches(str(code).lower(), names, n=1, cutoff=0.7)
    nearest = names[by_name[0]] if by_name else near[0]
    msg = f"there is no family {code!r}; the nearest is {nearest} ({FAMILIES[nearest].name})"
    raise ValueError(msg)


def _check(family: Family, run: Run, *, seed: int, growth: float, level: float | None) -> None:
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or seed < 0:
        msg = f"a seed must be a whole number of at least 0 (got {seed!r})"
        raise ValueError(msg)
    if not (math.isfinite(growth) and growth >= 0):
        msg = f"growth must be at least 0 bytes a second (got {growth!r})"
        raise ValueError(msg)
    if growth * run.duration > _MOST_LEAKED:
        msg = f"a leak can take at most 4096 TiB in a run (got {growth!r} bytes a second for {run.duration:g} s)"
        raise ValueError(msg)
    if family.kind == "null" and growth:
        msg = f"{family.code} ({family.name}) does not leak: its growth can only be 0 (got {growth!r})"
        raise ValueError(msg)
    if level is not None and not (math.isfinite(level) and 8 * MIB <= level <= 2**42):
        msg = f"a service's level must be from 8 MiB to 4 TiB (got {level!r} bytes)"
        raise ValueError(msg)


def _variant(family: Family, name: str) -> Variant:
    if name not in family.variants:
        known = ", ".join(family.variants) or "none"
        msg = f"{family.code} ({family.name}) has no parameter {name!r}; it has {known}"
        raise ValueError(msg)
    return family.variants[name]
