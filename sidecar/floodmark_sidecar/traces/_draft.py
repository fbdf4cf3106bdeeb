"""A trace in the making: what a family's function adds its workers, its leak and its truth to."""

from typing import Literal, TypeAlias

import numpy as np

from floodmark_sidecar.judge import Trace
from floodmark_sidecar.traces._process import Making, Process
from floodmark_sidecar.traces._run import KIB, MIB, BoolArray, FloatArray, Numbers, Run

Label = Literal["steady", "climbing", "undecidable"]
Value: TypeAlias = bool | int | float | str


class Draft:
    """What is known of one trace while it is made. Not thread-safe; used once.

    `level` is the service's memory in bytes once it has started, `growth` what its leak is to add in bytes a second over
    the second half. What a family draws must not depend on `growth`, or a leak's clean twin is another service.
    """

    def __init__(
        self, run: Run, rng: np.random.Generator, *, level: float, growth: float, values: dict[str, Value]
    ) -> None:
        self.run = run
        self.rng = rng
        self.level = level
        self.growth = growth
        self.values = values
        self.workers: list[Process] = []
        self.masked: BoolArray = np.zeros(len(run.t), bool)
        self.times: FloatArray = run.t
        self.read: BoolArray = np.ones(len(run.t), bool)
        self.label: Label | None = None
        self.reason = ""
        self.onset = 0.0
        self.culprit: str | None = None
        self._hidden: tuple[str, ...] = ()

    def number(self, name: str) -> float:
        """Return a parameter that is a number."""
        return float(self.values[name])

    def count(self, name: str) -> int:
        """Return a parameter that is a whole number."""
        return int(self.values[name])

    def flag(self, name: str) -> bool:
        """Return a parameter that is true or false."""
        return bool(self.values[name])

    def making(self) -> Making:
        """Draw how quiet a worker is."""
        return Making.drawn(self.run, self.rng)

    def process(
        self,
        *,
        making: Making | None = None,
        load: FloatArray | None = None,
        sessions: float | None = None,
    ) -> Process:
        """Add the one worker of a service."""
        made = Process(
            self.run, self.rng, level=self.level, making=making or self.making(), load=load, sessions_mean=sessions
        )
        self.workers.append(made)
        return made

    def worker(
        self,
        count: int,
        *,
        name: str = "",
        making: Making | None = None,
        life: Numbers | None = None,
        age: FloatArray | None = None,
        load: FloatArray | None = None,
    ) -> Process:
        """Add one of *count* workers of a service; together they have its level, if that is enough for so many."""
        level = max(self.level / count, 16 * MIB)
        made = Process(
            self.run,
            self.rng,
            level=level,
            making=making or self.making(),
            name=name or f"web-{len(self.workers)}",
            life=life,
            age=age,
            load=load,
        )
        self.workers.append(made)
        return made

    def leaked(self, shape: FloatArray) -> FloatArray:
        """Return the bytes that the leak has added by each reading, if it grows by *shape*."""
        return self.run.growing(shape, self.growth)

    def hoard(self, process: Process, leaked: FloatArray, *, name: str, each: float | None = None) -> None:
        """Let *leaked* bytes pile up in an unbounded registered map that begins with some entries, and name it."""
        rng = self.rng
        drawn = float(np.exp(rng.uniform(np.log(200), np.log(4 * KIB))))
        size = drawn if each is None else each
        start, turnover = float(rng.integers(20, 500)), float(rng.uniform(0, 2))
        process.store(name, start + leaked / size, each=size, turnover=turnover, held=False)
        process.objects(start * size + leaked, large=float(rng.uniform(0.0, 0.5)))
        self.culprit = name

    def hide(self, *columns: str) -> None:
        """Leave out the columns that begin with any of *columns*."""
        self._hidden += columns

    def undecidable(self, reason: str) -> None:
        """Say that no evidence in the trace decides, and why."""
        self.label, self.reason = "undecidable", reason

    def trace(self) -> Trace:
        """Return the trace of all workers, as it would be read back from a file."""
        run, read = self.run, self.read
        rows = [read & process.alive for process in self.workers]
        order_of = sorted(range(len(rows)), key=lambda i: (len(self.workers[i].name), self.workers[i].name))
        made = [process.columns() for process in self.workers]
        names = {name: None for columns in made for name in columns if not name.startswith(self._hidden or ("?",))}
        nothing = np.full(len(run.t), np.nan)
        columns = {name: np.concatenate([made[i].get(name, nothing)[rows[i]] for i in order_of]) for name in names}
        t = np.concatenate([self.times[rows[i]] for i in order_of])
        worker = np.concatenate([np.full(int(rows[i].sum()), slot) for slot, i in enumerate(order_of)])
        life = np.concatenate([self.workers[i].life[rows[i]] for i in order_of])
        masked = np.concatenate([self.masked[rows[i]] for i in order_of])
        lives, life_index = np.unique(life, return_inverse=True)
        order = np.lexsort((worker, t))
        return Trace(
            t[order],
            worker[order].astype(np.intp),
            tuple(self.workers[i].name for i in order_of),
            life_index[order].astype(np.intp),
            tuple(str(number) for number in lives.tolist()),
            np.zeros(len(t), np.intp),
            ("1",),
            masked[order],
            {name: values[order] for name, values in columns.items()},
        )
