"""All families, in order of their codes."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from floodmark_sidecar.traces._family import Family
from floodmark_sidecar.traces._leaks_places import BOUNDS, PLACES
from floodmark_sidecar.traces._leaks_shapes import SHAPES
from floodmark_sidecar.traces._null_levels import LEVELS
from floodmark_sidecar.traces._null_rises import RISES


def _place(family: Family) -> tuple[int, int, str]:
    letter, number, part = re.fullmatch(r"([NLB])(\d+)(\w?)", family.code).groups()  # type: ignore[union-attr]  # every code has this form
    return "NLB".index(letter), int(number), part


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {family.code: family for family in sorted((*LEVELS, *RISES, *SHAPES, *PLACES, *BOUNDS), key=_place)}
)
"""Every family by its code: N1 to N18 are healthy, L1 to L19 leak, B1 to B3 leak behind a declared bound."""
