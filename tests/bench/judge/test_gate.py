"""The judge errs no more often than it is known to: a few fixed seeds of every family."""

from collections.abc import Mapping
from typing import Final

import pytest

from tests.bench.judge._cases import Case, Task, all_cases
from tests.bench.judge._measure import measure

pytestmark = pytest.mark.slow

DAY: Final = 86_400.0
MINUTES: Final = 180.0
FIRST_SEED: Final = 50_000
SEEDS: Final = {DAY: 4, MINUTES: 10}
LEAK_SEEDS: Final = 2
SIZE: Final = 5.0

FALSE_TODAY: Final[Mapping[tuple[str, float], int]] = {}
"""How many of the seeds are `climbing` though nothing leaks, where any is. These numbers only ever fall."""

MISSED_TODAY: Final[Mapping[tuple[str, float], int]] = {("L2a", DAY): 1}
"""How many of the leaks of 5δ are not `climbing`, where any is not. These numbers only ever fall."""

CASES: Final = all_cases()


def runs(kind: str) -> list[tuple[str, float]]:
    """Every case of a kind with every length of run that means something to it."""
    return [
        (name, duration)
        for name, case in CASES.items()
        for duration in SEEDS
        if case.family.kind == kind and duration >= case.family.needs and decidable(case)
    ]


def decidable(case: Case) -> bool:
    """Whether evidence can decide: a family that has lost its own, or never had any, is in the report only."""
    return case.family.label != "undecidable" and not case.parameters


@pytest.mark.parametrize(("case", "duration"), runs("null"))
def test_what_does_not_leak_does_not_climb(case: str, duration: float) -> None:
    """No seed of a clean family is `climbing`, but for those that are known."""
    seeds = tuple(range(FIRST_SEED, FIRST_SEED + SEEDS[duration]))
    outcomes = measure(Task(case, duration, (0.0,), seeds))
    false = [one.seed for one in outcomes if one.verdict == "climbing" and one.label == "steady"]
    assert len(false) <= FALSE_TODAY.get((case, duration), 0), false


@pytest.mark.parametrize(("case", "duration"), runs("leak"))
def test_a_leak_of_five_delta_climbs(case: str, duration: float) -> None:
    """Every leak of five times δ is found where the run can see δ, but for those that are known."""
    seeds = tuple(range(FIRST_SEED, FIRST_SEED + LEAK_SEEDS))
    outcomes = measure(Task(case, duration, (SIZE,), seeds))
    missed = [one.seed for one in outcomes if one.verdict != "climbing" and one.visible and one.label == "climbing"]
    assert len(missed) <= MISSED_TODAY.get((case, duration), 0), missed


def test_every_known_error_is_of_a_run_that_is_measured() -> None:
    """A family that is renamed takes its number along."""
    assert set(FALSE_TODAY) <= set(runs("null"))
    assert set(MISSED_TODAY) <= set(runs("leak"))
