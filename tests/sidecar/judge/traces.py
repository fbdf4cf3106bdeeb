"""Seeded traces of services that leak, and of services that only look like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from floodmark_sidecar.judge import Trace

MIB = 1 << 20
KIB = 1 << 10
DAY = 86_400.0

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clock:
    """When readings are taken: *seconds* long, every *every* seconds."""

    seconds: float
    every: float

    @property
    def times(self) -> Array:
        """Seconds from the first reading."""
        return np.arange(0.0, self.seconds, self.every)


SHORT = Clock(140.0, 0.5)
DAYLONG = Clock(DAY, 15.0)


@dataclass
class Maker:
    """Adds what memory is made of, on top of a level; everything drawn comes from one seed."""

    clock: Clock
    seed: int
    level: float = 45 * MIB
    y: Array = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.t = self.clock.times
        self.u = self.t / self.clock.seconds
        self.y = np.full(len(self.t), float(self.level))

    def noise(self, sigma: float, likeness: float) -> "Maker":
        """AR(1) noise with standard deviation *sigma* and *likeness* between neighbouring readings."""
        steps = self.rng.normal(0, sigma * np.sqrt(1 - likeness**2), len(self.t))
        value = self.rng.normal(0, sigma)
        for i, step in enumerate(steps.tolist()):
            value = likeness * value + step
            self.y[i] += value
        return self

    def ramp(self, size: float, seconds: float) -> "Maker":
        """A start that has settled to 2 % after *seconds*."""
        self.y += size * (1 - np.exp(-4 * self.t / seconds))
        return self

    def fill(self, size: float, tau: float) -> "Maker":
        """An exponential fill with a time constant of *tau* runs."""
        self.y += size * (1 - np.exp(-self.u / tau))
        return self

    def line(self, size: float, start: float = 0.0, stop: float = 1.0) -> "Maker":
        """Growth by *size* from *start* to *stop* (shares of the run), flat before and after."""
        self.y += size * np.clip((self.u - start) / (stop - start), 0, 1)
        return self

    def step(self, size: float, at: float) -> "Maker":
        """A jump of *size* at the share *at* of the run."""
        self.y[self.u >= at] += size
        return self

    def saw(self, size: float, period: float) -> "Maker":
        """A sawtooth of *size* every *period* seconds, from a random phase."""
        self.y += size * ((self.t / period + self.rng.random()) % 1)
        return self

    def teeth(self, size: float, count: int) -> "Maker":
        """*count* rises of *size* that are given back at once, at random times, each of 3 to 15 s."""
        for _ in range(count):
            length, at = self.rng.uniform(3, 15), self.rng.uniform(0, self.clock.seconds)
            rise = (self.t - at) / length
            self.y += size * np.where((rise > 0) & (rise < 1), rise, 0)
        return self

    def sine(self, size: float, phase: float) -> "Maker":
        """One wave of amplitude *size* over the run."""
        self.y += size * np.sin(2 * np.pi * (self.u + phase))
        return self

    def trace(self, **columns: Sequence[float] | Array) -> Trace:
        """One worker's trace."""
        return trace_of(self.t, {"uss_bytes": self.y, **columns})


def trace_of(t: Array, columns: Mapping[str, Sequence[float] | Array], **labels: Sequence[str]) -> Trace:
    """A trace from whole columns, memory rounded to bytes."""
    cells: dict[str, Sequence[object]] = {
        name: [None if np.isnan(value) else round(float(value)) for value in values] for name, values in columns.items()
    }
    cells["t"] = (1_700_000_000 + t).tolist()
    cells.update(labels)
    return Trace.from_cells(cells, len(t), name="made", lines=range(len(t)))


def workers_of(parts: Mapping[str, tuple[Array, Array, Sequence[str]]]) -> Trace:
    """A trace of several workers: times, memory and lives of each."""
    t = np.concatenate([part[0] for part in parts.values()])
    y = np.concatenate([part[1] for part in parts.values()])
    life = [name for part in parts.values() for name in part[2]]
    worker = [name for name, part in parts.items() for _ in part[0]]
    return trace_of(t, {"uss_bytes": y}, worker=worker, life=life)


def short_start(seed: int, clock: Clock = SHORT) -> Maker:
    """What every short run has: a start and noise."""
    made = Maker(clock, seed)
    rng = made.rng
    made.ramp(rng.uniform(1, 5) * MIB, rng.uniform(20, 30))
    return made.noise(rng.uniform(50, 300) * KIB, rng.uniform(0.2, 0.9))


def short_clean(seed: int) -> Maker:
    """A short run of a healthy service: now and then a sawtooth, or isolated steps of an allocator."""
    made = short_start(seed)
    if made.rng.random() < 0.3:
        made.teeth(made.rng.uniform(1, 3) * MIB, int(made.rng.integers(1, 4)))
    for _ in range(int(made.rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15]))):
        made.step(made.rng.uniform(256, 1024) * KIB, made.rng.uniform(0.1, 0.97))
    return made


def short_leak(seed: int, size: float, *, stairs: bool) -> Maker:
    """A short run that leaks *size* bytes in all; with *stairs* the table of a dict doubles on the way."""
    made = short_start(seed)
    if not stairs:
        return made.line(size)
    made.line(0.6 * size)
    first = made.rng.uniform(0.12, 0.24)
    places = [first * 2**i for i in range(4) if first * 2**i < 1]
    sizes = np.array([2.0**i for i in range(len(places))])
    for at, share in zip(places, sizes / sizes.sum(), strict=True):
        made.step(0.4 * size * share, at)
    return made


def short_fill(seed: int, size: float, *, until: float) -> Maker:
    """A short run whose maps fill in a straight line until the share *until* of the run."""
    return short_start(seed).line(size, 0.0, until)


def daily(seed: int, level: float = 200 * MIB, sigma: float | None = None, tau: float | None = None) -> Maker:
    """A day of a healthy service: a start and noise of minutes to hours."""
    made = Maker(DAYLONG, seed, level)
    rng = made.rng
    made.ramp(rng.uniform(2, 10) * MIB, rng.uniform(600, 3600))
    tau = float(np.exp(rng.uniform(np.log(30), np.log(1800)))) if tau is None else tau
    return made.noise(rng.uniform(0.1, 0.6) * MIB if sigma is None else sigma, float(np.exp(-DAYLONG.every / tau)))


def recycled(
    seed: int, rate: float, *, lives: int, workers: int = 1, clock: Clock = SHORT, start: float = 2 * MIB
) -> Trace:
    """Workers that are replaced in turn and grow by *rate* bytes a second in each life."""
    rng = np.random.default_rng(seed)
    parts = {}
    for i in range(workers):
        made = replace(Maker(clock, seed * 31 + i))
        length = clock.seconds / lives
        age = (made.t + rng.uniform(0, length) * (i > 0)) % length
        number = np.cumsum(np.diff(age, prepend=age[0]) < 0)
        made.y += rate * age + start * (1 - np.exp(-4 * age / (0.15 * length)))
        made.noise(rng.uniform(50, 200) * KIB, rng.uniform(0.2, 0.8))
        parts[f"web-{i}"] = (made.t, made.y, [str(n + 1) for n in number.tolist()])
    return workers_of(parts)
