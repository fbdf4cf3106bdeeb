"""Adversarial pairs: two traces of one shape and opposite truths, and what tells them apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np

from floodmark_sidecar.traces._draft import Value
from floodmark_sidecar.traces._labelled import Labelled, labelled
from floodmark_sidecar.traces._run import DAY, MIB, Run

Evidence = Literal["maps", "ledger", "load", "lives", "nothing"]

_Parameters: TypeAlias = Mapping[str, Value]


def _nothing(rise: float, level: float) -> _Parameters:
    del rise, level
    return {}


@dataclass(frozen=True)
class Pair:
    """A leak and a healthy service that memory alone does not tell apart.

    `leak` and `null` are families, with the parameters that make them alike; `told_by` is the evidence that decides:
    registered maps, the ledger's columns, the load, lives, or nothing, and then both traces are undecidable. `why` says it
    in a sentence. Where sessions explain a rise and never end, the healthy trace is no climb, and no more is known of it.
    """

    name: str
    leak: str
    null: str
    told_by: Evidence
    why: str
    leak_parameters: _Parameters = field(default_factory=dict)
    null_parameters: _Parameters = field(default_factory=dict)
    sized: Callable[[float, float], _Parameters] = _nothing
    """The null's parameters from the bytes that the leak adds over the second half and the service's level."""

    def generate(
        self,
        *,
        seed: int,
        growth: float,
        duration: float = DAY,
        every: float | None = None,
        level: float = 200 * MIB,
    ) -> tuple[Labelled, Labelled]:
        """Return the leak and the healthy service, about alike in level and rise; as `generate` says otherwise."""
        run = Run.checked(duration, every)
        bad = labelled(self.leak, seed, run, growth=growth, level=level, parameters=self.leak_parameters)
        sized = {**self.null_parameters, **self.sized(growth * duration / 2, level)}
        good = labelled(self.null, seed, run, growth=0.0, level=level, parameters=sized)
        return bad, good


def _fill(tau: float) -> Callable[[float, float], _Parameters]:
    late = float(np.exp(-0.5 / tau) - np.exp(-1 / tau))
    return lambda rise, level: {"size": _within(rise / late / level, 0.01, 4.0)}


def _stepping(count: int) -> Callable[[float, float], _Parameters]:
    # Of doubling steps the last, which alone is in the second half, is that share of all.
    last = 1 / sum(0.5**i for i in range(count))
    return lambda rise, level: {"size": _within(rise / last / level, 0.002, 4.0)}


def _sessions(ramp: float) -> Callable[[float, float], _Parameters]:
    return lambda rise, level: {"size": _within(2 * rise / ramp / level, 0.03, 1.0)}


def _bursts(rise: float, level: float) -> _Parameters:
    # Of bursts with so rare large ones, the second half's are an eighth of the largest above the first half's, about.
    return {"size": _within(8 * rise / level, 0.005, 4.0)}


def _cache(rise: float, level: float) -> _Parameters:
    return {"cache": _within(rise / level, 0.02, 0.15)}


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


_SLOW: Final = "a map with a bound fills up to it; without one, keys go on coming"
_UNSEEN: Final = "without maps a leak that slows down and a large cache that fills are the same curve"

PAIRS: Final[tuple[Pair, ...]] = (
    Pair("zipf-or-fill", "L8", "N5", "maps", _SLOW, {"exponent": 0.5}, {"tau": 0.5}, _fill(0.5)),
    Pair(
        "zipf-or-fill-unseen",
        "L8",
        "N5",
        "nothing",
        _UNSEEN,
        {"exponent": 0.5, "evidence": False},
        {"tau": 0.5, "evidence": False},
        _fill(0.5),
    ),
    Pair("log-or-fill", "L9", "N5", "maps", _SLOW, {"knee": 0.1}, {"tau": 1 / 3}, _fill(1 / 3)),
    Pair(
        "log-or-fill-unseen",
        "L9",
        "N5",
        "nothing",
        _UNSEEN,
        {"knee": 0.1, "evidence": False},
        {"tau": 1 / 3, "evidence": False},
        _fill(1 / 3),
    ),
    Pair(
        "stairs-or-steps",
        "L4",
        "N6a",
        "maps",
        "a table that doubles holds a map whose entries grow all the while; steps that come once each have none",
        {"steps": 3, "doubling": True, "table": 1.0},
        {"steps": 3, "doubling": True},
        _stepping(3),
    ),
    Pair(
        "creep-or-ratchet",
        "L13",
        "N7a",
        "ledger",
        "a ratchet keeps no more than the largest burst in use that came before it; a creep keeps more than was ever used",
        {"wander": 0.1},
        {"bursts": 60.0, "tail": 3.0},
        _bursts,
    ),
    Pair(
        "requests-or-sessions",
        "L2a",
        "N9",
        "load",
        "memory that follows the sessions that are open is theirs, for as long as they are; what requests leave is not",
        {"swing": 0.1, "ramp": 0.5},
        {"rise": 0.5},
        _sessions(0.5),
    ),
    Pair(
        "lives-that-leak-or-warm-up",
        "L2b",
        "N17",
        "lives",
        "within a life a cache's growth ends; a leak's goes on until the worker is replaced",
        {"workers": 4, "lives": 6},
        {"workers": 4, "lives": 6},
        _cache,
    ),
    Pair(
        "shrinking-cache-or-flat",
        "L10",
        "N1",
        "maps",
        "memory is flat in both: only the map's entries grow",
    ),
    Pair(
        "growing-values-or-fill",
        "B1",
        "N5",
        "maps",
        "both maps keep their bound of entries; in one the bytes of an entry grow",
        {},
        {"tau": 0.5},
        _fill(0.5),
    ),
    Pair(
        "unreachable-bound-or-fill",
        "B2",
        "N5",
        "maps",
        "both maps declare a bound; one of them never fits into any memory",
        {},
        {"tau": 0.5},
        _fill(0.5),
    ),
)
"""The pairs, those that nothing tells apart among them."""
