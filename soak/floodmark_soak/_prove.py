"""A gate that is shown to fail: a clean run, and the same with a leak of a known size that must be caught and named."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.errors import ExitCode, first_of
from floodmark_sidecar.units import format_bytes
from floodmark_soak._output import write_whole

CONTROL: Final = "control"
PLANTED: Final = "planted"

TIMES: Final = 2.0
"""The planted leak is so many times the growth that the control could have told from noise, and that matters."""

_MODULE: Final = "floodmark_planted"
_PATIENCE: Final = 5.0
_READINGS: Final = 5
"""Seconds, and readings, without which the worker that leaks is taken for gone, and another leaks in its place."""

_PLANTED_SHARE: Final = 0.8
"""Of what was due, below which the run had no such leak in it."""

_AMONG: Final = 3
"""It must be among so many culprits: what the service itself does may grow beside it."""


@dataclass(frozen=True)
class Plant:
    """A leak of *bytes_per_hour*, defined by the file at *path*, in a service that is read every *read_every* seconds."""

    path: Path
    bytes_per_hour: float
    read_every: float = 0.0

    def environment(self) -> dict[str, str]:
        """Return the variables that have an agent plant it."""
        return {
            "FLOODMARK_PLANT": str(self.path),
            "FLOODMARK_PLANT_RATE": f"{self.bytes_per_hour / 3600:.6f}",
            "FLOODMARK_PLANT_PATIENCE": f"{max(_PATIENCE, _READINGS * self.read_every):.0f}",
        }


def plant_for(control: Mapping[str, Any], folder: Path, *, read_every: float) -> Plant | None:
    """Return the leak to plant beside *control*, the result of a clean run that was read every *read_every* seconds, its file in
    *folder*; None where nothing is known of what that run could have seen.
    """
    limits = [control.get(name) for name in ("detectable_bytes_per_hour", "delta_bytes_per_hour")]
    known = [limit for limit in limits if isinstance(limit, int | float)]
    if len(known) < len(limits):
        return None
    path = folder / f"{_MODULE}.py"
    source = files("floodmark_soak").joinpath("_planted.py").read_text(encoding="utf-8")
    write_whole(path, source)
    path.with_name(f"{path.name}.turn").unlink(missing_ok=True)
    return Plant(path, TIMES * max(known), read_every)


def planted_share(plant: Plant, seconds: float) -> float:
    """Return the share that *plant* leaked of what was due in a run of *seconds*."""
    try:
        words = plant.path.with_name(f"{plant.path.name}.turn").read_text().split()
        return float(words[2]) / (plant.bytes_per_hour / 3600 * seconds)
    except (OSError, LookupError, ValueError, ZeroDivisionError):
        return 0.0


def rank_of(planted: Mapping[str, Any]) -> int | None:
    """Return the rank of the planted leak among the culprits of the run that has it; None where it is not named."""
    named = [each for each in planted["culprits"] if str(each.get("path") or "").startswith(_MODULE)]
    return int(named[0]["rank"]) if named else None


def proven(control: Mapping[str, Any], planted: Mapping[str, Any] | None) -> tuple[ExitCode, str]:
    """Return what both runs show together, as a code and a sentence.

    A climb of the control is one of the service, and its failures are the run's; a planted leak that is not caught and named is one
    that the gate would have let through.
    """
    own = ExitCode(control["exit_code"])
    if planted is None:
        return first_of(
            [own, ExitCode.NOT_PROVEN]
        ), "nothing was planted: the control could not tell any growth from noise"
    code, rank = ExitCode(planted["exit_code"]), rank_of(planted)
    rate = f"{format_bytes(planted['planted_bytes_per_hour'])}/h"
    share = planted["planted_share"]
    if code in (ExitCode.STEADY, ExitCode.INCONCLUSIVE) and share < _PLANTED_SHARE:
        return first_of([own, ExitCode.NOT_PROVEN]), (
            f"of a leak of {rate} only {share:.0%} was planted, as the agents of the service were read too seldom: nothing was proven"
        )
    if code in (ExitCode.STEADY, ExitCode.INCONCLUSIVE):
        return first_of([own, ExitCode.NOT_PROVEN]), f"the planted leak of {rate} was not caught"
    if code is not ExitCode.CLIMBING:
        return first_of([own, code]), "the run with the planted leak did not come to its end"
    if rank is None or rank > _AMONG:
        named = "not named" if rank is None else f"named only as number {rank}"
        return first_of([own, ExitCode.NOT_PROVEN]), f"the planted leak of {rate} was caught, and {named}"
    beside = {
        ExitCode.STEADY: "and the service itself is steady",
        ExitCode.CLIMBING: "and the service itself climbs",
        ExitCode.INCONCLUSIVE: "and of the service itself the run cannot tell",
    }.get(own, "and the control failed")
    return own, f"the planted leak of {rate} was caught and named as number {rank}, {beside}"
