"""Seconds for one operation, in turns: every round runs each subject once, in another order."""

import random
import statistics
import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from tests.bench.maps._subjects import BASELINE, Subject

SIZE: Final = 10_000
"""Entries at the bound: more than a processor's nearest cache holds, few enough that rounds stay short."""

_TTL: Final = 3600.0
_SEED: Final = 1


@dataclass(frozen=True)
class Operation:
    """One thing that services do with a map: `statement(subject)` does it once for `k` and `v`, over `keys`."""

    name: str
    keys: Sequence[Any]
    statement: Callable[[Subject], str]
    fill: Sequence[Any]
    threads: int = 1


@dataclass(frozen=True)
class Timing:
    """Nanoseconds an operation of one subject in each round, and its speed as a multiple of the baseline's."""

    nanoseconds: tuple[float, ...]
    speedups: tuple[float, ...]

    @property
    def usual(self) -> float:
        """The median nanoseconds."""
        return statistics.median(self.nanoseconds)

    @property
    def speedup(self) -> float:
        """The median speed as a multiple of the baseline's, each round against its own."""
        return statistics.median(self.speedups)


def operations(count: int) -> tuple[Operation, ...]:
    """The operations, each over *count* keys."""
    chance = random.Random(_SEED)
    inside = [f"/in/{number:07}.jpg" for number in range(SIZE)]
    outside = [f"/out/{number:07}.jpg" for number in range(count)]
    hits = chance.choices(inside, k=count)
    universe = [f"/in/{number:07}.jpg" for number in range(10 * SIZE)]
    weights = list(accumulate(1 / rank for rank in range(1, len(universe) + 1)))
    mixed = chance.choices(universe, cum_weights=weights, k=count)

    def through(subject: Subject) -> str:
        return f"if not ({subject.found}): {subject.put}"

    return (
        Operation(".get, hit", hits, lambda subject: subject.get, inside),
        Operation("[], hit", hits, lambda subject: subject.getitem, inside),
        Operation(".get, miss", outside, lambda subject: subject.get, inside),
        Operation("insert, evicting", outside, lambda subject: subject.put, inside),
        Operation("Zipf, get else set", mixed, through, inside),
        Operation(".get, hit, 4 threads", hits, lambda subject: subject.get, inside, threads=4),
        Operation("insert, evicting, 4 threads", outside, lambda subject: subject.put, inside, threads=4),
        Operation("Zipf, get else set, 4 threads", mixed, through, inside, threads=4),
    )


def measure(operation: Operation, subjects: Sequence[Subject], *, rounds: int) -> dict[str, Timing]:
    """Time *operation* on each of *subjects* that has it, *rounds* times each, in an order that turns."""
    able = [subject for subject in subjects if operation.statement(subject)]
    found: dict[str, list[float]] = {subject.name: [] for subject in able}
    for turn in range(rounds):
        shift = turn % len(able)
        for subject in able[shift:] + able[:shift]:
            found[subject.name].append(_once(operation, subject))
    base = found[BASELINE]
    return {
        name: Timing(tuple(times), tuple(theirs / ours for ours, theirs in zip(times, base, strict=True)))
        for name, times in found.items()
    }


def _once(operation: Operation, subject: Subject) -> float:
    """Return the nanoseconds an operation took on a map made for the purpose."""
    made = subject.make(SIZE, _TTL)
    names = {"m": made, **subject.names, "v": 1}
    _loop(subject.put, subject, names)(operation.fill)
    loop = _loop(operation.statement(subject), subject, names)
    shares = [operation.keys[start :: operation.threads] for start in range(operation.threads)]
    if operation.threads == 1:
        began = time.perf_counter()
        loop(operation.keys)
        took = time.perf_counter() - began
    else:
        took = _together(loop, shares)
    return took / len(operation.keys) * 1e9


def _together(loop: Callable[[Sequence[Any]], None], shares: Sequence[Sequence[Any]]) -> float:
    barrier = threading.Barrier(len(shares) + 1)

    def work(keys: Sequence[Any]) -> None:
        barrier.wait()
        loop(keys)
        barrier.wait()

    threads = [threading.Thread(target=work, args=(keys,)) for keys in shares]
    for thread in threads:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    barrier.wait()
    took = time.perf_counter() - began
    for thread in threads:
        thread.join()
    return took


def _loop(statement: str, subject: Subject, names: dict[str, Any]) -> Callable[[Sequence[Any]], None]:
    """Compile a loop that does *statement* for every key, under the lock where the subject needs one.

    Written out as a service would, because a call more for some of them would be measured too.
    """
    if subject.locked:
        statement = f"with lock:\n    {statement}"
    values = ", ".join(f"{name}={name}" for name in names)
    source = f"def loop(keys, {values}):\n    for k in keys:\n{textwrap.indent(statement, '        ')}\n"
    scope = dict(names)
    exec(source, scope)  # noqa: S102 - our own statements
    made: Callable[[Sequence[Any]], None] = scope["loop"]
    return made
