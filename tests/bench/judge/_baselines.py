"""The rules that stand beside the judge, by the name they have in the report."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from tests.bench.judge import _classics, _rivals
from tests.bench.judge._series import Series

Rule: TypeAlias = Callable[[Series], bool | None]
"""Says whether a series climbs; None where it has nothing that the rule could go by."""

BASELINES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "last / first": _classics.last_over_first,
        "least squares": _classics.least_squares,
        "Mann-Kendall": _classics.mann_kendall,
        "Mann-Kendall, Sen > δ": _classics.mann_kendall_sen,
        "Hamed-Rao": _classics.hamed_rao,
        "LBR": _rivals.backward_regression,
        "Precog, max filter": _rivals.precog,
        "psleak": _rivals.psleak,
        "Scalene": _rivals.scalene,
    }
)

_SIGNS: Final = {True: "1", False: "0", None: "-"}


def told(series: Series) -> str:
    """Return what every baseline says of *series*, in order, a sign each: 1 climbs, 0 does not, - cannot say."""
    return "".join(_SIGNS[rule(series)] for rule in BASELINES.values())
