"""The numbers that the judge is to reach, and whether it does: worst family first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tests.bench.judge._cases import Plan
from tests.bench.judge._rates import Cell, Key, Rates, Share

FALSE_CLIMBING: Final = 0.01
FOUND: Final = {2.0: 0.95, 5.0: 0.99}
STEADY: Final = 0.90

Answer = Literal["reached", "not reached", "too few traces to tell"]
ANSWERS: Final[tuple[Answer, ...]] = ("not reached", "too few traces to tell", "reached")
"""The worst first: one family decides for all."""


@dataclass(frozen=True)
class Gate:
    """One number at one length of run: the worst case and its share, all cases together, and the answer."""

    what: str
    wanted: str
    duration: float
    worst: str
    share: Share
    together: Share
    answer: Answer


def clean_cells(plan: Plan, rates: Rates, duration: float) -> dict[str, Cell]:
    """Return the cells of the services without a leak that evidence can decide."""
    return rates.by_case(lambda key: key.duration == duration and key.label == "steady" and plan.cases[key.case].clean)


def leak_cells(plan: Plan, rates: Rates, duration: float, size: float) -> dict[str, Cell]:
    """Return the cells of the leaks of *size* δ that evidence can decide."""
    return rates.by_case(lambda key: key.duration == duration and key.label == "climbing" and key.size == size)


def gates(plan: Plan, rates: Rates) -> list[Gate]:
    """Return every number for every length of run, those of which nothing was measured left out."""
    found = []
    for duration in plan.durations:
        clean = clean_cells(plan, rates, duration)
        found.append(
            _gate(
                "false `climbing`, upper 95 % limit",
                f"≤ {FALSE_CLIMBING:.0%}",
                duration,
                {case: cell.share("climbing") for case, cell in clean.items()},
                worse=lambda share: share.limits,
                answer=_of_false_climbing,
            )
        )
        for size, wanted in FOUND.items():
            leaks = leak_cells(plan, rates, duration, size)
            found.append(
                _gate(
                    f"`climbing` found at {size:g}δ",
                    f"≥ {wanted:.0%}",
                    duration,
                    {case: cell.visible_share("climbing") for case, cell in leaks.items()},
                    worse=lambda share: (-share.value,),
                    answer=lambda share, wanted=wanted: _answer(share.value >= wanted),  # type: ignore[misc]  # mypy does not infer lambdas with defaults
                )
            )
        if duration == max(plan.durations):
            found.append(
                _gate(
                    "`steady` where nothing leaks and δ can be seen",
                    f"≥ {STEADY:.0%}",
                    duration,
                    {case: cell.visible_share("steady") for case, cell in clean.items()},
                    worse=lambda share: (-share.value,),
                    answer=lambda share: _answer(share.value >= STEADY),
                )
            )
    return [gate for gate in found if gate is not None]


def _gate(
    what: str,
    wanted: str,
    duration: float,
    shares: Mapping[str, Share],
    *,
    worse: Callable[[Share], tuple[float, ...]],
    answer: Callable[[Share], Answer],
) -> Gate | None:
    told = {case: share for case, share in shares.items() if share.of}
    if not told:
        return None
    answers = {case: answer(share) for case, share in told.items()}
    whole = next(answer for answer in ANSWERS if answer in answers.values())
    worst = max((case for case in told if answers[case] == whole), key=lambda case: worse(told[case]))
    together = Share(sum(share.count for share in told.values()), sum(share.of for share in told.values()))
    return Gate(what, wanted, duration, worst, told[worst], together, whole)


def _of_false_climbing(share: Share) -> Answer:
    # Even without a single false alarm, few traces leave the limit above what is wanted.
    if Share(0, share.of).limits[1] > FALSE_CLIMBING >= share.value:
        return "too few traces to tell"
    return _answer(share.limits[1] <= FALSE_CLIMBING)


def _answer(reached: bool) -> Answer:
    return "reached" if reached else "not reached"


def key_is_twin(plan: Plan, key: Key) -> bool:
    """Say whether *key* is of leaks without their leak."""
    return not key.size and not plan.cases[key.case].clean
