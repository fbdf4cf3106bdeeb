"""The services that come with floodmark, and what their variants are there to show."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import ExitCode, UsageError, first_of

_SCENARIOS: Final = "scenarios"
LEAKY: Final = "leaky"
BOUNDED: Final = "bounded"


def builtin_plan(name: str, variant: str) -> Path:
    """Return the plan of a bundled service's *variant*; raises `UsageError` naming what there is."""
    plans = _plans()
    if name not in plans:
        msg = f"there is no bundled service {name!r}"
        raise UsageError(msg, hint=f"there is {', '.join(sorted(plans))}")
    if variant not in plans[name]:
        msg = f"the bundled service {name} has no variant {variant!r}"
        raise UsageError(msg, hint=f"it has {' and '.join(sorted(plans[name]))}")
    return plans[name][variant]


def proof(codes: dict[str, int]) -> ExitCode:
    """Return what a run over both variants ends with: steady only if the leaky one climbs and the bounded one holds.

    A leaky variant that is not caught is a leak the gate would have let through; its other endings stay what they are.
    """
    caught = {ExitCode.CLIMBING: ExitCode.STEADY}
    missed = {ExitCode.STEADY: ExitCode.NOT_PROVEN, ExitCode.INCONCLUSIVE: ExitCode.NOT_PROVEN}
    leaky = {**caught, **missed}
    return first_of(
        leaky.get(ExitCode(code), ExitCode(code)) if variant == LEAKY else ExitCode(code)
        for variant, code in codes.items()
    )


def _plans() -> dict[str, dict[str, Path]]:
    """Return the plans by service and variant: each `scenarios/NAME/VARIANT.toml`, underscores read as hyphens."""
    root = Path(str(files("floodmark_soak"))) / _SCENARIOS
    plans: dict[str, dict[str, Path]] = {}
    for plan in sorted(root.glob("*/*.toml")):
        plans.setdefault(plan.parent.name.replace("_", "-"), {})[plan.stem] = plan
    return plans
