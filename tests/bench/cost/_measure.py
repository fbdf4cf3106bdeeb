"""What is measured: the cost of a request beside each way to watch, and what one capture does to the service."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from tests.bench.cost._load import Answers, under_load
from tests.bench.cost._subject import OFF, READINGS, WAYS, Subject, running
from tests.bench.heading import say


@dataclass(frozen=True)
class Block:
    """Some seconds of load on one service: processor seconds of it and its sidecar, and its answers."""

    cpu: float
    answers: Answers

    @property
    def a_request(self) -> float:
        """Processor seconds of one request."""
        return self.cpu / len(self.answers.seconds)


@dataclass(frozen=True)
class Steady:
    """One way to watch, over all rounds: its blocks, the bytes of the service and those of its sidecar.

    `agent` and `sidecar` are the seconds of processor time that these took for each second of the rounds, of those too
    in which another way was under load.
    """

    blocks: tuple[Block, ...]
    memory: int
    beside: int
    agent: float = 0.0
    sidecar: float = 0.0

    @property
    def a_request(self) -> float:
        """Processor seconds of one request: the median of the rounds."""
        return statistics.median(block.a_request for block in self.blocks)

    def over(self, other: "Steady") -> tuple[float, float, float]:
        """Return how many times as much a request costs as with *other*: the median of the rounds, the least and the most."""
        ratios = [mine.a_request / theirs.a_request for mine, theirs in zip(self.blocks, other.blocks, strict=True)]
        return statistics.median(ratios), min(ratios), max(ratios)

    def latency(self, share: float) -> float:
        """Return the median over rounds of the seconds that so large a *share* of the answers took at most."""
        return statistics.median(block.answers.quantile(share) for block in self.blocks)


@dataclass(frozen=True)
class Act:
    """One capture, or a time without one: seconds that it took, processor seconds beyond those of the requests, the longest
    stall of the event loop, its answers, and the bytes that the service had more of its own afterwards.
    """

    seconds: float
    cpu: float
    stall: float
    answers: Answers
    kept: int


@dataclass(frozen=True)
class Measured:
    """All that was measured with one size of heap, at so many requests a second: by way, and by kind of capture."""

    objects: int
    rate: float
    steady: dict[str, Steady]
    acts: dict[str, tuple[Act, ...]]


NOTHING: Final = "nothing"
CENSUS: Final = "floodmark census"
WINDOW: Final = "floodmark trace window"
NATIVE: Final = "floodmark native window"
PYMPLER: Final = "pympler in process"
OBJGRAPH: Final = "objgraph in process"
_WINDOW: Final = 5.0
"""Seconds of a trace window."""


def measure(objects: int, *, rounds: int, seconds: float, captures: int, rate: float) -> Measured:
    """Measure every way over a heap of so many objects: all run at once, one at a time is under load, in an order that turns."""
    with ExitStack() as stack:
        subjects = []
        for way in WAYS:
            subjects.append(stack.enter_context(running(way, objects)))
            say(f"{objects:,} objects: {way.name} runs")
        steady = _steady(subjects, rounds=rounds, seconds=seconds, rate=rate)
        by_name = {subject.way.name: subject for subject in subjects}
        usual = steady[READINGS.name].a_request
        acts = _acts(by_name[OFF.name], by_name[READINGS.name], captures=captures, rate=rate, a_request=usual)
    return Measured(objects, rate, steady, acts)


def _steady(subjects: Sequence[Subject], *, rounds: int, seconds: float, rate: float) -> dict[str, Steady]:
    for subject in subjects:
        under_load(subject.port, rate, lambda: time.sleep(min(2.0, seconds)))
    blocks: dict[str, list[Block]] = {subject.way.name: [] for subject in subjects}
    began, at_first = time.perf_counter(), [subject.used() for subject in subjects]
    for number in range(rounds):
        turned = [*subjects[number % len(subjects) :], *subjects[: number % len(subjects)]]
        for subject in turned:
            before = subject.used().total
            answers, _ = under_load(subject.port, rate, lambda: time.sleep(seconds))
            blocks[subject.way.name].append(Block(subject.used().total - before, answers))
        say(f"round {number + 1} of {rounds}")
    found = {}
    for subject, first in zip(subjects, at_first, strict=True):
        lasted, last = time.perf_counter() - began, subject.used()
        found[subject.way.name] = Steady(
            tuple(blocks[subject.way.name]),
            subject.memory(),
            0 if subject.sidecar is None else subject.sidecar.memory(),
            agent=(last.agent - first.agent) / lasted,
            sidecar=(last.sidecar - first.sidecar) / lasted,
        )
    return found


def _acts(
    off: Subject, watched: Subject, *, captures: int, rate: float, a_request: float
) -> dict[str, tuple[Act, ...]]:
    sidecar = watched.sidecar
    assert sidecar is not None
    kinds: dict[str, tuple[Subject, Callable[[], None]]] = {
        NOTHING: (watched, lambda: time.sleep(_WINDOW)),
        CENSUS: (watched, sidecar.capture),
        WINDOW: (watched, lambda: sidecar.capture(trace=f"{_WINDOW:g}s")),
        PYMPLER: (off, off.summarise),
        OBJGRAPH: (off, off.grown),
    }
    # What memray leaves behind is still there at whatever comes after.
    last = {NATIVE: (watched, lambda: sidecar.capture(native=f"{_WINDOW:g}s"))}
    found: dict[str, list[Act]] = {kind: [] for kind in [*kinds, *last]}
    for number in range(2 * captures):
        for kind, (subject, capture) in (kinds if number < captures else last).items():
            found[kind].append(_act(subject, capture, rate=rate, a_request=a_request))
            say(f"{kind}: a stall of {found[kind][-1].stall * 1e3:,.1f} ms, {found[kind][-1].seconds:.1f} s")
    return {kind: tuple(acts) for kind, acts in found.items()}


def _act(subject: Subject, capture: Callable[[], None], *, rate: float, a_request: float) -> Act:
    def during() -> tuple[float, float]:
        began, used = time.perf_counter(), subject.used().total
        capture()
        return time.perf_counter() - began, subject.used().total - used

    memory = subject.memory()
    subject.watch_stalls()
    answers, (seconds, cpu) = under_load(subject.port, rate, during)
    stall = subject.worst_stall()
    return Act(seconds, cpu - len(answers.seconds) * a_request, stall, answers, subject.memory() - memory)
