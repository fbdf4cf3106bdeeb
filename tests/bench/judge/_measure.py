"""One trace made and judged: what the judge said of it, beside the truth and beside what other rules say."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from floodmark_sidecar.judge import Trace, Verdict, first_failure, judge
from floodmark_sidecar.traces import Labelled, generate
from tests.bench.judge._cases import Case, Task, all_cases

Others = Callable[[Trace, float], str]
"""Says what the baselines make of a trace, given the judge's δ: a sign each."""


@dataclass(frozen=True)
class Outcome:
    """What came of one trace. Rates are in bytes a second; None is what the verdict does not tell.

    `why` is the reason of an undecidable label, empty otherwise; `size` is the leak in δ, 0 without one; `asked` the δ that it was measured in and `visible` whether the detection limit
    for the time that it grows was within it, both from the verdict on the same service without the leak. `early` are the hours after which a look would first have failed
    it, None if none did or if it was not `looked` at on its way.
    """

    case: str
    duration: float
    size: float
    seed: int
    label: str
    why: str
    verdict: str
    growth_class: str
    truth: float
    slope: float | None
    low: float | None
    high: float | None
    asked: float | None
    visible: bool
    hours_to_decide: float | None
    make_ms: float
    judge_ms: float
    others: str
    looked: bool = False
    early: float | None = None


@dataclass(frozen=True)
class Specimen:
    """A trace with its truth and its verdict, and the milliseconds that making and judging it took."""

    labelled: Labelled
    verdict: Verdict
    make_ms: float
    judge_ms: float


def specimen(case: Case, *, duration: float, seed: int, growth: float = 0.0) -> Specimen:
    """Make one trace and judge it."""
    began = time.perf_counter()
    labelled = generate(case.family.code, seed=seed, duration=duration, growth=growth, **case.parameters)
    made = time.perf_counter()
    verdict = judge(labelled.trace)
    judged = time.perf_counter()
    return Specimen(labelled, verdict, (made - began) * 1e3, (judged - made) * 1e3)


def grown(case: Case, *, duration: float, seed: int, size: float) -> Specimen:
    """Make a trace whose leak is *size* times the δ of the same service without it, and judge it."""
    twin = specimen(case, duration=duration, seed=seed)
    delta = twin.verdict.memory.delta if twin.verdict.memory else 0.0
    return specimen(case, duration=duration, seed=seed, growth=size * delta) if size * delta else twin


def measure(task: Task, others: Others | None = None) -> Iterator[Outcome]:
    """Yield the outcome of every trace of *task*; with *others* their signs too."""
    case = _cases()[task.case]
    for seed in task.seeds:
        try:
            yield from _of_seed(case, task, seed, others)
        except Exception as error:
            error.add_note(f"while measuring {case.name}, seed {seed}, over {task.duration:g} s")
            raise


def _of_seed(case: Case, task: Task, seed: int, others: Others | None) -> Iterator[Outcome]:
    twin = specimen(case, duration=task.duration, seed=seed)
    memory = twin.verdict.memory
    asked = memory.delta if memory else None
    for size in task.sizes:
        growth = size * (asked or 0.0)
        one = specimen(case, duration=task.duration, seed=seed, growth=growth) if growth else twin
        grew = 1 - one.labelled.truth.onset_seconds / task.duration
        # What grows for part of the run only, has only that part's floors to show it: a slope's error goes with its length.
        visible = memory is not None and memory.detectable / grew**1.5 <= memory.delta
        looked = seed < task.looked_below
        told = others if seed < task.rivals_below else None
        yield _outcome(case, task.duration, size, one, asked=asked, visible=visible, others=told, looked=looked)


def _outcome(
    case: Case,
    duration: float,
    size: float,
    one: Specimen,
    *,
    asked: float | None,
    visible: bool,
    others: Others | None,
    looked: bool,
) -> Outcome:
    memory, truth = one.verdict.memory, one.labelled.truth
    slope = truth.slope_bytes_per_second
    if memory is not None and memory.onset is not None:
        # Truth is of the run's second half; a climb that began in it is as much steeper.
        slope *= duration / 2 / (duration - max(truth.onset_seconds, duration / 2))
    early = first_failure(one.labelled.trace) if looked else None
    return Outcome(
        case.name,
        duration,
        size,
        one.labelled.seed,
        truth.label,
        truth.reason if truth.label == "undecidable" else "",
        one.verdict.verdict,
        one.verdict.growth_class,
        slope,
        memory.slope.estimate if memory else None,
        memory.slope.low if memory else None,
        memory.slope.high if memory else None,
        asked,
        visible,
        one.verdict.hours_to_decide,
        one.make_ms,
        one.judge_ms,
        others(one.labelled.trace, memory.delta if memory else 0.0) if others else "",
        looked,
        None if early is None else early / 3600,
    )


@cache
def _cases() -> dict[str, Case]:
    return all_cases()
