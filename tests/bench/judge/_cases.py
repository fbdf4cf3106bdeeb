"""What is measured: families, lengths of run, leak sizes and seeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.traces import FAMILIES, Family

EVIDENCE: Final = "evidence"
"""The parameter of a family that can be taken away; what is left is a case of its own."""

_CHUNK: Final = 8

_TIMES_AS_MANY: Final = {"N5 blind": 9.0, "N6a": 4.0}
"""Seeds of cases without a leak that evidence decides in a part of their traces only. They are the ones that err most often, so
that three times as many as elsewhere are counted, to know how often.
"""


@dataclass(frozen=True)
class Case:
    """One family of traces, whole or with its evidence taken away. `name` is its key everywhere."""

    name: str
    family: Family
    parameters: Mapping[str, bool] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing leaks in it."""
        return self.family.kind == "null"

    @property
    def title(self) -> str:
        """The family's sentence, and what was taken away."""
        if not self.parameters:
            return self.family.title
        missing = self.family.variants[EVIDENCE].about.removeprefix("whether the trace has ")
        return f"{self.family.title}; seen without {missing}"


def all_cases() -> dict[str, Case]:
    """Return every case by name, in the families' order."""
    found = {}
    for code, family in FAMILIES.items():
        found[code] = Case(code, family)
        if EVIDENCE in family.variants:
            found[f"{code} blind"] = Case(f"{code} blind", family, {EVIDENCE: False})
    return found


def cases_of(codes: Sequence[str]) -> dict[str, Case]:
    """Return the cases of the families *codes*, all of them for none; raises `UsageError` for a code there is not."""
    every = all_cases()
    unknown = [code for code in codes if code not in FAMILIES]
    if unknown:
        msg = f"there is no family {unknown[0]!r}"
        raise UsageError(msg, hint=f"the families are {', '.join(FAMILIES)}")
    return {name: case for name, case in every.items() if not codes or case.family.code in codes}


@dataclass(frozen=True)
class Task:
    """A few seeds of one case at one length of run, at every one of `sizes` in δ; 0 is the trace without a leak.

    Seeds below `looked_below` are looked at on their way, too; those below `rivals_below` are told to the other rules.
    """

    case: str
    duration: float
    sizes: tuple[float, ...]
    seeds: tuple[int, ...]
    looked_below: int = 0
    rivals_below: int = 0

    @property
    def traces(self) -> int:
        """How many traces it judges."""
        return len(self.seeds) * len(self.sizes)


@dataclass(frozen=True)
class Plan:
    """Everything that is to be measured; `sizes` are those of leaks, in δ.

    Cases without a leak have `seeds` at the shortest and the longest of `durations` and `seeds_between` at the others, more
    where evidence decides a part of them only; leaks have `leak_seeds` a size; all from `first_seed` on. Of the longest run the first `look_seeds` are looked at on their
    way.
    """

    cases: Mapping[str, Case]
    durations: tuple[float, ...]
    sizes: tuple[float, ...]
    first_seed: int
    seeds: int
    seeds_between: int
    leak_seeds: int
    look_seeds: int = 0
    rival_seeds: int = 0

    def sizes_of(self, case: Case) -> tuple[float, ...]:
        """Return the sizes at which *case* is measured."""
        return (0.0,) if case.clean else (0.0, *self.sizes)

    def seeds_of(self, case: Case, duration: float) -> range:
        """Return the seeds of *case* at *duration*; none where the run is too short for the family to mean anything."""
        if duration < case.family.needs:
            return range(self.first_seed, self.first_seed)
        ends = duration in (min(self.durations), max(self.durations))
        clean = round((self.seeds if ends else self.seeds_between) * _TIMES_AS_MANY.get(case.name, 1.0))
        return range(self.first_seed, self.first_seed + (clean if case.clean else self.leak_seeds))

    def looked_below(self, duration: float) -> int:
        """Return the seed below which runs of *duration* are looked at on their way."""
        return self.first_seed + self.look_seeds if duration == max(self.durations) else 0

    def wants(self, case: str, duration: float, size: float, seed: int, *, looked: bool) -> bool:
        """Say whether a trace is part of the plan, if it was *looked* at on its way or not."""
        known = self.cases.get(case)
        return (
            known is not None
            and duration in self.durations
            and size in self.sizes_of(known)
            and seed in self.seeds_of(known, duration)
            and (looked or seed >= self.looked_below(duration))
        )

    def tasks(self) -> Iterator[Task]:
        """Yield all there is to do, a few seeds at a time."""
        for duration in self.durations:
            for case in self.cases.values():
                seeds = self.seeds_of(case, duration)
                for start in range(0, len(seeds), _CHUNK):
                    chunk = tuple(seeds[start : start + _CHUNK])
                    yield Task(
                        case.name,
                        duration,
                        self.sizes_of(case),
                        chunk,
                        self.looked_below(duration),
                        self.first_seed + self.rival_seeds,
                    )
